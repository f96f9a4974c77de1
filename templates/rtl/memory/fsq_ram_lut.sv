// Distributed (LUT) RAM: one write port, one asynchronous read port; with one address for both a LUT holds 64 bits of it,
// where two addresses leave 48.
module fsq_ram_lut #(
    parameter WIDTH  = 8,   // bits of a word
    parameter DEPTH  = 64,  // words
    parameter ADDR_W = 6,   // bits of an address
    parameter SINGLE = 0    // 1: raddr_i is always waddr_i
) (
    input  logic              clk,      // clock
    input  logic              we_i,     // a word is written
    input  logic [ADDR_W-1:0] waddr_i,  // address to write
    input  logic [ WIDTH-1:0] wdata_i,  // word to write
    input  logic [ADDR_W-1:0] raddr_i,  // address to read
    output logic [ WIDTH-1:0] rdata_o   // word of this cycle's address
);
  localparam PAGE = (SINGLE != 0) ? 256 : 64;  // most words of one primitive
  localparam PAGES = (DEPTH + PAGE - 1) / PAGE;
  logic [ADDR_W-1:0] raddr;  // seen here to be the same: modules are mapped one by one
  assign raddr = (SINGLE != 0) ? waddr_i : raddr_i;
  generate
    if (PAGES == 1) begin : gen_page
      (* ram_style = "distributed" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
      always_ff @(posedge clk) if (we_i) mem[waddr_i] <= wdata_i;
      assign rdata_o = mem[raddr];
    end else begin : gen_pages
      localparam SEL_W = $clog2(PAGES);
      localparam LOW_W = $clog2(PAGE);
      logic [PAGES*WIDTH-1:0] data;
      genvar p;
      for (p = 0; p < PAGES; p = p + 1) begin : gen_part
        localparam WORDS = (DEPTH - p * PAGE < PAGE) ? DEPTH - p * PAGE : PAGE;
        localparam PW = (WORDS > 1) ? $clog2(WORDS) : 1;
        fsq_ram_lut #(
            .WIDTH (WIDTH),
            .DEPTH (WORDS),
            .ADDR_W(PW),
            .SINGLE(SINGLE)
        ) u_part (
            .clk,
            .we_i   (we_i && waddr_i[ADDR_W-1:LOW_W] == SEL_W'(p)),
            .waddr_i(waddr_i[PW-1:0]),
            .wdata_i,
            .raddr_i(raddr[PW-1:0]),
            .rdata_o(data[p*WIDTH+:WIDTH])
        );
      end
      fsq_mux #(
          .N    (PAGES),
          .WIDTH(WIDTH),
          .SEL_W(SEL_W)
      ) u_page (
          .data_i  (data),
          .select_i(raddr[ADDR_W-1:LOW_W]),
          .data_o  (rdata_o)
      );
    end
  endgenerate
endmodule
