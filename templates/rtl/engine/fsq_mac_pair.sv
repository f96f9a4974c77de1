// Two lanes in one DSP48 slice: two pixels that share a weight, packed SHIFT bits apart, and both of their sums.
//
// The slice accumulates P = sum of w * (x1 * 2^n + x0) = S1 * 2^n + S0 with n = SHIFT. Modulo 2^n that is S0: with
// C = floor(S0 / 2^n) and L = P[n-1:0],
//
//   S0 = C * 2^n + L      S1 = (P >> n) - C
//
// hold exactly, whatever the signs. No product is larger than half of the field, |w * x0| <= 2^(n-1):
//
//   unsigned pixels:  2^(W_BITS-1) * (2^X_BITS - 1) <= 2^(n-1), that is W_BITS + X_BITS <= n
//   signed pixels:    2^(W_BITS-1) * 2^(X_BITS-1)   <= 2^(n-1), that is W_BITS + X_BITS <= n + 1
//
// So a step leads from one half of the field to the other at most, and the top bit of L tells of every wrap:
//
//   w * x0 >= 0, top bit 1 -> 0:  C + 1      w * x0 < 0, top bit 0 -> 1:  C - 1
//
// The sign is that of w where pixels are unsigned, else that of w xor that of x0: where a factor is 0, nothing wraps. A
// negative x0 borrows one of x1; the high half of x_i comes with that taken off, as all channels share it.
//
// C starts at 0 with S0 = 0. It is counted modulo 2^(ACC_BITS-n), which is enough because S0 fits ACC_BITS bits; where
// ACC_BITS <= n its only values are 0 and -1, the sign of L, and nothing is counted. (P >> n) is kept modulo
// 2^ACC_BITS, because S1 fits ACC_BITS bits, too. C stands in the top bits of S0, so that fsq_unpair can take it off
// later, where one subtractor serves many pairs.
//
// The packed pixels take n + X_BITS + 1 bits of the wide input port (x1 less a borrow has X_BITS + 1 bits): n = 16 for 8-bit pixels in a DSP48E1 (25 x 18
// bits, UG479), n = 18 in a DSP48E2 (27 x 18 bits, UG579). Both have an accumulator of 48 bits >= n + ACC_BITS. Sums
// stand on acc_o in the same cycle as those of fsq_mac_lane.
module fsq_mac_pair #(
    parameter X_BITS   = 8,   // bits of a pixel
    parameter X_SIGNED = 0,   // 1: pixels are signed
    parameter W_BITS   = 8,   // bits of a weight
    parameter ACC_BITS = 24,  // bits of a sum
    parameter SHIFT    = 16   // bits from one packed pixel to the other
) (
    input  logic                  clk,          // clock
    input  logic [2*X_BITS+X_SIGNED-1:0] x_i,   // x1 in the high half, less the borrow of x0, and x0 in the low one
    input  logic [    W_BITS-1:0] w_i,          // weight, signed
    input  logic                  acc_en_i,     // the product register holds a term of the sums
    input  logic                  first_i,      // it will hold the first term in the next cycle
    input  logic                  negative_i,   // the product w * x0 added last had the sign of a negative one
    output logic [2*ACC_BITS-1:0] acc_o         // P >> n in the high half, S0 in the low one
);
  localparam SUM = SHIFT + ACC_BITS;

  logic [SUM-1:0] sum;
  logic [ACC_BITS-1:0] low;  // S0

  fsq_mac_lane #(
      .X_BITS  (SHIFT + X_BITS + X_SIGNED),
      .X_SIGNED(X_SIGNED),
      .W_BITS  (W_BITS),
      .ACC_BITS(SUM)
  ) u_slice (
      .clk,
      .x_i  ({x_i[2*X_BITS+X_SIGNED-1:X_BITS], {(SHIFT - X_BITS) {(X_SIGNED != 0) & x_i[X_BITS-1]}}, x_i[X_BITS-1:0]}),
      .w_i,
      .acc_en_i,
      .first_i,
      .acc_o(sum)
  );

  generate
    if (ACC_BITS > SHIFT) begin : gen_count
      localparam C_BITS = ACC_BITS - SHIFT;
      logic top, top_q, up, down, first_q;
      logic [C_BITS-1:0] count_q, count;
      assign top   = sum[SHIFT-1];
      assign up    = top_q & ~top & ~negative_i;
      assign down  = ~top_q & top & negative_i;
      assign count = count_q + {{(C_BITS - 1) {down}}, up | down};
      always_ff @(posedge clk) begin
        first_q <= first_i;
        if (first_q) begin
          top_q   <= 1'b0;
          count_q <= '0;
        end else if (acc_en_i) begin
          top_q   <= top;
          count_q <= count;
        end
      end
      assign low = {count, sum[SHIFT-1:0]};
    end else begin : gen_sign
      assign low = sum[ACC_BITS-1:0];
      logic unused_sign;
      assign unused_sign = &{1'b0, negative_i, sum[SHIFT-1:0]};
    end
  endgenerate
  assign acc_o = {sum[SUM-1:SHIFT], low};
endmodule
