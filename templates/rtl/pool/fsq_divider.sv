// Exact average of a sum: y = clip(round_half_even(sum * 2^EXTRA / COUNT)), DIVIDE_BITS quotient bits per cycle.
//
// A restoring division of the magnitude, whose remainder decides the rounding exactly. No multiplier. The sum is loaded
// in one cycle, QUOTIENT / DIVIDE_BITS cycles divide it, and in the next one y stands there.
module fsq_divider #(
    parameter SUM_W       = 21,    // bits of the sum, signed
    parameter COUNT       = 16,    // divisor
    parameter EXTRA       = 0,     // more bits below the binary point than the sum has
    parameter QUOTIENT    = 16,    // bits of the largest quotient, a multiple of DIVIDE_BITS
    parameter DIVIDE_BITS = 1,     // quotient bits per cycle
    parameter OUT_BITS    = 16,    // bits of the result
    parameter LOW         = 0,     // its lower limit
    parameter HIGH        = 65535  // its upper limit
) (
    input  logic                       clk,       // clock
    input  logic                       load_i,    // a division begins
    input  logic signed [   SUM_W-1:0] sum_i,     // its sum
    input  logic                       divide_i,  // the division goes on
    output logic        [OUT_BITS-1:0] y_o        // result
);
  localparam REM_W = $clog2(COUNT + 1) + QUOTIENT + 1;
  localparam [REM_W-1:0] DIVISOR = REM_W'(COUNT) << (QUOTIENT - 1);
  localparam Q_W = ((QUOTIENT > OUT_BITS) ? QUOTIENT : OUT_BITS) + 2;
  genvar i;

  logic [SUM_W-1:0] magnitude;
  logic negative_q;
  logic [REM_W-1:0] rem_q;
  logic [QUOTIENT-1:0] quo_q;
  logic [DIVIDE_BITS:0][REM_W-1:0] rem;
  logic [DIVIDE_BITS:0][QUOTIENT-1:0] quo;
  logic signed [Q_W-1:0] rounded, value, clipped;
  assign magnitude = sum_i[SUM_W-1] ? -sum_i : sum_i;
  assign rem[0]    = rem_q;
  assign quo[0]    = quo_q;
  generate
    for (i = 0; i < DIVIDE_BITS; i = i + 1) begin : gen_divide
      logic fits;
      logic [REM_W-1:0] left;
      assign fits     = rem[i] >= DIVISOR;
      assign left     = fits ? rem[i] - DIVISOR : rem[i];
      assign rem[i+1] = {left[REM_W-2:0], 1'b0};
      assign quo[i+1] = QUOTIENT'({quo[i], fits});
      logic unused_left;
      assign unused_left = &{1'b0, left[REM_W-1]};
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (load_i) begin
      rem_q      <= REM_W'(magnitude) << EXTRA;
      quo_q      <= '0;
      negative_q <= sum_i[SUM_W-1];
    end else if (divide_i) begin
      rem_q <= rem[DIVIDE_BITS];
      quo_q <= quo[DIVIDE_BITS];
    end
  end

  assign rounded = Q_W'(quo_q) + Q_W'((rem_q > DIVISOR) || (rem_q == DIVISOR && quo_q[0]));
  assign value   = negative_q ? -rounded : rounded;
  always_comb begin
    clipped = value;
    if (value < Q_W'(LOW)) clipped = Q_W'(LOW);
    if (value > Q_W'(HIGH)) clipped = Q_W'(HIGH);
  end
  assign y_o = clipped[OUT_BITS-1:0];
  logic unused_clipped;
  assign unused_clipped = &{1'b0, clipped[Q_W-1:OUT_BITS]};
endmodule
