// Distributed (LUT) RAM with one address for writing and reading: a LUT holds 64 bits of it, where two addresses leave 48.
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
  localparam PAGE = 256;  // most words of one primitive
  localparam PAGES = (DEPTH + PAGE - 1) / PAGE;
  generate
    if (PAGES == 1) begin : gen_page
      (* ram_style = "distributed" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
      always_ff @(posedge clk) if (we_i) mem[addr_i] <= wdata_i;
      assign rdata_o = mem[addr_i];
    end else begin : gen_pages
      localparam SEL_W = $clog2(PAGES);
      logic [PAGES*WIDTH-1:0] data;
      genvar p;
      for (p = 0; p < PAGES; p = p + 1) begin : gen_part
        localparam WORDS = (DEPTH - p * PAGE < PAGE) ? DEPTH - p * PAGE : PAGE;
        localparam PW = (WORDS > 1) ? $clog2(WORDS) : 1;
        fsq_ram_single #(
            .WIDTH (WIDTH),
            .DEPTH (WORDS),
            .ADDR_W(PW)
        ) u_part (
            .clk,
            .we_i   (we_i && addr_i[ADDR_W-1:8] == SEL_W'(p)),
            .addr_i (addr_i[PW-1:0]),
            .wdata_i,
            .rdata_o(data[p*WIDTH+:WIDTH])
        );
      end
      fsq_mux #(
          .N    (PAGES),
          .WIDTH(WIDTH),
          .SEL_W(SEL_W)
      ) u_page (
          .data_i  (data),
          .select_i(addr_i[ADDR_W-1:8]),
          .data_o  (rdata_o)
      );
    end
  endgenerate
endmodule
