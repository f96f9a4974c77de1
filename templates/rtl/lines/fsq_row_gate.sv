// Holds a row group back until the rows its window reaches are complete.
//
// Counts how many rows of the buffer it watches are missing: the first group needs FIRST of them, each further one STEP
// more, up to HEIGHT. The last group waits for the whole frame.
module fsq_row_gate #(
    parameter FIRST  = 1,  // rows the first group needs; HEIGHT if it is the only one
    parameter STEP   = 1,  // rows each further group needs
    parameter HEIGHT = 8,  // rows of a frame
    parameter GROUPS = 8,  // row groups of a frame
    parameter HAVE_W = 8   // bits of a row count: HEIGHT and the rows the buffer holds beyond it
) (
    input  logic clk,         // clock
    input  logic rst_n,       // synchronous reset, active low
    input  logic row_done_i,  // a row was completed
    input  logic take_i,      // the current group starts
    output logic ok_o         // the current group may start
);
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam W = HAVE_W + 1;
  localparam FULL = (HEIGHT - FIRST) / STEP;  // groups that need STEP rows more than the one before
  localparam PART = (HEIGHT - FIRST) % STEP;  // rows that the one behind them needs more
  localparam SEEN = (FIRST + (GROUPS - 2) * STEP < HEIGHT) ? FIRST + (GROUPS - 2) * STEP : HEIGHT;
  localparam LAST = (GROUPS > 1) ? HEIGHT - SEEN : 0;  // rows that the last group needs more

  logic [GW-1:0] group_q;  // the current group
  logic [W-1:0] more, lacking_q;  // rows that the next group needs more; rows missing but one: negative if none is
  logic last_group;
  assign last_group = group_q == GW'(GROUPS - 1);
  generate
    if (GROUPS == 1) begin : gen_only
      assign more = W'(FIRST - 1);
    end else begin : gen_groups
      logic part, none;
      if (FULL < GROUPS) begin : gen_part
        assign part = group_q == GW'(FULL);
      end else begin : gen_whole
        assign part = 1'b0;
      end
      if (FULL + 1 < GROUPS) begin : gen_none
        assign none = group_q >= GW'(FULL + 1);
      end else begin : gen_all
        assign none = 1'b0;
      end
      always_comb begin
        more = W'(STEP - 1);
        if (part) more = W'(PART - 1);
        if (none) more = '1;
        if (group_q == GW'(GROUPS - 2)) more = W'(LAST - 1);
        if (last_group) more = W'(FIRST - 1);
      end
    end
  endgenerate

  // one adder: what is added is one too few, and one is carried in unless a row comes
  logic [W:0] sum;
  assign sum  = {lacking_q, 1'b1} + {take_i ? more : {W{1'b1}}, !row_done_i};
  assign ok_o = lacking_q[W-1];
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      group_q   <= '0;
      lacking_q <= W'(FIRST - 1);
    end else begin
      lacking_q <= sum[W:1];
      if (take_i) group_q <= last_group ? '0 : group_q + 1'b1;
    end
  end
  logic unused_carry;
  assign unused_carry = &{1'b0, sum[0]};
endmodule
