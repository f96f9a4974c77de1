// Symbols of several streams that are taken together, when all are there: the weights of a term, or its run.
//
// A second set waits where the first one is not taken at once, so that take_i goes no further than here.
module fsq_unit_join #(
    parameter STREAMS = 1,  // streams
    parameter WIDTH   = 8   // bits of a symbol
) (
    input  logic                     clk,             // clock
    input  logic                     rst_n,           // synchronous reset, active low
    input  logic [      STREAMS-1:0] symbol_valid_i,  // a symbol is there, one bit per stream
    input  logic [STREAMS*WIDTH-1:0] symbol_i,        // those symbols, stream 0 in the low bits
    output logic                     symbol_take_o,   // all of them are taken
    output logic                     valid_o,         // a set is there
    output logic [STREAMS*WIDTH-1:0] unit_o,          // that set, stream 0 in the low bits
    input  logic                     take_i           // it is taken: only if there
);
  logic full_q;  // a second set waits
  logic [STREAMS*WIDTH-1:0] waiting_q;
  assign symbol_take_o = (&symbol_valid_i) && !full_q;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid_o <= 1'b0;
      full_q  <= 1'b0;
    end else begin
      valid_o <= symbol_take_o || full_q || (valid_o && !take_i);
      full_q  <= (symbol_take_o || full_q) && valid_o && !take_i;
    end
  end
  always_ff @(posedge clk) begin
    if (!full_q) waiting_q <= symbol_i;
    if (take_i || !valid_o) unit_o <= full_q ? waiting_q : symbol_i;
  end
endmodule
