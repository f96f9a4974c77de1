// Moves frames from memory through the kernels and their logits back: an AXI4 master with one ID, whose bursts lie within
// 4 KB. fsq_job says what happens when, fsq_reader and fsq_writer move the data.
module fsq_dma #(
    parameter ADDR_W       = 32,  // bits of an address of the memory, 32 to 64
    parameter DATA_W       = 64,  // bits of a beat of the memory: 64 or 128
    parameter RATIO_LOG    = 0,   // 8-byte words of a beat, as a power of two: 0 or 1
    parameter BURST_LOG    = 4,   // most beats of a burst, as a power of two
    parameter CLASSES      = 10,  // logits of a frame
    parameter WORDS_W      = 6,   // bits of a number of 8-byte words of a frame, more than BURST_LOG + RATIO_LOG
    parameter RESULT_W     = 6,   // bits of that number of its logits, more than BURST_LOG + RATIO_LOG
    parameter READ_DEPTH   = 64,  // beats of the FIFO of pixels
    parameter READ_W       = 7,   // bits of a count of those
    parameter WRITE_DEPTH  = 32,  // beats of the FIFO of logits
    parameter WRITE_W      = 6    // bits of a count of those
) (
    input  logic                clk,             // clock
    input  logic                rst_n,           // synchronous reset, active low
    input  logic                start_i,         // a job is to start
    input  logic                reset_i,         // all is to be emptied
    input  logic [        31:0] frames_i,        // frames of a job
    input  logic [  ADDR_W-1:0] source_i,        // address of its pixels
    input  logic [  ADDR_W-1:0] target_i,        // address of its logits
    input  logic [ WORDS_W-1:0] words_i,         // 8-byte words of a frame
    output logic                busy_o,          // a job runs, or kernels are emptied
    output logic                emptying_o,      // kernels are emptied
    output logic                done_o,          // a job has come to its end
    output logic                ended_o,         // in this cycle
    output logic [         5:0] errors_o,        // errors of this cycle: length, overrun, read, write, address, reset
    output logic [        31:0] frames_done_o,   // frames that are done
    output logic [        31:0] frame_cycles_o,  // cycles of the last one
    output logic [        31:0] job_cycles_o,    // cycles of all of them
    output logic                core_rst_n_o,    // reset of the kernels, active low
    input  logic                frame_error_i,   // TLAST stood elsewhere than on the last beat of a frame; stays set
    output logic [        63:0] s_data_o,        // pixels to the kernels
    output logic                s_valid_o,       // they are offered
    input  logic                s_ready_i,       // they are taken if offered
    output logic                s_last_o,        // the last ones of a frame (TLAST)
    input  logic [        31:0] m_data_i,        // logit of the kernels
    input  logic                m_valid_i,       // it is offered
    output logic                m_ready_o,       // it is taken if offered
    input  logic                m_last_i,        // the last one of a frame (TLAST)
    output logic [  ADDR_W-1:0] araddr_o,        // first byte of a burst to read
    output logic [         7:0] arlen_o,         // its beats less 1
    output logic                arvalid_o,       // it is offered
    input  logic                arready_i,       // it is taken if offered
    input  logic [  DATA_W-1:0] rdata_i,         // beat read
    input  logic [         1:0] rresp_i,         // how it went
    input  logic                rlast_i,         // the last one of its burst
    input  logic                rvalid_i,        // it is offered
    output logic                rready_o,        // it is taken if offered
    output logic [  ADDR_W-1:0] awaddr_o,        // first byte of a burst to write
    output logic [         7:0] awlen_o,         // its beats less 1
    output logic                awvalid_o,       // it is offered
    input  logic                awready_i,       // it is taken if offered
    output logic [  DATA_W-1:0] wdata_o,         // beat to write
    output logic [DATA_W/8-1:0] wstrb_o,         // bytes of it that count
    output logic                wlast_o,         // the last one of its burst
    output logic                wvalid_o,        // it is offered
    input  logic                wready_i,        // it is taken if offered
    input  logic [         1:0] bresp_i,         // how a burst went
    input  logic                bvalid_i,        // it is told
    output logic                bready_o         // that is taken if told
);
  logic load, more, stop, clear_n, askew_q, sent;
  logic read_quiet, write_quiet, read_error, write_error, read_beyond, write_beyond, frame_end, length;
  logic [WORDS_W-1:0] last_q;
  logic [BURST_LOG-1:0] arlen, awlen;
  assign core_rst_n_o = clear_n;
  assign arlen_o      = 8'(arlen);
  assign awlen_o      = 8'(awlen);
  assign rready_o     = 1'b1;  // there is room for all that was asked for
  assign bready_o     = 1'b1;
  always_ff @(posedge clk) begin
    askew_q <= source_i[2:0] != '0 || target_i[2:0] != '0;
    if (!busy_o) last_q <= words_i - 1'b1;
  end

  logic unused_kinds;  // of errors: all are one
  assign unused_kinds = &{1'b0, rresp_i[0], bresp_i[0]};

  fsq_job u_job (
      .clk,
      .rst_n,
      .start_i,
      .reset_i,
      .askew_i      (askew_q),
      .frames_i,
      .quiet_i      (read_quiet && write_quiet),
      .sent_i       (sent),
      .frame_end_i  (frame_end),
      .length_i     (frame_error_i || length),
      .read_error_i (read_error),
      .write_error_i(write_error),
      .beyond_i     (read_beyond || write_beyond),
      .load_o       (load),
      .more_o       (more),
      .stop_o       (stop),
      .core_rst_n_o (clear_n),
      .busy_o,
      .emptying_o,
      .done_o,
      .ended_o,
      .errors_o,
      .frames_done_o,
      .frame_cycles_o,
      .job_cycles_o
  );
  fsq_reader #(
      .ADDR_W   (ADDR_W),
      .DATA_W   (DATA_W),
      .RATIO_LOG(RATIO_LOG),
      .BURST_LOG(BURST_LOG),
      .WORDS_W  (WORDS_W),
      .DEPTH    (READ_DEPTH),
      .COUNT_W  (READ_W)
  ) u_reader (
      .clk,
      .rst_n   (clear_n),
      .load_i  (load),
      .frames_i,
      .word_i  (source_i[ADDR_W-1:3]),
      .last_i  (last_q),
      .stop_i  (stop),
      .beyond_o(read_beyond),
      .error_o (read_error),
      .quiet_o (read_quiet),
      .done_o  (sent),
      .araddr_o,
      .arlen_o (arlen),
      .arvalid_o,
      .arready_i,
      .rdata_i,
      .rfault_i(rresp_i[1]),
      .rlast_i,
      .rvalid_i,
      .valid_o (s_valid_o),
      .ready_i (s_ready_i),
      .data_o  (s_data_o),
      .last_o  (s_last_o)
  );
  fsq_writer #(
      .ADDR_W   (ADDR_W),
      .DATA_W   (DATA_W),
      .RATIO_LOG(RATIO_LOG),
      .BURST_LOG(BURST_LOG),
      .CLASSES  (CLASSES),
      .WORDS_W  (RESULT_W),
      .DEPTH    (WRITE_DEPTH),
      .COUNT_W  (WRITE_W)
  ) u_writer (
      .clk,
      .rst_n      (clear_n),
      .load_i     (load),
      .word_i     (target_i[ADDR_W-1:3]),
      .more_i     (more),
      .stop_i     (stop),
      .beyond_o   (write_beyond),
      .error_o    (write_error),
      .length_o   (length),
      .quiet_o    (write_quiet),
      .frame_end_o(frame_end),
      .valid_i    (m_valid_i),
      .ready_o    (m_ready_o),
      .data_i     (m_data_i),
      .last_i     (m_last_i),
      .awaddr_o,
      .awlen_o    (awlen),
      .awvalid_o,
      .awready_i,
      .wdata_o,
      .wstrb_o,
      .wlast_o,
      .wvalid_o,
      .wready_i,
      .bfault_i   (bresp_i[1]),
      .bvalid_i
  );
endmodule
