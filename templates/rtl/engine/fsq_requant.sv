// Requantiser: y = saturate(round_half_even((acc + bias) * 2^-shift)), one value per cycle, four cycles long.
//
// The table gives left = RIGHT - shift; the sum moves left by it and then right by the constant RIGHT.
module fsq_requant #(
    parameter ACC_BITS  = 24,  // bits of a sum
    parameter BIAS_BITS = 24,  // bits of a bias
    parameter LEFT_MAX  = 0,   // most places that a sum moves left before it moves RIGHT
    parameter LEFT_W    = 1,   // bits of such a number
    parameter RIGHT     = 0,   // places that every sum moves right
    parameter OUT_BITS  = 8,   // bits of a pixel
    parameter LIMIT_W   = 10   // bits of the limits, signed
) (
    input  logic                        clk,     // clock
    input  logic        [ ACC_BITS-1:0] acc_i,   // sum, signed
    input  logic        [BIAS_BITS-1:0] bias_i,  // bias, signed
    input  logic        [   LEFT_W-1:0] left_i,  // places that the sum moves left
    input  logic signed [  LIMIT_W-1:0] low_i,   // lower limit, three cycles after acc_i
    input  logic signed [  LIMIT_W-1:0] high_i,  // upper limit, with low_i
    output logic        [ OUT_BITS-1:0] y_o      // pixel, four cycles after acc_i
);
  localparam SUM_W = ((ACC_BITS > BIAS_BITS) ? ACC_BITS : BIAS_BITS) + 1;
  localparam T_W = SUM_W + LEFT_MAX;
  localparam Q_W = ((T_W - RIGHT > LIMIT_W) ? T_W - RIGHT : LIMIT_W) + 1;

  logic signed [SUM_W-1:0] sum_q;
  logic [LEFT_W-1:0] left_q;
  logic signed [T_W-1:0] t_q;
  logic signed [Q_W-1:0] rounded, rounded_q, clipped;
  logic [OUT_BITS-1:0] y_q;

  generate
    if (RIGHT > 0 && RIGHT < T_W) begin : gen_round
      logic sticky, up;
      // half and more rounds up; exactly half only to an even value
      assign up = t_q[RIGHT-1] & (sticky | t_q[RIGHT]);
      if (RIGHT > 1) begin : gen_sticky
        assign sticky = |t_q[RIGHT-2:0];
      end else begin : gen_no_sticky
        assign sticky = 1'b0;
      end
      assign rounded = Q_W'($signed(t_q[T_W-1:RIGHT])) + Q_W'(up);
    end else if (RIGHT > 0) begin : gen_zero
      // everything lies below half
      assign rounded = '0;
      logic unused_zero;
      assign unused_zero = &{1'b0, t_q};
    end else begin : gen_keep
      assign rounded = Q_W'(t_q);
    end
  endgenerate

  always_comb begin
    clipped = rounded_q;
    if (rounded_q < Q_W'(low_i)) clipped = Q_W'(low_i);
    if (rounded_q > Q_W'(high_i)) clipped = Q_W'(high_i);
  end

  always_ff @(posedge clk) begin
    sum_q     <= SUM_W'($signed(acc_i)) + SUM_W'($signed(bias_i));
    left_q    <= left_i;
    t_q       <= T_W'(sum_q) <<< left_q;
    rounded_q <= rounded;
    y_q       <= clipped[OUT_BITS-1:0];
  end
  assign y_o = y_q;
  logic unused_clipped;
  assign unused_clipped = &{1'b0, clipped[Q_W-1:OUT_BITS]};
endmodule
