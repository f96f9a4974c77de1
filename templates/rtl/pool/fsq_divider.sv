// Exact average of a sum: y = clip(round_half_even(sum * 2^EXTRA / COUNT)), DIVIDE_BITS quotient bits per cycle.
//
// A division of the magnitude that does not restore: COUNT is taken off the rest where that is not negative, and added where
// it is. No multiplier. The last bit of the quotient is that below one half of a result, so that it and the rest decide the
// rounding exactly. The sum is loaded in one cycle, QUOTIENT / DIVIDE_BITS cycles divide it, one rounds, and in the next
// one y stands there.
module fsq_divider #(
    parameter SUM_W       = 21,    // bits of the sum, signed
    parameter COUNT       = 16,    // divisor
    parameter EXTRA       = 0,     // more bits below the binary point than the sum has
    parameter QUOTIENT    = 17,    // bits of the largest quotient and one behind it, a multiple of DIVIDE_BITS
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
  localparam REST_W = $clog2(COUNT) + 1;  // a rest lies between -COUNT and COUNT - 1
  localparam D_W = ((REST_W + QUOTIENT > SUM_W + EXTRA + 1) ? REST_W + QUOTIENT : SUM_W + EXTRA + 1);
  localparam Q_W = ((QUOTIENT > OUT_BITS) ? QUOTIENT : OUT_BITS) + 2;
  localparam [REST_W-1:0] PLUS = REST_W'(COUNT), MINUS = REST_W'(-COUNT);
  genvar i;

  logic [SUM_W-1:0] magnitude;
  logic [D_W-1:0] dividend;
  logic negative_q;
  logic [REST_W-1:0] rest_q;
  logic [QUOTIENT-1:0] quo_q;  // bits of the dividend that are to come, below them those of the quotient
  logic [DIVIDE_BITS:0][REST_W-1:0] rest;
  logic [DIVIDE_BITS:0][QUOTIENT-1:0] quo;
  assign dividend = D_W'(magnitude) << (EXTRA + 1);
  assign rest[0]  = rest_q;
  assign quo[0]   = quo_q;
  generate
    for (i = 0; i < DIVIDE_BITS; i = i + 1) begin : gen_divide
      assign rest[i+1] = REST_W'({rest[i], quo[i][QUOTIENT-1]}) + (rest[i][REST_W-1] ? PLUS : MINUS);
      assign quo[i+1]  = QUOTIENT'({quo[i], !rest[i+1][REST_W-1]});
    end
    if (D_W > REST_W + QUOTIENT) begin : gen_above  // an average is no larger than the largest pixel
      logic unused_above;
      assign unused_above = &{1'b0, dividend[D_W-1:REST_W+QUOTIENT]};
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (load_i) begin
      {rest_q, quo_q} <= dividend[REST_W+QUOTIENT-1:0];
      negative_q      <= sum_i[SUM_W-1];
    end else if (divide_i) begin
      rest_q <= rest[DIVIDE_BITS];
      quo_q  <= quo[DIVIDE_BITS];
    end
  end

  // half and more rounds up; exactly half only to an even value
  logic up;
  logic signed [Q_W-1:0] value_q;
  assign up = quo_q[0] && (quo_q[1] || rest_q != '0);
  generate
    if (LOW < 0) begin : gen_signed
      assign magnitude = sum_i[SUM_W-1] ? -sum_i : sum_i;
      always_ff @(posedge clk) value_q <= Q_W'(up ^ negative_q) + (Q_W'(quo_q[QUOTIENT-1:1]) ^ {Q_W{negative_q}});
    end else begin : gen_unsigned  // below zero the limit is the result, whatever the quotient
      assign magnitude = sum_i;
      always_ff @(posedge clk) value_q <= {negative_q, (Q_W - 1)'(up) + (Q_W - 1)'(quo_q[QUOTIENT-1:1])};
    end
  endgenerate
  fsq_clip #(
      .IN_W    (Q_W),
      .OUT_BITS(OUT_BITS),
      .LOW     (LOW),
      .HIGH    (HIGH)
  ) u_clip (
      .x_i(value_q),
      .y_o
  );
endmodule
