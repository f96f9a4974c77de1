// Frames out of memory: bursts over AXI4 into a stream of 8-byte words, TLAST on the last one of each frame.
//
// A burst is asked for when the FIFO has room for all of it, so that beats are taken whenever they come; several may be on
// their way. Of a beat of 16 bytes that two frames share each frame takes its half, and the beat is read twice.
module fsq_reader #(
    parameter ADDR_W    = 32,  // bits of an address in bytes
    parameter DATA_W    = 64,  // bits of a beat
    parameter RATIO_LOG = 0,   // words of a beat, as a power of two: 0 or 1
    parameter BURST_LOG = 4,   // most beats of a burst, as a power of two
    parameter WORDS_W   = 6,   // bits of a number of words of a frame
    parameter DEPTH     = 64,  // beats of the FIFO
    parameter COUNT_W   = 7    // bits of a count of beats: holds DEPTH
) (
    input  logic                 clk,        // clock
    input  logic                 rst_n,      // synchronous reset, active low
    input  logic                 load_i,     // a job starts, with a frame at least
    input  logic [         31:0] frames_i,   // its frames
    input  logic [   ADDR_W-4:0] word_i,     // its first word: an address without the lowest 3 bits
    input  logic [  WORDS_W-1:0] last_i,     // words of a frame less 1; stays
    input  logic                 stop_i,     // no further burst
    output logic                 beyond_o,   // the frames end beyond the last address
    output logic                 error_o,    // a beat came with an error
    output logic                 quiet_o,    // no answer is awaited
    output logic                 done_o,     // all frames have been sent on
    output logic [   ADDR_W-1:0] araddr_o,   // first byte of a burst
    output logic [BURST_LOG-1:0] arlen_o,    // its beats less 1
    output logic                 arvalid_o,  // it is offered
    input  logic                 arready_i,  // it is taken if offered
    input  logic [   DATA_W-1:0] rdata_i,    // beat
    input  logic                 rfault_i,   // it is none: SLVERR or DECERR
    input  logic                 rlast_i,    // the last one of its burst
    input  logic                 rvalid_i,   // it is offered; it is taken
    output logic                 valid_o,    // word out: offered
    input  logic                 ready_i,    // word out: taken if offered
    output logic [         63:0] data_o,     // word out
    output logic                 last_o      // word out: the last one of a frame (TLAST)
);
  // ---- bursts
  logic valid, last, take, bursts_done, final_q, fits_q, arvalid_q;
  logic [ADDR_W-4:0] word;
  logic [BURST_LOG-1:0] length;
  logic [BURST_LOG:0] beats;
  logic [31:0] frames_q;
  logic [ADDR_W-4:0] araddr_q;
  logic [BURST_LOG-1:0] arlen_q;
  logic [COUNT_W-1:0] free;
  fsq_bursts #(
      .ADDR_W   (ADDR_W),
      .RATIO_LOG(RATIO_LOG),
      .BURST_LOG(BURST_LOG),
      .WORDS_W  (WORDS_W)
  ) u_bursts (
      .clk,
      .rst_n,
      .load_i,
      .word_i,
      .last_i,
      .more_i  (!final_q),
      .valid_o (valid),
      .word_o  (word),
      .length_o(length),
      .beats_o (beats),
      .last_o  (last),
      .take_i  (take),
      .beyond_o,
      .done_o  (bursts_done)
  );
  assign take      = fits_q && !arvalid_q && !stop_i;
  assign arvalid_o = arvalid_q;
  assign araddr_o  = {araddr_q, 3'd0};
  assign arlen_o   = arlen_q;
  always_ff @(posedge clk) begin
    final_q <= frames_q == 32'd1;
    if (load_i) frames_q <= frames_i;
    else if (take && last) frames_q <= frames_q - 1'b1;
    if (take) begin
      araddr_q <= word;
      arlen_q  <= length;
    end
    if (!rst_n) begin
      fits_q    <= 1'b0;
      arvalid_q <= 1'b0;
    end else begin
      fits_q    <= valid && !take && free >= COUNT_W'(beats);
      arvalid_q <= arvalid_q ? !arready_i : take;
    end
  end

  // ---- beats
  logic arrived_q, error_q, ended_q, quiet_q, pop, full;
  logic [DATA_W-1:0] beat_q, beat;
  logic [COUNT_W-1:0] awaited_q;  // bursts
  assign error_o = error_q;
  assign quiet_o = quiet_q;
  always_ff @(posedge clk) begin
    beat_q <= rdata_i;
    if (!rst_n) begin
      arrived_q <= 1'b0;
      error_q   <= 1'b0;
      ended_q   <= 1'b0;
      awaited_q <= '0;
      quiet_q   <= 1'b1;
    end else begin
      arrived_q <= rvalid_i;
      error_q   <= rvalid_i && rfault_i;
      ended_q   <= rvalid_i && rlast_i;
      if (take != ended_q) awaited_q <= awaited_q + (take ? COUNT_W'(1) : '1);
      quiet_q <= awaited_q == '0 && !take;
    end
  end
  fsq_fifo #(
      .WIDTH  (DATA_W),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_beats (
      .clk,
      .rst_n,
      .reserve_i(take ? COUNT_W'(beats) : '0),
      .free_o   (free),
      .push_i   (arrived_q),
      .data_i   (beat_q),
      .valid_o  (full),
      .ready_i  (pop),
      .data_o   (beat)
  );

  // ---- words
  logic [WORDS_W-1:0] left_q;  // words of the frame less 1
  logic last_q, done_q, sent;
  assign valid_o = full;
  assign last_o  = last_q;
  assign done_o  = done_q;
  assign sent    = full && ready_i;
  generate
    if (RATIO_LOG == 0) begin : gen_whole
      assign data_o = beat;
      assign pop    = ready_i;
    end else begin : gen_halves
      logic upper_q;
      assign data_o = upper_q ? beat[64+:64] : beat[0+:64];
      assign pop    = ready_i && (upper_q || last_q);
      always_ff @(posedge clk) begin
        if (load_i) upper_q <= word_i[0];
        else if (sent) upper_q <= !upper_q;
      end
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (load_i || (sent && last_q)) begin
      left_q <= last_i;
      last_q <= last_i == '0;
    end else if (sent) begin
      left_q <= left_q - 1'b1;
      last_q <= left_q == WORDS_W'(1);
    end
    done_q <= rst_n && !load_i && bursts_done && free == COUNT_W'(DEPTH);
  end
endmodule
