// Logits out: one sign- or zero-extended integer per AXI4-Stream beat, TLAST on the last class of a frame.
//
// A register at the end of the design: a logit taken in T is offered from T + 1 on, and the next one is taken in the cycle
// after it has left.
module fsq_output #(
    parameter CLASSES = 10,  // logits of a frame
    parameter BITS    = 16,  // bits of a logit
    parameter SIGNED  = 0    // 1: logits are signed
) (
    input  logic            clk,         // clock
    input  logic            rst_n,       // synchronous reset, active low
    input  logic            in_valid_i,  // row word in: offered
    output logic            in_ready_o,  // row word in: taken if offered
    input  logic [BITS-1:0] in_data_i,   // row word in: one pixel, which is a logit
    output logic            m_valid_o,   // beat out: offered
    input  logic            m_ready_i,   // beat out: taken if offered
    output logic [    31:0] m_data_o,    // beat out: a logit, extended to 32 bits
    output logic            m_last_o     // beat out: the last class of a frame (TLAST)
);
  localparam CW = (CLASSES > 1) ? $clog2(CLASSES) : 1;
  logic [CW-1:0] class_q, next_q;
  logic [BITS-1:0] data_q;
  logic empty_q, valid_q, last_q, ends_q;  // ends_q and next_q: of the class, from its second cycle on

  assign in_ready_o = empty_q;
  assign m_valid_o  = valid_q;
  assign m_data_o   = {{(32 - BITS) {(SIGNED != 0) & data_q[BITS-1]}}, data_q};
  assign m_last_o   = last_q;

  always_ff @(posedge clk) begin
    if (empty_q) begin
      data_q <= in_data_i;
      last_q <= ends_q;
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      empty_q <= 1'b1;
      valid_q <= 1'b0;
      class_q <= '0;
      next_q  <= CW'(1);
      ends_q  <= CLASSES == 1;
    end else begin
      empty_q <= empty_q ? !in_valid_i : m_ready_i;
      valid_q <= empty_q ? in_valid_i : !m_ready_i;
      if (empty_q && in_valid_i) class_q <= ends_q ? '0 : next_q;
      next_q <= class_q + 1'b1;
      ends_q <= class_q == CW'(CLASSES - 1);
    end
  end
endmodule
