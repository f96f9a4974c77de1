// One lane: a multiplier and an accumulator, one DSP48 slice.
module fsq_mac_lane #(
    parameter X_BITS   = 8,  // bits of a pixel
    parameter X_SIGNED = 0,  // 1: pixels are signed
    parameter W_BITS   = 8,  // bits of a weight
    parameter ACC_BITS = 24  // bits of a sum
) (
    input  logic                clk,       // clock
    input  logic [  X_BITS-1:0] x_i,       // pixel
    input  logic [  W_BITS-1:0] w_i,       // weight, signed
    input  logic                acc_en_i,  // the product register holds a term of the sum
    input  logic                first_i,   // it will hold the first term in the next cycle
    output logic [ACC_BITS-1:0] acc_o      // sum, signed
);
  localparam XS = (X_SIGNED != 0) ? X_BITS : X_BITS + 1;
  localparam PW = XS + W_BITS;

  logic signed [XS-1:0] x;
  logic signed [W_BITS-1:0] w;
  logic signed [PW-1:0] product_q;
  logic signed [ACC_BITS-1:0] acc_q, start, term;
  logic first_q;  // of this slice alone: its register of the operation

  assign x = XS'(x_i);  // an unsigned pixel gets a sign of 0
  assign w = w_i;
  // The accumulator's bound covers every single product, so that a narrower sum only drops copies of the sign.
  generate
    if (ACC_BITS >= PW) begin : gen_extend
      assign term = ACC_BITS'(product_q);
    end else begin : gen_trim
      assign term = product_q[ACC_BITS-1:0];
      logic unused_ok;
      assign unused_ok = &{1'b0, product_q[PW-1:ACC_BITS]};
    end
  endgenerate

  // the choice in front of the adder, not behind it: so the slice does it, and its accumulator is used
  assign start = first_q ? '0 : acc_q;
  always_ff @(posedge clk) begin
    first_q   <= first_i;
    product_q <= x * w;
    if (acc_en_i) acc_q <= start + term;
  end
  assign acc_o = acc_q;
endmodule
