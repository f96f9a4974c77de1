// Rounds by a constant number of places and saturates: y = clip(round_half_even(x * 2^(LEFT - RIGHT)) + ZERO), a register in
// front of the limits.
module fsq_round #(
    parameter IN_W     = 10,  // bits of the value, signed
    parameter RIGHT    = 0,   // places to the right
    parameter LEFT     = 0,   // places to the left
    parameter ZERO     = 0,   // is added to what was rounded
    parameter OUT_BITS = 8,   // bits of the result
    parameter LOW      = 0,   // its lower limit
    parameter HIGH     = 255  // its upper limit
) (
    input  logic                       clk,   // clock
    input  logic                       en_i,  // the register takes what is there
    input  logic signed [    IN_W-1:0] x_i,   // value
    output logic        [OUT_BITS-1:0] y_o    // result, one cycle later
);
  localparam T_W = IN_W + LEFT;
  localparam REST = (T_W > RIGHT) ? T_W - RIGHT : 1;
  localparam Q_W = ((REST > OUT_BITS + 1) ? REST : OUT_BITS + 1) + 1;
  logic signed [T_W-1:0] t;
  logic signed [Q_W-1:0] value, value_q;
  assign t = T_W'(x_i) <<< LEFT;
  generate
    if (RIGHT == 0) begin : gen_keep
      assign value = Q_W'(t) + Q_W'(ZERO);
    end else if (RIGHT >= T_W) begin : gen_zero  // everything lies below half
      assign value = Q_W'(ZERO);
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
      assign value = Q_W'($signed(t[T_W-1:RIGHT])) + (up ? Q_W'(ZERO + 1) : Q_W'(ZERO));  // one adder
    end
  endgenerate
  always_ff @(posedge clk) if (en_i) value_q <= value;
  fsq_clip #(
      .IN_W    (Q_W),
      .OUT_BITS(OUT_BITS),
      .LOW     (LOW),
      .HIGH    (HIGH)
  ) u_clip (
      .x_i(value_q),
      .y_o
  );
endmodule
