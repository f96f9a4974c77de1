// The bit reader and the codeword of fsq_prefix_decoder, their tables and places as inputs.
module decoder_bench #(
    parameter STAGES  = 3,
    parameter LIMIT   = 16,
    parameter LEN_W   = 5,
    parameter INDEX_W = 8,
    parameter WORD_W  = 18,
    parameter BIT_W   = 5,
    parameter ADDR_W  = 12
) (
    input  logic                              clk,
    input  logic                              rst_n,
    output logic [                ADDR_W-1:0] rom_addr_o,
    input  logic [                WORD_W-1:0] rom_data_i,
    output logic                              valid_o,
    input  logic                              take_i,
    input  logic                              end_i,
    input  logic [                 BIT_W-1:0] start_i,
    input  logic [                       1:0] stage_i,
    output logic [                       1:0] stage_o,
    output logic [               INDEX_W-1:0] index_o,
    input  logic [STAGES*LIMIT*(LIMIT+1)-1:0] bounds_i,
    input  logic [                STAGES-1:0] free_i,
    input  logic [  STAGES*LIMIT*INDEX_W-1:0] offsets_i
);
  logic [LIMIT-1:0] window;
  logic [LEN_W-1:0] length;
  fsq_bit_reader #(
      .WORD_W (WORD_W),
      .ADDR_W (ADDR_W),
      .LASTS  ((1 << ADDR_W) - 1),
      .LIMIT  (LIMIT),
      .LEN_W  (LEN_W),
      .BIT_W  (BIT_W)
  ) u_reader (
      .clk,
      .rst_n,
      .rom_addr_o,
      .rom_data_i,
      .valid_o,
      .window_o(window),
      .take_i,
      .length_i(length),
      .end_i,
      .start_i
  );
  fsq_codeword #(
      .STAGES (STAGES),
      .LIMIT  (LIMIT),
      .LEN_W  (LEN_W),
      .INDEX_W(INDEX_W),
      .OPEN   (1)
  ) u_codeword (
      .clk,
      .stage_i,
      .window_i(window),
      .length_o(length),
      .stage_o,
      .index_o,
      .take_i,
      .bounds_i,
      .free_i,
      .offsets_i
  );
endmodule
