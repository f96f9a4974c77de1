// The row that a max pool keeps, a word per channel: written one cycle or more after its read, to the same address.
module fsq_pool_memory #(
    parameter WIDTH  = 440,  // bits of a word
    parameter DEPTH  = 64,   // words
    parameter ADDR_W = 6,    // bits of an address
    parameter STYLE  = 0,    // 1: block RAM, 2: UltraRAM, else distributed RAM
    parameter TILE_W = 72    // bits of a column of blocks
) (
    input  logic              clk,      // clock
    input  logic              we_i,     // a word is written
    input  logic [ADDR_W-1:0] addr_i,   // address to read and write
    input  logic [ WIDTH-1:0] wdata_i,  // word to write
    output logic [ WIDTH-1:0] rdata_o   // word to read, one cycle after its address
);
  generate
    if (STYLE == 1 || STYLE == 2) begin : gen_block
      fsq_row_ram #(
          .WIDTH (WIDTH),
          .DEPTH (DEPTH),
          .ADDR_W(ADDR_W),
          .ULTRA (STYLE == 2),
          .TILE_W(TILE_W)
      ) u_ram (
          .clk,
          .we_i,
          .waddr_i(addr_i),
          .wdata_i,
          .raddr_i(addr_i),
          .rdata_o
      );
    end else begin : gen_lut
      logic [WIDTH-1:0] rdata, rdata_q;
      fsq_ram_single #(
          .WIDTH (WIDTH),
          .DEPTH (DEPTH),
          .ADDR_W(ADDR_W)
      ) u_ram (
          .clk,
          .we_i,
          .addr_i,
          .wdata_i,
          .rdata_o(rdata)
      );
      always_ff @(posedge clk) rdata_q <= rdata;
      assign rdata_o = rdata_q;
    end
  endgenerate
endmodule
