// Addresses of a weight memory's words, segment after segment in the order in which the engine uses them.
//
// Whether a word ends its segment is known when its address is; so no cycle is lost between segments, whatever their
// lengths. What is told of each segment has 32 bits, segment 0 in the lowest.
module fsq_word_walk #(
    parameter                   ADDR_W    = 10,  // bits of an address
    parameter                   SEGMENTS  = 1,   // segments of the memory
    parameter                   SEGMENT_W = 1,   // holds SEGMENTS - 1
    parameter                   GROUPS    = 1,   // row groups of a frame
    parameter                   STEPS     = 1,   // steps of a frame, and delays of the segments: see fsq_stage_walk
    parameter [SEGMENTS*32-1:0] DELAYS    = '0,  // row groups by which a segment runs behind
    parameter [SEGMENTS*32-1:0] FIRSTS    = '0,  // first word of each segment
    parameter [SEGMENTS*32-1:0] LASTS     = '0   // last word of each segment
) (
    input  logic                 clk,        // clock
    input  logic                 rst_n,      // synchronous reset, active low
    input  logic                 next_i,     // go on to the next word
    output logic [   ADDR_W-1:0] addr_o,     // address of a word
    output logic [SEGMENT_W-1:0] segment_o,  // its segment
    output logic                 first_o     // it is the first one of that
);
  logic [ADDR_W-1:0] addr_q, addr_first;
  logic first_q, last_q;  // the word is the first, the last one of its segment
  logic [SEGMENT_W-1:0] segment_next;
  logic ends_soon, alone, unused_last;  // one word is left behind this one; the next segment has one word
  fsq_stage_walk #(
      .STAGES (SEGMENTS),
      .STAGE_W(SEGMENT_W),
      .GROUPS (GROUPS),
      .STEPS  (STEPS),
      .DELAYS (DELAYS)
  ) u_segments (
      .clk,
      .rst_n,
      .next_i      (next_i && last_q),
      .stage_o     (segment_o),
      .stage_next_o(segment_next),
      .last_o      (unused_last)
  );
  integer s;
  always_comb begin
    ends_soon  = 1'b0;
    alone      = FIRSTS[0+:32] == LASTS[0+:32];
    addr_first = ADDR_W'(FIRSTS[0+:32]);
    for (s = 0; s < SEGMENTS; s = s + 1) begin
      if (segment_o == SEGMENT_W'(s) && addr_q == ADDR_W'(LASTS[s*32+:32] - 1)) ends_soon = 1'b1;
    end
    for (s = 1; s < SEGMENTS; s = s + 1) begin
      if (segment_next == SEGMENT_W'(s)) begin
        alone      = FIRSTS[s*32+:32] == LASTS[s*32+:32];
        addr_first = ADDR_W'(FIRSTS[s*32+:32]);
      end
    end
  end
  assign addr_o  = addr_q;
  assign first_o = first_q;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      addr_q  <= ADDR_W'(FIRSTS[0+:32]);
      first_q <= 1'b1;
      last_q  <= FIRSTS[0+:32] == LASTS[0+:32];
    end else if (next_i) begin
      addr_q  <= last_q ? addr_first : addr_q + 1'b1;
      first_q <= last_q;
      last_q  <= last_q ? alone : ends_soon;
    end
  end
endmodule
