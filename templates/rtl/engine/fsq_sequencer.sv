// Order of work of an engine: row groups, output channel groups, phases of a row, then the terms of a sum.
//
// A pass is one sum for one phase of one group of output channels; it issues one term per cycle and never stops
// half-way, but for its last term, which waits until the drain of the pass before has DRAIN cycles behind it. A pass
// starts when its rows are there and, if it will complete row words, when the output FIFO has room for all of them.
//
// With SPARSE the terms come from outside, zeros skipped; else they are counted here.
//
// A convolution engine has one stage (A). A Fire engine has three: squeeze (S), expand1x1 (A), expand3x3 (B); its
// squeeze runs one row group ahead: S0, S1, A0, B0, S2, A1, B1, ..., A(G-1), B(G-1).
module fsq_sequencer #(
    parameter FIRE       = 0,
    parameter SPARSE     = 0,
    parameter GROUPS     = 1,   // row groups of a frame
    parameter ROWS       = 1,   // rows of a group
    parameter LAST_ROWS  = 1,   // rows of the last group
    parameter PHASES     = 1,
    parameter CHANNELS_C = 1,   // output channels of a group
    parameter DRAIN      = 1,   // cycles that a drain takes
    parameter S_IN       = 1,   // input channels of the squeeze
    parameter S_OUT      = 1,   // output channels of the squeeze
    parameter S_OUTS     = 1,   // its groups of output channels
    parameter A_IN       = 1,
    parameter A_KERNEL   = 1,
    parameter A_OUT      = 1,
    parameter A_OUTS     = 1,
    parameter B_IN       = 1,
    parameter B_KERNEL   = 3,
    parameter B_OUT      = 1,
    parameter B_OUTS     = 1,
    parameter CI_W       = 1,
    parameter K_W        = 1,
    parameter P_W        = 1,
    parameter N_W        = 1,   // index of a term within a pass
    parameter OUT_W      = 1,   // number of a channel in the tables of the drain
    parameter C_W        = 1,   // count of channels of a group
    parameter R_W        = 1,   // count of rows of a group
    parameter COUNT_W    = 1    // count of words of the output FIFO
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               input_ok_i,    // rows of the engine's input are there
    input  logic               expand_a_ok_i, // squeezed rows for expand1x1 (Fire)
    input  logic               expand_b_ok_i, // squeezed rows for expand3x3 (Fire)
    input  logic               weight_ok_i,
    input  logic [   CI_W-1:0] term_channel_i, // the next term, and whether it is the last of its sum (SPARSE)
    input  logic [    K_W-1:0] term_ky_i,
    input  logic [    K_W-1:0] term_kx_i,
    input  logic               term_last_i,
    input  logic [COUNT_W-1:0] room_i,        // free words of the output FIFO
    output logic [COUNT_W-1:0] reserve_o,
    // the term issued in this cycle
    output logic               issue_o,
    output logic               first_o,       // of its pass
    output logic               last_o,        // of its pass
    output logic               squeeze_o,     // stage S
    output logic               expand_o,      // stage A or B of a Fire module
    output logic               wide_o,        // stage B
    output logic [   CI_W-1:0] channel_o,
    output logic [    K_W-1:0] ky_o,
    output logic [    K_W-1:0] kx_o,
    output logic [    P_W-1:0] phase_o,
    output logic [    N_W-1:0] term_o,
    // the pass it belongs to
    output logic [  OUT_W-1:0] out_base_o,    // its first channel in the tables of the drain
    output logic [    C_W-1:0] out_valid_o,   // its channels that exist
    output logic [    R_W-1:0] row_valid_o,   // its rows that exist
    // row groups finished in this cycle
    output logic               input_end_o,
    output logic               expand_a_end_o,
    output logic               expand_b_end_o
);
  localparam S = 2'd0, A = 2'd1, B = 2'd2;
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam OUTS_MAX_AB = (A_OUTS > B_OUTS) ? A_OUTS : B_OUTS;
  localparam OUTS_MAX = (S_OUTS > OUTS_MAX_AB) ? S_OUTS : OUTS_MAX_AB;
  localparam OW = (OUTS_MAX > 1) ? $clog2(OUTS_MAX) : 1;
  localparam DW = $clog2(DRAIN + 1);

  logic [1:0] stage_q;
  logic [GW-1:0] sgroup_q, egroup_q;  // row group of stage S; of stages A and B
  logic [OW-1:0] out_q;
  logic [OUT_W-1:0] base_q;
  logic [P_W-1:0] phase_q;
  logic [CI_W-1:0] ci_q;
  logic [K_W-1:0] ky_q, kx_q;
  logic [N_W-1:0] term_q;
  logic [DW-1:0] drain_q;  // cycles until a pass may end

  logic [CI_W-1:0] in_last;
  logic [K_W-1:0] k_last;
  logic [OW-1:0] out_last;
  logic [C_W-1:0] out_rest;
  logic in_stage_s, in_stage_b, rows_ok, room_ok, first, last, last_phase, stage_end, group_last;
  logic [COUNT_W-1:0] words, words_rest, words_group;

  assign in_stage_s = (FIRE != 0) && stage_q == S;
  assign in_stage_b = (FIRE != 0) && stage_q == B;

  always_comb begin
    in_last  = CI_W'(A_IN - 1);
    k_last   = K_W'(A_KERNEL - 1);
    out_last = OW'(A_OUTS - 1);
    out_rest = C_W'(A_OUT - (A_OUTS - 1) * CHANNELS_C);
    rows_ok  = (FIRE != 0) ? expand_a_ok_i : input_ok_i;
    if (in_stage_s) begin
      in_last  = CI_W'(S_IN - 1);
      k_last   = '0;
      out_last = OW'(S_OUTS - 1);
      out_rest = C_W'(S_OUT - (S_OUTS - 1) * CHANNELS_C);
      rows_ok  = input_ok_i;
    end
    if (in_stage_b) begin
      in_last  = CI_W'(B_IN - 1);
      k_last   = K_W'(B_KERNEL - 1);
      out_last = OW'(B_OUTS - 1);
      out_rest = C_W'(B_OUT - (B_OUTS - 1) * CHANNELS_C);
      rows_ok  = expand_b_ok_i;
    end
  end

  assign first      = term_q == '0;
  assign last       = (SPARSE != 0) ? term_last_i : (kx_q == k_last) && (ky_q == k_last) && (ci_q == in_last);
  assign last_phase = phase_q == P_W'(PHASES - 1);
  assign stage_end  = last && last_phase && (out_q == out_last);
  assign group_last = egroup_q == GW'(GROUPS - 1);

  assign out_base_o  = base_q;
  assign out_valid_o = (out_q == out_last) ? out_rest : C_W'(CHANNELS_C);
  assign row_valid_o = ((in_stage_s ? sgroup_q : egroup_q) == GW'(GROUPS - 1)) ? R_W'(LAST_ROWS) : R_W'(ROWS);

  // words that the pass completes: one per channel and row
  always_comb begin
    words_rest  = COUNT_W'((A_OUT - (A_OUTS - 1) * CHANNELS_C) * (ROWS));
    words_group = COUNT_W'(CHANNELS_C * ROWS);
    if (group_last) begin
      words_rest  = COUNT_W'((A_OUT - (A_OUTS - 1) * CHANNELS_C) * (LAST_ROWS));
      words_group = COUNT_W'(CHANNELS_C * LAST_ROWS);
    end
    if (in_stage_b) begin
      words_rest = COUNT_W'((B_OUT - (B_OUTS - 1) * CHANNELS_C) * ROWS);
      if (group_last) words_rest = COUNT_W'((B_OUT - (B_OUTS - 1) * CHANNELS_C) * LAST_ROWS);
    end
    words = (out_q == out_last) ? words_rest : words_group;
    if (in_stage_s || !last_phase) words = '0;
  end
  assign room_ok = room_i >= words;

  assign issue_o = weight_ok_i && (!first || (rows_ok && room_ok)) && (!last || drain_q == '0);
  assign reserve_o = (issue_o && first) ? words : '0;
  assign first_o = first;
  assign last_o = last;
  assign squeeze_o = in_stage_s;
  assign expand_o = (FIRE != 0) && stage_q != S;
  assign wide_o = in_stage_b;
  assign channel_o = (SPARSE != 0) ? term_channel_i : ci_q;
  assign ky_o = (SPARSE != 0) ? term_ky_i : ky_q;
  assign kx_o = (SPARSE != 0) ? term_kx_i : kx_q;
  assign phase_o = phase_q;
  assign term_o = term_q;
  assign input_end_o = issue_o && stage_end && (FIRE == 0 || in_stage_s);
  assign expand_a_end_o = issue_o && stage_end && FIRE != 0 && stage_q == A;
  assign expand_b_end_o = issue_o && stage_end && in_stage_b;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      stage_q  <= (FIRE != 0) ? S : A;
      sgroup_q <= '0;
      egroup_q <= '0;
      out_q    <= '0;
      base_q   <= '0;
      phase_q  <= '0;
      ci_q     <= '0;
      ky_q     <= '0;
      kx_q     <= '0;
      term_q   <= '0;
      drain_q  <= '0;
    end else begin
      if (issue_o && last) drain_q <= DW'(DRAIN - 1);
      else if (drain_q != '0) drain_q <= drain_q - 1'b1;

      if (issue_o) begin
        term_q <= last ? '0 : term_q + 1'b1;
        // terms: input channel, then kernel row, then kernel column
        if (kx_q != k_last) kx_q <= kx_q + 1'b1;
        else begin
          kx_q <= '0;
          if (ky_q != k_last) ky_q <= ky_q + 1'b1;
          else begin
            ky_q <= '0;
            ci_q <= (ci_q == in_last) ? '0 : ci_q + 1'b1;
          end
        end
        if (last) begin
          phase_q <= last_phase ? '0 : phase_q + 1'b1;
          if (last_phase) begin
            out_q  <= (out_q == out_last) ? '0 : out_q + 1'b1;
            base_q <= base_q + OUT_W'(CHANNELS_C);
          end
        end
        if (stage_end) begin
          if (FIRE == 0) begin
            base_q   <= '0;
            egroup_q <= group_last ? '0 : egroup_q + 1'b1;
          end else if (stage_q == S) begin
            // the first row group is followed by the second, every other one by the expansion of the group before
            if (GROUPS > 1 && sgroup_q == '0) begin
              sgroup_q <= sgroup_q + 1'b1;
              base_q   <= '0;
            end else stage_q <= A;
          end else if (stage_q == A) begin
            stage_q <= B;
          end else begin
            if (group_last) begin
              egroup_q <= '0;
              sgroup_q <= '0;
              stage_q  <= S;
              base_q   <= '0;
            end else begin
              egroup_q <= egroup_q + 1'b1;
              if (sgroup_q != GW'(GROUPS - 1)) begin
                sgroup_q <= sgroup_q + 1'b1;
                stage_q  <= S;
                base_q   <= '0;
              end else begin
                stage_q <= A;
                base_q  <= OUT_W'(S_OUTS * CHANNELS_C);
              end
            end
          end
        end
      end
    end
  end
endmodule
