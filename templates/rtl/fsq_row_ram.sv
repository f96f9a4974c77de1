// Memory of whole row words: one write, one read with a registered output.
//
// In block RAM the word is cut into columns of TILE_W bits, one array per tile, so that synthesis has no choice.
module fsq_row_ram #(
    parameter WIDTH  = 440,
    parameter DEPTH  = 64,
    parameter ADDR_W = 6,
    parameter BLOCK  = 0,   // 1: block RAM, 0: distributed RAM
    parameter TILE_W = 72   // width of one block-RAM column
) (
    input  logic              clk,
    input  logic              we_i,
    input  logic [ADDR_W-1:0] waddr_i,
    input  logic [ WIDTH-1:0] wdata_i,
    input  logic [ADDR_W-1:0] raddr_i,
    output logic [ WIDTH-1:0] rdata_o
);
  generate
    if (BLOCK != 0) begin : gen_block
      genvar t;
      for (t = 0; t * TILE_W < WIDTH; t = t + 1) begin : gen_tile
        localparam TW = (WIDTH - t * TILE_W < TILE_W) ? WIDTH - t * TILE_W : TILE_W;
        fsq_ram_block #(
            .WIDTH (TW),
            .DEPTH (DEPTH),
            .ADDR_W(ADDR_W)
        ) u_tile (
            .clk,
            .we_i,
            .waddr_i,
            .wdata_i(wdata_i[t*TILE_W+:TW]),
            .raddr_i,
            .rdata_o(rdata_o[t*TILE_W+:TW])
        );
      end
    end else begin : gen_lut
      logic [WIDTH-1:0] rdata, rdata_q;
      fsq_ram_lut #(
          .WIDTH (WIDTH),
          .DEPTH (DEPTH),
          .ADDR_W(ADDR_W)
      ) u_lut (
          .clk,
          .we_i,
          .waddr_i,
          .wdata_i,
          .raddr_i,
          .rdata_o(rdata)
      );
      always_ff @(posedge clk) rdata_q <= rdata;
      assign rdata_o = rdata_q;
    end
  endgenerate
endmodule
