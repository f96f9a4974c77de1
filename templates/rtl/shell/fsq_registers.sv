// Registers of a shell: what the processor asks for, and what became of it. Their places are parameters, because the map
// is made elsewhere; docs/shell.md tells what each is for.
//
// What was written counts from the second cycle behind the write on. Bits of errors and interrupts stay until a 1 is
// written to them; where one is set and cleared at once it stays set.
module fsq_registers #(
    parameter COUNT          = 20,  // registers
    parameter MAP_W          = 7,   // bits of an address of a register in bytes
    parameter R_ID           = 0,   // place of the register id
    parameter R_VERSION      = 1,   // place of version
    parameter R_NETWORK      = 2,   // place of network
    parameter R_CONFIG       = 3,   // place of config
    parameter R_CONTROL      = 4,   // place of control
    parameter R_STATUS       = 5,   // place of status
    parameter R_ERROR        = 6,   // place of error
    parameter R_IRQ_ENABLE   = 7,   // place of irq_enable
    parameter R_IRQ_STATUS   = 8,   // place of irq_status
    parameter R_FRAMES       = 9,   // place of frames
    parameter R_FRAMES_DONE  = 10,  // place of frames_done
    parameter R_FRAME_CYCLES = 11,  // place of frame_cycles
    parameter R_JOB_CYCLES   = 12,  // place of job_cycles
    parameter R_SOURCE       = 13,  // place of source
    parameter R_SOURCE_HIGH  = 14,  // place of source_high
    parameter R_TARGET       = 15,  // place of target
    parameter R_TARGET_HIGH  = 16,  // place of target_high
    parameter R_FRAME_BYTES  = 17,  // place of frame_bytes
    parameter R_RESULT_BYTES = 18,  // place of result_bytes
    parameter R_CLASSES      = 19,  // place of classes
    parameter ID             = 1397969734,  // what id reads
    parameter VERSION        = 65536,  // what version reads
    parameter NETWORK        = 0,   // what network reads
    parameter CONFIG         = 1056776,  // what config reads
    parameter FRAME_BYTES    = 192,  // bytes of a frame, a multiple of 8
    parameter RESULT_BYTES   = 40,  // bytes of the logits of a frame
    parameter CLASSES        = 10,  // logits of a frame
    parameter ADDR_W         = 32,  // bits of an address of the memory, 32 to 64
    parameter WORDS_W        = 6,   // bits of a number of 8-byte words of a frame
    parameter ERRORS         = 6    // kinds of errors
) (
    input  logic               clk,             // clock
    input  logic               rst_n,           // synchronous reset, active low
    input  logic [  MAP_W-1:0] awaddr_i,        // address to write
    input  logic               awvalid_i,       // it is offered
    output logic               awready_o,       // it is taken if offered
    input  logic [       31:0] wdata_i,         // word to write
    input  logic [        3:0] wstrb_i,         // bytes of it that count
    input  logic               wvalid_i,        // it is offered
    output logic               wready_o,        // it is taken if offered
    output logic               bvalid_o,        // answer to a write: offered
    input  logic               bready_i,        // answer to a write: taken if offered
    input  logic [  MAP_W-1:0] araddr_i,        // address to read
    input  logic               arvalid_i,       // it is offered
    output logic               arready_o,       // it is taken if offered
    output logic [       31:0] rdata_o,         // word read
    output logic               rvalid_o,        // it is offered
    input  logic               rready_i,        // it is taken if offered
    output logic               irq_o,           // interrupt
    output logic               start_o,         // a job is to start
    output logic               reset_o,         // all is to be emptied
    output logic [       31:0] frames_o,        // frames of a job
    output logic [ ADDR_W-1:0] source_o,        // address of its pixels
    output logic [ ADDR_W-1:0] target_o,        // address of its logits
    output logic [WORDS_W-1:0] words_o,         // 8-byte words of a frame
    input  logic               busy_i,          // a job runs, or kernels are emptied
    input  logic               emptying_i,      // kernels are emptied
    input  logic               done_i,          // a job has come to its end
    input  logic               ended_i,         // a job has come to its end in this cycle
    input  logic [ ERRORS-1:0] errors_i,        // errors of this cycle
    input  logic [       31:0] frames_done_i,   // frames that are done
    input  logic [       31:0] frame_cycles_i,  // cycles of the last one
    input  logic [       31:0] job_cycles_i     // cycles of all of them
);
  logic [COUNT*32-1:0] words;
  logic [COUNT-1:0] write;
  logic [31:0] data;
  logic [3:0] strobe;
  fsq_axi_lite #(
      .COUNT (COUNT),
      .ADDR_W(MAP_W)
  ) u_port (
      .clk,
      .rst_n,
      .awaddr_i,
      .awvalid_i,
      .awready_o,
      .wdata_i,
      .wstrb_i,
      .wvalid_i,
      .wready_o,
      .bvalid_o,
      .bready_i,
      .araddr_i,
      .arvalid_i,
      .arready_o,
      .rdata_o,
      .rvalid_o,
      .rready_i,
      .words_i (words),
      .write_o (write),
      .data_o  (data),
      .strobe_o(strobe)
  );

  logic start_q, reset_q, irq_q;
  logic [1:0] enable_q, happened_q;
  logic [ERRORS-1:0] error_q, low;
  logic [31:0] frames_q;
  logic [63:0] source_q, target_q;
  logic [31:0] bytes_q;
  assign low = data[ERRORS-1:0];  // their bits lie in the first byte
  always_ff @(posedge clk) begin
    irq_q <= (enable_q & happened_q) != '0;
    if (!rst_n) begin
      start_q    <= 1'b0;
      reset_q    <= 1'b0;
      enable_q   <= '0;
      happened_q <= '0;
      error_q    <= '0;
    end else begin
      start_q <= write[R_CONTROL] && strobe[0] && data[0];
      reset_q <= write[R_CONTROL] && strobe[0] && data[1];
      if (write[R_IRQ_ENABLE] && strobe[0]) enable_q <= data[1:0];
      happened_q <= (happened_q & ~((write[R_IRQ_STATUS] && strobe[0]) ? data[1:0] : 2'b00))
          | {errors_i != '0, ended_i};
      error_q <= (error_q & ~((write[R_ERROR] && strobe[0]) ? low : '0)) | errors_i;
    end
  end
  genvar b;
  generate
    for (b = 0; b < 4; b = b + 1) begin : gen_byte
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          frames_q[b*8+:8]    <= '0;
          source_q[b*8+:8]    <= '0;
          source_q[32+b*8+:8] <= '0;
          target_q[b*8+:8]    <= '0;
          target_q[32+b*8+:8] <= '0;
          bytes_q[b*8+:8]     <= 8'(FRAME_BYTES >> (b * 8));
        end else if (strobe[b]) begin
          if (write[R_FRAMES]) frames_q[b*8+:8] <= data[b*8+:8];
          if (write[R_SOURCE]) source_q[b*8+:8] <= data[b*8+:8];
          if (write[R_SOURCE_HIGH]) source_q[32+b*8+:8] <= data[b*8+:8];
          if (write[R_TARGET]) target_q[b*8+:8] <= data[b*8+:8];
          if (write[R_TARGET_HIGH]) target_q[32+b*8+:8] <= data[b*8+:8];
          if (write[R_FRAME_BYTES]) bytes_q[b*8+:8] <= data[b*8+:8];
        end
      end
    end
  endgenerate
  assign irq_o    = irq_q;
  assign start_o  = start_q;
  assign reset_o  = reset_q;
  assign frames_o = frames_q;
  assign source_o = source_q[ADDR_W-1:0];
  assign target_o = target_q[ADDR_W-1:0];
  assign words_o  = bytes_q[WORDS_W+2:3];

  // ---- what is read; bits beyond those that count are 0
  logic [63:0] source, target;
  assign source = 64'(source_q[ADDR_W-1:0]);
  assign target = 64'(target_q[ADDR_W-1:0]);
  assign words[R_ID*32+:32]           = 32'(ID);
  assign words[R_VERSION*32+:32]      = 32'(VERSION);
  assign words[R_NETWORK*32+:32]      = 32'(NETWORK);
  assign words[R_CONFIG*32+:32]       = 32'(CONFIG);
  assign words[R_CONTROL*32+:32]      = '0;
  assign words[R_STATUS*32+:32]       = {28'd0, emptying_i, error_q != '0, done_i, busy_i};
  assign words[R_ERROR*32+:32]        = 32'(error_q);
  assign words[R_IRQ_ENABLE*32+:32]   = {30'd0, enable_q};
  assign words[R_IRQ_STATUS*32+:32]   = {30'd0, happened_q};
  assign words[R_FRAMES*32+:32]       = frames_q;
  assign words[R_FRAMES_DONE*32+:32]  = frames_done_i;
  assign words[R_FRAME_CYCLES*32+:32] = frame_cycles_i;
  assign words[R_JOB_CYCLES*32+:32]   = job_cycles_i;
  assign words[R_SOURCE*32+:32]       = source[31:0];
  assign words[R_SOURCE_HIGH*32+:32]  = source[63:32];
  assign words[R_TARGET*32+:32]       = target[31:0];
  assign words[R_TARGET_HIGH*32+:32]  = target[63:32];
  assign words[R_FRAME_BYTES*32+:32]  = 32'({bytes_q[WORDS_W+2:3], 3'd0});
  assign words[R_RESULT_BYTES*32+:32] = 32'(RESULT_BYTES);
  assign words[R_CLASSES*32+:32]      = 32'(CLASSES);

  logic unused_bits;
  assign unused_bits = &{1'b0, source_q >> ADDR_W, target_q >> ADDR_W, bytes_q, write};
endmodule
