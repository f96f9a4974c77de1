// Completes the upper sums of pairs: what the lower one has lent to the upper one, C in the top bits of the lower sum,
// comes off (see fsq_mac_pair). One cycle long; without pairs a register.
//
// Lanes of odd number are upper ones, and the lane below is theirs. The one that an odd number of lanes leaves over is
// the lower one of a pair in one beat and the upper one in the next beat that leaves one over; C is held so long.
module fsq_unpair #(
    parameter UNITS    = 8,   // sums of a beat
    parameter LAST     = 8,   // sums of the last beat of a row
    parameter ACC_BITS = 24,  // bits of a sum
    parameter C_BITS   = 0    // bits of C; 0: there are no pairs
) (
    input  logic                      clk,     // clock
    input  logic                      last_i,  // the beat is the last one of a row
    input  logic                      odd_i,   // the lane that it leaves over, if it does, is an upper one
    input  logic [UNITS*ACC_BITS-1:0] sums_i,  // sums of the beat
    output logic [UNITS*ACC_BITS-1:0] sums_o   // complete ones, a cycle later
);
  localparam ODD_UNIT = (UNITS % 2 != 0) ? UNITS - 1 : -1;  // lane that a beat leaves over, or none
  localparam ODD_LAST = (LAST % 2 != 0) ? LAST - 1 : -1;  // the same of the last beat of a row
  genvar u;
  generate
    if (C_BITS == 0) begin : gen_single
      always_ff @(posedge clk) sums_o <= sums_i;
      logic unused_beat;
      assign unused_beat = &{1'b0, last_i, odd_i};
    end else begin : gen_pairs
      logic signed [C_BITS-1:0] held_q;  // C of the lower sum that was left over
      for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
        logic signed [ACC_BITS-1:0] sum;
        assign sum = sums_i[u*ACC_BITS+:ACC_BITS];
        if (u % 2 != 0) begin : gen_upper
          logic signed [C_BITS-1:0] lent;
          assign lent = sums_i[u*ACC_BITS-1-:C_BITS];
          always_ff @(posedge clk) sums_o[u*ACC_BITS+:ACC_BITS] <= sum - ACC_BITS'(lent);
        end else if (u == ODD_UNIT || u == ODD_LAST) begin : gen_over
          logic over;
          logic signed [C_BITS-1:0] lent;
          assign over = (u == ODD_UNIT && !last_i) || (u == ODD_LAST && last_i);
          assign lent = (over & odd_i) ? held_q : '0;
          always_ff @(posedge clk) sums_o[u*ACC_BITS+:ACC_BITS] <= sum - ACC_BITS'(lent);
        end else begin : gen_lower
          always_ff @(posedge clk) sums_o[u*ACC_BITS+:ACC_BITS] <= sum;
        end
      end
      logic [C_BITS-1:0] unit_c, last_c;
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
      always_ff @(posedge clk) held_q <= last_i ? last_c : unit_c;
      logic unused_over;  // an even number of lanes leaves none over
      assign unused_over = &{1'b0, last_i, odd_i, held_q};
    end
  endgenerate
endmodule
