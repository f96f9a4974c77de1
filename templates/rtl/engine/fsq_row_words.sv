// Row words from the pixels of the beats: pixel x belongs to lane x / PHASES in phase x mod PHASES.
//
// Pixels move through shift registers, one for each phase, so that after the last beat of a row each has its place.
// Beats of a row follow each other without a gap. Those of early phases wait for the last one: in the shift register
// itself, or, where there are several WORDS, in a memory that is read in step with the beats of the last phase.
module fsq_row_words #(
    parameter WORDS  = 1,  // words of a pass: channels and rows of a group
    parameter PARTS  = 1,  // beats per row
    parameter UNITS  = 8,  // pixels of a beat
    parameter PHASES = 1,  // passes per row
    parameter WIDTH  = 8,  // pixels of a row
    parameter BITS   = 8,  // bits of a pixel
    parameter P_W    = 1   // bits of a phase
) (
    input  logic                  clk,      // clock
    input  logic                  rst_n,    // synchronous reset, active low
    input  logic                  beat_i,   // there is a beat
    input  logic [       P_W-1:0] phase_i,  // its phase
    input  logic [UNITS*BITS-1:0] y_i,      // its pixels, one cycle later
    output logic [WIDTH*BITS-1:0] word_o    // the word, two cycles after its last beat
);
  localparam BEATS = WORDS * PARTS;
  localparam BW = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam BEAT = UNITS * BITS;
  localparam ROW = PARTS * BEAT;  // pixels of a phase
  genvar p, u;
  logic beat_q;
  logic [BW-1:0] number_q;  // of the beat whose pixels are on y_i
  logic [PHASES*ROW-1:0] row_q;

  always_ff @(posedge clk) begin
    beat_q <= beat_i;
    if (!rst_n) number_q <= '0;
    else if (beat_q) number_q <= (number_q == BW'(BEATS - 1)) ? '0 : number_q + 1'b1;
  end

  generate
    for (p = 0; p < PHASES; p = p + 1) begin : gen_phase
      logic [BEAT-1:0] pixels;
      logic now_q;  // it is a beat of this phase
      always_ff @(posedge clk) now_q <= beat_i && phase_i == P_W'(p);
      if (p < PHASES - 1 && WORDS > 1) begin : gen_memory
        fsq_ram_single #(
            .WIDTH (BEAT),
            .DEPTH (BEATS),
            .ADDR_W(BW)
        ) u_kept (
            .clk,
            .we_i   (now_q),
            .addr_i (number_q),
            .wdata_i(y_i),
            .rdata_o(pixels)
        );
      end else begin : gen_straight
        assign pixels = y_i;
      end
      always_ff @(posedge clk) begin
        if (p == PHASES - 1 || WORDS > 1 || now_q) row_q[p*ROW+:ROW] <= ROW'({pixels, row_q[p*ROW+:ROW]} >> BEAT);
      end
    end
    for (u = 0; u < WIDTH; u = u + 1) begin : gen_pixel
      assign word_o[u*BITS+:BITS] = row_q[u%PHASES*ROW+u/PHASES*BITS+:BITS];
    end
  endgenerate
  logic unused_pixels;  // lanes beyond the row; where no phase waits, nothing is counted
  assign unused_pixels = &{1'b0, row_q, number_q, phase_i};
endmodule
