// A level of a tree of additions: neighbours become one, the upper one SHIFT places higher; the last of an odd number stays.
module fsq_add_pairs #(
    parameter COUNT = 2,   // parts
    parameter IN_W  = 30,  // bits of a part, signed
    parameter SHIFT = 6,   // places between neighbours
    parameter OUT_W = 36   // bits that hold a sum
) (
    input  logic                           clk,      // clock
    input  logic [         COUNT*IN_W-1:0] parts_i,  // parts, the lowest in the low bits
    output logic [  (COUNT+1)/2*OUT_W-1:0] sums_o    // sums, one cycle later
);
  localparam HIGH_W = OUT_W - SHIFT;
  genvar i;
  generate
    for (i = 0; i < (COUNT + 1) / 2; i = i + 1) begin : gen_pair
      logic signed [IN_W-1:0] low;
      logic signed [OUT_W-1:0] sum;
      assign low = parts_i[2*i*IN_W+:IN_W];
      if (2 * i + 1 < COUNT) begin : gen_sum
        logic signed [IN_W-1:0] high;
        assign high = parts_i[(2*i+1)*IN_W+:IN_W];
        assign sum  = {HIGH_W'(high) + HIGH_W'(low >>> SHIFT), low[SHIFT-1:0]};
        logic unused_high;  // copies of the sign where the sum is narrow
        assign unused_high = &{1'b0, high};
      end else begin : gen_rest
        assign sum = OUT_W'(low);
      end
      fsq_copy #(  // what passes level after level would become a slow shift register
          .WIDTH(OUT_W)
      ) u_sum (
          .clk,
          .d_i(sum),
          .q_o(sums_o[i*OUT_W+:OUT_W])
      );
    end
  endgenerate
endmodule
