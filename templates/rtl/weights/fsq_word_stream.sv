// Words of a memory of coded weights, segment after segment in the order in which the engine uses them, one per cycle.
//
// A queue hides the cycles of the memory; words are requested as long as it has room for them. Its reader asks a cycle
// ahead. The oldest word stands in a register: the first one comes there when one is taken before.
module fsq_word_stream #(
    parameter                   WORD_W    = 18,  // bits of a memory word
    parameter                   ADDR_W    = 10,  // bits of an address
    parameter                   READ      = 3,   // cycles from an address to its word
    parameter                   QUEUE     = 16,  // words on their way or waiting, a power of two, at least READ + 9
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
    output logic              ready_o,     // words may be taken in this cycle and the next
    output logic [WORD_W-1:0] word_o,      // the oldest word, from the second one that is taken on
    input  logic              take_i       // it is taken
);
  localparam QW = $clog2(QUEUE);

  logic request_q, take_q;
  logic [READ-1:0] arrive_q;  // words on their way: the highest bit is here
  logic [QW-1:0] wr_q, rd_q;
  logic [QW:0] count_q, credit_q;  // words that wait; words that may still be requested; both without the last take

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

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      request_q <= 1'b0;
      take_q    <= 1'b0;
      arrive_q  <= '0;
      wr_q      <= '0;
      rd_q      <= '0;
      count_q   <= '0;
      credit_q  <= (QW + 1)'(QUEUE);
      ready_o   <= 1'b0;
    end else begin
      request_q <= credit_q[QW:1] != '0;  // two or more: the last request is not counted yet
      take_q    <= take_i;
      arrive_q  <= {arrive_q[READ-2:0], request_q};
      if (arrive_q[READ-1]) wr_q <= wr_q + 1'b1;
      if (take_i) rd_q <= rd_q + 1'b1;
      count_q  <= count_q + (QW + 1)'(arrive_q[READ-1]) - (QW + 1)'(take_q);
      credit_q <= credit_q - (QW + 1)'(request_q) + (QW + 1)'(take_q);
      ready_o  <= count_q[QW:2] != '0;  // four or more: three takes may not be counted yet when the reader acts on it
    end
  end
  logic [WORD_W-1:0] next;
  always_ff @(posedge clk) if (take_i) word_o <= next;
  fsq_ram_lut #(
      .WIDTH (WORD_W),
      .DEPTH (QUEUE),
      .ADDR_W(QW)
  ) u_queue (
      .clk,
      .we_i   (arrive_q[READ-1]),
      .waddr_i(wr_q),
      .wdata_i(rom_data_i),
      .raddr_i(rd_q),
      .rdata_o(next)
  );

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (rst_n && take_i && count_q == (QW + 1)'(take_q)) $fatal(1, "fsq_word_stream %m: no word is there");
  end
`endif
endmodule
