// Four words to one: one LUT6 per bit. Its hierarchy is kept, because synthesis takes wide multiplexers apart and makes
// them a third larger.
(* keep_hierarchy = "yes" *)
module fsq_mux4 #(
    parameter WIDTH = 8  // bits of a word
) (
    input  logic [4*WIDTH-1:0] data_i,    // word 0 in the low bits
    input  logic [        1:0] select_i,  // number of a word
    output logic [  WIDTH-1:0] data_o     // that word
);
  assign data_o = data_i[select_i*WIDTH+:WIDTH];
endmodule
