// Pixels of a row word, STEP apart: position m takes pixel STEP * m + choice - PAD_LEFT, the pad value outside the row.
module fsq_taps #(
    parameter WIDTH    = 8,  // pixels of the word
    parameter BITS     = 8,  // bits of a pixel
    parameter COUNT    = 8,  // positions
    parameter STEP     = 1,  // pixels from position to position
    parameter CHOICES  = 1,  // pixels among which a position chooses
    parameter PAD_LEFT = 0,  // pixels of the first position left of the row
    parameter CHOICE_W = 1,  // bits of a choice
    parameter JOINED   = 0,  // 0: or_i is always 0
    parameter SHARE    = 8,  // positions that share a copy of the choice
    parameter COPIES   = 1   // ceil(COUNT / SHARE)
) (
    input  logic [     WIDTH*BITS-1:0] word_i,    // row word: pixel 0 in the low bits
    input  logic [COPIES*CHOICE_W-1:0] choice_i,  // pixel that every position takes, of CHOICES; copy 0 in the low bits
    input  logic [           BITS-1:0] pad_i,     // pixel outside the image
    input  logic [     COUNT*BITS-1:0] or_i,      // joined to the pixels by an OR, which takes no LUT behind 2, 3, 5 or 6 choices
    output logic [     COUNT*BITS-1:0] pixels_o   // pixels, position 0 in the low bits
);
  genvar m, n;
  logic unused_ok;  // a stride may leave pixels that no position takes
  assign unused_ok = &{1'b0, word_i, pad_i, or_i};
  generate
    for (m = 0; m < COUNT; m = m + 1) begin : gen_position
      logic [CHOICES*BITS-1:0] choice;
      logic [CHOICE_W-1:0] which;
      logic [BITS-1:0] pixel;
      assign which = choice_i[(m/SHARE)*CHOICE_W+:CHOICE_W];
      for (n = 0; n < CHOICES; n = n + 1) begin : gen_choice
        localparam X = m * STEP + n - PAD_LEFT;
        if (X >= 0 && X < WIDTH) begin : gen_pixel
          assign choice[n*BITS+:BITS] = word_i[X*BITS+:BITS];
        end else begin : gen_pad
          assign choice[n*BITS+:BITS] = pad_i;
        end
      end
      if (CHOICES == 1) begin : gen_one
        assign pixel = choice;
        logic unused_which;
        assign unused_which = &{1'b0, which};
      end else if (CHOICES == 2) begin : gen_two
        assign pixel = which[0] ? choice[BITS+:BITS] : choice[0+:BITS];
      end else if (CHOICES == 3) begin : gen_three
        assign pixel = which[1] ? choice[2*BITS+:BITS] : (which[0] ? choice[BITS+:BITS] : choice[0+:BITS]);
      end else if (CHOICES == 5 || CHOICES == 6) begin : gen_six
        // the last choice of two, where the OR then needs no LUT either
        logic [BITS-1:0] low;
        fsq_mux4 #(
            .WIDTH(BITS)
        ) u_low (
            .data_i  (choice[0+:4*BITS]),
            .select_i(which[1:0]),
            .data_o  (low)
        );
        assign pixel = !which[2] ? low : (CHOICES == 6 && which[0]) ? choice[(CHOICES-1)*BITS+:BITS] : choice[4*BITS+:BITS];
      end else begin : gen_more
        fsq_mux #(
            .N    (CHOICES),
            .WIDTH(BITS),
            .SEL_W(CHOICE_W)
        ) u_choice (
            .data_i  (choice),
            .select_i(which),
            .data_o  (pixel)
        );
      end
      assign pixels_o[m*BITS+:BITS] = (JOINED != 0) ? pixel | or_i[m*BITS+:BITS] : pixel;
    end
  endgenerate
endmodule
