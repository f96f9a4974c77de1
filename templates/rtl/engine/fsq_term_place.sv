// Where the terms of an engine lie: input channel, row and column of the window; and what else its issue needs.
//
// Three steps without a way back: positions from term to term are split into whole channels and pixels of a kernel, the
// pixels are counted on, the channels are. A second term waits behind the one that is issued next, and all steps go on
// unless one does: what is issued goes no further back than there. Kernels of one place in the window are one shape. What
// is told of each stage or shape has 32 bits, number 0 in the lowest.
module fsq_term_place #(
    parameter                 STAGES     = 1,                // stages of the engine
    parameter                 STAGE_W    = 1,                // holds STAGES - 1
    parameter [STAGES*32-1:0] SHAPE_OF   = '0,               // shape of the kernel of each stage
    parameter                 SHAPES     = 1,                // shapes
    parameter                 SHAPE_W    = 1,                // holds SHAPES - 1
    parameter [SHAPES*32-1:0] SHAPE_ROWS    = {SHAPES{32'd1}},  // rows of each
    parameter [SHAPES*32-1:0] SHAPE_COLUMNS = {SHAPES{32'd1}},  // columns of each
    parameter [SHAPES*32-1:0] TAP_ROWS      = '0,            // row of the window at which each starts
    parameter [SHAPES*32-1:0] TAP_COLUMNS   = '0,            // column of the window at which each starts
    parameter                 TAPS       = 1,                // pixels of the largest
    parameter [STAGES*32-1:0] RESTS      = {STAGES{32'd1}},  // channels of the last group of each stage
    parameter [STAGES*32-1:0] BASES      = '0,               // first channel of each in the tables of the drain
    parameter [STAGES*32-1:0] SINKS      = '0,               // not 0: its words go to a row buffer of the engine, not to the FIFO
    parameter                 RUN_W      = 1,                // bits of a symbol: see fsq_term_walk
    parameter                 CHANNELS_C = 1,                // output channels of a group
    parameter                 ROWS       = 1,                // rows of a group
    parameter                 LAST_ROWS  = 1,                // rows of the last group
    parameter                 CI_W       = 1,                // bits of a channel
    parameter                 TAP_W      = 1,                // bits of a row or column of a window
    parameter                 P_W        = 1,                // bits of a phase
    parameter                 N_W        = 1,                // bits of the number of a term within its sum
    parameter                 OUT_W      = 1,                // bits of the number of an entry of the table
    parameter                 C_W        = 1,                // bits of a count of channels
    parameter                 R_W        = 1,                // bits of a count of rows
    parameter                 COUNT_W    = 1                 // bits of a count of words
) (
    input  logic               clk,         // clock
    input  logic               rst_n,       // synchronous reset, active low
    // from fsq_term_walk, where its ports are told
    input  logic               valid_i,     // a term is there
    output logic               take_o,      // it is taken if there: a register
    input  logic [STAGE_W-1:0] stage_i,     // see fsq_term_walk
    input  logic [    P_W-1:0] phase_i,     // see fsq_term_walk
    input  logic [  RUN_W-1:0] run_i,       // see fsq_term_walk
    input  logic               first_i,     // see fsq_term_walk
    input  logic               last_i,      // see fsq_term_walk
    input  logic               ends_i,      // see fsq_term_walk
    input  logic               opens_i,     // see fsq_term_walk
    input  logic               closes_i,    // see fsq_term_walk
    input  logic               rest_i,      // see fsq_term_walk
    input  logic               bottom_i,    // see fsq_term_walk
    // the next term to issue, all from registers
    output logic               valid_o,     // it is there
    input  logic               take_i,      // it is issued: only if there
    output logic [ STAGES-1:0] starts_o,    // it starts a row group of that stage
    output logic               sends_o,     // words have to be reserved for it
    output logic [COUNT_W-1:0] words_o,     // so many, less one
    output logic               first_o,     // it is the first term of its pass
    output logic               last_o,      // it is the last term of its pass
    output logic               closes_o,    // it is the last term of a row group, if it is the last of its pass
    output logic [STAGE_W-1:0] stage_o,     // its stage
    output logic [   CI_W-1:0] channel_o,   // its input channel
    output logic [  TAP_W-1:0] ky_o,        // its row of the window
    output logic [  TAP_W-1:0] kx_o,        // its column of the window
    output logic [    P_W-1:0] phase_o,     // its phase
    output logic               replay_o,    // which is not phase 0
    output logic [    N_W-1:0] term_o,      // number of the term within its sum
    output logic [  OUT_W-1:0] base_o,      // first channel of its pass in the tables of the drain
    output logic [    C_W-1:0] channels_o,  // channels of its pass that exist
    output logic [    R_W-1:0] rows_o       // rows of its pass that exist
);
  localparam TW = (TAPS > 1) ? $clog2(TAPS) : 1;
  localparam TAG_W = STAGE_W + P_W + 7;  // stage, phase, first, last, ends, opens, closes, rest, bottom
  genvar g, n;

  // ---- the steps: which have a term, and that they go on
  logic go, split_valid_q, count_valid_q, place_valid_q;
  assign take_o = go;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      split_valid_q <= 1'b0;
      count_valid_q <= 1'b0;
      place_valid_q <= 1'b0;
    end else if (go) begin
      split_valid_q <= valid_i;
      count_valid_q <= split_valid_q;
      place_valid_q <= count_valid_q;
    end
  end

  // ---- split: positions from the term before, or from the start of the sum, as channels and pixels
  localparam RUNS = 1 << (RUN_W - 1);
  localparam KEY_W = $clog2(SHAPES * 2 * RUNS);
  logic [SHAPES*2*RUNS-1:0][CI_W-1:0] tab_channels;
  logic [SHAPES*2*RUNS-1:0][TW-1:0] tab_pixels;
  logic [SHAPES*2*RUNS-1:0][TW:0] tab_beyond;  // pixels less those of the kernel
  generate
    for (g = 0; g < SHAPES; g = g + 1) begin : gen_shape
      localparam PIXELS = SHAPE_ROWS[g*32+:32] * SHAPE_COLUMNS[g*32+:32];
      for (n = 0; n < 2 * RUNS; n = n + 1) begin : gen_run
        localparam STEP = (n < RUNS) ? n + 1 : n - RUNS;
        assign tab_channels[g*2*RUNS+n] = CI_W'(STEP / PIXELS);
        assign tab_pixels[g*2*RUNS+n]   = TW'(STEP % PIXELS);
        assign tab_beyond[g*2*RUNS+n]   = (TW + 1)'(STEP % PIXELS - PIXELS);
      end
    end
  endgenerate

  function automatic [SHAPE_W-1:0] shape_of(input [STAGE_W-1:0] stage);
    integer i;
    shape_of = SHAPE_W'(SHAPE_OF[0+:32]);
    for (i = 1; i < STAGES; i = i + 1) if (stage == STAGE_W'(i)) shape_of = SHAPE_W'(SHAPE_OF[i*32+:32]);
  endfunction

  logic [KEY_W-1:0] key;
  logic [TAG_W-1:0] next, tag_q;
  logic [CI_W-1:0] channels_q;
  logic [TW-1:0] pixels_q;
  logic [TW:0] beyond_q;
  assign next = {stage_i, phase_i, first_i, last_i, ends_i, opens_i, closes_i, rest_i, bottom_i};
  assign key  = (KEY_W'(shape_of(stage_i)) << RUN_W) | (KEY_W'(first_i) << (RUN_W - 1)) | KEY_W'(run_i >> 1);
  always_ff @(posedge clk) begin
    if (go) begin
      tag_q      <= next;
      channels_q <= tab_channels[key];
      pixels_q   <= tab_pixels[key];
      beyond_q   <= tab_beyond[key];
    end
  end

  // ---- count: the pixel of the kernel, and whether it lies in the next channel
  logic [TAG_W-1:0] counted_q;
  logic [CI_W-1:0] forward_q;
  logic [TW-1:0] tap_q;
  logic carry_q;
  generate
    if (TAPS > 1) begin : gen_taps
      logic first;
      logic [TW:0] over;
      assign first = tag_q[6];
      assign over  = (TW + 1)'(tap_q) + beyond_q;
      always_ff @(posedge clk) begin
        if (go && split_valid_q) begin
          tap_q   <= first ? pixels_q : over[TW] ? tap_q + pixels_q : over[TW-1:0];
          carry_q <= !first && !over[TW];
        end
      end
    end else begin : gen_point
      assign tap_q   = '0;
      assign carry_q = 1'b0;
      logic unused_pixels;
      assign unused_pixels = &{1'b0, pixels_q, beyond_q};
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (go) begin
      counted_q <= tag_q;
      forward_q <= channels_q;
    end
  end

  // ---- place: the channel, the row and column of the window, and what the pass is
  localparam SPOTS = 1 << TW;  // TAPS, up to a power of two: the place of a shape's first one needs no adder
  localparam SPOT_W = $clog2(SHAPES * SPOTS);
  logic [SHAPES*SPOTS-1:0][TAP_W-1:0] tab_ky, tab_kx;
  generate
    for (g = 0; g < SHAPES; g = g + 1) begin : gen_window
      localparam COLUMNS = SHAPE_COLUMNS[g*32+:32];
      for (n = 0; n < SPOTS; n = n + 1) begin : gen_tap
        assign tab_ky[g*SPOTS+n] = (n < TAPS) ? TAP_W'(n / COLUMNS + TAP_ROWS[g*32+:32]) : '0;
        assign tab_kx[g*SPOTS+n] = (n < TAPS) ? TAP_W'(n % COLUMNS + TAP_COLUMNS[g*32+:32]) : '0;
      end
    end
  endgenerate

  logic [STAGE_W-1:0] stage;
  logic [P_W-1:0] phase;
  logic first, last, ends, opens, closes, rest, bottom, sum;
  logic [SPOT_W-1:0] spot;
  logic [CI_W:0] channel;
  logic [C_W-1:0] channels;
  logic [COUNT_W-1:0] words;
  logic [OUT_W-1:0] base;
  logic sends;
  assign {stage, phase, first, last, ends, opens, closes, rest, bottom} = counted_q;
  assign spot = (SPOT_W'(shape_of(stage)) << TW) | SPOT_W'(tap_q);
  assign channel = {first ? CI_W'(0) : channel_q, 1'b1} + {forward_q, carry_q};
  assign sum = first && phase == '0;
  integer s;
  always_comb begin
    channels = rest ? C_W'(RESTS[0+:32]) : C_W'(CHANNELS_C);
    words    = COUNT_W'((rest ? RESTS[0+:32] : CHANNELS_C) * (bottom ? LAST_ROWS : ROWS) - 1);
    sends    = SINKS[0+:32] == 0;
    base     = OUT_W'(BASES[0+:32]);
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage == STAGE_W'(s)) begin
        channels = rest ? C_W'(RESTS[s*32+:32]) : C_W'(CHANNELS_C);
        words    = COUNT_W'((rest ? RESTS[s*32+:32] : CHANNELS_C) * (bottom ? LAST_ROWS : ROWS) - 1);
        sends    = SINKS[s*32+:32] == 0;
        base     = OUT_W'(BASES[s*32+:32]);
      end
    end
  end
  logic [STAGES-1:0] starts_q;
  logic sends_q, first_q, last_q, closes_q, replay_q;
  logic [COUNT_W-1:0] words_q;
  logic [STAGE_W-1:0] stage_q;
  logic [CI_W-1:0] channel_q;
  logic [TAP_W-1:0] ky_q, kx_q;
  logic [P_W-1:0] phase_q;
  logic [N_W-1:0] term_q;
  logic [OUT_W-1:0] base_q;
  logic [C_W-1:0] channels_of_q;
  logic [R_W-1:0] rows_q;
  generate
    for (g = 0; g < STAGES; g = g + 1) begin : gen_start
      always_ff @(posedge clk) if (go) starts_q[g] <= sum && opens && stage == STAGE_W'(g);
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (go) begin
      sends_q       <= first && ends && sends;
      words_q       <= words;
      first_q       <= first;
      last_q        <= last;
      closes_q      <= closes;
      stage_q       <= stage;
      ky_q          <= tab_ky[spot];
      kx_q          <= tab_kx[spot];
      phase_q       <= phase;
      replay_q      <= phase != '0;
      channels_of_q <= channels;
      rows_q        <= bottom ? R_W'(LAST_ROWS) : R_W'(ROWS);
    end
    if (go && count_valid_q) begin  // counted on from term to term
      channel_q <= channel[CI_W:1];
      term_q    <= first ? '0 : term_q + 1'b1;
      if (sum) base_q <= opens ? base : base_q + OUT_W'(CHANNELS_C);
    end
  end

  // ---- the term that is issued next, and one that waits
  fsq_skid #(
      .WIDTH(STAGES + COUNT_W + STAGE_W + CI_W + 2 * TAP_W + P_W + N_W + OUT_W + C_W + R_W + 5)
  ) u_next (
      .clk,
      .rst_n,
      .valid_i(place_valid_q),
      .ready_o(go),
      .data_i ({
        starts_q, sends_q, words_q, first_q, last_q, closes_q, stage_q, channel_q, ky_q, kx_q, phase_q, replay_q, term_q,
        base_q, channels_of_q, rows_q
      }),
      .valid_o,
      .data_o ({
        starts_o, sends_o, words_o, first_o, last_o, closes_o, stage_o, channel_o, ky_o, kx_o, phase_o, replay_o, term_o,
        base_o, channels_o, rows_o
      }),
      .take_i
  );
  logic unused_channel;
  assign unused_channel = &{1'b0, channel[0]};
endmodule
