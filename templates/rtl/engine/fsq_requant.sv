// Requantiser: y = saturate(zero + round_half_even((acc * 2^PLACES + bias) * scale * 2^-RIGHT)), one value per cycle.
//
// The scale is a power of two, whose exponent the table gives, or an integer. It takes six cycles with the one, eleven
// with the other.
module fsq_requant #(
    parameter ACC_BITS  = 24,  // bits of a sum of the lanes
    parameter BIAS_BITS = 24,  // bits of a bias
    parameter PLACES    = 0,   // binary places of a bias below those of a sum
    parameter MULTIPLY  = 0,   // 0: sums are shifted; else they are multiplied: see fsq_multiply
    parameter SCALE_W   = 1,   // bits of a scale, or of its exponent
    parameter SUM_W     = 25,  // bits of a sum with its bias
    parameter PRODUCT_W = 25,  // bits of that times its scale
    parameter RIGHT     = 0,   // places that every product moves right
    parameter ADD_ZERO  = 0,   // 1: a zero point is added
    parameter OUT_BITS  = 8,   // bits of a pixel
    parameter LIMIT_W   = 10   // bits of the limits, signed
) (
    input  logic                        clk,      // clock
    input  logic        [ ACC_BITS-1:0] acc_i,    // sum, signed
    input  logic        [BIAS_BITS-1:0] bias_i,   // bias, signed
    input  logic        [  SCALE_W-1:0] scale_i,  // scale: places to the left, or a multiplier
    input  logic signed [  LIMIT_W-1:0] zero_i,   // zero point of the pixel, three cycles before y_o
    input  logic signed [  LIMIT_W-1:0] low_i,    // lower limit, two cycles before y_o
    input  logic signed [  LIMIT_W-1:0] high_i,   // upper limit, with low_i
    output logic        [ OUT_BITS-1:0] y_o       // pixel
);
  localparam Q_W = ((PRODUCT_W - RIGHT > LIMIT_W) ? PRODUCT_W - RIGHT : LIMIT_W) + 1;

  logic signed [SUM_W-1:0] sum_q;
  logic [SCALE_W-1:0] scale_q;
  logic signed [PRODUCT_W-1:0] t;
  logic signed [Q_W-1:0] floor, floor_q, rounded_q;  // floor_q + up_q is rounded
  logic up, up_q, below_q, above_q;
  logic signed [LIMIT_W-1:0] low_q, high_q;
  logic [OUT_BITS-1:0] inside_q, y_q;

  // what a multiplier gets is as narrow as the sums are, whatever the lanes hold
  logic unused_sum;
  assign unused_sum = &{1'b0, acc_i, bias_i};
  always_ff @(posedge clk) begin
    sum_q   <= (SUM_W'($signed(acc_i)) <<< PLACES) + SUM_W'($signed(bias_i));
    scale_q <= scale_i;
  end
  generate
    if (MULTIPLY == 0) begin : gen_shift
      logic signed [PRODUCT_W-1:0] t_q;
      always_ff @(posedge clk) t_q <= PRODUCT_W'(sum_q) <<< scale_q;
      assign t = t_q;
    end else begin : gen_multiply
      fsq_multiply #(
          .SUM_W    (SUM_W),
          .SCALE_W  (SCALE_W),
          .PRODUCT_W(PRODUCT_W),
          .WIDE     (MULTIPLY)
      ) u_multiply (
          .clk,
          .sum_i    (sum_q),
          .scale_i  (scale_q),
          .product_o(t)
      );
    end
    if (RIGHT > 0 && RIGHT < PRODUCT_W) begin : gen_round
      logic sticky;
      // half and more rounds up; exactly half only to an even value
      assign floor = Q_W'($signed(t[PRODUCT_W-1:RIGHT]));
      assign up = t[RIGHT-1] & (sticky | t[RIGHT]);
      if (RIGHT > 1) begin : gen_sticky
        assign sticky = |t[RIGHT-2:0];
      end else begin : gen_no_sticky
        assign sticky = 1'b0;
      end
    end else if (RIGHT > 0) begin : gen_zero
      // everything lies below half
      assign floor = '0;
      assign up = 1'b0;
      logic unused_product;
      assign unused_product = &{1'b0, t};
    end else begin : gen_keep
      assign floor = Q_W'(t);
      assign up = 1'b0;
    end
    if (ADD_ZERO != 0) begin : gen_zero_point
      // one adder: the lowest bits make its carry
      logic [Q_W:0] sum;
      assign sum = {floor_q, up_q} + {Q_W'(zero_i), up_q};
      always_ff @(posedge clk) rounded_q <= sum[Q_W:1];
      logic unused_carry;
      assign unused_carry = &{1'b0, sum[0]};
    end else begin : gen_plain
      always_ff @(posedge clk) rounded_q <= floor_q + Q_W'(up_q);
      logic unused_zero_point;
      assign unused_zero_point = &{1'b0, zero_i};
    end
  endgenerate

  always_ff @(posedge clk) begin
    floor_q  <= floor;
    up_q     <= up;
    below_q  <= rounded_q < Q_W'(low_i);
    above_q  <= rounded_q > Q_W'(high_i);
    low_q    <= low_i;
    high_q   <= high_i;
    inside_q <= rounded_q[OUT_BITS-1:0];
    y_q      <= above_q ? high_q[OUT_BITS-1:0] : below_q ? low_q[OUT_BITS-1:0] : inside_q;
  end
  assign y_o = y_q;
  logic unused_limits;  // their signs, once compared
  assign unused_limits = &{1'b0, low_q, high_q};
endmodule
