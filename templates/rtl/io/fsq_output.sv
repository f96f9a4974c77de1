// Logits out: one sign- or zero-extended integer per AXI4-Stream beat, TLAST on the last class of a frame.
module fsq_output #(
    parameter CLASSES = 10,
    parameter BITS    = 16,
    parameter SIGNED  = 0
) (
    input  logic            clk,
    input  logic            rst_n,
    input  logic            in_valid_i,
    output logic            in_ready_o,
    input  logic [BITS-1:0] in_data_i,
    output logic            m_valid_o,
    input  logic            m_ready_i,
    output logic [    31:0] m_data_o,
    output logic            m_last_o
);
  localparam CW = (CLASSES > 1) ? $clog2(CLASSES) : 1;
  logic [CW-1:0] class_q;

  assign m_valid_o  = in_valid_i;
  assign in_ready_o = m_ready_i;
  assign m_data_o   = {{(32 - BITS) {(SIGNED != 0) & in_data_i[BITS-1]}}, in_data_i};
  assign m_last_o   = class_q == CW'(CLASSES - 1);

  always_ff @(posedge clk) begin
    if (!rst_n) class_q <= '0;
    else if (in_valid_i && m_ready_i) class_q <= m_last_o ? '0 : class_q + 1'b1;
  end
endmodule
