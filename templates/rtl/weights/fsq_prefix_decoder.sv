// Decodes a stream of prefix codewords from block RAM, one symbol per cycle.
//
// Which stage's code is next is told by fsq_symbol_walk, for all streams of an engine at once: they go on together.
module fsq_prefix_decoder #(
    parameter STAGES    = 1,                            // stages of the engine
    parameter STAGE_W   = 1,                            // holds STAGES - 1
    parameter [STAGES*32-1:0] STARTS = '0,              // of each stage, 32 bits: chunk of its segment's first word at which
                                                        // that starts
    parameter CODES     = 1,                            // codes of the stages: several may share one
    parameter CODE_W    = 1,                            // holds CODES - 1
    parameter [STAGES*32-1:0] CODE_OF = '0,             // of each stage, 32 bits: which code it has
    parameter ADDR_W    = 10,                           // bits of an address
    parameter READ      = 3,                            // cycles from an address to its word
    parameter QUEUE     = 16,                           // words of the memory that wait: see fsq_word_stream
    parameter SEGMENTS  = 1,                            // segments of the memory: see fsq_word_walk
    parameter SEGMENT_W = 1,                            // holds SEGMENTS - 1
    parameter GROUPS    = 1,                            // row groups of a frame
    parameter STEPS     = 1,                            // of a frame: see fsq_stage_walk
    parameter [SEGMENTS*32-1:0] DELAYS     = '0,        // row groups by which a segment runs behind
    parameter [SEGMENTS*32-1:0] WORD_FIRSTS = '0,       // first word of each segment
    parameter [SEGMENTS*32-1:0] WORD_LASTS = '0,        // last word of each segment
    parameter EXTRA     = 6,                            // most bits of a codeword behind its first six
    parameter LENGTHS   = 0,                            // tables of the codes: see fsq_codeword
    parameter FIRSTS    = 0,                            // see fsq_codeword
    parameter SYMBOL_W  = 8,                            // bits of a symbol
    parameter SLOT      = 8                             // SYMBOL_W, up to a power of two
) (
    input  logic                clk,         // clock
    input  logic                rst_n,       // synchronous reset, active low
    output logic [  ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [        17:0] rom_data_i,  // that word, READ cycles after its address
    output logic                ready_o,     // the stream can go on
    input  logic                go_i,        // it does: a symbol is decoded
    input  logic [ STAGE_W-1:0] stage_i,     // stage of the symbol
    input  logic                end_i,       // the symbol ends a segment
    input  logic [ STAGE_W-1:0] stage_next_i,  // stage of the symbol that follows that one
    output logic [SYMBOL_W-1:0] symbol_o     // the symbol, four cycles after go_i
);
  // registers of its own: what is told to all decoders goes no further in that cycle
  logic step_q, end_q;
  logic [CODE_W-1:0] code_q, code;
  logic [1:0] start_q, start;
  integer s;
  always_comb begin
    code  = CODE_OF[CODE_W-1:0];
    start = STARTS[1:0];
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage_i == STAGE_W'(s)) code = CODE_OF[s*32+:CODE_W];
      if (stage_next_i == STAGE_W'(s)) start = STARTS[s*32+:2];
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) step_q <= 1'b0;
    else step_q <= go_i;
    code_q  <= code;
    end_q   <= end_i;
    start_q <= start;
  end

  logic [11:0] window;
  logic [ 3:0] length;
  fsq_bit_reader #(
      .ADDR_W   (ADDR_W),
      .READ     (READ),
      .QUEUE    (QUEUE),
      .SEGMENTS (SEGMENTS),
      .SEGMENT_W(SEGMENT_W),
      .GROUPS   (GROUPS),
      .STEPS    (STEPS),
      .DELAYS   (DELAYS),
      .FIRSTS   (WORD_FIRSTS),
      .LASTS    (WORD_LASTS)
  ) u_reader (
      .clk,
      .rst_n,
      .rom_addr_o,
      .rom_data_i,
      .ready_o,
      .window_o(window),
      .step_i  (step_q),
      .length_i(length),
      .end_i   (end_q),
      .start_i (start_q)
  );
  fsq_codeword #(
      .CODES   (CODES),
      .CODE_W  (CODE_W),
      .EXTRA   (EXTRA),
      .SYMBOL_W(SYMBOL_W),
      .SLOT    (SLOT),
      .LENGTHS (LENGTHS),
      .FIRSTS  (FIRSTS)
  ) u_codeword (
      .clk,
      .code_i   (code_q),
      .window_i (window),
      .length_o (length),
      .symbol_o,
      .take_i   (step_q && !end_q),
      .lengths_i('0),
      .firsts_i ('0)
  );
endmodule
