// The stages of an engine, or the segments of their weights, in the order of their work: one step per finished stage.
//
// In step t, stage after stage, each runs row group t - delay, if that lies in 0..GROUPS-1; no step is empty.
module fsq_stage_walk #(
    parameter                 STAGES  = 1,  // stages, or segments of their weights
    parameter                 STAGE_W = 1,  // holds STAGES - 1
    parameter                 GROUPS  = 1,  // row groups of a frame
    parameter                 STEPS   = 1,  // of a frame: GROUPS and the largest delay
    parameter [STAGES*32-1:0] DELAYS  = '0  // of each stage, 32 bits, stage 0 in the lowest
) (
    input  logic               clk,           // clock
    input  logic               rst_n,         // synchronous reset, active low
    input  logic               next_i,        // the stage ends in this cycle
    output logic [STAGE_W-1:0] stage_o,       // stage that runs in this cycle
    output logic [STAGE_W-1:0] stage_next_o,  // stage that follows this one
    output logic               last_o         // the stage runs the last row group of the frame
);
  localparam TW = (STEPS > 1) ? $clog2(STEPS) : 1;
  genvar g;

  logic [TW-1:0] step_q;
  logic [STAGES-1:0] here, next, bottom;  // stages that run in this step, in the next one, and their last row group now
  logic frame_end, step_end;
  assign frame_end = step_q == TW'(STEPS - 1);
  generate
    for (g = 0; g < STAGES; g = g + 1) begin : gen_stage
      localparam [31:0] FROM = DELAYS[g*32+:32];
      localparam [31:0] STOP = FROM + GROUPS;
      logic started, begins, goes_on, stays;
      if (FROM == 0) begin : gen_first
        assign started = 1'b1;
      end else begin : gen_later
        assign started = step_q >= TW'(FROM);
      end
      if (FROM <= 1) begin : gen_soon
        assign begins = 1'b1;
      end else begin : gen_wait
        assign begins = step_q >= TW'(FROM - 1);
      end
      if (STOP == STEPS) begin : gen_to_the_end
        assign goes_on = 1'b1;
        assign stays   = 1'b1;
      end else begin : gen_stops
        assign goes_on = step_q <= TW'(STOP - 1);
        assign stays   = goes_on && step_q != TW'(STOP - 1);
      end
      assign here[g]   = started && goes_on;
      assign next[g]   = frame_end ? FROM == 0 : begins && stays;
      assign bottom[g] = step_q == TW'(STOP - 1);
    end
    if (STAGES > 1) begin : gen_stages
      logic [STAGE_W-1:0] stage_q, stage_n;
      integer s;
      always_comb begin
        stage_n  = '0;
        step_end = 1'b1;
        last_o   = bottom[0];
        for (s = STAGES - 1; s > 0; s = s - 1) begin
          if (next[s]) stage_n = STAGE_W'(s);
        end
        if (next[0]) stage_n = '0;
        for (s = STAGES - 1; s > 0; s = s - 1) begin
          if (stage_q == STAGE_W'(s)) last_o = bottom[s];
          if (stage_q < STAGE_W'(s) && here[s]) begin
            stage_n  = STAGE_W'(s);
            step_end = 1'b0;
          end
        end
      end
      always_ff @(posedge clk) begin
        if (!rst_n) stage_q <= '0;
        else if (next_i) stage_q <= stage_n;
      end
      assign stage_o      = stage_q;
      assign stage_next_o = stage_n;
      logic unused_stages;
      assign unused_stages = &{1'b0, here[0]};
    end else begin : gen_stage_only
      assign stage_o      = '0;
      assign stage_next_o = '0;
      assign step_end     = 1'b1;
      assign last_o       = bottom[0];
      logic unused_stage;
      assign unused_stage = &{1'b0, here, next};
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (!rst_n) step_q <= '0;
    else if (next_i && step_end) step_q <= frame_end ? '0 : step_q + 1'b1;
  end
endmodule
