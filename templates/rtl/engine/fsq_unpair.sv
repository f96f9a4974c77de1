// Completes the upper sums of pairs: what the lower one has lent to the upper one, C in the top bits of the lower sum,
// comes off (see fsq_mac_pair). One cycle long.
//
// Lanes of odd number are upper ones, and the lane below is theirs. The one that an odd number of lanes leaves over is
// the lower one of a pair in one beat and the upper one in the next beat that leaves one over; C is held so long.
module fsq_unpair #(
    parameter UNITS    = 8,   // sums of a beat
    parameter LAST     = 8,   // sums of the last beat of a row
    parameter ACC_BITS = 24,  // bits of a sum
    parameter C_BITS   = 5    // bits of C
) (
    input  logic                      clk,     // clock
    input  logic                      last_i,  // the beat is the last one of a row
    input  logic                      odd_i,   // the lane that it leaves over, if it does, is an upper one
    input  logic [UNITS*ACC_BITS-1:0] sums_i,  // sums of the beat, a cycle later
    output logic [UNITS*ACC_BITS-1:0] sums_o   // complete ones, a cycle later
);
  localparam integer ODD_UNIT = (UNITS % 2 != 0) ? UNITS - 1 : -1;  // lane that a beat leaves over, or none
  localparam integer ODD_LAST = (LAST % 2 != 0) ? LAST - 1 : -1;  // the same of the last beat of a row
  logic signed [C_BITS-1:0] held_q;  // C of the lower sum that was left over
  logic [C_BITS-1:0] unit_c, last_c;
  logic last_q, unit_upper_q, last_upper_q;  // the lane left over is an upper one: in a beat, in the last one of a row
  genvar u;
  generate
    for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
      logic signed [ACC_BITS-1:0] sum;
      assign sum = sums_i[u*ACC_BITS+:ACC_BITS];
      if (u % 2 != 0) begin : gen_upper
        logic signed [C_BITS-1:0] lent;
        assign lent = sums_i[u*ACC_BITS-1-:C_BITS];
        always_ff @(posedge clk) sums_o[u*ACC_BITS+:ACC_BITS] <= sum - ACC_BITS'(lent);
      end else if (u == ODD_UNIT || u == ODD_LAST) begin : gen_over
        logic upper;
        logic signed [C_BITS-1:0] lent;
        assign upper = (u == ODD_UNIT && unit_upper_q) || (u == ODD_LAST && last_upper_q);
        assign lent = upper ? held_q : '0;
        always_ff @(posedge clk) sums_o[u*ACC_BITS+:ACC_BITS] <= sum - ACC_BITS'(lent);
      end else begin : gen_lower
        always_ff @(posedge clk) sums_o[u*ACC_BITS+:ACC_BITS] <= sum;
      end
    end
    if (ODD_UNIT >= 0) begin : gen_unit_over
      assign unit_c = sums_i[(ODD_UNIT+1)*ACC_BITS-1-:C_BITS];
    end else begin : gen_no_unit
      assign unit_c = held_q;
    end
    if (ODD_LAST >= 0) begin : gen_last_over
      assign last_c = sums_i[(ODD_LAST+1)*ACC_BITS-1-:C_BITS];
    end else begin : gen_no_last
      assign last_c = held_q;
    end
  endgenerate
  always_ff @(posedge clk) begin
    last_q       <= last_i;
    unit_upper_q <= odd_i && !last_i;
    last_upper_q <= odd_i && last_i;
    held_q       <= last_q ? last_c : unit_c;
  end
  logic unused_over;  // an even number of lanes leaves none over
  assign unused_over = &{1'b0, last_q, unit_upper_q, last_upper_q, held_q};
endmodule
