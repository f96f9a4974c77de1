// The terms of an engine in the order of its work: row groups of stages, groups of output channels, the phases of a row,
// the terms of a sum.
//
// A pass is one sum for one phase of one group of output channels. With SPARSE a symbol {run, end} tells how many
// positions of the sum are skipped before a term, and whether the sum is complete although positions follow; the symbols
// of phase 0 are kept for the other phases. Else every position is a term. All that a term has to be compared with is
// known before it comes. What is told of each stage has 32 bits, stage 0 in the lowest.
module fsq_term_walk #(
    parameter                 STAGES    = 1,                // stages of the engine
    parameter                 STAGE_W   = 1,                // holds STAGES - 1
    parameter                 GROUPS    = 1,                // row groups of a frame
    parameter                 STEPS     = 1,                // steps of a frame, and delays of the stages: see fsq_stage_walk
    parameter [STAGES*32-1:0] DELAYS    = '0,               // row groups by which a stage runs behind
    parameter [STAGES*32-1:0] POSITIONS = {STAGES{32'd1}},  // positions of a sum
    parameter [STAGES*32-1:0] OUTS      = {STAGES{32'd1}},  // groups of output channels
    parameter                 LEFT_W    = 1,                // bits of the number of a position within its sum
    parameter                 SPARSE    = 0,                // 1: symbols tell which positions are terms
    parameter                 RUN_W     = 1,                // bits of a symbol
    parameter                 RUN_MAX   = 0,                // the largest run; 0: every position is a term
    parameter                 TERMS     = 9,                // most terms of a sum
    parameter                 PHASES    = 1,                // passes per row
    parameter                 P_W       = 1,                // bits of a phase
    parameter                 N_W       = 4,                // bits of the number of a term within its sum
    parameter                 GROUP_W   = 1                 // bits of the number of a group of output channels
) (
    input  logic               clk,          // clock
    input  logic               rst_n,        // synchronous reset, active low
    // symbols
    input  logic               run_valid_i,  // a symbol is there
    input  logic [  RUN_W-1:0] run_i,        // that symbol, its end in the lowest bit
    output logic               run_take_o,   // it is taken
    // the next term
    output logic               valid_o,      // it is there
    input  logic               take_i,       // it is taken if there
    output logic [STAGE_W-1:0] stage_o,      // its stage
    output logic [    P_W-1:0] phase_o,      // its phase
    output logic [  RUN_W-1:0] run_o,        // its symbol
    output logic               first_o,      // it is the first term of its pass
    output logic               last_o,       // it is the last term of its pass
    output logic               ends_o,       // its pass is that of the last phase
    output logic               opens_o,      // its sum is the first of a row group
    output logic               closes_o,     // its pass is the last of a row group
    output logic               rest_o,       // its sum is that of the last group of output channels
    output logic               bottom_o      // its row group is the last of the frame
);
  localparam NEAR_W = $clog2(2 * RUN_MAX + 2);  // so near to its end a sum may end with the next term or the one after it
  localparam LOW_W = (LEFT_W < NEAR_W) ? LEFT_W : NEAR_W;

  logic step;
  logic [RUN_W-1:0] run;
  logic last;

  // ---- passes
  logic [STAGE_W-1:0] stage, stage_next;
  logic bottom;
  logic [P_W-1:0] phase_q;
  logic replay_q, phase_last_q;  // not phase 0; the last one
  logic [GROUP_W-1:0] outs_q;  // groups of output channels behind this one
  logic out_last_q, opens_q, closes_q;
  logic out_last_n, phase_last_n;
  logic [GROUP_W-1:0] outs_n;
  logic [GROUP_W-1:0] outs_next;  // of the next stage, behind its first one
  logic [LEFT_W-1:0] positions, positions_next;  // of a sum of this stage, and of the next one, but one
  fsq_stage_walk #(
      .STAGES (STAGES),
      .STAGE_W(STAGE_W),
      .GROUPS (GROUPS),
      .STEPS  (STEPS),
      .DELAYS (DELAYS)
  ) u_stages (
      .clk,
      .rst_n,
      .next_i      (step && last && closes_q),
      .stage_o     (stage),
      .stage_next_o(stage_next),
      .last_o      (bottom)
  );
  integer s;
  always_comb begin
    outs_next      = GROUP_W'(OUTS[0+:32] - 1);
    positions      = LEFT_W'(POSITIONS[0+:32] - 1);
    positions_next = LEFT_W'(POSITIONS[0+:32] - 1);
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage == STAGE_W'(s)) positions = LEFT_W'(POSITIONS[s*32+:32] - 1);
      if (stage_next == STAGE_W'(s)) begin
        outs_next      = GROUP_W'(OUTS[s*32+:32] - 1);
        positions_next = LEFT_W'(POSITIONS[s*32+:32] - 1);
      end
    end
    outs_n     = outs_q;
    out_last_n = out_last_q;
    if (phase_last_q) begin
      outs_n     = out_last_q ? outs_next : outs_q - 1'b1;
      out_last_n = out_last_q ? outs_next == '0 : outs_q == GROUP_W'(1);
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      outs_q     <= GROUP_W'(OUTS[0+:32] - 1);
      out_last_q <= OUTS[0+:32] == 1;
      opens_q    <= 1'b1;
      closes_q   <= OUTS[0+:32] == 1 && PHASES == 1;
    end else if (step && last) begin
      outs_q     <= outs_n;
      out_last_q <= out_last_n;
      opens_q    <= phase_last_q ? out_last_q : opens_q;
      closes_q   <= out_last_n && phase_last_n;
    end
  end
  generate
    if (PHASES > 1) begin : gen_phases
      logic [P_W-1:0] phase_n;
      assign phase_n      = phase_last_q ? '0 : phase_q + 1'b1;
      assign phase_last_n = phase_n == P_W'(PHASES - 1);
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          phase_q      <= '0;
          replay_q     <= 1'b0;
          phase_last_q <= 1'b0;
        end else if (step && last) begin
          phase_q      <= phase_n;
          replay_q     <= !phase_last_q;
          phase_last_q <= phase_last_n;
        end
      end
    end else begin : gen_phase
      assign phase_q      = '0;
      assign replay_q     = 1'b0;
      assign phase_last_q = 1'b1;
      assign phase_last_n = 1'b1;
    end
  endgenerate

  // ---- terms: positions left behind the term before, but one. The upper bits are compared a term late.
  logic first_q;
  logic [LEFT_W-1:0] left_q, left_load;
  logic near;
  assign left_load = closes_q ? positions_next : positions;
  assign last      = (SPARSE != 0 && run[0]) || (near && left_q[LOW_W-1:0] == LOW_W'(run >> 1));
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      first_q <= 1'b1;
      left_q  <= LEFT_W'(POSITIONS[0+:32] - 1);
    end else if (step) begin
      first_q <= last;
      left_q  <= last ? left_load : left_q - LEFT_W'(run >> 1) - 1'b1;
    end
  end
  generate
    if (LEFT_W > LOW_W) begin : gen_far
      logic near_q;
      always_ff @(posedge clk) begin
        if (!rst_n) near_q <= (POSITIONS[0+:32] - 1) >> LOW_W == 0;
        else if (step) near_q <= last ? left_load[LEFT_W-1:LOW_W] == '0 : left_q[LEFT_W-1:LOW_W] == '0;
      end
      assign near = near_q;
    end else begin : gen_near
      assign near = 1'b1;
    end
  endgenerate

  // ---- symbols of phase 0 for the others: the next one is read while this one is used
  generate
    if (SPARSE == 0 || RUN_MAX == 0) begin : gen_dense
      assign run = '0;
      logic unused_run;
      assign unused_run = &{1'b0, run_i, run_valid_i};
    end else if (PHASES > 1) begin : gen_replay
      logic [RUN_W-1:0] kept, kept_q, start_q;
      logic [N_W-1:0] term_q, ahead_q;
      fsq_ram_lut #(
          .WIDTH (RUN_W),
          .DEPTH (TERMS),
          .ADDR_W(N_W)
      ) u_replay (
          .clk,
          .we_i   (step & ~replay_q),
          .waddr_i(term_q),
          .wdata_i(run),
          .raddr_i(ahead_q),
          .rdata_o(kept)
      );
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          term_q  <= '0;
          ahead_q <= N_W'(1);
        end else if (step) begin
          term_q  <= last ? '0 : ahead_q;
          ahead_q <= last ? N_W'(1) : ahead_q + 1'b1;
        end
      end
      always_ff @(posedge clk) begin
        if (step) begin
          if (first_q) start_q <= run;
          if (last) kept_q <= first_q ? run : start_q;
          else kept_q <= kept;
        end
      end
      assign run = replay_q ? kept_q : run_i;
    end else begin : gen_direct
      assign run = run_i;
    end
  endgenerate
  assign valid_o    = SPARSE == 0 || replay_q || run_valid_i;
  assign step       = valid_o && take_i;
  assign run_take_o = SPARSE != 0 && run_valid_i && take_i && !replay_q;

  assign stage_o  = stage;
  assign phase_o  = phase_q;
  assign run_o    = run;
  assign first_o  = first_q;
  assign last_o   = last;
  assign ends_o   = phase_last_q;
  assign opens_o  = opens_q;
  assign closes_o = closes_q;
  assign rest_o   = out_last_q;
  assign bottom_o = bottom;
endmodule
