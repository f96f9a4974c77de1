// A register that some of the loads of a net have to themselves, so that none drives too many. Its hierarchy is kept,
// because synthesis makes one of equal registers, and a shift register of some that follow each other.
(* keep_hierarchy = "yes" *)
module fsq_copy #(
    parameter WIDTH = 8  // bits of a word
) (
    input  logic             clk,  // clock
    input  logic [WIDTH-1:0] d_i,  // word
    output logic [WIDTH-1:0] q_o   // it, a cycle later
);
  logic [WIDTH-1:0] q;
  always_ff @(posedge clk) q <= d_i;
  assign q_o = q;
endmodule
