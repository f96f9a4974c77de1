// A register that synthesis keeps apart from others of the same contents: one copy of a signal with many loads.
(* keep_hierarchy = "yes" *)
module fsq_copy #(
    parameter WIDTH = 1  // bits of the signal
) (
    input  logic             clk,  // clock
    input  logic [WIDTH-1:0] d_i,  // the signal
    output logic [WIDTH-1:0] q_o   // one cycle later
);
  always_ff @(posedge clk) q_o <= d_i;
endmodule
