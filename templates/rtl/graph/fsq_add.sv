// Sum of two maps: y = clip(round_half_even((A(a) + B(b) + OFFSET) * 2^(LEFT - RIGHT)) + ZERO), a word every other cycle.
//
// A(a) is a * 2^LEFT_A or, where there are any, the sum of TABLES_A tables: each takes PIECE bits of the pixel, the first one
// the lowest; the same of b.
//
// A word of both is taken in the cycle in which both are offered, if the first stage is empty (fsq_stages); stages are A
// and B, the sums, and those in steps of the result. It is pushed out of the last one, as soon as there is room.
module fsq_add #(
    parameter WIDTH    = 8,    // pixels of a row
    parameter BITS_A   = 8,    // bits of a pixel of the first map
    parameter SIGNED_A = 0,    // 1: its pixels are signed
    parameter LEFT_A   = 0,    // places by which it moves left
    parameter TABLES_A = 0,    // tables that it goes through instead
    parameter ENTRIES_A = 0,   // their entries, SLOT bits each, 2^PIECE per table
    parameter BITS_B   = 8,    // bits of a pixel of the second map
    parameter SIGNED_B = 0,    // 1: its pixels are signed
    parameter LEFT_B   = 0,    // places by which it moves left
    parameter TABLES_B = 0,    // tables that it goes through instead
    parameter ENTRIES_B = 0,   // their entries, SLOT bits each, 2^PIECE per table
    parameter PIECE    = 6,    // bits of a pixel that a table takes
    parameter SLOT     = 64,   // bits of an entry, a power of two
    parameter SUM_W    = 10,   // bits of the sum, signed
    parameter OFFSET   = 0,    // is added to it
    parameter RIGHT    = 0,    // places by which the sum moves right
    parameter LEFT     = 0,    // places by which the sum moves left
    parameter ZERO     = 0,    // is added to what was rounded
    parameter OUT_BITS = 8,    // bits of a pixel that leaves
    parameter LOW      = 0,    // lower limit of the pixels that leave
    parameter HIGH     = 255,  // upper limit of the pixels that leave
    parameter DEPTH    = 1,    // words of the output FIFO
    parameter COUNT_W  = 1     // bits of a count of words
) (
    input  logic                             clk,          // clock
    input  logic                             rst_n,        // synchronous reset, active low
    input  logic [                      1:0] in_valid_i,   // row words in: offered, the first map in the lowest bit
    output logic [                      1:0] in_ready_o,   // row words in: taken if offered
    input  logic [WIDTH*(BITS_A+BITS_B)-1:0] in_data_i,    // row words in: the first map in the low bits
    output logic                             out_valid_o,  // row word out: offered
    input  logic                             out_ready_i,  // row word out: taken if offered
    output logic [       WIDTH*OUT_BITS-1:0] out_data_o    // row word out: pixel 0 in the low bits
);
  localparam STAGES = 3;
  genvar x;
  logic [STAGES-1:0] empty;
  logic take, push;
  logic [COUNT_W-1:0] free;
  logic [WIDTH*OUT_BITS-1:0] word;

  assign take       = empty[0] && (&in_valid_i);
  assign push       = !empty[STAGES-1] && free != '0;
  assign in_ready_o = {2{take}};
  fsq_stages #(
      .STAGES(STAGES)
  ) u_stages (
      .clk,
      .rst_n,
      .enter_i(&in_valid_i),
      .leave_i(push),
      .empty_o(empty)
  );

  generate
    for (x = 0; x < WIDTH; x = x + 1) begin : gen_pixel
      logic [SUM_W-1:0] a, b, sum_q;
      fsq_scale #(
          .IN_BITS  (BITS_A),
          .IN_SIGNED(SIGNED_A),
          .LEFT     (LEFT_A),
          .TABLES   (TABLES_A),
          .ENTRIES  (ENTRIES_A),
          .PIECE    (PIECE),
          .SLOT     (SLOT),
          .OUT_BITS (SUM_W)
      ) u_a (
          .clk,
          .en_i(empty[0]),
          .x_i (in_data_i[x*BITS_A+:BITS_A]),
          .y_o (a)
      );
      fsq_scale #(
          .IN_BITS  (BITS_B),
          .IN_SIGNED(SIGNED_B),
          .LEFT     (LEFT_B),
          .TABLES   (TABLES_B),
          .ENTRIES  (ENTRIES_B),
          .PIECE    (PIECE),
          .SLOT     (SLOT),
          .OUT_BITS (SUM_W)
      ) u_b (
          .clk,
          .en_i(empty[0]),
          .x_i (in_data_i[WIDTH*BITS_A+x*BITS_B+:BITS_B]),
          .y_o (b)
      );
      always_ff @(posedge clk) if (empty[1]) sum_q <= a + b + SUM_W'(OFFSET);
      fsq_round #(
          .IN_W    (SUM_W),
          .RIGHT   (RIGHT),
          .LEFT    (LEFT),
          .ZERO    (ZERO),
          .OUT_BITS(OUT_BITS),
          .LOW     (LOW),
          .HIGH    (HIGH)
      ) u_round (
          .clk,
          .en_i(empty[2]),
          .x_i (sum_q),
          .y_o (word[x*OUT_BITS+:OUT_BITS])
      );
    end
  endgenerate

  fsq_fifo #(
      .WIDTH  (WIDTH * OUT_BITS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push)),
      .free_o   (free),
      .push_i   (push),
      .data_i   (word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
