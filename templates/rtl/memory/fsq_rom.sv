// One block-RAM tile of a parameter memory: initialised from a file, read through the output register of the block.
module fsq_rom #(
    parameter WIDTH     = 36,    // bits of a word
    parameter DEPTH     = 1024,  // words
    parameter ADDR_W    = 10,    // bits of an address
    parameter INIT_FILE = ""     // file of the words, in hexadecimal
) (
    input  logic              clk,     // clock
    input  logic              en_i,    // both registers go on
    input  logic [ADDR_W-1:0] addr_i,  // address to read
    output logic [ WIDTH-1:0] data_o   // word to read, two such cycles after its address
);
  (* rom_style = "block", ram_style = "block" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
  initial if (INIT_FILE != "") $readmemh(INIT_FILE, mem);

  logic [WIDTH-1:0] read_q, data_q;
  always_ff @(posedge clk) begin
    if (en_i) begin
      read_q <= mem[addr_i];
      data_q <= read_q;
    end
  end
  assign data_o = data_q;
endmodule
