// One row of the window of a row buffer: from the words of the banks in which it may lie to the pixels that the lanes take.
//
// The words go into registers that are cleared where the row is not in them, lies outside the image, or where another
// buffer is read. What row and pixels are is told a cycle before the words are there.
module fsq_line_row #(
    parameter N        = 1,   // words
    parameter IN_W     = 64,  // bits of a word
    parameter MASKED   = 1,   // 0: there is one word, and miss_i is always 0
    parameter TAPS     = 1,   // 0: pixels are taken already
    parameter WIDTH    = 8,   // pixels of a row
    parameter BITS     = 8,   // bits of a pixel
    parameter COUNT    = 8,   // pixels taken; see fsq_taps
    parameter STEP     = 1,   // pixels from position to position
    parameter CHOICES  = 1,   // pixels among which a position chooses
    parameter PAD_LEFT = 0,   // pixels of the first position left of the row
    parameter PADDED   = 1,   // 0: row_pad_i is always 0
    parameter FLIP     = 0,   // 1: flip_i may be 1
    parameter SIGNED   = 0,   // 1: what leaves is signed
    parameter CHOICE_W = 1,   // bits of a choice
    parameter JOINED   = 0,   // 0: or_i is always 0
    parameter OUT_BITS = 8,   // bits of a pixel that leaves: at least BITS
    parameter COLUMN   = 96,  // bits of words that are cleared together
    parameter SHARE    = 96   // bits of pixels that share a copy of a signal
) (
    input  logic                      clk,        // clock
    input  logic [             N-1:0] miss_i,     // words that are cleared: all, or all but one
    input  logic [        N*IN_W-1:0] data_i,     // a cycle later: words
    // together with the words
    input  logic [      CHOICE_W-1:0] choice_i,   // pixel that every position takes, of CHOICES
    input  logic [          BITS-1:0] pad_i,      // pixel beside the row
    input  logic [          BITS-1:0] row_pad_i,  // pixels of a row that is cleared because it lies outside the image
    input  logic                      flip_i,     // the top bit of pixels is inverted
    // a cycle after the words
    input  logic [COUNT*OUT_BITS-1:0] or_i,       // joined to the pixels by an OR
    output logic [COUNT*OUT_BITS-1:0] pixels_o    // pixels
);
  localparam PER = SHARE / BITS;  // pixels that share a copy
  localparam COPIES = (COUNT + PER - 1) / PER;
  // where nothing lies between pixels and the OR it belongs to what comes before, and mostly takes no LUT
  localparam PLAIN = PADDED == 0 && FLIP == 0 && OUT_BITS == BITS;
  genvar m;

  logic [COUNT*BITS-1:0] taken;
  logic [COUNT*OUT_BITS-1:0] early;
  assign early = PLAIN ? or_i : '0;
  generate
    if (TAPS != 0) begin : gen_taps
      logic [IN_W-1:0] word;
      logic [COPIES*CHOICE_W-1:0] choices;
      logic [BITS-1:0] pad_q;
      always_ff @(posedge clk) pad_q <= pad_i;
      fsq_page_join #(
          .N     (N),
          .WIDTH (IN_W),
          .MASKED(MASKED),
          .SHARE (COLUMN)
      ) u_join (
          .clk,
          .miss_i,
          .data_i,
          .or_i  ('0),
          .data_o(word)
      );
      fsq_copies #(
          .N    (COPIES),
          .WIDTH(CHOICE_W)
      ) u_choices (
          .clk,
          .d_i(choice_i),
          .q_o(choices)
      );
      fsq_taps #(
          .WIDTH   (WIDTH),
          .BITS    (BITS),
          .COUNT   (COUNT),
          .STEP    (STEP),
          .CHOICES (CHOICES),
          .PAD_LEFT(PAD_LEFT),
          .CHOICE_W(CHOICE_W),
          .JOINED  (JOINED != 0 && PLAIN),
          .SHARE   (PER),
          .COPIES  (COPIES)
      ) u_taps (
          .word_i  (word),
          .choice_i(choices),
          .pad_i   (pad_q),
          .or_i    (early[COUNT*BITS-1:0]),
          .pixels_o(taken)
      );
    end else begin : gen_taken
      fsq_page_join #(
          .N     (N),
          .WIDTH (IN_W),
          .MASKED(MASKED),
          .JOINED(JOINED != 0 && PLAIN),
          .SHARE (COLUMN)
      ) u_join (
          .clk,
          .miss_i,
          .data_i,
          .or_i  (early[COUNT*BITS-1:0]),
          .data_o(taken)
      );
      logic unused_choice;
      assign unused_choice = &{1'b0, choice_i, pad_i};
    end

    if (PLAIN) begin : gen_plain
      assign pixels_o = taken;
      logic unused_pad;
      assign unused_pad = &{1'b0, row_pad_i, flip_i};
    end else begin : gen_changed
      logic [COPIES*(BITS+1)-1:0] beside;
      fsq_copies #(
          .N    (COPIES),
          .WIDTH(BITS + 1)
      ) u_beside (
          .clk,
          .d_i({(FLIP != 0) && flip_i, (PADDED != 0) ? row_pad_i : BITS'(0)}),
          .q_o(beside)
      );
      for (m = 0; m < COUNT; m = m + 1) begin : gen_pixel
        logic [BITS-1:0] pixel;
        logic [OUT_BITS-1:0] wide;
        assign pixel = (taken[m*BITS+:BITS] | beside[(m/PER)*(BITS+1)+:BITS]) ^
            (BITS'(beside[(m/PER)*(BITS+1)+BITS]) << (BITS - 1));
        fsq_extend #(
            .IN_BITS  (BITS),
            .IN_SIGNED(SIGNED),
            .OUT_BITS (OUT_BITS)
        ) u_extend (
            .x_i(pixel),
            .y_o(wide)
        );
        assign pixels_o[m*OUT_BITS+:OUT_BITS] = (JOINED != 0) ? wide | or_i[m*OUT_BITS+:OUT_BITS] : wide;
      end
    end
  endgenerate
  logic unused_early;
  assign unused_early = &{1'b0, early};
endmodule
