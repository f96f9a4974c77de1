// Many walks side by side, each with stages, row groups and delays of its own; all of them step together.
module walk_bench #(
    parameter                    CASES  = 1,  // walks
    parameter                    MOST   = 1,  // stages of the longest
    parameter [    CASES*32-1:0] STAGES = 1,  // of each walk, 32 bits, the first in the lowest
    parameter [    CASES*32-1:0] GROUPS = 1,  // of each walk, as STAGES
    parameter [    CASES*32-1:0] STEPS  = 1,  // of each walk, as STAGES
    parameter [CASES*MOST*32-1:0] DELAYS = 0  // MOST for each walk, of which its first STAGES count
) (
    input  logic                clk,     // clock
    input  logic                rst_n,   // synchronous reset, active low
    input  logic                next_i,  // every walk steps
    output logic [CASES*32-1:0] walk_o   // of each walk, a byte each: stage, the one that follows, last row group or not
);
  genvar g;
  generate
    for (g = 0; g < CASES; g = g + 1) begin : gen_case
      localparam [31:0] HELD = STAGES[g*32+:32];
      localparam W = (HELD > 1) ? $clog2(HELD) : 1;
      logic [W-1:0] stage, after;
      logic last;
      fsq_stage_walk #(
          .STAGES (HELD),
          .STAGE_W(W),
          .GROUPS (GROUPS[g*32+:32]),
          .STEPS  (STEPS[g*32+:32]),
          .DELAYS (DELAYS[g*MOST*32+:HELD*32])
      ) u_walk (
          .clk,
          .rst_n,
          .next_i,
          .stage_o     (stage),
          .stage_next_o(after),
          .last_o      (last)
      );
      assign walk_o[g*32+:32] = {15'd0, last, 8'(after), 8'(stage)};
    end
  endgenerate
endmodule
