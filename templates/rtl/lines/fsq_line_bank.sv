// One bank of a row buffer: LINES rows of all channels, and the choice of the pixels that the lanes take (fsq_taps).
//
// STYLE 0, 3  distributed RAM in pages: see fsq_line_pages. The word of each page, or the pixels taken of it, goes into a
//             register that is cleared where the word lies in another page, so that an OR puts them together.
// STYLE 1, 2  block RAM, UltraRAM, and a register more behind it, which belongs to them.
// A word is written two cycles after it was taken; what is told of it comes after one. What is told of a word to read
// comes in cycle t, its pixels from t + 2 on.
module fsq_line_bank #(
    parameter CHANNELS = 1,   // channels of the rows
    parameter LINES    = 2,   // row slots of the bank
    parameter WIDTH    = 8,   // pixels of a row
    parameter BITS     = 8,   // bits of a pixel
    parameter STYLE    = 0,   // kind of memory: see above
    parameter TILE_W   = 72,  // bits of a column of blocks
    parameter COUNT    = 8,   // pixels taken; see fsq_taps
    parameter STEP     = 1,   // pixels from position to position
    parameter CHOICES  = 1,   // pixels among which a position chooses
    parameter PAD_LEFT = 0,   // pixels of the first position left of the row
    parameter CLEARED  = 1,   // 0: clear_i is always 0
    parameter PADDED   = 1,   // 0: row_pad_i is always 0
    parameter FLIP     = 0,   // 1: flip_i may be 1
    parameter CI_W     = 1,   // bits of a channel
    parameter LINE_W   = 1,   // bits of the number of a row slot of a bank
    parameter CHOICE_W = 1,   // bits of a choice
    parameter SHARE    = 96   // bits of words and pixels that share a copy of a signal: a multiple of 24
) (
    input  logic                  clk,           // clock
    // a word that was taken
    input  logic                  we_i,          // there is one
    input  logic [    LINE_W-1:0] wr_line_i,     // row slot to write
    input  logic [      CI_W-1:0] wr_channel_i,  // channel to write
    input  logic [WIDTH*BITS-1:0] wdata_i,       // the word itself, a cycle later
    // the word to read, and what is taken of it
    input  logic [    LINE_W-1:0] rd_line_i,     // row slot to read
    input  logic [      CI_W-1:0] rd_channel_i,  // channel to read
    input  logic                  clear_i,       // all of its pixels are 0
    input  logic [  CHOICE_W-1:0] choice_i,      // pixel that every position takes, of CHOICES
    input  logic [      BITS-1:0] pad_i,         // pixel beside the row
    // a cycle later
    input  logic [      BITS-1:0] row_pad_i,     // pixels of a row that is cleared because it lies outside the image
    input  logic                  flip_i,        // the top bit of pixels is inverted
    output logic [COUNT*BITS-1:0] pixels_o       // two cycles after the line and the channel
);
  localparam WORD = WIDTH * BITS;
  localparam OUT = COUNT * BITS;
  localparam PER = SHARE / BITS;  // pixels that share a copy
  localparam COPIES = (COUNT + PER - 1) / PER;
  localparam UNITS = (CHANNELS + 31) / 32;
  localparam PARTS = UNITS / 8 + (UNITS / 4) % 2 + (UNITS / 2) % 2 + UNITS % 2;  // pages of a line
  localparam PAGES = (STYLE == 3) ? LINES * PARTS : (STYLE == 0) ? (LINES * CHANNELS + 63) / 64 : 1;
  localparam MASKED = (PAGES > 1 || CLEARED != 0) ? 1 : 0;
  // the pages first or the pixels first, whichever takes fewer LUTs
  localparam PAGE_OR = (PAGES + 3) / 5;
  localparam TAP_MUX = (CHOICES + 1) / 3;
  localparam PAGE_FIRST = WIDTH * PAGE_OR + COUNT * TAP_MUX <= PAGES * COUNT * TAP_MUX + COUNT * PAGE_OR;
  genvar m, p;

  // ---- memory: a word of each page, a cycle later
  logic [PAGES-1:0] miss;
  logic [PAGES*WORD-1:0] data;
  generate
    if (STYLE == 1 || STYLE == 2) begin : gen_block
      localparam DEPTH = LINES * CHANNELS;
      localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
      logic [LINES*AW-1:0] line_base;
      logic [AW-1:0] waddr, waddr_q, raddr;
      logic we_q;
      for (p = 0; p < LINES; p = p + 1) begin : gen_base
        assign line_base[p*AW+:AW] = AW'(p * CHANNELS);
      end
      assign miss  = clear_i;
      assign waddr = line_base[wr_line_i*AW+:AW] + AW'(wr_channel_i);
      assign raddr = line_base[rd_line_i*AW+:AW] + AW'(rd_channel_i);
      always_ff @(posedge clk) begin
        we_q    <= we_i;
        waddr_q <= waddr;
      end
      fsq_row_ram #(
          .WIDTH (WORD),
          .DEPTH (DEPTH),
          .ADDR_W(AW),
          .ULTRA (STYLE == 2),
          .TILE_W(TILE_W)
      ) u_ram (
          .clk,
          .we_i   (we_q),
          .waddr_i(waddr_q),
          .wdata_i,
          .raddr_i(raddr),
          .rdata_o(data)
      );
    end else begin : gen_lut
      logic [PAGES-1:0] other;
      assign miss = other | {PAGES{clear_i}};
      fsq_line_pages #(
          .CHANNELS(CHANNELS),
          .LINES   (LINES),
          .WORD    (WORD),
          .SINGLE  (STYLE == 3),
          .PAGES   (PAGES),
          .SHARE   (SHARE),
          .CI_W    (CI_W),
          .LINE_W  (LINE_W)
      ) u_pages (
          .clk,
          .we_i,
          .wr_line_i,
          .wr_channel_i,
          .wdata_i,
          .rd_line_i,
          .rd_channel_i,
          .miss_o(other),
          .data_o(data)
      );
    end
  endgenerate

  // ---- what goes beside the word: a cycle after its address, two cycles after
  logic [CHOICE_W-1:0] choice_q;
  logic [BITS-1:0] pad_q, pad_p;
  logic [COPIES*BITS-1:0] row_pad;
  logic [COPIES-1:0] flip;
  always_ff @(posedge clk) begin
    choice_q <= choice_i;
    pad_q    <= pad_i;
    pad_p    <= pad_q;
  end
  generate
    if (PADDED != 0) begin : gen_row_pad
      fsq_copies #(
          .N    (COPIES),
          .WIDTH(BITS)
      ) u_row_pad (
          .clk,
          .d_i(row_pad_i),
          .q_o(row_pad)
      );
    end else begin : gen_no_row_pad
      assign row_pad = '0;
      logic unused_row_pad;
      assign unused_row_pad = &{1'b0, row_pad_i};
    end
    if (FLIP != 0) begin : gen_flip
      fsq_copies #(
          .N(COPIES)
      ) u_flip (
          .clk,
          .d_i(flip_i),
          .q_o(flip)
      );
    end else begin : gen_no_flip
      assign flip = '0;
      logic unused_flip;
      assign unused_flip = &{1'b0, flip_i};
    end
  endgenerate

  // ---- the wanted word, then its pixels, or pixels of all words, then the wanted ones
  logic [OUT-1:0] taken;
  logic [COPIES*CHOICE_W-1:0] choices;
  generate
    if (PAGE_FIRST) begin : gen_word_first
      logic [WORD-1:0] word;
      fsq_page_join #(
          .PAGES (PAGES),
          .WIDTH (WORD),
          .MASKED(MASKED),
          .SHARE (SHARE)
      ) u_join (
          .clk,
          .miss_i(miss),
          .data_i(data),
          .data_o(word)
      );
      fsq_copies #(
          .N    (COPIES),
          .WIDTH(CHOICE_W)
      ) u_choices (
          .clk,
          .d_i(choice_q),
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
          .SHARE   (PER),
          .COPIES  (COPIES)
      ) u_taps (
          .word_i  (word),
          .choice_i(choices),
          .pad_i   (pad_p),
          .pixels_o(taken)
      );
    end else begin : gen_pixel_first
      logic [PAGES*OUT-1:0] taps;
      fsq_copies #(
          .N    (COPIES),
          .WIDTH(CHOICE_W)
      ) u_choices (
          .clk,
          .d_i(choice_i),
          .q_o(choices)
      );
      for (p = 0; p < PAGES; p = p + 1) begin : gen_taps
        fsq_taps #(
            .WIDTH   (WIDTH),
            .BITS    (BITS),
            .COUNT   (COUNT),
            .STEP    (STEP),
            .CHOICES (CHOICES),
            .PAD_LEFT(PAD_LEFT),
            .CHOICE_W(CHOICE_W),
            .SHARE   (PER),
            .COPIES  (COPIES)
        ) u_taps (
            .word_i  (data[p*WORD+:WORD]),
            .choice_i(choices),
            .pad_i   (pad_q),
            .pixels_o(taps[p*OUT+:OUT])
        );
      end
      fsq_page_join #(
          .PAGES (PAGES),
          .WIDTH (OUT),
          .MASKED(MASKED),
          .SHARE (SHARE)
      ) u_join (
          .clk,
          .miss_i(miss),
          .data_i(taps),
          .data_o(taken)
      );
      logic unused_later;
      assign unused_later = &{1'b0, choice_q, pad_p};
    end

    for (m = 0; m < COUNT; m = m + 1) begin : gen_pixel
      assign pixels_o[m*BITS+:BITS] = (taken[m*BITS+:BITS] | row_pad[(m/PER)*BITS+:BITS]) ^
          (BITS'(flip[m/PER]) << (BITS - 1));
    end
  endgenerate
endmodule
