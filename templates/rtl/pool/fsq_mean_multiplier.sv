// A sum times a constant: y = clip(round_half_even(sum * FACTOR * 2^(LEFT - RIGHT)) + ZERO), TURN_BITS of FACTOR per cycle.
//
// The product grows from its lowest bit: in each step what is above the bits that are done takes the sum or not, and gives
// one more bit of the product, which takes the place of a bit of FACTOR. No multiplier. The sum is loaded in one cycle,
// FACTOR_W / TURN_BITS cycles multiply it, one rounds, and in the next one y stands there.
module fsq_mean_multiplier #(
    parameter SUM_W     = 21,  // bits of the sum, signed
    parameter FACTOR_W  = 16,  // bits of FACTOR, a multiple of TURN_BITS
    parameter [FACTOR_W-1:0] FACTOR = 1,  // the constant
    parameter TURN_BITS = 1,   // its bits per cycle
    parameter RIGHT     = 0,   // places by which the product moves right
    parameter LEFT      = 0,   // places by which it moves left
    parameter ZERO      = 0,   // is added to it when it is rounded
    parameter OUT_BITS  = 8,   // bits of the result
    parameter LOW       = 0,   // its lower limit
    parameter HIGH      = 255  // its upper limit
) (
    input  logic                       clk,         // clock
    input  logic                       load_i,      // a product begins
    input  logic signed [   SUM_W-1:0] sum_i,       // its sum
    input  logic                       multiply_i,  // the product goes on
    output logic        [OUT_BITS-1:0] y_o          // result
);
  genvar i;
  logic signed [SUM_W-1:0] sum_q, high_q;
  logic [FACTOR_W-1:0] low_q;  // bits of FACTOR still to come, above them those of the product that are done
  logic [TURN_BITS:0][SUM_W-1:0] high;
  logic [TURN_BITS:0][FACTOR_W-1:0] low;
  assign high[0] = high_q;
  assign low[0]  = low_q;
  generate
    for (i = 0; i < TURN_BITS; i = i + 1) begin : gen_step
      logic [SUM_W:0] next;
      assign next = {high[i][SUM_W-1], high[i]} + (low[i][0] ? {sum_q[SUM_W-1], sum_q} : '0);
      assign high[i+1] = next[SUM_W:1];
      assign low[i+1]  = FACTOR_W'({next[0], low[i]} >> 1);
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (load_i) begin
      sum_q  <= sum_i;
      high_q <= '0;
      low_q  <= FACTOR;
    end else if (multiply_i) begin
      high_q <= high[TURN_BITS];
      low_q  <= low[TURN_BITS];
    end
  end

  fsq_round #(
      .IN_W    (SUM_W + FACTOR_W),
      .RIGHT   (RIGHT),
      .LEFT    (LEFT),
      .ZERO    (ZERO),
      .OUT_BITS(OUT_BITS),
      .LOW     (LOW),
      .HIGH    (HIGH)
  ) u_round (
      .clk,
      .en_i(1'b1),
      .x_i({high_q, low_q}),
      .y_o
  );
endmodule
