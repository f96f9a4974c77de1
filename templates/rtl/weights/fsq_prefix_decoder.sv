// Decodes a stream of canonical prefix codewords from block RAM, one symbol per cycle.
//
// The codes of the stages differ; which one is next follows from the number of their symbols. Decoded symbols wait in a
// short queue for the engine. What is told of each stage or segment has 32 bits where nothing else is said, number 0 in
// the lowest.
module fsq_prefix_decoder #(
    parameter STAGES   = 1,                           // stages of the engine
    parameter GROUPS   = 1,                           // row groups of a frame
    parameter STEPS    = 1,                           // steps of a frame, and delays of the stages: see fsq_stage_walk
    parameter [STAGES*32-1:0] DELAYS = '0,            // row groups by which a stage runs behind
    parameter [STAGES-1:0]    JOINED = '0,            // stages whose symbols follow those of the stage before
    parameter [STAGES*32-1:0] STARTS = '0,            // bit of its segment's first word at which that starts, behind zeros
    parameter COUNT_W  = 17,                          // bits of a count of symbols
    parameter COUNTS   = 1,                           // symbols of each stage in a row group, COUNT_W bits each
    parameter WORD_W   = 18,                          // bits of a memory word
    parameter ADDR_W   = 10,                          // bits of an address
    parameter READ     = 3,                           // cycles from an address to its word
    parameter QUEUE    = 8,                           // words of the memory that wait: see fsq_word_stream
    parameter SEGMENTS = 1,                           // segments of the memory that have words: see fsq_word_stream
    parameter SEGMENT_W = 1,                          // holds SEGMENTS - 1
    parameter SEGMENT_STEPS = 1,                      // steps of a frame, of the segments
    parameter [SEGMENTS*32-1:0] SEGMENT_DELAYS = '0,  // row groups by which a segment runs behind
    parameter [SEGMENTS*32-1:0] FIRSTS = '0,          // first word of each segment
    parameter [SEGMENTS*32-1:0] LASTS  = '0,          // last word of each segment
    parameter DEPTH    = 8,                           // decoded symbols that wait for the engine, a power of two
    parameter LIMIT    = 12,                          // bits of the longest codeword, at most WORD_W
    parameter BOUNDS   = 0,                           // per stage and length 1..LIMIT: LIMIT + 1 bits
    parameter FREE     = 0,                           // per stage one bit: its code takes no bits
    parameter INDEX_W  = 8,                           // bits of a place in the table
    parameter OFFSETS  = 0,                           // per stage and length: INDEX_W bits
    parameter SYMBOL_W = 8,                           // bits of a symbol
    parameter SLOT_W   = 3,                           // a symbol stands in 2^SLOT_W bits of the table
    parameter SYMBOLS  = 0                            // per stage 2^INDEX_W slots
) (
    input  logic                clk,         // clock
    input  logic                rst_n,       // synchronous reset, active low
    output logic [  ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [  WORD_W-1:0] rom_data_i,  // that word, READ cycles after its address
    output logic                valid_o,     // a symbol is there
    output logic [SYMBOL_W-1:0] symbol_o,    // the oldest symbol
    input  logic                take_i       // it is taken
);
  localparam STAGE_W = (STAGES > 4) ? $clog2(STAGES) : 2;
  localparam DW = $clog2(DEPTH);
  localparam BIT_W = $clog2(WORD_W + 1);
  localparam LEN_W = $clog2(LIMIT + 1);
  localparam PLACES = (STAGES > 1) ? 1 << STAGE_W : 1;  // stages in the tables, filled up to a power of two
  localparam SLOTS = 1 << (INDEX_W + SLOT_W);
  localparam [PLACES*SLOTS-1:0] SYMBOL_BITS = (PLACES * SLOTS)'(SYMBOLS);
  localparam [PLACES*COUNT_W-1:0] COUNT_BITS = (PLACES * COUNT_W)'(COUNTS);

  // ---- which stage the next symbol belongs to
  logic [COUNT_W-1:0] left_q, count_next;  // symbols of the stage behind this one; of the next stage
  logic [STAGE_W-1:0] stage, stage_next;
  logic step, stage_end, joined_next, unused_last;
  fsq_stage_walk #(
      .STAGES (STAGES),
      .STAGE_W(STAGE_W),
      .GROUPS (GROUPS),
      .STEPS  (STEPS),
      .DELAYS (DELAYS)
  ) u_stages (
      .clk,
      .rst_n,
      .next_i      (step && stage_end),
      .stage_o     (stage),
      .stage_next_o(stage_next),
      .last_o      (unused_last)
  );
  assign stage_end = left_q == '0;
  always_ff @(posedge clk) begin
    if (!rst_n) left_q <= COUNT_BITS[0+:COUNT_W] - 1'b1;
    else if (step) left_q <= stage_end ? count_next - 1'b1 : left_q - 1'b1;
  end

  // ---- codewords
  logic window_ok, room;
  logic [LIMIT-1:0] window;
  logic [LEN_W-1:0] length;
  logic [BIT_W-1:0] start;
  logic [STAGE_W-1:0] place_q;
  logic [INDEX_W-1:0] index_q;
  assign step = window_ok && room;
  fsq_bit_reader #(
      .WORD_W   (WORD_W),
      .ADDR_W   (ADDR_W),
      .READ     (READ),
      .QUEUE    (QUEUE),
      .SEGMENTS (SEGMENTS),
      .SEGMENT_W(SEGMENT_W),
      .GROUPS   (GROUPS),
      .STEPS    (SEGMENT_STEPS),
      .DELAYS   (SEGMENT_DELAYS),
      .FIRSTS   (FIRSTS),
      .LASTS    (LASTS),
      .LIMIT    (LIMIT),
      .LEN_W    (LEN_W),
      .BIT_W    (BIT_W)
  ) u_reader (
      .clk,
      .rst_n,
      .rom_addr_o,
      .rom_data_i,
      .valid_o (window_ok),
      .window_o(window),
      .take_i  (step),
      .length_i(length),
      .end_i   (stage_end && !joined_next),
      .start_i (start)
  );
  fsq_codeword #(
      .STAGES (STAGES),
      .STAGE_W(STAGE_W),
      .LIMIT  (LIMIT),
      .LEN_W  (LEN_W),
      .INDEX_W(INDEX_W),
      .BOUNDS (BOUNDS),
      .FREE   (FREE),
      .OFFSETS(OFFSETS)
  ) u_codeword (
      .clk,
      .stage_i  (stage),
      .window_i (window),
      .length_o (length),
      .stage_o  (place_q),
      .index_o  (index_q),
      .take_i   (step),
      .bounds_i ('0),
      .free_i   ('0),
      .offsets_i('0)
  );

  // ---- their symbols
  logic step_q1, step_q2, step_q3;
  logic [SYMBOL_W-1:0] symbol, symbol_q;
  integer s;
  always_comb begin
    count_next  = COUNT_BITS[0+:COUNT_W];
    start       = BIT_W'(STARTS[0+:32]);
    joined_next = JOINED[0];
    for (s = 1; s < STAGES; s = s + 1) begin
      if (rst_n && stage_next == STAGE_W'(s)) begin
        count_next  = COUNT_BITS[s*COUNT_W+:COUNT_W];
        start       = BIT_W'(STARTS[s*32+:32]);
        joined_next = JOINED[s];
      end
    end
  end
  generate
    if (STAGES > 1) begin : gen_stages
      assign symbol = SYMBOL_BITS[{place_q, index_q, {SLOT_W{1'b0}}}+:SYMBOL_W];
    end else begin : gen_stage
      assign symbol = SYMBOL_BITS[{index_q, {SLOT_W{1'b0}}}+:SYMBOL_W];
      logic unused_place;
      assign unused_place = &{1'b0, place_q, stage_next};
    end
  endgenerate
  always_ff @(posedge clk) symbol_q <= symbol;

  logic [DW:0] free_q, count_q;
  logic [DW-1:0] put_q, get_q;
  assign room    = free_q != '0;
  assign valid_o = count_q != '0;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      step_q1 <= 1'b0;
      step_q2 <= 1'b0;
      step_q3 <= 1'b0;
      free_q  <= (DW + 1)'(DEPTH);
      count_q <= '0;
      put_q   <= '0;
      get_q   <= '0;
    end else begin
      step_q1 <= step;
      step_q2 <= step_q1;
      step_q3 <= step_q2;
      free_q  <= free_q - (DW + 1)'(step) + (DW + 1)'(take_i);
      count_q <= count_q + (DW + 1)'(step_q3) - (DW + 1)'(take_i);
      put_q   <= put_q + DW'(step_q3);
      get_q   <= get_q + DW'(take_i);
    end
  end
  fsq_ram_lut #(
      .WIDTH (SYMBOL_W),
      .DEPTH (DEPTH),
      .ADDR_W(DW)
  ) u_symbols (
      .clk,
      .we_i   (step_q3),
      .waddr_i(put_q),
      .wdata_i(symbol_q),
      .raddr_i(get_q),
      .rdata_o(symbol_o)
  );
endmodule
