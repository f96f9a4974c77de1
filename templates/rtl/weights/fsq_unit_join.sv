// Weights of a term out of a stream for each output channel of a group: they are taken together, when all are there.
module fsq_unit_join #(
    parameter CHANNELS = 1,  // output channels of a group
    parameter W_BITS   = 8   // bits of a weight
) (
    input  logic                       clk,             // clock
    input  logic                       rst_n,           // synchronous reset, active low
    input  logic [       CHANNELS-1:0] symbol_valid_i,  // a weight is there, one bit per channel
    input  logic [CHANNELS*W_BITS-1:0] symbol_i,        // those weights, channel 0 in the low bits
    output logic                       symbol_take_o,   // all of them are taken
    output logic                       valid_o,         // the weights of a term are there
    output logic [CHANNELS*W_BITS-1:0] unit_o,          // those weights, channel 0 in the low bits
    input  logic                       take_i           // they are taken: only if there
);
  assign symbol_take_o = (&symbol_valid_i) && (take_i || !valid_o);
  always_ff @(posedge clk) begin
    if (!rst_n) valid_o <= 1'b0;
    else valid_o <= symbol_take_o || (valid_o && !take_i);
  end
  always_ff @(posedge clk) if (symbol_take_o) unit_o <= symbol_i;
endmodule
