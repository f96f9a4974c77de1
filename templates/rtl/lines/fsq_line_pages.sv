// Distributed RAM of a bank of a row buffer: LINES rows of all channels in pages.
//
// STYLE 0  an address each for writing and reading, in pages of 64 words.
// STYLE 3  one address. A line has a page of 32, 64 or 128 channels for every bit that is set in the number of its
//          channels, counted by 32, and one of 256 for every 256. The writer has a page's address while it writes to
//          its line, else the reader. A row is read only when it is complete, so they never meet.
// The memory is cut into columns of SHARE bits, each with registers of its own for addresses and enables.
module fsq_line_pages #(
    parameter CHANNELS = 1,   // channels of the rows
    parameter LINES    = 2,   // row slots of the bank
    parameter WORD     = 64,  // bits of a row
    parameter SINGLE   = 0,   // 0: STYLE 0, 1: STYLE 3
    parameter PAGES    = 1,   // pages of the whole bank
    parameter SHARE    = 96,  // bits of a column: a multiple of 24, so that primitives are filled
    parameter CI_W     = 1,   // bits of a channel
    parameter LINE_W   = 1    // bits of the number of a row slot of a bank
) (
    input  logic                  clk,           // clock
    // a word to write; its data come a cycle later
    input  logic                  we_i,          // there is one
    input  logic [    LINE_W-1:0] wr_line_i,     // row slot to write
    input  logic [      CI_W-1:0] wr_channel_i,  // channel to write
    input  logic [      WORD-1:0] wdata_i,       // word to write
    // a word to read
    input  logic [    LINE_W-1:0] rd_line_i,     // row slot to read
    input  logic [      CI_W-1:0] rd_channel_i,  // channel to read
    output logic [     PAGES-1:0] miss_o,        // pages in which it does not lie
    output logic [PAGES*WORD-1:0] data_o         // a cycle later: a word of each page, page 0 in the low bits
);
  localparam COLUMNS = (WORD + SHARE - 1) / SHARE;
  localparam DEPTH = LINES * CHANNELS;
  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  genvar g, n, p;

  logic [PAGES-1:0] writes;
  generate
    if (SINGLE != 0) begin : gen_single
      localparam UNITS = (CHANNELS + 31) / 32;
      localparam LARGE = UNITS / 8;  // pages of 256 channels of a line
      localparam PARTS = PAGES / LINES;
      localparam XW = CI_W + 8;
      logic [XW-1:0] wr_x, rd_x;
      assign wr_x = XW'(wr_channel_i);
      assign rd_x = XW'(rd_channel_i);
      for (p = 0; p < PAGES; p = p + 1) begin : gen_page
        // part N of a line: `SKIP` of its pages smaller than 256 lie before it
        localparam N = p % PARTS;
        localparam SKIP = (N < LARGE) ? 0 : N - LARGE;
        localparam SMALL = UNITS % 8;
        localparam TOP = (SMALL >= 4) ? 4 : (SMALL >= 2) ? 2 : 1;
        localparam SECOND = (SMALL - TOP >= 2) ? 2 : 1;
        localparam SIZE = 32 * ((N < LARGE) ? 8 : (SKIP == 0) ? TOP : (SKIP == 1) ? SECOND : 1);
        localparam FIRST = 32 * ((N < LARGE) ? 8 * N : 8 * LARGE + ((SKIP > 0) ? TOP : 0) + ((SKIP > 1) ? SECOND : 0));
        localparam WORDS = (CHANNELS - FIRST < SIZE) ? CHANNELS - FIRST : SIZE;
        localparam PW = (WORDS > 1) ? $clog2(WORDS) : 1;
        logic to_line;
        logic [PW-1:0] address;
        // a part starts at a multiple of its size
        assign to_line = we_i && wr_line_i == LINE_W'(p / PARTS);
        assign writes[p] = to_line && wr_x / XW'(SIZE) == XW'(FIRST / SIZE);
        assign miss_o[p] = rd_line_i != LINE_W'(p / PARTS) || rd_x / XW'(SIZE) != XW'(FIRST / SIZE);
        assign address = to_line ? wr_x[PW-1:0] : rd_x[PW-1:0];
        for (g = 0; g < COLUMNS; g = g + 1) begin : gen_column
          localparam BITS = (WORD - g * SHARE < SHARE) ? WORD - g * SHARE : SHARE;
          logic we_q;
          logic [PW-1:0] address_q;
          fsq_copy #(
              .WIDTH(PW + 1)
          ) u_place (
              .clk,
              .d_i({writes[p], address}),
              .q_o({we_q, address_q})
          );
          fsq_ram_single #(
              .WIDTH (BITS),
              .DEPTH (WORDS),
              .ADDR_W(PW)
          ) u_page (
              .clk,
              .we_i   (we_q),
              .addr_i (address_q),
              .wdata_i(wdata_i[g*SHARE+:BITS]),
              .rdata_o(data_o[p*WORD+g*SHARE+:BITS])
          );
        end
      end
    end else begin : gen_dual
      localparam PAGE = 64;
      localparam LOW = (AW < 6) ? AW : 6;
      localparam XW = AW + 6;
      logic [LINES*AW-1:0] line_base;
      logic [AW-1:0] waddr, raddr;
      for (n = 0; n < LINES; n = n + 1) begin : gen_base
        assign line_base[n*AW+:AW] = AW'(n * CHANNELS);
      end
      assign waddr = line_base[wr_line_i*AW+:AW] + AW'(wr_channel_i);
      assign raddr = line_base[rd_line_i*AW+:AW] + AW'(rd_channel_i);
      for (p = 0; p < PAGES; p = p + 1) begin : gen_place
        assign writes[p] = we_i && XW'(waddr) / XW'(PAGE) == XW'(p);
        assign miss_o[p] = XW'(raddr) / XW'(PAGE) != XW'(p);
      end
      for (g = 0; g < COLUMNS; g = g + 1) begin : gen_column
        localparam BITS = (WORD - g * SHARE < SHARE) ? WORD - g * SHARE : SHARE;
        logic [PAGES-1:0] we_q;
        logic [LOW-1:0] waddr_q, raddr_q;
        fsq_copy #(
            .WIDTH(PAGES + 2 * LOW)
        ) u_place (
            .clk,
            .d_i({writes, waddr[LOW-1:0], raddr[LOW-1:0]}),
            .q_o({we_q, waddr_q, raddr_q})
        );
        for (p = 0; p < PAGES; p = p + 1) begin : gen_page
          localparam REST = DEPTH - p * PAGE;
          localparam WORDS = (REST < PAGE) ? REST : PAGE;
          localparam PW = (WORDS > 1) ? $clog2(WORDS) : 1;
          fsq_ram_lut #(
              .WIDTH (BITS),
              .DEPTH (WORDS),
              .ADDR_W(PW)
          ) u_page (
              .clk,
              .we_i   (we_q[p]),
              .waddr_i(waddr_q[PW-1:0]),
              .wdata_i(wdata_i[g*SHARE+:BITS]),
              .raddr_i(raddr_q[PW-1:0]),
              .rdata_o(data_o[p*WORD+g*SHARE+:BITS])
          );
        end
      end
    end
  endgenerate
endmodule
