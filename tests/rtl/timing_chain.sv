// A design whose longest paths are known: chains of four gates, each of which is one LUT, between registers.

// One LUT: nothing is joined with it across its border.
(* keep_hierarchy *)
module timing_gate (
    input  logic a,  // first input
    input  logic b,  // second input
    output logic y   // their sum
);
  assign y = a ^ b;
endmodule

// Registers, a chain of four gates, and a register; behind it one gate more.
module timing_chain #(
    parameter bit CUT = 0  // 1: a register in the middle of the chain
) (
    input  logic       clk,  // clock
    input  logic [5:0] d,    // one bit per gate, and the first
    output logic       q     // through a gate from the last register
);
  logic [5:0] d_q;
  logic s1, s2, s3, s4, middle_q, last_q;
  timing_gate u_1 (.a(d_q[0]), .b(d_q[1]), .y(s1));
  timing_gate u_2 (.a(s1), .b(d_q[2]), .y(s2));
  timing_gate u_3 (.a(CUT ? middle_q : s2), .b(d_q[3]), .y(s3));
  timing_gate u_4 (.a(s3), .b(d_q[4]), .y(s4));
  timing_gate u_out (.a(last_q), .b(d_q[5]), .y(q));
  always_ff @(posedge clk) begin
    d_q <= d;
    middle_q <= s2;
    last_q <= s4;
  end
endmodule

// Three kernels; the second and the third are one module with the same parameters.
module fsq_top (
    input  logic       clk,  // clock
    input  logic [5:0] d,    // data in
    output logic       q     // data out
);
  logic first, second;
  timing_chain #(.CUT(0)) u_first (.clk, .d, .q(first));
  timing_chain #(.CUT(1)) u_second (.clk, .d({6{first}}), .q(second));
  timing_chain #(.CUT(1)) u_third (.clk, .d({6{second}}), .q);
endmodule
