// Terms of an engine with compressed weights: run symbols become positions, weight symbols stand beside them.
//
// A run symbol is {run, end}: so many positions are skipped before the term; end says that its sum is complete although
// positions follow. Positions count input channel, kernel row, kernel column. The terms of phase 0 are kept and
// replayed for the other phases of a row. What is told of each stage has 32 bits, stage 0 in the lowest.
module fsq_sparse_stream #(
    parameter STAGES   = 1,                               // stages of the engine
    parameter STAGE_W  = 1,                               // holds STAGES - 1
    parameter GROUPS   = 1,                               // row groups of a frame
    parameter STEPS    = 1,                               // steps of a frame, and delays of the stages: see fsq_stage_walk
    parameter [STAGES*32-1:0] DELAYS  = '0,               // row groups by which a stage runs behind
    parameter [STAGES*32-1:0] INPUTS  = {STAGES{32'd1}},  // input channels
    parameter [STAGES*32-1:0] OUTS    = {STAGES{32'd1}},  // groups of output channels
    parameter [STAGES*32-1:0] SHAPE_OF = '0,              // number of the shape of the kernel
    parameter SHAPES   = 1,                               // shapes of kernels
    parameter SHAPE_W  = 1,                               // holds SHAPES - 1
    parameter [SHAPES*32-1:0] SHAPE_ROWS = {SHAPES{32'd1}},     // rows of each, 32 bits, shape 0 in the lowest
    parameter [SHAPES*32-1:0] SHAPE_COLUMNS = {SHAPES{32'd1}},  // columns of each
    parameter TAPS     = 1,                               // pixels of the largest kernel
    parameter CHANNELS = 1,                               // output channels of a group
    parameter W_BITS   = 8,                               // bits of a weight
    parameter RUN_W    = 5,                               // bits of a run symbol
    parameter RUN_MAX  = 15,                              // the largest run
    parameter PHASES   = 1,                               // passes per row
    parameter TERMS    = 9,                               // most terms of a sum
    parameter CI_W     = 1,                               // bits of a channel
    parameter K_W      = 1,                               // bits of a kernel row or column
    parameter GROUP_W  = 1,                               // bits of the number of a group of output channels
    parameter N_W      = 4                                // bits of the number of a term within its sum
) (
    input  logic                       clk,             // clock
    input  logic                       rst_n,           // synchronous reset, active low
    // decoded symbols
    input  logic                       run_valid_i,     // a run symbol is there
    input  logic [          RUN_W-1:0] run_i,           // run symbol, its end in the lowest bit
    input  logic [       CHANNELS-1:0] weight_valid_i,  // a weight symbol is there, one bit per channel
    input  logic [CHANNELS*W_BITS-1:0] weight_i,        // weight symbols, channel 0 in the low bits
    output logic                       symbol_take_o,   // all of them are taken
    // the term the engine issues
    input  logic                       issue_i,         // a term is issued
    input  logic                       replay_i,        // not phase 0: a term that was issued before
    input  logic [            N_W-1:0] term_i,          // number of the term within its sum
    output logic                       valid_o,         // a term is there
    output logic [           CI_W-1:0] channel_o,       // its input channel
    output logic [            K_W-1:0] ky_o,            // its kernel row
    output logic [            K_W-1:0] kx_o,            // its kernel column
    output logic                       last_o,          // it ends its sum
    output logic [CHANNELS*W_BITS-1:0] weights_o        // its weights, channel 0 in the low bits
);
  localparam TW = (TAPS > 1) ? $clog2(TAPS) : 1;
  localparam PLACE_W = 1 + CI_W + TW + 2 * K_W;
  localparam UW = CHANNELS * W_BITS;

  // ---- which stage the next term belongs to
  logic [STAGE_W-1:0] stage, unused_next;
  logic [GROUP_W-1:0] out_q, out_last;
  logic [CI_W-1:0] in_last;
  logic [SHAPE_W-1:0] shape;
  logic load, last, unused_last;
  fsq_stage_walk #(
      .STAGES (STAGES),
      .STAGE_W(STAGE_W),
      .GROUPS (GROUPS),
      .STEPS  (STEPS),
      .DELAYS (DELAYS)
  ) u_stages (
      .clk,
      .rst_n,
      .next_i      (load && last && out_q == out_last),
      .stage_o     (stage),
      .stage_next_o(unused_next),
      .last_o      (unused_last)
  );
  integer s;
  always_comb begin
    in_last  = CI_W'(INPUTS[0+:32] - 1);
    out_last = GROUP_W'(OUTS[0+:32] - 1);
    shape    = SHAPE_W'(SHAPE_OF[0+:32]);
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage == STAGE_W'(s)) begin
        in_last  = CI_W'(INPUTS[s*32+:32] - 1);
        out_last = GROUP_W'(OUTS[s*32+:32] - 1);
        shape    = SHAPE_W'(SHAPE_OF[s*32+:32]);
      end
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) out_q <= '0;
    else if (load && last) out_q <= (out_q == out_last) ? '0 : out_q + 1'b1;
  end

  // ---- position of the next term, found for every shape of kernel that the stages have
  logic fresh_q, valid_q, last_q;
  logic [CI_W-1:0] ci_q, ci;
  logic [TW-1:0] tap_q, tap;
  logic [K_W-1:0] ky_q, kx_q, ky, kx;
  logic [UW-1:0] weights_q;
  logic [RUN_W-2:0] run;
  logic tap_end;
  logic [SHAPES*PLACE_W-1:0] places;
  genvar g;
  assign run = run_i[RUN_W-1:1];
  generate
    for (g = 0; g < SHAPES; g = g + 1) begin : gen_shape
      localparam ROWS = SHAPE_ROWS[g*32+:32];
      localparam COLUMNS = SHAPE_COLUMNS[g*32+:32];
      localparam PIXELS = ROWS * COLUMNS;
      localparam REACH = PIXELS + RUN_MAX;  // furthest tap that a run reaches, counted on beyond the kernel
      localparam SW = $clog2(REACH + 1);
      logic [CI_W-1:0] at_ci;
      logic [TW-1:0] at_tap;
      logic [K_W-1:0] at_ky, at_kx;
      if (PIXELS == 1) begin : gen_point
        assign at_ci = (fresh_q ? '0 : ci_q + 1'b1) + CI_W'(run);
        assign {at_tap, at_ky, at_kx} = '0;
        logic unused_place;
        assign unused_place = &{1'b0, tap_q, run};
      end else begin : gen_window
        // the tap counted on, then brought back into the kernel, a channel further for each time
        logic [SW-1:0] reach;
        integer i;
        always_comb begin
          reach  = SW'(run) + (fresh_q ? '0 : SW'(tap_q) + 1'b1);
          at_tap = TW'(reach);
          at_ci  = fresh_q ? '0 : ci_q;
          for (i = 1; i <= REACH / PIXELS; i = i + 1) begin
            if (reach >= SW'(i * PIXELS)) begin
              at_tap = TW'(reach - SW'(i * PIXELS));
              at_ci  = (fresh_q ? '0 : ci_q) + CI_W'(i);
            end
          end
          at_ky = '0;
          at_kx = K_W'(at_tap);
          for (i = 1; i < ROWS; i = i + 1) begin
            if (at_tap >= TW'(i * COLUMNS)) begin
              at_ky = K_W'(i);
              at_kx = K_W'(at_tap - TW'(i * COLUMNS));
            end
          end
        end
      end
      assign places[g*PLACE_W+:PLACE_W] = {at_tap == TW'(PIXELS - 1), at_ci, at_tap, at_ky, at_kx};
    end
  endgenerate
  fsq_mux #(
      .N    (SHAPES),
      .WIDTH(PLACE_W),
      .SEL_W(SHAPE_W)
  ) u_place (
      .data_i  (places),
      .select_i(shape),
      .data_o  ({tap_end, ci, tap, ky, kx})
  );
  assign last = run_i[0] || (tap_end && ci == in_last);

  assign load          = run_valid_i && (&weight_valid_i) && (!valid_q || (issue_i && !replay_i));
  assign symbol_take_o = load;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid_q <= 1'b0;
      fresh_q <= 1'b1;
    end else begin
      if (load) valid_q <= 1'b1;
      else if (issue_i && !replay_i) valid_q <= 1'b0;
      if (load) fresh_q <= last;
    end
  end
  always_ff @(posedge clk) begin
    if (load) begin
      ci_q      <= ci;
      tap_q     <= tap;
      ky_q      <= ky;
      kx_q      <= kx;
      last_q    <= last;
      weights_q <= weight_i;
    end
  end

  // ---- terms of phase 0 for the others
  localparam KW = CI_W + 2 * K_W + 1 + UW;
  logic [KW-1:0] fresh_term, term;
  assign fresh_term = {ci_q, ky_q, kx_q, last_q, weights_q};
  generate
    if (PHASES > 1) begin : gen_replay
      logic [KW-1:0] kept;
      fsq_ram_lut #(
          .WIDTH (KW),
          .DEPTH (TERMS),
          .ADDR_W(N_W)
      ) u_replay (
          .clk,
          .we_i   (issue_i & ~replay_i),
          .waddr_i(term_i),
          .wdata_i(fresh_term),
          .raddr_i(term_i),
          .rdata_o(kept)
      );
      assign term = replay_i ? kept : fresh_term;
    end else begin : gen_direct
      assign term = fresh_term;
      logic unused_direct;
      assign unused_direct = &{1'b0, term_i};
    end
  endgenerate
  assign {channel_o, ky_o, kx_o, last_o, weights_o} = term;
  assign valid_o = replay_i || valid_q;
endmodule
