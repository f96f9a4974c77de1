// Table of constants in LUTs: y = entry number x, within a cycle.
module fsq_table #(
    parameter IN_BITS  = 8,  // bits of the number
    parameter OUT_BITS = 8,  // bits of an entry
    parameter SLOT     = 8,  // OUT_BITS, up to a power of two
    parameter [(SLOT<<IN_BITS)-1:0] ENTRIES = 0  // a slot for each entry, entry 0 in the lowest
) (
    input  logic [ IN_BITS-1:0] x_i,  // number of an entry
    output logic [OUT_BITS-1:0] y_o   // that entry
);
  localparam SHIFT = $clog2(SLOT);  // the place of an entry needs no multiplier
  logic [SLOT-1:0] entry;
  assign entry = ENTRIES[{x_i, {SHIFT{1'b0}}}+:SLOT];
  assign y_o   = entry[OUT_BITS-1:0];
  generate
    if (SLOT > OUT_BITS) begin : gen_rest
      logic unused_rest;
      assign unused_rest = &{1'b0, entry[SLOT-1:OUT_BITS]};
    end
  endgenerate
endmodule
