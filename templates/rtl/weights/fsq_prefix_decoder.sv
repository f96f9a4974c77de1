// Decodes a stream of canonical prefix codewords from block RAM, one symbol per cycle.
//
// The codes of the stages differ; which one is next follows from the number of their symbols. Decoded symbols wait in a
// short queue for the engine.
module fsq_prefix_decoder #(
    parameter FIRE     = 0,
    parameter GROUPS   = 1,     // row groups of a frame
    parameter STAGES   = 1,     // 1, or S, A, B of a Fire module
    parameter COUNT_W  = 17,
    parameter COUNTS   = 1,     // symbols of each stage in a row group, COUNT_W bits each, stage 0 in the lowest
    parameter WORD_W   = 18,
    parameter ADDR_W   = 10,
    parameter S_WORDS  = 0,     // words of the squeeze segment
    parameter S_START  = 0,     // bit of its first word at which it starts, behind zeros
    parameter E_WORDS  = 1,     // of the expand (or only) segment
    parameter E_START  = 0,
    parameter LIMIT    = 12,    // bits of the longest codeword, at most WORD_W
    parameter BOUNDS   = 0,     // per stage and length 1..LIMIT: LIMIT + 1 bits
    parameter FREE     = 0,     // per stage one bit: its code takes no bits
    parameter INDEX_W  = 8,
    parameter OFFSETS  = 0,     // per stage and length: INDEX_W bits
    parameter SYMBOL_W = 8,
    parameter SLOT_W   = 3,     // a symbol stands in 2^SLOT_W bits of the table
    parameter SYMBOLS  = 0      // per stage 2^INDEX_W slots
) (
    input  logic                clk,
    input  logic                rst_n,
    output logic [  ADDR_W-1:0] rom_addr_o,
    input  logic [  WORD_W-1:0] rom_data_i,  // two cycles after its address
    output logic                valid_o,
    output logic [SYMBOL_W-1:0] symbol_o,
    input  logic                take_i
);
  localparam DEPTH = 8;  // decoded symbols that wait for the engine
  localparam BIT_W = $clog2(WORD_W + 1);
  localparam LEN_W = $clog2(LIMIT + 1);
  localparam PLACES = (STAGES > 1) ? 4 : 1;  // stages in the tables, filled up to a power of two
  localparam SLOTS = 1 << (INDEX_W + SLOT_W);
  localparam [PLACES*SLOTS-1:0] SYMBOL_BITS = (PLACES * SLOTS)'(SYMBOLS);
  localparam [PLACES*COUNT_W-1:0] COUNT_BITS = (PLACES * COUNT_W)'(COUNTS);

  // ---- which stage the next symbol belongs to
  logic [COUNT_W-1:0] left_q, count_next;  // symbols of the stage behind this one; of the next stage
  logic [1:0] stage, stage_next;
  logic step, stage_end, segment_end;
  logic [1:0] place;  // of the stage in the tables
  fsq_stage_walk #(
      .FIRE  (FIRE),
      .GROUPS(GROUPS)
  ) u_stages (
      .clk,
      .rst_n,
      .next_i      (step && stage_end),
      .stage_o     (stage),
      .stage_next_o(stage_next)
  );
  assign place       = (STAGES > 1) ? stage : 2'd0;
  assign stage_end   = left_q == '0;
  assign segment_end = stage_end && (FIRE == 0 || stage != 2'd1);
  always_ff @(posedge clk) begin
    if (!rst_n) left_q <= COUNT_BITS[0+:COUNT_W] - 1'b1;
    else if (step) left_q <= stage_end ? count_next - 1'b1 : left_q - 1'b1;
  end

  // ---- codewords
  logic window_ok, room;
  logic [LIMIT-1:0] window;
  logic [LEN_W-1:0] length;
  logic [BIT_W-1:0] start;
  logic [1:0] place_q;
  logic [INDEX_W-1:0] index_q;
  assign start = (FIRE != 0 && (!rst_n || stage_next == 2'd0)) ? BIT_W'(S_START) : BIT_W'(E_START);
  assign step  = window_ok && room;
  fsq_bit_reader #(
      .FIRE   (FIRE),
      .GROUPS (GROUPS),
      .WORD_W (WORD_W),
      .ADDR_W (ADDR_W),
      .S_WORDS(S_WORDS),
      .E_WORDS(E_WORDS),
      .LIMIT  (LIMIT),
      .LEN_W  (LEN_W),
      .BIT_W  (BIT_W)
  ) u_reader (
      .clk,
      .rst_n,
      .rom_addr_o,
      .rom_data_i,
      .valid_o (window_ok),
      .window_o(window),
      .take_i  (step),
      .length_i(length),
      .end_i   (segment_end),
      .start_i (start)
  );
  fsq_codeword #(
      .STAGES (STAGES),
      .LIMIT  (LIMIT),
      .LEN_W  (LEN_W),
      .INDEX_W(INDEX_W),
      .BOUNDS (BOUNDS),
      .FREE   (FREE),
      .OFFSETS(OFFSETS)
  ) u_codeword (
      .clk,
      .stage_i  (place),
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
    count_next = COUNT_BITS[0+:COUNT_W];
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage_next == 2'(s)) count_next = COUNT_BITS[s*COUNT_W+:COUNT_W];
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

  logic [3:0] free_q, count_q;
  logic [2:0] put_q, get_q;
  assign room    = free_q != '0;
  assign valid_o = count_q != '0;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      step_q1 <= 1'b0;
      step_q2 <= 1'b0;
      step_q3 <= 1'b0;
      free_q  <= 4'(DEPTH);
      count_q <= '0;
      put_q   <= '0;
      get_q   <= '0;
    end else begin
      step_q1 <= step;
      step_q2 <= step_q1;
      step_q3 <= step_q2;
      free_q  <= free_q - 4'(step) + 4'(take_i);
      count_q <= count_q + 4'(step_q3) - 4'(take_i);
      put_q   <= put_q + 3'(step_q3);
      get_q   <= get_q + 3'(take_i);
    end
  end
  fsq_ram_lut #(
      .WIDTH (SYMBOL_W),
      .DEPTH (DEPTH),
      .ADDR_W(3)
  ) u_symbols (
      .clk,
      .we_i   (step_q3),
      .waddr_i(put_q),
      .wdata_i(symbol_q),
      .raddr_i(get_q),
      .rdata_o(symbol_o)
  );
endmodule
