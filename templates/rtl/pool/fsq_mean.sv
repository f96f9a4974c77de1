// What an average makes of a sum: divided by COUNT, times FACTOR, or the sum itself.
//
// The sum is loaded in one cycle, QUOTIENT / DIVIDE_BITS cycles work on it, one rounds, and in the next one y stands there:
// the cycles of fsq_turns.
module fsq_mean #(
    parameter SUM_W       = 21,    // bits of the sum, signed
    parameter COUNT       = 16,    // pixels of a sum
    parameter EXTRA       = 0,     // divided: more bits below the binary point than the sum has
    parameter [63:0] FACTOR = 0,   // not 0: it is multiplied instead
    parameter QUOTIENT    = 17,    // bits of the largest quotient and one more, or of FACTOR; 0: the sum leaves as it is
    parameter DIVIDE_BITS = 1,     // of these per cycle
    parameter RIGHT       = 0,     // multiplied: places by which the product moves right
    parameter LEFT        = 0,     // multiplied: places by which it moves left
    parameter ZERO        = 0,     // is added, but for a quotient
    parameter OUT_BITS    = 16,    // bits of the result
    parameter LOW         = 0,     // its lower limit
    parameter HIGH        = 65535  // its upper limit
) (
    input  logic                       clk,     // clock
    input  logic                       load_i,  // an average begins
    input  logic signed [   SUM_W-1:0] sum_i,   // its sum
    input  logic                       next_i,  // the average goes on
    output logic        [OUT_BITS-1:0] y_o      // result
);
  generate
    if (QUOTIENT == 0) begin : gen_sum
      logic signed [SUM_W-1:0] sum_q;
      always_ff @(posedge clk) if (load_i) sum_q <= sum_i;
      fsq_round #(
          .IN_W    (SUM_W),
          .ZERO    (ZERO),
          .OUT_BITS(OUT_BITS),
          .LOW     (LOW),
          .HIGH    (HIGH)
      ) u_round (
          .clk,
          .en_i(1'b1),
          .x_i(sum_q),
          .y_o
      );
      logic unused_next;
      assign unused_next = &{1'b0, next_i};
    end else if (FACTOR != 0) begin : gen_multiply
      fsq_mean_multiplier #(
          .SUM_W    (SUM_W),
          .FACTOR_W (QUOTIENT),
          .FACTOR   (FACTOR[QUOTIENT-1:0]),
          .TURN_BITS(DIVIDE_BITS),
          .RIGHT    (RIGHT),
          .LEFT     (LEFT),
          .ZERO     (ZERO),
          .OUT_BITS (OUT_BITS),
          .LOW      (LOW),
          .HIGH     (HIGH)
      ) u_multiplier (
          .clk,
          .load_i,
          .sum_i,
          .multiply_i(next_i),
          .y_o
      );
    end else begin : gen_divide
      fsq_divider #(
          .SUM_W      (SUM_W),
          .COUNT      (COUNT),
          .EXTRA      (EXTRA),
          .QUOTIENT   (QUOTIENT),
          .DIVIDE_BITS(DIVIDE_BITS),
          .OUT_BITS   (OUT_BITS),
          .LOW        (LOW),
          .HIGH       (HIGH)
      ) u_divider (
          .clk,
          .load_i,
          .sum_i,
          .divide_i(next_i),
          .y_o
      );
    end
  endgenerate
endmodule
