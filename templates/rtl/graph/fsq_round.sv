// Rounds by a constant number of places and saturates: y = clip(round_half_even(x * 2^(LEFT - RIGHT)) + ZERO), within a cycle.
module fsq_round #(
    parameter IN_W     = 10,  // bits of the value, signed
    parameter RIGHT    = 0,   // places to the right
    parameter LEFT     = 0,   // places to the left
    parameter ZERO     = 0,   // is added to what was rounded
    parameter OUT_BITS = 8,   // bits of the result
    parameter LOW      = 0,   // its lower limit
    parameter HIGH     = 255  // its upper limit
) (
    input  logic signed [    IN_W-1:0] x_i,  // value
    output logic        [OUT_BITS-1:0] y_o   // result
);
  localparam T_W = IN_W + LEFT;
  localparam REST = (T_W > RIGHT) ? T_W - RIGHT : 1;
  localparam Q_W = ((REST > OUT_BITS + 1) ? REST : OUT_BITS + 1) + 1;
  logic signed [T_W-1:0] t;
  logic signed [Q_W-1:0] rounded, value, clipped;
  assign t = T_W'(x_i) <<< LEFT;
  generate
    if (RIGHT == 0) begin : gen_keep
      assign rounded = Q_W'(t);
    end else if (RIGHT >= T_W) begin : gen_zero  // everything lies below half
      assign rounded = '0;
      logic unused_t;
      assign unused_t = &{1'b0, t};
    end else begin : gen_round
      logic sticky, up;
      // half and more rounds up; exactly half only to an even value
      assign up = t[RIGHT-1] & (sticky | t[RIGHT]);
      if (RIGHT > 1) begin : gen_sticky
        assign sticky = |t[RIGHT-2:0];
      end else begin : gen_no_sticky
        assign sticky = 1'b0;
      end
      assign rounded = Q_W'($signed(t[T_W-1:RIGHT])) + Q_W'(up);
    end
  endgenerate
  assign value = rounded + Q_W'(ZERO);
  always_comb begin
    clipped = value;
    if (value < Q_W'(LOW)) clipped = Q_W'(LOW);
    if (value > Q_W'(HIGH)) clipped = Q_W'(HIGH);
  end
  assign y_o = clipped[OUT_BITS-1:0];
  logic unused_clipped;
  assign unused_clipped = &{1'b0, clipped[Q_W-1:OUT_BITS]};
endmodule
