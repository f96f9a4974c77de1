// Limits a signed value, within a cycle.
module fsq_clip #(
    parameter IN_W     = 12,  // bits of the value, signed: one more than those of the limits at least
    parameter OUT_BITS = 8,   // bits of the result
    parameter LOW      = 0,   // its lower limit
    parameter HIGH     = 255  // its upper limit
) (
    input  logic signed [    IN_W-1:0] x_i,  // value
    output logic        [OUT_BITS-1:0] y_o   // result
);
  logic signed [IN_W-1:0] clipped;
  always_comb begin
    clipped = x_i;
    if (x_i < IN_W'(LOW)) clipped = IN_W'(LOW);
    if (x_i > IN_W'(HIGH)) clipped = IN_W'(HIGH);
  end
  assign y_o = clipped[OUT_BITS-1:0];
  logic unused_clipped;
  assign unused_clipped = &{1'b0, clipped[IN_W-1:OUT_BITS]};
endmodule
