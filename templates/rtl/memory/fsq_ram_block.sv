// One block-RAM or UltraRAM tile: one write port, one registered read port (simple dual port).
module fsq_ram_block #(
    parameter WIDTH  = 36,   // bits of a word
    parameter DEPTH  = 512,  // words
    parameter ADDR_W = 9,    // bits of an address
    parameter ULTRA  = 0     // 1: UltraRAM
) (
    input  logic              clk,      // clock
    input  logic              we_i,     // a word is written
    input  logic [ADDR_W-1:0] waddr_i,  // address to write
    input  logic [ WIDTH-1:0] wdata_i,  // word to write
    input  logic [ADDR_W-1:0] raddr_i,  // address to read
    output logic [ WIDTH-1:0] rdata_o   // word to read, one cycle after its address
);
  logic [WIDTH-1:0] rdata_q;
  assign rdata_o = rdata_q;
  generate
    if (ULTRA != 0) begin : gen_ultra
      (* ram_style = "ultra" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
      always_ff @(posedge clk) begin
        if (we_i) mem[waddr_i] <= wdata_i;
        rdata_q <= mem[raddr_i];
`ifdef VERILATOR
        // no design may rely on a word that is read while it is written: in simulation it is spoiled
        if (we_i && waddr_i == raddr_i) rdata_q <= ~mem[raddr_i];
`endif
      end
    end else begin : gen_block
      (* ram_style = "block" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
      always_ff @(posedge clk) begin
        if (we_i) mem[waddr_i] <= wdata_i;
        rdata_q <= mem[raddr_i];
      end
    end
  endgenerate
endmodule
