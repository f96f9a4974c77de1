// The sums of a beat out of all that wait: a multiplexer of two steps, two cycles long.
//
// The first step takes one of four beats, the second one of what it leaves. Copies of the number of the beat serve a
// few of their multiplexers each.
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
  localparam PICKS = (BEATS + 3) / 4;  // words that the first step leaves
  localparam COPIES = (PICKS + 3) / 4;
  localparam LOW_W = (BEAT_W > 1) ? 2 : 1;
  localparam HIGH_W = (BEAT_W > 2) ? BEAT_W - 2 : 1;
  genvar u, k, j;
  generate
    for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
      logic [PICKS*ACC_BITS-1:0] picks, picks_q;
      logic [ACC_BITS-1:0] sum, sum_q;
      logic [COPIES*LOW_W-1:0] low;
      for (k = 0; k < COPIES; k = k + 1) begin : gen_copy
        fsq_copy #(
            .WIDTH(LOW_W)
        ) u_low (
            .clk,
            .d_i(beat_i[LOW_W-1:0]),
            .q_o(low[k*LOW_W+:LOW_W])
        );
      end
      for (k = 0; k < PICKS; k = k + 1) begin : gen_pick
        localparam N = (BEATS - 4 * k < 4) ? BEATS - 4 * k : 4;
        localparam SEL_W = (N > 2) ? 2 : 1;
        logic [N*ACC_BITS-1:0] words;
        for (j = 0; j < N; j = j + 1) begin : gen_word
          assign words[j*ACC_BITS+:ACC_BITS] = sums_i[((4*k+j)*UNITS+u)*ACC_BITS+:ACC_BITS];
        end
        fsq_mux #(
            .N    (N),
            .WIDTH(ACC_BITS),
            .SEL_W(SEL_W)
        ) u_pick (
            .data_i  (words),
            .select_i(low[k/4*LOW_W+:SEL_W]),
            .data_o  (picks[k*ACC_BITS+:ACC_BITS])
        );
      end
      logic unused_low;  // a single beat needs no number
      assign unused_low = &{1'b0, low};
      always_ff @(posedge clk) begin
        picks_q <= picks;
        sum_q   <= sum;
      end
      if (PICKS > 1) begin : gen_last
        logic [HIGH_W-1:0] high_q, high;
        always_ff @(posedge clk) high_q <= beat_i[BEAT_W-1:2];
        fsq_copy #(
            .WIDTH(HIGH_W)
        ) u_high (
            .clk,
            .d_i(high_q),
            .q_o(high)
        );
        fsq_mux #(
            .N    (PICKS),
            .WIDTH(ACC_BITS),
            .SEL_W(HIGH_W)
        ) u_sum (
            .data_i  (picks_q),
            .select_i(high),
            .data_o  (sum)
        );
      end else begin : gen_only
        assign sum = picks_q;
      end
      assign sums_o[u*ACC_BITS+:ACC_BITS] = sum_q;
    end
  endgenerate
endmodule
