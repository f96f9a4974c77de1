// Table of constants of one bit, as few LUTs behind each other as it takes: two to eight inputs are one level of a 7 series
// device. Its hierarchy is kept, because synthesis takes such tables apart and makes them several levels deep.
(* keep_hierarchy = "yes" *)
module fsq_lookup #(
    parameter IN_BITS = 6,  // bits of the number of an entry
    parameter [(1<<IN_BITS)-1:0] ENTRIES = 0  // entry 0 in the lowest bit
) (
    input  logic [IN_BITS-1:0] x_i,  // number of an entry
    output logic               y_o   // that entry
);
  assign y_o = ENTRIES[x_i];
endmodule
