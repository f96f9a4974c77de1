// From the pixels that row buffers took to those of the lanes.
//
// One of the buffers was read, the others give 0. Row b of the window lies in bank b + bank, and lane l takes position
// l + shift: what bank and shift are comes a cycle before the pixels, which leave two cycles after they came.
module fsq_lane_pixels #(
    parameter BUFFERS = 1,   // row buffers
    parameter ROWS    = 1,   // rows of the window, banks
    parameter LANES   = 8,   // lanes per row
    parameter SHIFTS  = 1,   // positions among which a lane takes its pixel
    parameter BITS    = 8,   // bits of a pixel
    parameter BANK_W  = 1,   // bits of the number of a bank
    parameter SHIFT_W = 1,   // bits of a shift
    parameter SHARE   = 96   // bits of pixels that share a copy of a signal
) (
    input  logic                                              clk,       // clock
    input  logic [                        BUFFERS*BANK_W-1:0] bank_i,    // bank of the window's first row
    input  logic [                       BUFFERS*SHIFT_W-1:0] shift_i,   // position of lane 0
    input  logic [BUFFERS*ROWS*(LANES+SHIFTS-1)*BITS-1:0] taken_i,   // a cycle later: buffer, then bank, then position
    output logic [                       ROWS*LANES*BITS-1:0] pixels_o   // row, then lane; the first in the low bits
);
  localparam COUNT = LANES + SHIFTS - 1;
  localparam ALL = ROWS * COUNT * BITS;
  localparam PLACES = ROWS * SHIFTS;
  localparam SEL_W = (PLACES > 1) ? $clog2(PLACES) : 1;
  localparam TW = BANK_W + SHIFT_W;
  localparam PER = SHARE / BITS;  // lanes that share a copy
  localparam COPIES = (LANES + PER - 1) / PER;
  genvar b, m, n;

  logic [BANK_W-1:0] bank;
  logic [SHIFT_W-1:0] shift;
  logic [ALL-1:0] taken, taken_q;
  integer i;
  always_comb begin
    bank  = '0;
    shift = '0;
    taken = '0;
    for (i = 0; i < BUFFERS; i = i + 1) begin
      bank  = bank | bank_i[i*BANK_W+:BANK_W];
      shift = shift | shift_i[i*SHIFT_W+:SHIFT_W];
      taken = taken | taken_i[i*ALL+:ALL];
    end
  end
  always_ff @(posedge clk) taken_q <= taken;

  generate
    for (b = 0; b < ROWS; b = b + 1) begin : gen_row
      logic [COPIES*SEL_W-1:0] places;
      if (PLACES > 1) begin : gen_places
        logic [(SEL_W<<TW)-1:0] tab_place;
        logic [SEL_W-1:0] place_q;
        for (n = 0; n < (1 << TW); n = n + 1) begin : gen_place
          assign tab_place[n*SEL_W+:SEL_W] =
              SEL_W'(((b + (n >> SHIFT_W)) % ROWS) * SHIFTS + (n & ((1 << SHIFT_W) - 1)) % SHIFTS);
        end
        always_ff @(posedge clk) place_q <= tab_place[{bank, shift}*SEL_W+:SEL_W];
        fsq_copies #(
            .N    (COPIES),
            .WIDTH(SEL_W)
        ) u_places (
            .clk,
            .d_i(place_q),
            .q_o(places)
        );
      end else begin : gen_only
        assign places = '0;
        logic unused_place;
        assign unused_place = &{1'b0, bank, shift};
      end
      for (m = 0; m < COPIES; m = m + 1) begin : gen_lanes
        localparam PART = ((LANES - m * PER < PER) ? LANES - m * PER : PER) * BITS;
        logic [PLACES*PART-1:0] some;  // by bank, then shift
        logic [PART-1:0] pixels;
        for (n = 0; n < PLACES; n = n + 1) begin : gen_some
          assign some[n*PART+:PART] = taken_q[((n/SHIFTS)*COUNT+n%SHIFTS+m*PER)*BITS+:PART];
        end
        fsq_mux #(
            .N    (PLACES),
            .WIDTH(PART),
            .SEL_W(SEL_W)
        ) u_place (
            .data_i  (some),
            .select_i(places[m*SEL_W+:SEL_W]),
            .data_o  (pixels)
        );
        always_ff @(posedge clk) pixels_o[(b*LANES+m*PER)*BITS+:PART] <= pixels;
      end
    end
  endgenerate
endmodule
