// Distributed (LUT) RAM: one write port, one asynchronous read port.
module fsq_ram_lut #(
    parameter WIDTH  = 8,   // bits of a word
    parameter DEPTH  = 64,  // words
    parameter ADDR_W = 6,   // bits of an address
    parameter PAGE   = 64   // most words of one primitive
) (
    input  logic              clk,      // clock
    input  logic              we_i,     // a word is written
    input  logic [ADDR_W-1:0] waddr_i,  // address to write
    input  logic [ WIDTH-1:0] wdata_i,  // word to write
    input  logic [ADDR_W-1:0] raddr_i,  // address to read
    output logic [ WIDTH-1:0] rdata_o   // word of this cycle's address
);
  localparam PAGES = (DEPTH + PAGE - 1) / PAGE;
  generate
    if (PAGES == 1) begin : gen_page
      (* ram_style = "distributed" *) logic [WIDTH-1:0] mem[0:DEPTH-1];
      always_ff @(posedge clk) if (we_i) mem[waddr_i] <= wdata_i;
      assign rdata_o = mem[raddr_i];
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
            .PAGE  (PAGE)
        ) u_part (
            .clk,
            .we_i   (we_i && waddr_i[ADDR_W-1:LOW_W] == SEL_W'(p)),
            .waddr_i(waddr_i[PW-1:0]),
            .wdata_i,
            .raddr_i(raddr_i[PW-1:0]),
            .rdata_o(data[p*WIDTH+:WIDTH])
        );
      end
      fsq_mux #(
          .N    (PAGES),
          .WIDTH(WIDTH),
          .SEL_W(SEL_W)
      ) u_page (
          .data_i  (data),
          .select_i(raddr_i[ADDR_W-1:LOW_W]),
          .data_o  (rdata_o)
      );
    end
  endgenerate
endmodule
