// Logits into memory: a stream of them, TLAST on the last one of a frame, in bursts over AXI4. A frame begins at an 8-byte
// word; 4 bytes are left out behind a frame with an odd number of logits, and keep what they are.
//
// A burst starts when all its beats are there, so that it ends whatever becomes of the job; the next one starts when the
// memory has answered.
module fsq_writer #(
    parameter ADDR_W    = 32,  // bits of an address in bytes
    parameter DATA_W    = 64,  // bits of a beat
    parameter RATIO_LOG = 0,   // 8-byte words of a beat, as a power of two: 0 or 1
    parameter BURST_LOG = 4,   // most beats of a burst, as a power of two
    parameter CLASSES   = 10,  // logits of a frame
    parameter WORDS_W   = 6,   // bits of a number of words of a frame
    parameter DEPTH     = 32,  // beats of the FIFO: those of a burst, and 4
    parameter COUNT_W   = 6    // bits of a count of beats: holds DEPTH
) (
    input  logic                 clk,          // clock
    input  logic                 rst_n,        // synchronous reset, active low
    input  logic                 load_i,       // a job starts
    input  logic [   ADDR_W-4:0] word_i,       // its first word: an address without the lowest 3 bits
    input  logic                 more_i,       // a frame follows the one that is written
    input  logic                 stop_i,       // no further burst
    output logic                 beyond_o,     // the logits end beyond the last address
    output logic                 error_o,      // a burst was answered with an error
    output logic                 length_o,     // TLAST stood elsewhere than on the last logit of a frame
    output logic                 quiet_o,      // no answer is awaited
    output logic                 frame_end_o,  // the last logit of a frame is in memory
    input  logic                 valid_i,      // logit in: offered
    output logic                 ready_o,      // logit in: taken if offered
    input  logic [         31:0] data_i,       // logit in
    input  logic                 last_i,       // logit in: the last one of a frame (TLAST)
    output logic [   ADDR_W-1:0] awaddr_o,     // first byte of a burst
    output logic [BURST_LOG-1:0] awlen_o,      // its beats less 1
    output logic                 awvalid_o,    // it is offered
    input  logic                 awready_i,    // it is taken if offered
    output logic [   DATA_W-1:0] wdata_o,      // beat
    output logic [ DATA_W/8-1:0] wstrb_o,      // bytes of it that count
    output logic                 wlast_o,      // the last one of its burst
    output logic                 wvalid_o,     // it is offered
    input  logic                 wready_i,     // it is taken if offered
    input  logic                 bfault_i,     // a burst was refused: SLVERR or DECERR
    input  logic                 bvalid_i      // how it went is told; that is taken
);
  localparam SLOTS = DATA_W / 32;  // logits of a beat
  localparam SLOT_W = RATIO_LOG + 1;
  localparam CLASS_W = (CLASSES > 1) ? $clog2(CLASSES) : 1;

  // ---- logits into beats
  logic ready_q, push_q, length_q, taken, whole;
  logic [SLOT_W-1:0] slot_q;
  logic [SLOTS-1:0] there_q;  // logits of the beat
  logic [DATA_W-1:0] beat_q;
  logic [CLASS_W-1:0] class_q;
  logic [COUNT_W-1:0] free;
  assign ready_o  = ready_q;
  assign length_o = length_q;
  assign taken    = valid_i && ready_q;
  assign whole    = last_i || slot_q == '1;
  genvar i;
  generate
    for (i = 0; i < SLOTS; i = i + 1) begin : gen_slot
      logic fills;
      assign fills = taken && slot_q == SLOT_W'(i);
      always_ff @(posedge clk) begin
        if (fills) beat_q[i*32+:32] <= data_i;
        there_q[i] <= rst_n && (fills || (there_q[i] && !push_q));
      end
    end
    if (RATIO_LOG == 0) begin : gen_word
      always_ff @(posedge clk) begin
        if (!rst_n || load_i) slot_q <= '0;
        else if (taken) slot_q <= whole ? '0 : slot_q + 1'b1;
      end
    end else begin : gen_words  // a frame begins with a word
      always_ff @(posedge clk) begin
        if (!rst_n || load_i) slot_q <= {word_i[0], 1'b0};
        else if (taken) slot_q <= last_i ? {!slot_q[1], 1'b0} : slot_q + 1'b1;
      end
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      ready_q  <= 1'b0;
      push_q   <= 1'b0;
      length_q <= 1'b0;
      class_q  <= CLASS_W'(CLASSES - 1);
    end else begin
      ready_q  <= free >= COUNT_W'(4);  // three more may be on their way
      push_q   <= taken && whole;
      length_q <= taken && last_i != (class_q == '0);
      if (taken) class_q <= last_i ? CLASS_W'(CLASSES - 1) : class_q - 1'b1;
    end
  end

  logic pop, here;  // a beat leaves; there is one
  logic [SLOTS-1:0] there;
  fsq_fifo #(
      .WIDTH  (DATA_W + SLOTS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_beats (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push_q)),
      .free_o   (free),
      .push_i   (push_q),
      .data_i   ({there_q, beat_q}),
      .valid_o  (here),
      .ready_i  (pop),
      .data_o   ({there, wdata_o})
  );

  // ---- bursts
  logic valid, last, take, enough_q, unused_done;
  logic [ADDR_W-4:0] word;
  logic [BURST_LOG-1:0] length;
  logic [BURST_LOG:0] beats;
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
      .last_i  (WORDS_W'((CLASSES - 1) / 2)),
      .more_i,
      .valid_o (valid),
      .word_o  (word),
      .length_o(length),
      .beats_o (beats),
      .last_o  (last),
      .take_i  (take),
      .beyond_o,
      .done_o  (unused_done)
  );
  logic awvalid_q, sends_q, waits_q, wlast_q, last_q, error_q, end_q, sent;  // sends_q: beats; waits_q: for the answer
  logic [ADDR_W-4:0] awaddr_q;
  logic [BURST_LOG-1:0] awlen_q, left_q;
  logic [COUNT_W-1:0] whole_q;  // beats that belong to no burst yet
  assign take        = enough_q && !waits_q && !stop_i;
  assign awvalid_o   = awvalid_q;
  assign awaddr_o    = {awaddr_q, 3'd0};
  assign awlen_o     = awlen_q;
  assign wvalid_o    = sends_q && here;
  assign wlast_o     = wlast_q;
  assign pop         = sends_q && wready_i;
  assign sent        = wvalid_o && wready_i;
  assign error_o     = error_q;
  assign frame_end_o = end_q;
  assign quiet_o     = !waits_q;
  generate
    for (i = 0; i < SLOTS; i = i + 1) begin : gen_strobe
      assign wstrb_o[i*4+:4] = {4{there[i]}};
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (take) begin
      awaddr_q <= word;
      awlen_q  <= length;
      last_q   <= last;
    end
    if (take) begin
      left_q  <= length;
      wlast_q <= length == '0;
    end else if (sent) begin
      left_q  <= left_q - 1'b1;
      wlast_q <= left_q == BURST_LOG'(1);
    end
    if (!rst_n) begin
      awvalid_q <= 1'b0;
      sends_q   <= 1'b0;
      waits_q   <= 1'b0;
      enough_q  <= 1'b0;
      error_q   <= 1'b0;
      end_q     <= 1'b0;
      whole_q   <= '0;
    end else begin
      awvalid_q <= awvalid_q ? !awready_i : take;
      sends_q   <= sends_q ? !(sent && wlast_q) : take;
      waits_q   <= waits_q ? !bvalid_i : take;
      enough_q  <= valid && !take && whole_q >= COUNT_W'(beats);
      error_q   <= bvalid_i && bfault_i;
      end_q     <= bvalid_i && !bfault_i && last_q;
      whole_q   <= whole_q + COUNT_W'(push_q) - (take ? COUNT_W'(beats) : '0);
    end
  end
endmodule
