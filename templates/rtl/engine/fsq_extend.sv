// Widens a pixel, keeping its value.
module fsq_extend #(
    parameter IN_BITS   = 8,  // bits of the pixel
    parameter IN_SIGNED = 0,  // 1: the pixel is signed
    parameter OUT_BITS  = 8   // at least IN_BITS, and one more where an unsigned pixel meets signed lanes
) (
    input  logic [ IN_BITS-1:0] x_i,  // pixel
    output logic [OUT_BITS-1:0] y_o   // its value in OUT_BITS bits
);
  generate
    if (OUT_BITS > IN_BITS) begin : gen_wider
      assign y_o = {{(OUT_BITS - IN_BITS) {(IN_SIGNED != 0) & x_i[IN_BITS-1]}}, x_i};
    end else begin : gen_same
      assign y_o = x_i;
    end
  endgenerate
endmodule
