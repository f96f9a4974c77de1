// Where the reader of a row buffer stands: first row of the current group, its slot, and the slots it gives back.
//
// The window of the next group may still reach PAD_TOP rows up, so that the first groups give nothing back and the
// last one gives back all that is left of the frame.
module fsq_row_cursor #(
    parameter GROUPS      = 1,  // row groups of a frame
    parameter SPAN        = 1,  // input rows from one group to the next
    parameter SLOTS       = 2,  // row slots of SPAN rows
    parameter FRAME_SLOTS = 1,  // slots of a frame
    parameter FREE_FIRST  = 0,  // first group that gives a slot back
    parameter FREE_STOP   = 0,  // first group that no longer does
    parameter FREE_LAST   = 1,  // slots the last group gives back
    parameter Y_W         = 5,  // bits of a row number, signed
    parameter SLOT_W      = 1,  // bits of a count of slots
    parameter RELEASE     = 2   // cycles from the last term of a group until its slots can be taken, at least 2
) (
    input  logic              clk,          // clock
    input  logic              rst_n,        // synchronous reset, active low
    input  logic              group_end_i,  // the current group is finished
    output logic [SLOT_W-1:0] slot_o,       // slot of the group's first row
    output logic [   Y_W-1:0] row_o,        // number of that row
    output logic [SLOT_W-1:0] release_o     // slots given back, RELEASE - 1 cycles after the group's last term: fsq_line_writer has them in the next one
);
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) + 1 : 1;
  localparam STEP = FRAME_SLOTS % SLOTS;  // slot of the next frame, seen from this one
  localparam INDEX_W = (SLOTS > 1) ? $clog2(SLOTS) : 1;

  logic [GW-1:0] group_q;
  logic [SLOT_W-1:0] slot_q, frame_q, release_n;  // frame_q: first slot of the next frame
  logic [SLOTS-1:0][SLOT_W-1:0] tab_frame;  // that of the frame after it
  logic [(RELEASE-1)*SLOT_W-1:0] release_q;
  logic [Y_W-1:0] row_q;
  logic last, frees;

  assign last = group_q == GW'(GROUPS - 1);

  genvar n;
  generate
    for (n = 0; n < SLOTS; n = n + 1) begin : gen_frame
      assign tab_frame[n] = SLOT_W'((n + STEP) % SLOTS);
    end
    if (FREE_STOP <= FREE_FIRST) begin : gen_never
      assign frees = 1'b0;
    end else if (FREE_FIRST == 0) begin : gen_early
      assign frees = group_q <= GW'(FREE_STOP - 1);
    end else begin : gen_window
      assign frees = group_q >= GW'(FREE_FIRST) && group_q <= GW'(FREE_STOP - 1);
    end
  endgenerate

  always_comb begin
    release_n = '0;
    if (group_end_i) begin
      if (last) release_n = SLOT_W'(FREE_LAST);
      else if (frees) release_n = SLOT_W'(1);
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      group_q    <= '0;
      slot_q     <= '0;
      frame_q    <= SLOT_W'(STEP);
      row_q      <= '0;
      release_q <= '0;
    end else begin
      release_q  <= ((RELEASE - 1) * SLOT_W)'({release_q, release_n});
      if (group_end_i) begin
        group_q <= last ? '0 : group_q + 1'b1;
        row_q   <= last ? '0 : row_q + Y_W'(SPAN);
        if (last) frame_q <= tab_frame[INDEX_W'(frame_q)];
        slot_q  <= last ? frame_q : ((slot_q == SLOT_W'(SLOTS - 1)) ? '0 : slot_q + 1'b1);
      end
    end
  end
  assign slot_o    = slot_q;
  assign row_o     = row_q;
  assign release_o = release_q[(RELEASE-2)*SLOT_W+:SLOT_W];
endmodule
