// Decides when the next term of an engine is issued; a cycle later it is, all of it from registers.
//
// A pass issues one term per cycle and never stops half-way, but for its last term, which waits until the drain of the
// pass before has DRAIN cycles behind it. A row group starts when its rows are there; a pass that will complete row words
// starts when the output FIFO has room for those of a whole group of channels and rows. Terms are found ahead of their
// issue: see fsq_term_walk and fsq_term_place. What is told of each stage or shape has 32 bits, number 0 in the lowest.
module fsq_sequencer #(
    parameter                 STAGES     = 1,                // stages of the engine
    parameter                 STAGE_W    = 1,                // holds STAGES - 1
    parameter                 GROUPS     = 1,                // row groups of a frame
    parameter                 STEPS      = 1,                // steps of a frame, and delays of the stages: see fsq_stage_walk
    parameter [STAGES*32-1:0] DELAYS     = '0,               // row groups by which a stage runs behind
    parameter [STAGES*32-1:0] POSITIONS  = {STAGES{32'd1}},  // positions of a sum
    parameter                 LEFT_W     = 1,                // bits of the number of a position within its sum
    parameter [STAGES*32-1:0] SHAPE_OF   = '0,               // shape of the kernel: see fsq_term_place
    parameter                 SHAPES     = 1,                // see fsq_term_place
    parameter                 SHAPE_W    = 1,                // see fsq_term_place
    parameter [SHAPES*32-1:0] SHAPE_ROWS    = {SHAPES{32'd1}},  // see fsq_term_place
    parameter [SHAPES*32-1:0] SHAPE_COLUMNS = {SHAPES{32'd1}},  // see fsq_term_place
    parameter [SHAPES*32-1:0] TAP_ROWS      = '0,            // see fsq_term_place
    parameter [SHAPES*32-1:0] TAP_COLUMNS   = '0,            // see fsq_term_place
    parameter                 TAPS       = 1,                // pixels of the largest kernel
    parameter [STAGES*32-1:0] OUTS       = {STAGES{32'd1}},  // groups of output channels
    parameter [STAGES*32-1:0] RESTS      = {STAGES{32'd1}},  // channels of the last group
    parameter [STAGES*32-1:0] BASES      = '0,               // first channel in the tables of the drain
    parameter [STAGES*32-1:0] SINKS      = '0,               // not 0: its words go to a row buffer of the engine, not to the FIFO
    parameter                 SPARSE     = 0,                // 1: symbols tell which positions are terms
    parameter                 RUN_W      = 1,                // bits of a symbol: see fsq_term_walk
    parameter                 RUN_MAX    = 0,                // the largest run
    parameter                 TERMS      = 9,                // most terms of a sum
    parameter                 SINGLES    = 0,                // 1: a sum may have one term, so that passes may start one cycle apart
    parameter                 ROWS       = 1,                // rows of a group
    parameter                 LAST_ROWS  = 1,                // rows of the last group
    parameter                 PHASES     = 1,                // passes per row
    parameter                 CHANNELS_C = 1,                // output channels of a group
    parameter                 DRAIN      = 1,                // cycles that a drain takes
    parameter                 DEPTH      = 4,                // words of the output FIFO, at least those of a group
    parameter                 CI_W       = 1,                // bits of a channel
    parameter                 TAP_W      = 1,                // bits of a row or column of a window
    parameter                 P_W        = 1,                // bits of a phase
    parameter                 N_W        = 1,                // bits of the number of a term within its sum
    parameter                 GROUP_W    = 1,                // bits of the number of a group of output channels
    parameter                 OUT_W      = 1,                // bits of the number of an entry of the table
    parameter                 C_W        = 1,                // bits of a count of channels
    parameter                 R_W        = 1,                // bits of a count of rows
    parameter                 COUNT_W    = 1                 // bits of a count of words
) (
    input  logic               clk,              // clock
    input  logic               rst_n,            // synchronous reset, active low
    // what a term waits for
    input  logic               run_valid_i,      // a symbol is there
    input  logic [  RUN_W-1:0] run_i,            // that symbol: see fsq_term_walk
    output logic               run_take_o,       // it is taken
    input  logic               unit_valid_i,     // the weights of four terms of phase 0 are there, or always will be when asked for
    output logic               unit_take_o,      // those of the next one are taken: it is issued in this cycle
    input  logic [ STAGES-1:0] rows_ok_i,        // the rows of a stage's next row group are there
    output logic [ STAGES-1:0] rows_take_o,      // that row group starts
    input  logic               pop_i,            // a word leaves the output FIFO
    output logic [COUNT_W-1:0] reserve_o,        // words reserved there in this cycle
    // the term issued in this cycle
    output logic               issue_o,          // a term is issued
    output logic               first_o,          // it is the first term of its pass
    output logic               last_o,           // it is the last term of its pass
    output logic [STAGE_W-1:0] stage_o,          // its stage
    output logic [   CI_W-1:0] channel_o,        // its input channel
    output logic [  TAP_W-1:0] ky_o,             // its row of the window
    output logic [  TAP_W-1:0] kx_o,             // its column of the window
    output logic [    P_W-1:0] phase_o,          // its phase
    output logic               replay_o,         // which is not phase 0
    output logic [    N_W-1:0] term_o,           // number of the term within its sum
    // the pass it belongs to
    output logic [  OUT_W-1:0] out_base_o,       // its first channel in the tables of the drain
    output logic [    C_W-1:0] out_valid_o,      // its channels that exist
    output logic [    R_W-1:0] row_valid_o,      // its rows that exist
    output logic [ STAGES-1:0] end_o             // a stage finishes a row group in this cycle
);
  localparam DW = (DRAIN > 1) ? $clog2(DRAIN) : 1;
  genvar g;

  // ---- terms ahead of their issue
  logic walk_valid, walk_take, walk_first, walk_last, walk_ends, walk_opens, walk_closes, walk_rest, walk_bottom;
  logic [STAGE_W-1:0] walk_stage;
  logic [P_W-1:0] walk_phase;
  logic [RUN_W-1:0] walk_run;
  fsq_term_walk #(
      .STAGES   (STAGES),
      .STAGE_W  (STAGE_W),
      .GROUPS   (GROUPS),
      .STEPS    (STEPS),
      .DELAYS   (DELAYS),
      .POSITIONS(POSITIONS),
      .OUTS     (OUTS),
      .LEFT_W   (LEFT_W),
      .SPARSE   (SPARSE),
      .RUN_W    (RUN_W),
      .RUN_MAX  (RUN_MAX),
      .TERMS    (TERMS),
      .PHASES   (PHASES),
      .P_W      (P_W),
      .N_W      (N_W),
      .GROUP_W  (GROUP_W)
  ) u_walk (
      .clk,
      .rst_n,
      .run_valid_i,
      .run_i,
      .run_take_o,
      .valid_o (walk_valid),
      .take_i  (walk_take),
      .stage_o (walk_stage),
      .phase_o (walk_phase),
      .run_o   (walk_run),
      .first_o (walk_first),
      .last_o  (walk_last),
      .ends_o  (walk_ends),
      .opens_o (walk_opens),
      .closes_o(walk_closes),
      .rest_o  (walk_rest),
      .bottom_o(walk_bottom)
  );

  logic valid, issue, first, last, closes, sends, replay;
  logic [STAGES-1:0] starts;
  logic [COUNT_W-1:0] words;
  logic [STAGE_W-1:0] stage;
  logic [CI_W-1:0] channel;
  logic [TAP_W-1:0] ky, kx;
  logic [P_W-1:0] phase;
  logic [N_W-1:0] term;
  logic [OUT_W-1:0] base;
  logic [C_W-1:0] channels;
  logic [R_W-1:0] rows;
  fsq_term_place #(
      .STAGES    (STAGES),
      .STAGE_W   (STAGE_W),
      .SHAPE_OF  (SHAPE_OF),
      .SHAPES    (SHAPES),
      .SHAPE_W   (SHAPE_W),
      .SHAPE_ROWS(SHAPE_ROWS),
      .SHAPE_COLUMNS(SHAPE_COLUMNS),
      .TAP_ROWS  (TAP_ROWS),
      .TAP_COLUMNS(TAP_COLUMNS),
      .TAPS      (TAPS),
      .RESTS     (RESTS),
      .BASES     (BASES),
      .SINKS     (SINKS),
      .RUN_W     (RUN_W),
      .CHANNELS_C(CHANNELS_C),
      .ROWS      (ROWS),
      .LAST_ROWS (LAST_ROWS),
      .CI_W      (CI_W),
      .TAP_W     (TAP_W),
      .P_W       (P_W),
      .N_W       (N_W),
      .OUT_W     (OUT_W),
      .C_W       (C_W),
      .R_W       (R_W),
      .COUNT_W   (COUNT_W)
  ) u_place (
      .clk,
      .rst_n,
      .valid_i   (walk_valid),
      .take_o    (walk_take),
      .stage_i   (walk_stage),
      .phase_i   (walk_phase),
      .run_i     (walk_run),
      .first_i   (walk_first),
      .last_i    (walk_last),
      .ends_i    (walk_ends),
      .opens_i   (walk_opens),
      .closes_i  (walk_closes),
      .rest_i    (walk_rest),
      .bottom_i  (walk_bottom),
      .valid_o   (valid),
      .take_i    (issue),
      .starts_o  (starts),
      .sends_o   (sends),
      .words_o   (words),
      .first_o   (first),
      .last_o    (last),
      .closes_o  (closes),
      .stage_o   (stage),
      .channel_o (channel),
      .ky_o      (ky),
      .kx_o      (kx),
      .phase_o   (phase),
      .replay_o  (replay),
      .term_o    (term),
      .base_o    (base),
      .channels_o(channels),
      .rows_o    (rows)
  );

  // ---- the decision. What it takes to know that weights are there is three cycles old: of four, three may be taken since.
  logic unit_ok;
  logic room_ok, drained_q;
  fsq_copy #(
      .WIDTH(1)
  ) u_unit_ok (
      .clk,
      .d_i(rst_n && unit_valid_i),
      .q_o(unit_ok)
  );
  assign issue = valid && (replay || unit_ok) && ((starts & ~rows_ok_i) == '0) && (!sends || room_ok) &&
      (!last || drained_q);

  // words that lack in the output FIFO for a whole group, less one. One adder: what is added is one too few, and one is
  // carried in unless a word leaves.
  localparam LW = COUNT_W + 1;
  logic [LW-1:0] lacking_q;
  logic [LW:0] lacking;
  logic reserve;
  logic [COUNT_W-1:0] reserved;
  assign lacking   = {lacking_q, 1'b1} + {reserve ? {1'b0, reserved} : {LW{1'b1}}, !pop_i};
  assign room_ok   = lacking_q[LW-1];
  assign reserve_o = reserve ? reserved + 1'b1 : '0;
  always_ff @(posedge clk) begin
    if (!rst_n) lacking_q <= LW'(CHANNELS_C * ROWS - 1 - DEPTH);
    else lacking_q <= lacking[LW:1];
  end
  logic unused_carry;
  assign unused_carry = &{1'b0, lacking[0]};

  // what a start takes is counted a cycle later where no other start can come before that
  generate
    if (SINGLES != 0) begin : gen_at_start
      assign rows_take_o = issue ? starts : '0;
      assign reserve     = issue && sends;
      assign reserved    = words;
    end else begin : gen_later
      always_ff @(posedge clk) begin
        rows_take_o <= (rst_n && issue) ? starts : '0;
        reserve     <= rst_n && issue && sends;
        reserved    <= words;
      end
    end
    if (DRAIN > 1) begin : gen_drain
      logic [DW-1:0] drain_q;  // cycles until a pass may end, less one
      always_ff @(posedge clk) begin
        if (!rst_n) drained_q <= 1'b1;
        else if (issue && last) drained_q <= 1'b0;
        else if (drain_q == '0) drained_q <= 1'b1;
        drain_q <= (issue && last) ? DW'(DRAIN - 2) : drain_q - 1'b1;
      end
    end else begin : gen_at_once
      assign drained_q = 1'b1;
    end
  endgenerate

  // ---- the issue
  logic closes_q;
  always_ff @(posedge clk) begin
    issue_o     <= rst_n && issue;
    unit_take_o <= rst_n && issue && !replay;
    first_o     <= first;
    last_o      <= last;
    closes_q    <= closes && last;
    stage_o     <= stage;
    channel_o   <= channel;
    ky_o        <= ky;
    kx_o        <= kx;
    phase_o     <= phase;
    replay_o    <= replay;
    term_o      <= term;
    out_base_o  <= base;
    out_valid_o <= channels;
    row_valid_o <= rows;
  end
  generate
    for (g = 0; g < STAGES; g = g + 1) begin : gen_end
      assign end_o[g] = issue_o && closes_q && stage_o == STAGE_W'(g);
    end
  endgenerate
endmodule
