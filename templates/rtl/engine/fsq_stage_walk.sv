// The stages of an engine, or the segments of their weights, in the order of their work: one step per finished stage.
//
// In step t, stage after stage, each runs row group t - delay, if that lies in 0..GROUPS-1; no step is empty, and the
// first stage has no delay. The stage that follows is known in advance; a stage may end in every cycle.
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

  // stages of a step
  function automatic [STAGES-1:0] members(input integer in_step);
    integer i;
    for (i = 0; i < STAGES; i = i + 1)
      members[i] = in_step % STEPS >= DELAYS[i*32+:32] && in_step % STEPS < DELAYS[i*32+:32] + GROUPS;
  endfunction
  // those of them whose last row group it is
  function automatic [STAGES-1:0] bottoms(input integer in_step);
    integer i;
    for (i = 0; i < STAGES; i = i + 1) bottoms[i] = in_step % STEPS == DELAYS[i*32+:32] + GROUPS - 1;
  endfunction
  // without the lowest one
  function automatic [STAGES-1:0] behind(input [STAGES-1:0] from);
    behind = from & (from - 1'b1);
  endfunction
  function automatic [STAGE_W-1:0] number(input [STAGES-1:0] from);
    integer i;
    number = '0;
    for (i = 0; i < STAGES; i = i + 1) if (from[i]) number = number | STAGE_W'(i);
  endfunction

  // the second row group of a frame is in step SECOND; there run, from it on, the stages SECOND_SET
  localparam [STAGES-1:0] FIRST_REST = behind(members(0));
  localparam SECOND = (FIRST_REST != '0) ? 0 : 1;
  localparam [STAGES-1:0] SECOND_SET = (FIRST_REST != '0) ? FIRST_REST : members(1);
  localparam [STAGES-1:0] SECOND_ONE = SECOND_SET & ~behind(SECOND_SET);

  logic [TW-1:0] step_q;  // two steps behind that of the next stage
  logic [STAGE_W-1:0] stage_q, stage_next_q;
  logic last_q, last_next_q, empty_q;
  // of the step of the next stage: stages behind that one, and which run their last row group; and of the step after it
  logic [STAGES-1:0] rest_q, bottom_q, coming_q, coming_bottom_q;

  logic [STAGES-1:0] set, one, here, bottom;
  assign set = empty_q ? coming_q : rest_q;
  assign one = set & ~behind(set);
  genvar g;
  generate
    for (g = 0; g < STAGES; g = g + 1) begin : gen_stage
      localparam [31:0] FROM = DELAYS[g*32+:32];
      localparam [31:0] STOP = FROM + GROUPS;
      logic started, goes_on;
      if (FROM == 0) begin : gen_first
        assign started = 1'b1;
      end else begin : gen_later
        assign started = step_q >= TW'(FROM);
      end
      if (STOP == STEPS) begin : gen_to_the_end
        assign goes_on = 1'b1;
      end else begin : gen_stops
        assign goes_on = step_q <= TW'(STOP - 1);
      end
      assign here[g]   = started && goes_on;
      assign bottom[g] = step_q == TW'(STOP - 1);
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      step_q          <= TW'((SECOND + 2) % STEPS);
      stage_q         <= '0;
      last_q          <= GROUPS == 1;
      stage_next_q    <= number(SECOND_ONE);
      last_next_q     <= |(SECOND_ONE & bottoms(SECOND));
      rest_q          <= behind(SECOND_SET);
      empty_q         <= behind(SECOND_SET) == '0;
      bottom_q        <= bottoms(SECOND);
      coming_q        <= members(SECOND + 1);
      coming_bottom_q <= bottoms(SECOND + 1);
    end else if (next_i) begin
      stage_q      <= stage_next_q;
      last_q       <= last_next_q;
      stage_next_q <= number(one);
      last_next_q  <= |(one & (empty_q ? coming_bottom_q : bottom_q));
      rest_q       <= behind(set);
      empty_q      <= behind(set) == '0;
      if (empty_q) begin
        bottom_q        <= coming_bottom_q;
        coming_q        <= here;
        coming_bottom_q <= bottom;
        step_q          <= (step_q == TW'(STEPS - 1)) ? '0 : step_q + 1'b1;
      end
    end
  end
  assign stage_o      = stage_q;
  assign stage_next_o = stage_next_q;
  assign last_o       = last_q;
endmodule
