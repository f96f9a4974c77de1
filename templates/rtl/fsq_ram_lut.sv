// Distributed (LUT) RAM: one write port, one asynchronous read port.
module fsq_ram_lut #(
    parameter WIDTH  = 8,
    parameter DEPTH  = 64,
    parameter ADDR_W = 6
) (
    input  logic              clk,
    input  logic              we_i,
    input  logic [ADDR_W-1:0] waddr_i,
    input  logic [ WIDTH-1:0] wdata_i,
    input  logic [ADDR_W-1:0] raddr_i,
    output logic [ WIDTH-1:0] rdata_o
);
  (* ram_style = "distributed" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
  always_ff @(posedge clk) if (we_i) mem[waddr_i] <= wdata_i;
  assign rdata_o = mem[raddr_i];
endmodule
