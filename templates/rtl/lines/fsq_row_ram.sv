// Block RAM for whole row words: one write, one read with a registered output.
//
// In block RAM and UltraRAM the word is cut into columns of TILE_W bits, one array per tile, so that synthesis has no
// choice. A word that is read while it is written is not defined.
module fsq_row_ram #(
    parameter WIDTH  = 440,  // bits of a word
    parameter DEPTH  = 64,   // words
    parameter ADDR_W = 6,    // bits of an address
    parameter ULTRA  = 0,    // 1: UltraRAM
    parameter TILE_W = 72    // bits of a column of blocks
) (
    input  logic              clk,      // clock
    input  logic              we_i,     // a word is written
    input  logic [ADDR_W-1:0] waddr_i,  // address to write
    input  logic [ WIDTH-1:0] wdata_i,  // word to write
    input  logic [ADDR_W-1:0] raddr_i,  // address to read
    output logic [ WIDTH-1:0] rdata_o   // word to read, one cycle after its address
);
  genvar t;
  generate
    for (t = 0; t * TILE_W < WIDTH; t = t + 1) begin : gen_tile
      localparam TW = (WIDTH - t * TILE_W < TILE_W) ? WIDTH - t * TILE_W : TILE_W;
      fsq_ram_block #(
          .WIDTH (TW),
          .DEPTH (DEPTH),
          .ADDR_W(ADDR_W),
          .ULTRA (ULTRA)
      ) u_tile (
          .clk,
          .we_i,
          .waddr_i,
          .wdata_i(wdata_i[t*TILE_W+:TW]),
          .raddr_i,
          .rdata_o(rdata_o[t*TILE_W+:TW])
      );
    end
  endgenerate
endmodule
