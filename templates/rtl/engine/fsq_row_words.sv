// Row words from the pixels of the beats: pixel x belongs to lane x / PHASES in phase x mod PHASES.
//
// Pixels move through shift registers, so that after the last beat of a row each has its place. Those of the last phase go
// straight into a word; those of earlier ones wait for it, for each of the WORDS that are under way.
module fsq_row_words #(
    parameter WORDS   = 1,  // words of a pass: channels and rows of a group
    parameter PARTS   = 1,  // beats per row
    parameter UNITS   = 8,  // pixels of a beat
    parameter PHASES  = 1,  // passes per row
    parameter WIDTH   = 8,  // pixels of a row
    parameter BITS    = 8,  // bits of a pixel
    parameter P_W     = 1,  // bits of a phase
    parameter INDEX_W = 1   // bits of the number of a word
) (
    input  logic                  clk,      // clock
    input  logic                  beat_i,   // there is a beat
    input  logic [       P_W-1:0] phase_i,  // its phase
    input  logic [   INDEX_W-1:0] index_i,  // the word that it belongs to
    input  logic [UNITS*BITS-1:0] y_i,      // its pixels, one cycle later
    output logic [WIDTH*BITS-1:0] word_o    // the word, two cycles after its last beat
);
  localparam BEAT = UNITS * BITS;
  localparam ROW = PARTS * BEAT;  // pixels of a phase
  localparam SEL_W = (WORDS > 1) ? $clog2(WORDS) : 1;
  genvar p, j, u;
  logic [PHASES*ROW-1:0] row;
  generate
    for (p = 0; p < PHASES - 1; p = p + 1) begin : gen_early
      logic [WORDS*ROW-1:0] kept_q;
      logic [WORDS-1:0] now_q;
      for (j = 0; j < WORDS; j = j + 1) begin : gen_word
        always_ff @(posedge clk) begin
          now_q[j] <= beat_i && phase_i == P_W'(p) && index_i == INDEX_W'(j);
          if (now_q[j]) kept_q[j*ROW+:ROW] <= ROW'({y_i, kept_q[j*ROW+:ROW]} >> BEAT);
        end
      end
      if (WORDS > 1) begin : gen_choice
        logic [SEL_W-1:0] select;
        logic [ROW-1:0] row_q;
        fsq_copy #(
            .WIDTH(SEL_W)
        ) u_select (
            .clk,
            .d_i(index_i[SEL_W-1:0]),
            .q_o(select)
        );
        always_ff @(posedge clk) row_q <= kept_q[select*ROW+:ROW];
        assign row[p*ROW+:ROW] = row_q;
      end else begin : gen_only
        assign row[p*ROW+:ROW] = kept_q;
      end
    end
  endgenerate

  // beats of a row follow each other without a gap
  logic [ROW-1:0] last_q;
  always_ff @(posedge clk) last_q <= ROW'({y_i, last_q} >> BEAT);
  assign row[(PHASES-1)*ROW+:ROW] = last_q;

  generate
    for (u = 0; u < WIDTH; u = u + 1) begin : gen_pixel
      assign word_o[u*BITS+:BITS] = row[u%PHASES*ROW+u/PHASES*BITS+:BITS];
    end
  endgenerate
  logic unused_pixels;  // lanes beyond the row
  assign unused_pixels = &{1'b0, row, beat_i, phase_i, index_i};
endmodule
