// Cuts frames that lie behind each other in memory into bursts: up to 2^BURST_LOG beats, and ends where an address is a
// multiple of so many, so that none crosses 4 KB. A frame begins at any 8-byte word; its last burst ends with it.
//
// A burst takes six cycles: the end of the frame, counted from the start of the block of so many beats; whether that is
// within the block; where the burst ends; its beats, less 1 and as they are; then it is offered.
module fsq_bursts #(
    parameter ADDR_W    = 32,  // bits of an address in bytes
    parameter RATIO_LOG = 0,   // words of a beat, as a power of two
    parameter BURST_LOG = 4,   // most beats of a burst, as a power of two
    parameter WORDS_W   = 6    // bits of a number of words of a frame, more than BURST_LOG + RATIO_LOG
) (
    input  logic                 clk,       // clock
    input  logic                 rst_n,     // synchronous reset, active low
    input  logic                 load_i,    // a job starts, with a frame at least
    input  logic [   ADDR_W-4:0] word_i,    // its first word: an address without the lowest 3 bits
    input  logic [  WORDS_W-1:0] last_i,    // words of a frame less 1; stays
    input  logic                 more_i,    // a frame follows the one whose burst is taken
    output logic                 valid_o,   // a burst is offered
    output logic [   ADDR_W-4:0] word_o,    // its first word, or those of its beat that come before
    output logic [BURST_LOG-1:0] length_o,  // its beats less 1
    output logic [  BURST_LOG:0] beats_o,   // its beats
    output logic                 last_o,    // it is the last one of a frame
    input  logic                 take_i,    // it is taken
    output logic                 beyond_o,  // what follows lies beyond the last address; stays until the next job
    output logic                 done_o     // nothing is left
);
  localparam BLOCK_LOG = BURST_LOG + RATIO_LOG;
  localparam WORD_W = ADDR_W - 3;
  logic [WORD_W-1:0] word_q, next;
  logic [WORDS_W-1:0] left_q;  // words less 1
  logic [WORDS_W:0] sum_q;
  logic [BLOCK_LOG-1:0] end_q;
  logic [BURST_LOG-1:0] length_q;
  logic [BURST_LOG:0] beats_q;
  logic [4:0] step_q;  // which of the cycles it is, the first in the lowest bit
  logic valid_q, last_q, beyond_q, carry, stays;
  assign valid_o       = valid_q;
  assign length_o      = length_q;
  assign beats_o       = beats_q;
  assign last_o        = last_q;
  assign beyond_o      = beyond_q;
  assign done_o        = !valid_q && step_q == '0;
  assign {carry, next} = {1'b0, word_q[WORD_W-1:BLOCK_LOG], end_q} + 1'b1;
  assign stays         = !last_q || more_i;
  generate
    if (RATIO_LOG == 0) begin : gen_words
      assign word_o = word_q;
    end else begin : gen_beats
      assign word_o = {word_q[WORD_W-1:RATIO_LOG], {RATIO_LOG{1'b0}}};
    end
  endgenerate
  always_ff @(posedge clk) begin
    sum_q <= (WORDS_W + 1)'(left_q) + (WORDS_W + 1)'(word_q[BLOCK_LOG-1:0]);
    if (step_q[1]) last_q <= sum_q[WORDS_W:BLOCK_LOG] == '0;
    end_q    <= sum_q[BLOCK_LOG-1:0] | {BLOCK_LOG{!last_q}};
    length_q <= end_q[BLOCK_LOG-1:RATIO_LOG] - word_q[BLOCK_LOG-1:RATIO_LOG];
    beats_q  <= (BURST_LOG + 1)'(length_q) + 1'b1;
    if (load_i) begin
      word_q <= word_i;
      left_q <= last_i;
    end else if (valid_q && take_i) begin
      word_q <= next;
      left_q <= last_q ? last_i : {sum_q[WORDS_W-1:BLOCK_LOG] - 1'b1, sum_q[BLOCK_LOG-1:0]};
    end
    if (!rst_n) begin
      step_q   <= '0;
      valid_q  <= 1'b0;
      beyond_q <= 1'b0;
    end else begin
      step_q   <= load_i ? 5'd1 : {step_q[3:0], valid_q && take_i && stays && !carry};
      valid_q  <= !load_i && (valid_q ? !take_i : step_q[4]);
      beyond_q <= !load_i && (beyond_q || (valid_q && take_i && stays && carry));
    end
  end
endmodule
