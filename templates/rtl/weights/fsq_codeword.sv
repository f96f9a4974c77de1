// Length of the canonical codeword at the start of a window, and, two cycles later, its symbol's place in the table.
//
// The length is one more than the number of lengths whose bound the window reaches; the codeword plus an offset of its
// length is the symbol's place. A code of one symbol takes no bits.
module fsq_codeword #(
    parameter STAGES  = 1,   // each has its own code
    parameter STAGE_W = 2,   // bits of the number of a stage
    parameter LIMIT   = 12,  // bits of the longest codeword
    parameter LEN_W   = 4,   // holds LIMIT
    parameter INDEX_W = 8,   // bits of a place in the table
    parameter BOUNDS  = 0,   // per stage and length 1..LIMIT: LIMIT + 1 bits
    parameter FREE    = 0,   // per stage one bit: its code takes no bits
    parameter OFFSETS = 0,   // per stage and length: INDEX_W bits
    parameter OPEN    = 0    // 1: the tables are the inputs, for a test bench that goes through many codes
) (
    input  logic                              clk,       // clock
    input  logic [               STAGE_W-1:0] stage_i,   // stage of the codeword
    input  logic [                 LIMIT-1:0] window_i,  // the next bits, the first one highest
    output logic [                 LEN_W-1:0] length_o,  // bits of the codeword at the start of the window
    output logic [               STAGE_W-1:0] stage_o,   // two cycles after its window
    output logic [               INDEX_W-1:0] index_o,   // place of its symbol in the table, with stage_o
    input  logic                              take_i,    // the codeword is taken: it must be one
    input  logic [STAGES*LIMIT*(LIMIT+1)-1:0] bounds_i,  // tables where they are inputs (OPEN): see BOUNDS
    input  logic [                STAGES-1:0] free_i,    // see FREE
    input  logic [  STAGES*LIMIT*INDEX_W-1:0] offsets_i  // see OFFSETS
);
  localparam BW = LIMIT + 1;
  localparam TABLES_B = STAGES * LIMIT * BW;
  localparam TABLES_O = STAGES * LIMIT * INDEX_W;
  localparam LENGTHS = 1 << LEN_W;
  localparam PLACES = 1 << STAGE_W;  // stages in the tables, filled up to a power of two
  localparam [TABLES_B-1:0] BOUND_BITS = TABLES_B'(BOUNDS);
  genvar s, n, b;

  // ---- tables
  logic [TABLES_O-1:0] offsets;
  logic [STAGES-1:0] free;
  generate
    if (OPEN != 0) begin : gen_open
      assign offsets = offsets_i;
      assign free    = free_i;
    end else begin : gen_fixed
      assign offsets = TABLES_O'(OFFSETS);
      assign free    = STAGES'(FREE);
      logic unused_tables;
      assign unused_tables = &{1'b0, bounds_i, offsets_i, free_i};
    end
  endgenerate

  // which bounds the window reaches: compared with constants before the stage is chosen
  logic [PLACES-1:0][LIMIT-1:0] reached;
  logic [INDEX_W-1:0][PLACES*LENGTHS-1:0] column;  // bits of the offsets by stage and length
  generate
    for (s = 0; s < STAGES; s = s + 1) begin : gen_stage
      for (n = 0; n < LIMIT; n = n + 1) begin : gen_bound
        if (OPEN != 0) begin : gen_input
          assign reached[s][n] = {1'b0, window_i} >= bounds_i[(s*LIMIT+n)*BW+:BW];
        end else if (BOUND_BITS[(s*LIMIT+n)*BW+:BW] == '0) begin : gen_always
          assign reached[s][n] = 1'b1;
        end else begin : gen_constant
          assign reached[s][n] = {1'b0, window_i} >= BOUND_BITS[(s*LIMIT+n)*BW+:BW];
        end
      end
      for (n = 0; n < LENGTHS; n = n + 1) begin : gen_length
        for (b = 0; b < INDEX_W; b = b + 1) begin : gen_bit
          if (n >= 1 && n <= LIMIT) begin : gen_offset
            assign column[b][s*LENGTHS+n] = offsets[(s*LIMIT+n-1)*INDEX_W+b];
          end else begin : gen_none
            assign column[b][s*LENGTHS+n] = 1'b0;
          end
        end
      end
    end
    for (s = STAGES; s < PLACES; s = s + 1) begin : gen_none
      assign reached[s] = '0;
      for (b = 0; b < INDEX_W; b = b + 1) begin : gen_bit
        assign column[b][s*LENGTHS+:LENGTHS] = '0;
      end
    end
  endgenerate

  // ---- length of the codeword
  logic [STAGE_W-1:0] stage;
  logic [LIMIT-1:0] reach;
  assign stage = (STAGES > 1) ? stage_i : '0;
  assign reach = reached[stage];

  integer i;
  always_comb begin
    length_o = LEN_W'(1);
    for (i = 0; i < LIMIT - 1; i = i + 1) begin
      if (reach[i]) length_o = LEN_W'(i + 2);
    end
    if (1'(free >> stage)) length_o = '0;
  end

  // ---- place of its symbol
  logic [LIMIT-1:0] window_q;
  logic [LEN_W-1:0] length_q;
  logic [STAGE_W-1:0] stage_q1, stage_q2;
  logic [INDEX_W-1:0] offset, index_q;
  generate
    for (b = 0; b < INDEX_W; b = b + 1) begin : gen_choice
      assign offset[b] = column[b][{stage_q1, length_q}];
    end
  endgenerate
  always_ff @(posedge clk) begin
    window_q <= window_i;
    length_q <= length_o;
    stage_q1 <= stage;
    index_q  <= INDEX_W'(window_q >> (LEN_W'(LIMIT) - length_q)) + offset;
    stage_q2 <= stage_q1;
  end
  assign stage_o = stage_q2;
  assign index_o = index_q;

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (take_i && length_o != '0 && reach[LIMIT-1])
      $fatal(1, "fsq_codeword %m: no codeword starts with these bits");
  end
`endif
endmodule
