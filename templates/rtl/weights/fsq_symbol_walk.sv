// Lets the decoders of an engine go on together, symbol by symbol, and tells which stage each symbol belongs to.
//
// That follows from the number of symbols of the stages; the next stage is known in advance. Three steps without a symbol come
// first: they fill the decoders. What is told of each stage has 32 bits where nothing else is said, stage 0 in the lowest.
module fsq_symbol_walk #(
    parameter STAGES   = 1,                 // stages of the engine
    parameter STAGE_W  = 1,                 // holds STAGES - 1
    parameter GROUPS   = 1,                 // row groups of a frame
    parameter STEPS    = 1,                 // steps of a frame, and delays of the stages: see fsq_stage_walk
    parameter [STAGES*32-1:0] DELAYS = '0,  // row groups by which a stage runs behind
    parameter [STAGES-1:0]    JOINED = '0,  // stages whose symbols follow those of the stage before in one segment
    parameter [STAGES*32-1:0] COUNTS = {STAGES{32'd1}},  // symbols of each stage in a row group
    parameter COUNT_W  = 17,                // bits of such a number
    parameter DECODERS = 1,                 // decoders of the engine
    parameter QUEUES   = 1                  // queues of symbols
) (
    input  logic                clk,          // clock
    input  logic                rst_n,        // synchronous reset, active low
    input  logic [DECODERS-1:0] ready_i,      // a decoder can go on
    input  logic [  QUEUES-1:0] room_i,       // a queue has room for a symbol
    output logic                go_o,         // all decoders go on
    output logic                symbol_o,     // they decode a symbol
    output logic [ STAGE_W-1:0] stage_o,      // its stage
    output logic                end_o,        // it ends a segment
    output logic [ STAGE_W-1:0] stage_next_o  // stage of the symbol that follows that one
);
  logic [STAGE_W-1:0] stage, stage_q, next_q, unused_next;  // stages behind the next one, of this symbol, the next one
  logic [COUNT_W-1:0] left_q, next_left_q, next_left;  // symbols of a stage behind this one, behind its first one
  logic last_q, next_last_q, next_joined_q, next_last, next_joined;  // last of its stage
  logic load_q, advance, unused_last;
  logic [2:0] fill_q;  // steps without a symbol that are left
  fsq_stage_walk #(
      .STAGES (STAGES),
      .STAGE_W(STAGE_W),
      .GROUPS (GROUPS),
      .STEPS  (STEPS),
      .DELAYS (DELAYS)
  ) u_stages (
      .clk,
      .rst_n,
      .next_i      (advance),
      .stage_o     (stage),
      .stage_next_o(unused_next),
      .last_o      (unused_last)
  );
  integer s;
  always_comb begin
    next_left   = COUNT_W'(COUNTS[0+:32] - 1);
    next_last   = COUNTS[0+:32] == 1;
    next_joined = JOINED[0];
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage == STAGE_W'(s)) begin
        next_left   = COUNT_W'(COUNTS[s*32+:32] - 1);
        next_last   = COUNTS[s*32+:32] == 1;
        next_joined = JOINED[s];
      end
    end
  end
  assign go_o         = &ready_i && &room_i && !load_q;
  assign symbol_o     = go_o && fill_q == '0;
  assign advance      = load_q || (go_o && last_q && !fill_q[1]);
  assign stage_o      = stage_q;
  assign end_o        = last_q && !next_joined_q;
  assign stage_next_o = next_q;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      load_q <= 1'b1;
      fill_q <= 3'b111;
      last_q <= 1'b1;
    end else begin
      load_q <= 1'b0;
      if (go_o) begin
        fill_q <= {1'b0, fill_q[2:1]};
        if (!fill_q[1]) last_q <= last_q ? next_last_q : left_q == COUNT_W'(1);
      end
    end
  end
  always_ff @(posedge clk) begin
    if (go_o) left_q <= last_q ? next_left_q : left_q - 1'b1;
    if (advance) begin
      stage_q       <= next_q;
      next_q        <= stage;
      next_left_q   <= next_left;
      next_last_q   <= next_last;
      next_joined_q <= next_joined;
    end
  end
endmodule
