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

  logic request_q, valid_q;  // credit_q, count_q are not zero
  logic [READ-1:0] arrive_q;  // words on their way: the highest bit is here
  logic [QW-1:0] wr_q, rd_q;
  logic [QW:0] count_q, credit_q, count, credit;  // words that wait; words that may still be requested

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
      .next_i   (request_q),
      .addr_o   (rom_addr_o),
      .segment_o(unused_segment),
      .first_o  (unused_first)
  );

  assign count  = count_q + (QW + 1)'(arrive_q[READ-1]) - (QW + 1)'(take_i);
  assign credit = credit_q - (QW + 1)'(request_q) + (QW + 1)'(take_i);
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      request_q <= 1'b1;
      valid_q   <= 1'b0;
      arrive_q  <= '0;
      wr_q      <= '0;
      rd_q      <= '0;
      count_q   <= '0;
      credit_q  <= (QW + 1)'(QUEUE);
    end else begin
      request_q <= credit != '0;
      valid_q   <= count != '0;
      arrive_q  <= {arrive_q[READ-2:0], request_q};
      wr_q      <= wr_q + QW'(arrive_q[READ-1]);
      rd_q      <= rd_q + QW'(take_i);
      count_q   <= count;
      credit_q  <= credit;
    end
  end
  logic [WORD_W-1:0] queue_q[0:QUEUE-1];
  always_ff @(posedge clk) if (arrive_q[READ-1]) queue_q[wr_q] <= rom_data_i;
  assign valid_o = valid_q;
  assign word_o  = queue_q[rd_q];
endmodule
