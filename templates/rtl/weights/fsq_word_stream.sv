// Words of a weight memory, segment after segment in the order in which the engine uses them.
//
// The word behind a segment is known in advance, so that no cycle is lost; a short queue hides the two cycles of the
// memory.
module fsq_word_stream #(
    parameter                     WORD_W    = 36,  // bits of a memory word
    parameter                     ADDR_W    = 10,  // bits of an address
    parameter                     QUEUE     = 4,   // words on their way, a power of two
    parameter                     SEGMENTS  = 1,   // segments of the memory
    parameter                     SEGMENT_W = 1,   // holds SEGMENTS - 1
    parameter                     GROUPS    = 1,   // row groups of a frame
    parameter                     STEPS     = 1,   // steps of a frame, and delays of the segments: see fsq_stage_walk
    parameter [  SEGMENTS*32-1:0] DELAYS    = '0,  // row groups by which a segment runs behind
    parameter [  SEGMENTS*32-1:0] FIRSTS    = '0,  // first word of each segment, 32 bits, segment 0 in the lowest
    parameter [  SEGMENTS*32-1:0] LASTS     = '0,  // last word of each segment
    parameter                     MARKED    = 0,   // segments whose last word is marked
    parameter [(MARKED+1)*32-1:0] MARKS     = '0   // that word of each of them, and a 0
) (
    input  logic                clk,         // clock
    input  logic                rst_n,       // synchronous reset, active low
    output logic [  ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [  WORD_W-1:0] rom_data_i,  // that word, two cycles after its address
    output logic                valid_o,     // a word is there
    output logic [  WORD_W-1:0] word_o,      // the oldest word
    output logic [    MARKED:0] end_o,       // marked words: it is that one; the highest bit is no segment's
    input  logic                take_i       // it is taken
);
  localparam QW = $clog2(QUEUE);
  genvar g;

  // ---- addresses
  logic [ADDR_W-1:0] addr_q, addr_last, addr_first;
  logic [QW:0] credit_q;  // words that may still be requested
  logic [SEGMENT_W-1:0] segment, segment_next;
  logic [MARKED:0] ends, ends_q1, ends_q2;
  logic request, segment_end, unused_last;
  fsq_stage_walk #(
      .STAGES (SEGMENTS),
      .STAGE_W(SEGMENT_W),
      .GROUPS (GROUPS),
      .STEPS  (STEPS),
      .DELAYS (DELAYS)
  ) u_segments (
      .clk,
      .rst_n,
      .next_i      (request && segment_end),
      .stage_o     (segment),
      .stage_next_o(segment_next),
      .last_o      (unused_last)
  );
  integer s;
  always_comb begin
    addr_last  = ADDR_W'(LASTS[0+:32]);
    addr_first = ADDR_W'(FIRSTS[0+:32]);
    for (s = 1; s < SEGMENTS; s = s + 1) begin
      if (segment == SEGMENT_W'(s)) addr_last = ADDR_W'(LASTS[s*32+:32]);
      if (segment_next == SEGMENT_W'(s)) addr_first = ADDR_W'(FIRSTS[s*32+:32]);
    end
  end
  assign request     = credit_q != '0;
  assign segment_end = addr_q == addr_last;
  assign rom_addr_o  = addr_q;
  always_ff @(posedge clk) begin
    if (!rst_n) addr_q <= ADDR_W'(FIRSTS[0+:32]);
    else if (request) addr_q <= segment_end ? addr_first : addr_q + 1'b1;
  end
  generate
    for (g = 0; g < MARKED; g = g + 1) begin : gen_end
      assign ends[g] = addr_q == ADDR_W'(MARKS[g*32+:32]);
    end
    assign ends[MARKED] = 1'b0;
  endgenerate

  // ---- queue
  logic [MARKED+WORD_W-1:0] queue_q[0:QUEUE-1];  // above the word: what it ends
  logic [QW-1:0] wr_q, rd_q;
  logic [QW:0] count_q;
  logic arrive_q1, arrive_q2;
  always_ff @(posedge clk) if (arrive_q2) queue_q[wr_q] <= (MARKED + WORD_W)'({ends_q2, rom_data_i});
  always_ff @(posedge clk) begin
    ends_q1 <= ends;
    ends_q2 <= ends_q1;
  end
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      arrive_q1 <= 1'b0;
      arrive_q2 <= 1'b0;
      wr_q      <= '0;
      rd_q      <= '0;
      count_q   <= '0;
      credit_q  <= (QW + 1)'(QUEUE);
    end else begin
      arrive_q1 <= request;
      arrive_q2 <= arrive_q1;
      wr_q      <= wr_q + QW'(arrive_q2);
      rd_q      <= rd_q + QW'(take_i);
      count_q   <= count_q + (QW + 1)'(arrive_q2) - (QW + 1)'(take_i);
      credit_q  <= credit_q - (QW + 1)'(request) + (QW + 1)'(take_i);
    end
  end
  assign valid_o         = count_q != '0;
  assign {end_o, word_o} = {1'b0, queue_q[rd_q]};
endmodule
