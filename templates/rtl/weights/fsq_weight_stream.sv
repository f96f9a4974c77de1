// Reads the weight memory of an engine in order and serves one weight unit (one weight per output channel of a group) per
// cycle. The last group of a stage may have fewer channels; its units are as much shorter, and the weights of channels that
// do not exist are whatever lies behind them.
//
// Within a segment the units are packed without gaps across words; a gearbox cuts them out. The last word of a segment ends
// with zeros, which do not enter the gearbox. What is told of each stage or segment has 32 bits, number 0 in the lowest.
module fsq_weight_stream #(
    parameter                     CHANNELS  = 1,                // weights of a unit
    parameter                     W_BITS    = 8,                // bits of a weight
    parameter                     C_W       = 1,                // bits of a count of channels
    parameter                     STAGES    = 1,                // stages of the engine
    parameter [    STAGES*32-1:0] RESTS     = {STAGES{32'd1}},  // channels of the last group of each stage
    parameter                     WORD_W    = 36,               // bits of a memory word, at least those of a unit
    parameter                     ADDR_W    = 10,               // bits of an address
    parameter                     QUEUE     = 4,                // words of the memory that wait
    parameter                     SEGMENTS  = 1,                // segments of the memory: see fsq_word_stream
    parameter                     SEGMENT_W = 1,                // holds SEGMENTS - 1
    parameter                     GROUPS    = 1,                // row groups of a frame
    parameter                     STEPS     = 1,                // of a frame: see fsq_stage_walk
    parameter [  SEGMENTS*32-1:0] DELAYS    = '0,               // row groups by which a segment runs behind
    parameter [  SEGMENTS*32-1:0] FIRSTS    = '0,               // first word of each segment
    parameter [  SEGMENTS*32-1:0] LASTS     = '0,               // last word of each segment
    parameter                     MARKED    = 0,                // segments whose last word has unused bits
    parameter [(MARKED+1)*32-1:0] MARKS     = '0,               // that word of each of them, and a 0
    parameter [(MARKED+1)*32-1:0] PADS      = '0                // those bits, and a 0
) (
    input  logic                       clk,         // clock
    input  logic                       rst_n,       // synchronous reset, active low
    output logic [         ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [         WORD_W-1:0] rom_data_i,  // that word, two cycles after its address
    output logic                       valid_o,     // a unit is there
    output logic [CHANNELS*W_BITS-1:0] unit_o,      // its weights, channel 0 in the low bits
    input  logic                       take_i,      // consume the unit
    input  logic [            C_W-1:0] channels_i   // channels of the group: CHANNELS, or those of a last group
);
  localparam UNIT_W = CHANNELS * W_BITS;
  localparam BUF_W = WORD_W + UNIT_W;
  localparam FILL_W = $clog2(BUF_W + 1) + 1;

  logic [WORD_W-1:0] word;
  logic [MARKED:0] word_end;
  logic waiting, unload;
  fsq_word_stream #(
      .WORD_W   (WORD_W),
      .ADDR_W   (ADDR_W),
      .QUEUE    (QUEUE),
      .SEGMENTS (SEGMENTS),
      .SEGMENT_W(SEGMENT_W),
      .GROUPS   (GROUPS),
      .STEPS    (STEPS),
      .DELAYS   (DELAYS),
      .FIRSTS   (FIRSTS),
      .LASTS    (LASTS),
      .MARKED   (MARKED),
      .MARKS    (MARKS)
  ) u_words (
      .clk,
      .rst_n,
      .rom_addr_o,
      .rom_data_i,
      .valid_o(waiting),
      .word_o (word),
      .end_o  (word_end),
      .take_i (unload)
  );

  // ---- gearbox: words in, units out
  logic [BUF_W-1:0] buf_q, buf_left;
  logic [FILL_W-1:0] fill_q, fill_left, taken, loaded;
  assign valid_o = fill_q >= taken;
  assign unit_o  = buf_q[UNIT_W-1:0];

  logic unused_end;
  assign unused_end = &{1'b0, word_end[MARKED]};

  // few sizes of a unit occur: a choice between constant shifts
  integer s;
  always_comb begin
    taken    = FILL_W'(UNIT_W);
    buf_left = buf_q >> UNIT_W;
    for (s = 0; s < STAGES; s = s + 1) begin
      if (channels_i == C_W'(RESTS[s*32+:32])) begin
        taken    = FILL_W'(RESTS[s*32+:32] * W_BITS);
        buf_left = buf_q >> (RESTS[s*32+:32] * W_BITS);
      end
    end
    fill_left = fill_q - taken;
    if (!take_i) begin
      buf_left  = buf_q;
      fill_left = fill_q;
    end
    unload = waiting && (fill_left <= FILL_W'(UNIT_W));
    loaded = FILL_W'(WORD_W);
    for (s = 0; s < MARKED; s = s + 1) begin
      if (word_end[s]) loaded = FILL_W'(WORD_W - PADS[s*32+:32]);
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      buf_q  <= '0;
      fill_q <= '0;
    end else begin
      fill_q <= fill_left + (unload ? loaded : '0);
      buf_q  <= unload ? (buf_left | (BUF_W'(word) << fill_left)) : buf_left;
    end
  end
endmodule
