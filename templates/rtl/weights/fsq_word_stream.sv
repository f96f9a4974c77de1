// Words of a weight memory, segment after segment in the order in which the engine uses them, one per cycle.
//
// A short queue hides the cycles of the memory; words are requested as long as it has room for them.
module fsq_word_stream #(
    parameter                   WORD_W    = 18,  // bits of a memory word
    parameter                   ADDR_W    = 10,  // bits of an address
    parameter                   READ      = 3,   // cycles from an address to its word
    parameter                   QUEUE     = 8,   // words on their way or waiting, a power of two, at least READ + 2
    parameter                   SEGMENTS  = 1,   // segments of the memory: see fsq_word_walk
    parameter                   SEGMENT_W = 1,   // holds SEGMENTS - 1
    parameter                   GROUPS    = 1,   // row groups of a frame
    parameter                   STEPS     = 1,   // of a frame: see fsq_stage_walk
    parameter [SEGMENTS*32-1:0] DELAYS    = '0,  // row groups by which a segment runs behind
    parameter [SEGMENTS*32-1:0] FIRSTS    = '0,  // first word of each segment
    parameter [SEGMENTS*32-1:0] LASTS     = '0   // last word of each segment
) (
    input  logic              clk,         // clock
    input  logic              rst_n,       // synchronous reset, active low
    output logic [ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [WORD_W-1:0] rom_data_i,  // that word, READ cycles after its address
    output logic              valid_o,     // a word is there
    output logic [WORD_W-1:0] word_o,      // the oldest word
    input  logic              take_i       // it is taken
);
  localparam QW = $clog2(QUEUE);

  logic [READ-1:0] arrive_q;  // words on their way: the highest bit is here
  logic [QW-1:0] wr_q, rd_q;
  logic [QUEUE-1:0] held_q, free_q;  // as many ones as words wait, and as may still be requested, from the lowest bit on
  logic request, arrive;

  logic [SEGMENT_W-1:0] unused_segment;
  logic unused_first;
  fsq_word_walk #(
      .ADDR_W   (ADDR_W),
      .SEGMENTS (SEGMENTS),
      .SEGMENT_W(SEGMENT_W),
      .GROUPS   (GROUPS),
      .STEPS    (STEPS),
      .DELAYS   (DELAYS),
      .FIRSTS   (FIRSTS),
      .LASTS    (LASTS)
  ) u_walk (
      .clk,
      .rst_n,
      .next_i   (request),
      .addr_o   (rom_addr_o),
      .segment_o(unused_segment),
      .first_o  (unused_first)
  );

  assign request = free_q[0];
  assign arrive  = arrive_q[READ-1];
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      arrive_q <= '0;
      wr_q     <= '0;
      rd_q     <= '0;
      held_q   <= '0;
      free_q   <= '1;
    end else begin
      arrive_q <= {arrive_q[READ-2:0], request};
      wr_q     <= wr_q + QW'(arrive);
      rd_q     <= rd_q + QW'(take_i);
      if (arrive != take_i) held_q <= arrive ? {held_q[QUEUE-2:0], 1'b1} : held_q >> 1;
      if (request != take_i) free_q <= take_i ? {free_q[QUEUE-2:0], 1'b1} : free_q >> 1;
    end
  end
  logic [WORD_W-1:0] queue_q[0:QUEUE-1];
  always_ff @(posedge clk) if (arrive) queue_q[wr_q] <= rom_data_i;
  assign valid_o = held_q[0];
  assign word_o  = queue_q[rd_q];
endmodule
