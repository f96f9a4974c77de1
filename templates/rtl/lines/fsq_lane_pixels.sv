// From the pixels that row buffers took to those of the lanes: lane l takes position l + shift.
//
// One of the buffers was read, the others give 0; every second one has joined to its own pixels those of the one before.
// The shift comes a cycle before the pixels, which leave two cycles after they came: between the multiplexers and the slices,
// which lie in columns of their own far apart, there is a register.
module fsq_lane_pixels #(
    parameter BUFFERS = 1,  // row buffers
    parameter ROWS    = 1,  // rows of the window
    parameter LANES   = 8,  // lanes per row
    parameter SHIFTS  = 1,  // positions among which a lane takes its pixel
    parameter BITS    = 8,  // bits of a pixel
    parameter SHIFT_W = 1,  // bits of a shift
    parameter SHARE   = 96  // bits of pixels that share a copy of a signal
) (
    input  logic                                          clk,      // clock
    input  logic [                   BUFFERS*SHIFT_W-1:0] shift_i,  // position of lane 0
    input  logic [BUFFERS*ROWS*(LANES+SHIFTS-1)*BITS-1:0] taken_i,  // a cycle later: pixels: buffer, then row, then position
    output logic [                   ROWS*LANES*BITS-1:0] pixels_o  // row, then lane; the first in the low bits
);
  localparam COUNT = LANES + SHIFTS - 1;
  localparam ALL = ROWS * COUNT * BITS;
  localparam PER = SHARE / BITS;  // lanes that share a copy
  localparam COPIES = (LANES + PER - 1) / PER;
  genvar b, m, n;

  logic [SHIFT_W-1:0] shift, shift_q;
  logic [ALL-1:0] taken, taken_q;
  integer i;
  always_comb begin
    shift = '0;
    taken = '0;
    for (i = 0; i < BUFFERS; i = i + 1) begin
      shift = shift | shift_i[i*SHIFT_W+:SHIFT_W];
      if (i % 2 == 1 || i == BUFFERS - 1) taken = taken | taken_i[i*ALL+:ALL];
    end
  end
  always_ff @(posedge clk) begin
    shift_q <= shift;
    taken_q <= taken;
  end

  logic [ROWS*LANES*BITS-1:0] pixels;
  always_ff @(posedge clk) pixels_o <= pixels;
  generate
    if (SHIFTS == 1) begin : gen_straight
      assign pixels = taken_q;
      logic unused_shift;
      assign unused_shift = &{1'b0, shift_q};
    end else begin : gen_shifted
      for (b = 0; b < ROWS; b = b + 1) begin : gen_row
        logic [COPIES*SHIFT_W-1:0] shifts;
        fsq_copies #(
            .N    (COPIES),
            .WIDTH(SHIFT_W)
        ) u_shifts (
            .clk,
            .d_i(shift_q),
            .q_o(shifts)
        );
        for (m = 0; m < COPIES; m = m + 1) begin : gen_lanes
          localparam PART = ((LANES - m * PER < PER) ? LANES - m * PER : PER) * BITS;
          logic [SHIFTS*PART-1:0] some;
          for (n = 0; n < SHIFTS; n = n + 1) begin : gen_some
            assign some[n*PART+:PART] = taken_q[(b*COUNT+n+m*PER)*BITS+:PART];
          end
          fsq_mux #(
              .N    (SHIFTS),
              .WIDTH(PART),
              .SEL_W(SHIFT_W)
          ) u_shift (
              .data_i  (some),
              .select_i(shifts[m*SHIFT_W+:SHIFT_W]),
              .data_o  (pixels[(b*LANES+m*PER)*BITS+:PART])
          );
        end
      end
    end
  endgenerate
endmodule
