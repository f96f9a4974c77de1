// Order of work of an engine: stages and row groups, output channel groups, phases of a row, then the terms of a sum.
//
// A pass is one sum for one phase of one group of output channels; it issues one term per cycle and never stops
// half-way, but for its last term, which waits until the drain of the pass before has DRAIN cycles behind it. A pass
// starts when its rows are there and, if it will complete row words, when the output FIFO has room for all of them.
//
// With SPARSE the terms come from outside, zeros skipped; else they are counted here. What is told of each stage has
// 32 bits, stage 0 in the lowest.
module fsq_sequencer #(
    parameter                 STAGES     = 1,                // stages of the engine
    parameter                 STAGE_W    = 1,                // holds STAGES - 1
    parameter                 GROUPS     = 1,                // row groups of a frame
    parameter                 STEPS      = 1,                // steps of a frame, and delays of the stages: see fsq_stage_walk
    parameter [STAGES*32-1:0] DELAYS     = '0,               // row groups by which a stage runs behind
    parameter [STAGES*32-1:0] INPUTS     = {STAGES{32'd1}},  // input channels
    parameter [STAGES*32-1:0] KERNEL_ROWS    = {STAGES{32'd1}},  // rows of the kernel
    parameter [STAGES*32-1:0] KERNEL_COLUMNS = {STAGES{32'd1}},  // columns of the kernel
    parameter [STAGES*32-1:0] OUTS       = {STAGES{32'd1}},  // groups of output channels
    parameter [STAGES*32-1:0] RESTS      = {STAGES{32'd1}},  // channels of the last group
    parameter [STAGES*32-1:0] BASES      = '0,               // first channel in the tables of the drain
    parameter [STAGES*32-1:0] SINKS      = '0,               // not 0: its words go to a row buffer of the engine, not to the FIFO
    parameter                 SPARSE     = 0,                // 1: terms come from outside
    parameter                 ROWS       = 1,                // rows of a group
    parameter                 LAST_ROWS  = 1,                // rows of the last group
    parameter                 PHASES     = 1,                // passes per row
    parameter                 CHANNELS_C = 1,                // output channels of a group
    parameter                 DRAIN      = 1,                // cycles that a drain takes
    parameter                 CI_W       = 1,                // bits of a channel
    parameter                 K_W        = 1,                // bits of a kernel row or column
    parameter                 P_W        = 1,                // bits of a phase
    parameter                 N_W        = 1,                // bits of the number of a term within its sum
    parameter                 GROUP_W    = 1,                // bits of the number of a group of output channels
    parameter                 OUT_W      = 1,                // bits of the number of an entry of the table
    parameter                 C_W        = 1,                // bits of a count of channels
    parameter                 R_W        = 1,                // bits of a count of rows
    parameter                 COUNT_W    = 1                 // bits of a count of words
) (
    input  logic               clk,             // clock
    input  logic               rst_n,           // synchronous reset, active low
    input  logic [ STAGES-1:0] rows_ok_i,       // the rows of a stage are there
    input  logic               weight_ok_i,     // the weights of the next term are there
    input  logic [   CI_W-1:0] term_channel_i,  // the next term (SPARSE): its input channel
    input  logic [    K_W-1:0] term_ky_i,       // its kernel row
    input  logic [    K_W-1:0] term_kx_i,       // its kernel column
    input  logic               term_last_i,     // it ends its sum
    input  logic [COUNT_W-1:0] room_i,          // free words of the output FIFO
    output logic [COUNT_W-1:0] reserve_o,       // words reserved there in this cycle
    // the term issued in this cycle
    output logic               issue_o,         // a term is issued
    output logic               first_o,         // it is the first term of its pass
    output logic               last_o,          // it is the last term of its pass
    output logic [STAGE_W-1:0] stage_o,         // its stage
    output logic [   CI_W-1:0] channel_o,       // its input channel
    output logic [    K_W-1:0] ky_o,            // its kernel row
    output logic [    K_W-1:0] kx_o,            // its kernel column
    output logic [    P_W-1:0] phase_o,         // its phase
    output logic [    N_W-1:0] term_o,          // number of the term within its sum
    // the pass it belongs to
    output logic [  OUT_W-1:0] out_base_o,      // its first channel in the tables of the drain
    output logic [    C_W-1:0] out_valid_o,     // its channels that exist
    output logic [    R_W-1:0] row_valid_o,     // its rows that exist
    output logic [ STAGES-1:0] end_o            // a stage finishes a row group in this cycle
);
  localparam DW = $clog2(DRAIN + 1);
  genvar g;

  logic [GROUP_W-1:0] out_q;
  logic [OUT_W-1:0] base_q;
  logic [P_W-1:0] phase_q;
  logic [CI_W-1:0] ci_q;
  logic [K_W-1:0] ky_q, kx_q;
  logic [N_W-1:0] term_q;
  logic [DW-1:0] drain_q;  // cycles until a pass may end

  logic [STAGE_W-1:0] stage, stage_next;
  logic first, last, last_phase, stage_end, group_last, rows_ok, room_ok, stores;
  fsq_stage_walk #(
      .STAGES (STAGES),
      .STAGE_W(STAGE_W),
      .GROUPS (GROUPS),
      .STEPS  (STEPS),
      .DELAYS (DELAYS)
  ) u_stages (
      .clk,
      .rst_n,
      .next_i      (issue_o && stage_end),
      .stage_o     (stage),
      .stage_next_o(stage_next),
      .last_o      (group_last)
  );

  // ---- what the stage is; words that a pass of it completes: one per channel and row
  logic [CI_W-1:0] in_last;
  logic [K_W-1:0] ky_last, kx_last;
  logic [GROUP_W-1:0] out_last;
  logic [C_W-1:0] out_rest;
  logic [OUT_W-1:0] base_next;
  logic [COUNT_W-1:0] words, words_rest, words_group;
  integer s;
  always_comb begin
    in_last     = CI_W'(INPUTS[0+:32] - 1);
    ky_last     = K_W'(KERNEL_ROWS[0+:32] - 1);
    kx_last     = K_W'(KERNEL_COLUMNS[0+:32] - 1);
    out_last    = GROUP_W'(OUTS[0+:32] - 1);
    out_rest    = C_W'(RESTS[0+:32]);
    words_rest  = group_last ? COUNT_W'(RESTS[0+:32] * LAST_ROWS) : COUNT_W'(RESTS[0+:32] * ROWS);
    stores      = SINKS[0+:32] != 0;
    rows_ok     = rows_ok_i[0];
    base_next   = OUT_W'(BASES[0+:32]);
    words_group = group_last ? COUNT_W'(CHANNELS_C * LAST_ROWS) : COUNT_W'(CHANNELS_C * ROWS);
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage == STAGE_W'(s)) begin
        in_last    = CI_W'(INPUTS[s*32+:32] - 1);
        ky_last    = K_W'(KERNEL_ROWS[s*32+:32] - 1);
        kx_last    = K_W'(KERNEL_COLUMNS[s*32+:32] - 1);
        out_last   = GROUP_W'(OUTS[s*32+:32] - 1);
        out_rest   = C_W'(RESTS[s*32+:32]);
        words_rest = group_last ? COUNT_W'(RESTS[s*32+:32] * LAST_ROWS) : COUNT_W'(RESTS[s*32+:32] * ROWS);
        stores     = SINKS[s*32+:32] != 0;
        rows_ok    = rows_ok_i[s];
      end
      if (stage_next == STAGE_W'(s)) base_next = OUT_W'(BASES[s*32+:32]);
    end
    words = (out_q == out_last) ? words_rest : words_group;
    if (stores || !last_phase) words = '0;
  end
  generate
    for (g = 0; g < STAGES; g = g + 1) begin : gen_end
      assign end_o[g] = issue_o && stage_end && stage == STAGE_W'(g);
    end
  endgenerate

  assign first      = term_q == '0;
  assign last       = (SPARSE != 0) ? term_last_i : (kx_q == kx_last) && (ky_q == ky_last) && (ci_q == in_last);
  assign last_phase = phase_q == P_W'(PHASES - 1);
  assign stage_end  = last && last_phase && (out_q == out_last);

  assign out_base_o  = base_q;
  assign out_valid_o = (out_q == out_last) ? out_rest : C_W'(CHANNELS_C);
  assign row_valid_o = group_last ? R_W'(LAST_ROWS) : R_W'(ROWS);
  assign room_ok = room_i >= words;

  assign issue_o = weight_ok_i && (!first || (rows_ok && room_ok)) && (!last || drain_q == '0);
  assign reserve_o = (issue_o && first) ? words : '0;
  assign first_o = first;
  assign last_o = last;
  assign stage_o = stage;
  assign channel_o = (SPARSE != 0) ? term_channel_i : ci_q;
  assign ky_o = (SPARSE != 0) ? term_ky_i : ky_q;
  assign kx_o = (SPARSE != 0) ? term_kx_i : kx_q;
  assign phase_o = phase_q;
  assign term_o = term_q;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      out_q   <= '0;
      base_q  <= '0;
      phase_q <= '0;
      ci_q    <= '0;
      ky_q    <= '0;
      kx_q    <= '0;
      term_q  <= '0;
      drain_q <= '0;
    end else begin
      if (issue_o && last) drain_q <= DW'(DRAIN - 1);
      else if (drain_q != '0) drain_q <= drain_q - 1'b1;

      if (issue_o) begin
        term_q <= last ? '0 : term_q + 1'b1;
        // terms: input channel, then kernel row, then kernel column
        if (kx_q != kx_last) kx_q <= kx_q + 1'b1;
        else begin
          kx_q <= '0;
          if (ky_q != ky_last) ky_q <= ky_q + 1'b1;
          else begin
            ky_q <= '0;
            ci_q <= (ci_q == in_last) ? '0 : ci_q + 1'b1;
          end
        end
        if (last) begin
          phase_q <= last_phase ? '0 : phase_q + 1'b1;
          if (last_phase) begin
            out_q  <= (out_q == out_last) ? '0 : out_q + 1'b1;
            base_q <= (out_q == out_last) ? base_next : base_q + OUT_W'(CHANNELS_C);
          end
        end
      end
    end
  end
endmodule
