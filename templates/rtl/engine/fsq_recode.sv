// A pixel through a table, or as it is: the scale of a branch becomes that of its concatenation. One cycle long.
module fsq_recode #(
    parameter BITS    = 8,  // bits of a pixel
    parameter INDEX_W = 8,  // its low bits that choose an entry
    parameter TABLES  = 1,  // tables
    parameter TABLE_W = 1,  // holds TABLES
    parameter VALUES  = 0   // entries of BITS bits, table after table, the first in the lowest bits
) (
    input  logic               clk,      // clock
    input  logic [   BITS-1:0] x_i,      // pixel
    input  logic [TABLE_W-1:0] table_i,  // 0: it stays; n: the n-th table
    output logic [   BITS-1:0] y_o       // what it becomes
);
  localparam SIZE = 1 << INDEX_W;
  logic [TABLES-1:0][SIZE-1:0][BITS-1:0] values;
  logic [BITS-1:0] y, y_q;
  assign values = (TABLES * SIZE * BITS)'(VALUES);
  integer n;
  always_comb begin
    y = x_i;
    for (n = 0; n < TABLES; n = n + 1) begin
      if (table_i == TABLE_W'(n + 1)) y = values[n][x_i[INDEX_W-1:0]];
    end
  end
  always_ff @(posedge clk) y_q <= y;
  assign y_o = y_q;
endmodule
