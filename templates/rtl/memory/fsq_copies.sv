// Registered copies of a signal: each of them has a part of its loads.
module fsq_copies #(
    parameter N     = 1,  // copies
    parameter WIDTH = 1   // bits of the signal
) (
    input  logic               clk,  // clock
    input  logic [  WIDTH-1:0] d_i,  // the signal
    output logic [N*WIDTH-1:0] q_o   // one cycle later, copy 0 in the low bits
);
  genvar n;
  generate
    for (n = 0; n < N; n = n + 1) begin : gen_copy
      fsq_copy #(
          .WIDTH(WIDTH)
      ) u_copy (
          .clk,
          .d_i,
          .q_o(q_o[n*WIDTH+:WIDTH])
      );
    end
  endgenerate
endmodule
