// Requantisers of any sizes side by side, each fed with the low bits of the same numbers; what is told of each has 32 bits.
module requant_bench #(
    parameter COUNT = 1,                                  // requantisers
    parameter [COUNT*32-1:0] ACC_BITS  = {COUNT{32'd24}},  // see fsq_requant
    parameter [COUNT*32-1:0] BIAS_BITS = {COUNT{32'd24}},  // see fsq_requant
    parameter [COUNT*32-1:0] PLACES    = '0,               // see fsq_requant
    parameter [COUNT*32-1:0] MULTIPLY  = '0,               // see fsq_requant
    parameter [COUNT*32-1:0] SCALE_W   = {COUNT{32'd1}},   // see fsq_requant
    parameter [COUNT*32-1:0] SUM_W     = {COUNT{32'd25}},  // see fsq_requant
    parameter [COUNT*32-1:0] PRODUCT_W = {COUNT{32'd25}},  // see fsq_requant
    parameter [COUNT*32-1:0] RIGHT     = '0,               // see fsq_requant
    parameter [COUNT*32-1:0] ADD_ZERO  = '0,               // see fsq_requant
    parameter [COUNT*32-1:0] OUT_BITS  = {COUNT{32'd8}}    // see fsq_requant
) (
    input  logic                clk,      // clock
    input  logic [        63:0] acc_i,    // sum
    input  logic [        63:0] bias_i,   // bias
    input  logic [        63:0] scale_i,  // scale
    input  logic [        31:0] zero_i,   // zero point
    input  logic [        31:0] low_i,    // lower limit
    input  logic [        31:0] high_i,   // upper limit
    output logic [COUNT*16-1:0] y_o       // pixels, 16 bits each
);
  genvar i;
  logic unused_bits;
  assign unused_bits = &{1'b0, acc_i, bias_i, scale_i, zero_i, low_i, high_i};
  generate
    for (i = 0; i < COUNT; i = i + 1) begin : gen_case
      localparam LIMIT_W = OUT_BITS[i*32+:32] + 2;
      logic [OUT_BITS[i*32+:32]-1:0] y;
      fsq_requant #(
          .ACC_BITS (ACC_BITS[i*32+:32]),
          .BIAS_BITS(BIAS_BITS[i*32+:32]),
          .PLACES   (PLACES[i*32+:32]),
          .MULTIPLY (MULTIPLY[i*32+:32]),
          .SCALE_W  (SCALE_W[i*32+:32]),
          .SUM_W    (SUM_W[i*32+:32]),
          .PRODUCT_W(PRODUCT_W[i*32+:32]),
          .RIGHT    (RIGHT[i*32+:32]),
          .ADD_ZERO (ADD_ZERO[i*32+:32]),
          .OUT_BITS (OUT_BITS[i*32+:32]),
          .LIMIT_W  (LIMIT_W)
      ) u_requant (
          .clk,
          .acc_i  (ACC_BITS[i*32+:32]'(acc_i)),
          .bias_i (BIAS_BITS[i*32+:32]'(bias_i)),
          .scale_i(SCALE_W[i*32+:32]'(scale_i)),
          .zero_i (LIMIT_W'(zero_i)),
          .low_i  (LIMIT_W'(low_i)),
          .high_i (LIMIT_W'(high_i)),
          .y_o    (y)
      );
      assign y_o[i*16+:16] = 16'(y);
    end
  endgenerate
endmodule
