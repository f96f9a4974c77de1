// Stands in for the kernels in tests of the shell: of every frame the words are added up, and logit i is that sum times
// i + 1. It takes and offers at random.
module fsq_top #(
    parameter WORDS   = 24,  // 8-byte words of a frame
    parameter CLASSES = 10   // logits of a frame
) (
    input  logic        clk,            // clock
    input  logic        rst_n,          // synchronous reset, active low
    input  logic [63:0] s_axis_tdata,   // word in
    input  logic        s_axis_tvalid,  // word in: offered
    output logic        s_axis_tready,  // word in: taken if offered
    input  logic        s_axis_tlast,   // word in: the last one of a frame (TLAST)
    output logic [31:0] m_axis_tdata,   // logit
    output logic        m_axis_tvalid,  // logit: offered
    input  logic        m_axis_tready,  // logit: taken if offered
    output logic        m_axis_tlast,   // logit: the last one of a frame (TLAST)
    output logic        frame_error     // TLAST stood elsewhere than on the last word of a frame; stays set
);
  logic [1:0] fault;  // set by the test: TLAST of logits one too early (1), or too late (2)
  logic slow;  // set by the test: waits at random
  initial fault = '0;
  initial slow = 1'b0;
  logic [31:0] count_q, logit_q, sum_q;
  logic full_q, valid_q;  // a frame is summed up; a logit is offered
  logic [15:0] random_q;
  logic go, taken, last_word, last_logit;
  assign go            = !slow || random_q[0] || random_q[3];
  assign last_word     = count_q == 32'(WORDS - 1);
  assign last_logit    = logit_q == 32'(CLASSES - 1);
  assign s_axis_tready = go && !full_q;
  assign taken         = s_axis_tvalid && s_axis_tready;
  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata  = sum_q * (logit_q + 1);
  assign m_axis_tlast  = (fault == 2'd1) ? logit_q == 32'(CLASSES - 2) : (fault == 2'd2) ? 1'b0 : last_logit;
  always_ff @(posedge clk) begin
    random_q <= rst_n ? {random_q[14:0], random_q[15] ^ random_q[13] ^ random_q[12] ^ random_q[10]} : 16'hace1;
    if (!rst_n) begin
      count_q     <= '0;
      logit_q     <= '0;
      sum_q       <= '0;
      full_q      <= 1'b0;
      valid_q     <= 1'b0;
      frame_error <= 1'b0;
    end else begin
      if (taken) begin
        sum_q   <= ((count_q == '0) ? '0 : sum_q) + s_axis_tdata[31:0] + {s_axis_tdata[62:32], s_axis_tdata[63]};
        count_q <= last_word ? '0 : count_q + 1;
        full_q  <= last_word;
        if (s_axis_tlast != last_word) frame_error <= 1'b1;
      end
      if (valid_q && m_axis_tready) begin
        valid_q <= 1'b0;
        logit_q <= last_logit ? '0 : logit_q + 1;
        if (last_logit) full_q <= 1'b0;
      end else if (full_q && !valid_q) valid_q <= go;
    end
  end
endmodule
