// The bit reader and the codeword of fsq_prefix_decoder with its registers, their tables and places as inputs.
module decoder_bench #(
    parameter STAGES = 3,
    parameter ADDR_W = 12,
    parameter READ   = 3
) (
    input  logic                   clk,
    input  logic                   rst_n,
    output logic [     ADDR_W-1:0] rom_addr_o,
    input  logic [           17:0] rom_data_i,
    output logic                   ready_o,
    input  logic                   go_i,
    input  logic                   end_i,
    input  logic [            1:0] start_i,
    input  logic [            1:0] stage_i,
    output logic [            7:0] symbol_o,
    input  logic [STAGES*64*4-1:0] lengths_i,
    input  logic [STAGES*64*8-1:0] firsts_i
);
  logic step_q, end_q;
  logic [1:0] stage_q, start_q;
  always_ff @(posedge clk) begin
    step_q  <= rst_n && go_i;
    end_q   <= end_i;
    start_q <= start_i;
    stage_q <= stage_i;
  end
  logic [11:0] window;
  logic [ 3:0] length;
  fsq_bit_reader #(
      .ADDR_W(ADDR_W),
      .READ  (READ),
      .LASTS ((1 << ADDR_W) - 1)
  ) u_reader (
      .clk,
      .rst_n,
      .rom_addr_o,
      .rom_data_i,
      .ready_o,
      .window_o(window),
      .step_i  (step_q),
      .length_i(length),
      .end_i   (end_q),
      .start_i (start_q)
  );
  fsq_codeword #(
      .CODES (STAGES),
      .CODE_W(2),
      .OPEN  (1)
  ) u_codeword (
      .clk,
      .code_i   (stage_q),
      .window_i (window),
      .length_o (length),
      .symbol_o,
      .take_i   (step_q && !end_q),
      .lengths_i,
      .firsts_i
  );
endmodule
