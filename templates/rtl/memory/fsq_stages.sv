// Which stages of a pipeline are empty. A stage takes the word of the one before it where it is empty, so that nothing waits
// for more than its neighbour, and words that come every other cycle pass without a pause.
module fsq_stages #(
    parameter STAGES = 2  // stages
) (
    input  logic              clk,      // clock
    input  logic              rst_n,    // synchronous reset, active low
    input  logic              enter_i,  // a word comes, and is taken if the first stage is empty
    input  logic              leave_i,  // the word of the last stage leaves, if there is one
    output logic [STAGES-1:0] empty_o   // registers: stage 0 takes words, the last one gives them away
);
  logic [STAGES-1:0] empty_q, comes, goes;
  generate
    if (STAGES == 1) begin : gen_one
      assign comes = enter_i;
      assign goes  = leave_i;
    end else begin : gen_more
      assign comes = {~empty_q[STAGES-2:0], enter_i};
      assign goes  = {leave_i, empty_q[STAGES-1:1]};
    end
  endgenerate
  assign empty_o = empty_q;
  always_ff @(posedge clk) begin
    if (!rst_n) empty_q <= '1;
    else empty_q <= (empty_q & ~comes) | (~empty_q & goes);
  end
endmodule
