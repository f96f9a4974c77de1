// A pixel in the steps of a sum: moved left, or through tables of its pieces whose entries are added;
// a register follows.
module fsq_scale #(
    parameter IN_BITS   = 8,   // bits of the pixel
    parameter IN_SIGNED = 0,   // 1: the pixel is signed; entries of tables know that by themselves
    parameter LEFT      = 0,   // places to the left, where there are no tables
    parameter TABLES    = 0,   // tables
    parameter ENTRIES   = 0,   // their entries, SLOT bits each, 2^PIECE per table
    parameter PIECE     = 6,   // bits of the pixel that a table takes: the first one the lowest, the last one what is left
    parameter SLOT      = 64,  // bits of an entry, a power of two
    parameter OUT_BITS  = 32   // bits of the result
) (
    input  logic                clk,   // clock
    input  logic                en_i,  // the register takes what is there
    input  logic [ IN_BITS-1:0] x_i,   // pixel
    output logic [OUT_BITS-1:0] y_o    // its value in OUT_BITS bits, one cycle later
);
  logic [OUT_BITS-1:0] y, y_q;
  always_ff @(posedge clk) if (en_i) y_q <= y;
  assign y_o = y_q;
  generate
    if (TABLES == 0) begin : gen_wire
      logic [OUT_BITS-1:0] x;
      fsq_extend #(
          .IN_BITS  (IN_BITS),
          .IN_SIGNED(IN_SIGNED),
          .OUT_BITS (OUT_BITS)
      ) u_x (
          .x_i,
          .y_o(x)
      );
      assign y = x << LEFT;
    end else begin : gen_tables
      localparam SIZE = SLOT << PIECE;  // bits of a table
      localparam [TABLES*SIZE-1:0] ALL = (TABLES * SIZE)'(ENTRIES);
      genvar n;
      localparam PAIRS = (TABLES + 1) / 2;
      logic [TABLES*OUT_BITS-1:0] parts;
      logic [(PAIRS+1)*OUT_BITS-1:0] sums;  // two parts are added at a time, so that four are in two adders
      for (n = 0; n < TABLES; n = n + 1) begin : gen_table
        localparam BITS = (IN_BITS - n * PIECE < PIECE) ? IN_BITS - n * PIECE : PIECE;
        fsq_table #(
            .IN_BITS (BITS),
            .OUT_BITS(OUT_BITS),
            .SLOT    (SLOT),
            .ENTRIES (ALL[n*SIZE+:SLOT<<BITS])
        ) u_table (
            .x_i(x_i[n*PIECE+:BITS]),
            .y_o(parts[n*OUT_BITS+:OUT_BITS])
        );
      end
      assign sums[0+:OUT_BITS] = '0;
      for (n = 0; n < PAIRS; n = n + 1) begin : gen_pair
        logic [OUT_BITS-1:0] pair;
        if (2 * n + 1 < TABLES) begin : gen_both
          assign pair = parts[2*n*OUT_BITS+:OUT_BITS] + parts[(2*n+1)*OUT_BITS+:OUT_BITS];
        end else begin : gen_one
          assign pair = parts[2*n*OUT_BITS+:OUT_BITS];
        end
        assign sums[(n+1)*OUT_BITS+:OUT_BITS] = sums[n*OUT_BITS+:OUT_BITS] + pair;
      end
      assign y = sums[PAIRS*OUT_BITS+:OUT_BITS];
    end
  endgenerate
endmodule
