// One block-RAM tile: one write port, one registered read port (simple dual port).
module fsq_ram_block #(
    parameter WIDTH  = 36,
    parameter DEPTH  = 512,
    parameter ADDR_W = 9
) (
    input  logic              clk,
    input  logic              we_i,
    input  logic [ADDR_W-1:0] waddr_i,
    input  logic [ WIDTH-1:0] wdata_i,
    input  logic [ADDR_W-1:0] raddr_i,
    output logic [ WIDTH-1:0] rdata_o
);
  (* ram_style = "block" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
  logic [WIDTH-1:0] rdata_q;
  always_ff @(posedge clk) begin
    if (we_i) mem[waddr_i] <= wdata_i;
    rdata_q <= mem[raddr_i];
  end
  assign rdata_o = rdata_q;
endmodule
