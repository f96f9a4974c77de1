// Block RAM for whole row words: one write, one read with a registered output.
//
// In block RAM and UltraRAM the word is cut into columns of TILE_W bits, one array per tile, so that synthesis has no
// choice. A word that is read while it is written is not defined.
module fsq_row_ram #(
    parameter WIDTH  = 440,
    parameter DEPTH  = 64,
    parameter ADDR_W = 6,
    parameter ULTRA  = 0,   // 1: UltraRAM
    parameter TILE_W = 72   // width of one column
) (
    input  logic              clk,
    input  logic              we_i,
    input  logic [ADDR_W-1:0] waddr_i,
    input  logic [ WIDTH-1:0] wdata_i,
    input  logic [ADDR_W-1:0] raddr_i,
    output logic [ WIDTH-1:0] rdata_o
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
