// The sums of a beat out of all that wait: a multiplexer of two steps, two cycles long.
//
// The first step takes one of up to STEP beats, the second one of what it leaves. Every multiplexer of the first step has
// a copy of the number of the beat to itself.
module fsq_beat_sums #(
    parameter BEATS    = 8,   // beats of a pass
    parameter UNITS    = 8,   // sums of a beat
    parameter ACC_BITS = 24,  // bits of a sum
    parameter BEAT_W   = 3    // bits of the number of a beat
) (
    input  logic                            clk,     // clock
    input  logic [            BEAT_W-1:0]   beat_i,  // number of the beat, a cycle before its sums are read
    input  logic [BEATS*UNITS*ACC_BITS-1:0] sums_i,  // sums of all beats, beat 0 in the low bits
    output logic [      UNITS*ACC_BITS-1:0] sums_o   // those of the beat, three cycles after its number
);
  localparam STEP = 16;
  localparam PICKS = (BEATS + STEP - 1) / STEP;  // words that the first step leaves
  localparam LOW_W = (BEAT_W < 4) ? BEAT_W : 4;
  localparam HIGH_W = (BEAT_W > 4) ? BEAT_W - 4 : 1;
  genvar u, k, j;
  generate
    for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
      logic [PICKS*ACC_BITS-1:0] picks, picks_q;
      logic [ACC_BITS-1:0] sum, sum_q;
      for (k = 0; k < PICKS; k = k + 1) begin : gen_pick
        localparam N = (BEATS - k * STEP < STEP) ? BEATS - k * STEP : STEP;
        localparam SEL_W = (N > 1) ? $clog2(N) : 1;
        logic [LOW_W-1:0] select;
        logic [N*ACC_BITS-1:0] words;
        fsq_copy #(
            .WIDTH(LOW_W)
        ) u_select (
            .clk,
            .d_i(beat_i[LOW_W-1:0]),
            .q_o(select)
        );
        for (j = 0; j < N; j = j + 1) begin : gen_word
          assign words[j*ACC_BITS+:ACC_BITS] = sums_i[((k*STEP+j)*UNITS+u)*ACC_BITS+:ACC_BITS];
        end
        fsq_mux #(
            .N    (N),
            .WIDTH(ACC_BITS),
            .SEL_W(SEL_W)
        ) u_pick (
            .data_i  (words),
            .select_i(select[SEL_W-1:0]),
            .data_o  (picks[k*ACC_BITS+:ACC_BITS])
        );
        logic unused_select;  // of a few beats the number has fewer bits
        assign unused_select = &{1'b0, select};
      end
      always_ff @(posedge clk) begin
        picks_q <= picks;
        sum_q   <= sum;
      end
      if (PICKS > 1) begin : gen_last
        logic [HIGH_W-1:0] high_q, select_q;
        always_ff @(posedge clk) begin
          high_q   <= beat_i[BEAT_W-1:4];
          select_q <= high_q;
        end
        fsq_mux #(
            .N    (PICKS),
            .WIDTH(ACC_BITS),
            .SEL_W(HIGH_W)
        ) u_sum (
            .data_i  (picks_q),
            .select_i(select_q),
            .data_o  (sum)
        );
      end else begin : gen_only
        assign sum = picks_q;
      end
      assign sums_o[u*ACC_BITS+:ACC_BITS] = sum_q;
    end
  endgenerate
endmodule
