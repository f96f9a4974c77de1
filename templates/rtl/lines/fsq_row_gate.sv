// Holds a row group back until the rows its window reaches are complete.
//
// Counts finished rows of the buffer it watches; `need` walks FIRST, FIRST + STEP, ... and never passes HEIGHT. The
// last group waits for the whole frame, so that at its end exactly HEIGHT rows are taken off the count.
module fsq_row_gate #(
    parameter FIRST  = 1,  // rows the first group needs; HEIGHT if it is the only one
    parameter STEP   = 1,  // rows each further group needs
    parameter HEIGHT = 8,  // rows of a frame
    parameter GROUPS = 8,  // row groups of a frame
    parameter HAVE_W = 8   // bits of the row count: HEIGHT and the rows the buffer holds beyond it
) (
    input  logic clk,          // clock
    input  logic rst_n,        // synchronous reset, active low
    input  logic row_done_i,   // a row was completed
    input  logic group_end_i,  // the current group is finished
    output logic ok_o          // the current group may start
);
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;

  logic [HAVE_W-1:0] have_q, need_q, need_step;
  logic [GW-1:0] group_q;
  logic last_group;

  assign last_group = group_q == GW'(GROUPS - 1);
  assign need_step  = (need_q + HAVE_W'(STEP) >= HAVE_W'(HEIGHT)) ? HAVE_W'(HEIGHT) : need_q + HAVE_W'(STEP);
  assign ok_o       = have_q >= need_q;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      have_q  <= '0;
      need_q  <= HAVE_W'(FIRST);
      group_q <= '0;
    end else begin
      have_q <= have_q + HAVE_W'(row_done_i) - ((group_end_i && last_group) ? HAVE_W'(HEIGHT) : '0);
      if (group_end_i) begin
        group_q <= last_group ? '0 : group_q + 1'b1;
        if (last_group) need_q <= HAVE_W'(FIRST);
        else if (group_q + 1'b1 == GW'(GROUPS - 1)) need_q <= HAVE_W'(HEIGHT);
        else need_q <= need_step;
      end
    end
  end
endmodule
