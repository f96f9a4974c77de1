// fsq_ram_lut with one address for writing and reading.
(* keep_hierarchy = "yes" *)
module fsq_ram_single #(
    parameter WIDTH  = 8,   // bits of a word
    parameter DEPTH  = 64,  // words
    parameter ADDR_W = 6    // bits of an address
) (
    input  logic              clk,      // clock
    input  logic              we_i,     // a word is written
    input  logic [ADDR_W-1:0] addr_i,   // address to read and write
    input  logic [ WIDTH-1:0] wdata_i,  // word to write
    output logic [ WIDTH-1:0] rdata_o   // word of this cycle's address
);
  fsq_ram_lut #(
      .WIDTH (WIDTH),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W),
      .SINGLE(1)
  ) u_ram (
      .clk,
      .we_i,
      .waddr_i(addr_i),
      .wdata_i,
      .raddr_i(addr_i),
      .rdata_o
  );
endmodule
