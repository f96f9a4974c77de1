// One bank of a row buffer: LINES rows of all channels, and the choice of the pixels that the lanes take (fsq_taps).
//
// STYLE 1  block RAM, 2  UltraRAM: the output register lies in front of the choice.
// STYLE 0  distributed RAM with an address each for writing and reading, in pages of 64 words.
// STYLE 3  distributed RAM with one address. A line has a page of 32, 64 or 128 channels for every bit that is set in the
//          number of its channels, counted by 32, and one of 256 for every 256. The writer has a page's address while it
//          writes to its line, else the reader. A row is read only when it is complete, so they never meet.
// In distributed RAM the choice lies in front of the register, which then is no wider than what is taken.
module fsq_line_bank #(
    parameter CHANNELS = 1,   // channels of the rows
    parameter LINES    = 2,   // row slots of the bank
    parameter WIDTH    = 8,   // pixels of a row
    parameter BITS     = 8,   // bits of a pixel
    parameter STYLE    = 0,   // kind of memory: see above
    parameter TILE_W   = 72,  // bits of a column of blocks
    parameter COUNT    = 8,   // pixels taken; see fsq_taps
    parameter STEP     = 1,   // pixels from position to position
    parameter CHOICES  = 1,   // pixels among which a position chooses
    parameter PAD_LEFT = 0,   // pixels of the first position left of the row
    parameter PADDED   = 1,   // 0: no row outside the image is ever read
    parameter PAD_ZERO = 0,   // 1: pad_i is always 0
    parameter CI_W     = 1,   // bits of a channel
    parameter LINE_W   = 1,   // bits of the number of a row slot of a bank
    parameter CHOICE_W = 1    // bits of a choice
) (
    input  logic                  clk,           // clock
    input  logic                  we_i,          // a word is written
    input  logic [    LINE_W-1:0] wr_line_i,     // row slot to write
    input  logic [      CI_W-1:0] wr_channel_i,  // channel to write
    input  logic [WIDTH*BITS-1:0] wdata_i,       // word to write
    // the word to read, and one cycle later what is taken of it
    input  logic [    LINE_W-1:0] rd_line_i,     // row slot to read
    input  logic [      CI_W-1:0] rd_channel_i,  // channel to read
    input  logic [  CHOICE_W-1:0] choice_i,      // pixel that every position takes, of CHOICES
    input  logic                  inside_i,      // the row is one of the image
    input  logic [      BITS-1:0] pad_i,         // pixel outside the image
    output logic [COUNT*BITS-1:0] pixels_o       // two cycles after the address
);
  localparam WORD = WIDTH * BITS;
  localparam OUT = COUNT * BITS;
  localparam DEPTH = LINES * CHANNELS;
  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam PAGE = 64;
  genvar n, p;

  // addresses: line, then channel
  logic [LINES*AW-1:0] line_base;
  logic [AW-1:0] waddr, raddr, raddr_q;
  generate
    for (n = 0; n < LINES; n = n + 1) begin : gen_base
      assign line_base[n*AW+:AW] = AW'(n * CHANNELS);
    end
  endgenerate
  assign waddr = line_base[wr_line_i*AW+:AW] + AW'(wr_channel_i);
  assign raddr = line_base[rd_line_i*AW+:AW] + AW'(rd_channel_i);
  always_ff @(posedge clk) raddr_q <= raddr;

  generate
    if (STYLE == 1 || STYLE == 2) begin : gen_block
      logic [WORD-1:0] word;
      logic [CHOICE_W-1:0] choice_q;
      logic [BITS-1:0] pad_q;
      logic [OUT-1:0] chosen;
      logic inside_q;
      always_ff @(posedge clk) begin
        choice_q <= choice_i;
        inside_q <= inside_i;
        pad_q    <= pad_i;
      end
      fsq_row_ram #(
          .WIDTH (WORD),
          .DEPTH (DEPTH),
          .ADDR_W(AW),
          .ULTRA (STYLE == 2),
          .TILE_W(TILE_W)
      ) u_ram (
          .clk,
          .we_i,
          .waddr_i(waddr),
          .wdata_i,
          .raddr_i(raddr_q),
          .rdata_o(word)
      );
      fsq_taps #(
          .WIDTH   (WIDTH),
          .BITS    (BITS),
          .COUNT   (COUNT),
          .STEP    (STEP),
          .CHOICES (CHOICES),
          .PAD_LEFT(PAD_LEFT),
          .CHOICE_W(CHOICE_W)
      ) u_taps (
          .word_i  (word),
          .choice_i(choice_q),
          .pad_i   (pad_q),
          .pixels_o(chosen)
      );
      assign pixels_o = (PADDED == 0 || inside_q) ? chosen : {COUNT{pad_q}};
    end else begin : gen_lut
      // ---- pages
      localparam UNITS = (CHANNELS + 31) / 32;
      localparam LARGE = UNITS / 8;  // pages of 256 channels of a line
      localparam PARTS = LARGE + (UNITS / 4) % 2 + (UNITS / 2) % 2 + UNITS % 2;
      localparam PAGES = (STYLE == 3) ? LINES * PARTS : (DEPTH + PAGE - 1) / PAGE;
      localparam SEL_W = (PAGES > 1) ? $clog2(PAGES) : 1;
      logic [PAGES*WORD-1:0] data;
      logic [SEL_W-1:0] page;
      if (STYLE == 3) begin : gen_single
        localparam XW = CI_W + 8;
        logic [LINE_W-1:0] line_q;
        logic [CI_W-1:0] channel_q;
        logic [SEL_W-1:0] part;
        logic [PARTS-1:0] wr_part, rd_beyond;
        logic [XW-1:0] wr_x, rd_x;
        assign wr_x = XW'(wr_channel_i);
        assign rd_x = XW'(channel_q);
        assign page = SEL_W'(line_q) * SEL_W'(PARTS) + part;
        always_ff @(posedge clk) begin
          line_q    <= rd_line_i;
          channel_q <= rd_channel_i;
        end
        integer i;
        always_comb begin
          part = '0;
          for (i = 0; i < PARTS; i = i + 1) if (rd_beyond[i]) part = part + 1'b1;
        end
        logic unused_addr;
        assign unused_addr = &{1'b0, waddr, raddr_q};
        for (p = 0; p < PAGES; p = p + 1) begin : gen_page
          // part N of a line: `SKIP` of its pages smaller than 256 lie before it
          localparam N = p % PARTS;
          localparam SKIP = (N < LARGE) ? 0 : N - LARGE;
          localparam SMALL = UNITS % 8;
          localparam TOP = (SMALL >= 4) ? 4 : (SMALL >= 2) ? 2 : 1;
          localparam SECOND = (SMALL - TOP >= 2) ? 2 : 1;
          localparam SIZE = (N < LARGE) ? 8 : (SKIP == 0) ? TOP : (SKIP == 1) ? SECOND : 1;
          localparam FIRST = 32 * ((N < LARGE) ? 8 * N : 8 * LARGE + ((SKIP > 0) ? TOP : 0) + ((SKIP > 1) ? SECOND : 0));
          localparam WORDS = (CHANNELS - FIRST < 32 * SIZE) ? CHANNELS - FIRST : 32 * SIZE;
          localparam PW = (WORDS > 1) ? $clog2(WORDS) : 1;
          logic writes;
          assign writes = we_i && wr_line_i == LINE_W'(p / PARTS);
          if (p < PARTS) begin : gen_part
            if (FIRST == 0) begin : gen_first
              assign wr_part[N] = wr_x < XW'(WORDS);
            end else begin : gen_rest
              assign wr_part[N] = wr_x >= XW'(FIRST) && wr_x < XW'(FIRST + WORDS);
            end
            assign rd_beyond[N] = rd_x >= XW'(FIRST + WORDS);
          end
          fsq_ram_single #(
              .WIDTH (WORD),
              .DEPTH (WORDS),
              .ADDR_W(PW)
          ) u_page (
              .clk,
              .we_i   (writes && wr_part[N]),
              .addr_i (writes ? wr_x[PW-1:0] : rd_x[PW-1:0]),
              .wdata_i,
              .rdata_o(data[p*WORD+:WORD])
          );
        end
      end else begin : gen_dual
        localparam XW = AW + 6;
        logic [XW-1:0] wr_x, rd_x;
        assign wr_x = XW'(waddr);
        assign rd_x = XW'(raddr_q);
        assign page = SEL_W'(rd_x / XW'(PAGE));
        for (p = 0; p < PAGES; p = p + 1) begin : gen_page
          localparam REST = DEPTH - p * PAGE;
          localparam WORDS = (REST < PAGE) ? REST : PAGE;
          localparam PW = (WORDS > 1) ? $clog2(WORDS) : 1;
          fsq_ram_lut #(
              .WIDTH (WORD),
              .DEPTH (WORDS),
              .ADDR_W(PW)
          ) u_page (
              .clk,
              .we_i   (we_i && wr_x / XW'(PAGE) == XW'(p)),
              .waddr_i(wr_x[PW-1:0]),
              .wdata_i,
              .raddr_i(rd_x[PW-1:0]),
              .rdata_o(data[p*WORD+:WORD])
          );
        end
      end

      // ---- the page first or the pixel first, whichever takes fewer multiplexers
      localparam PAGE_MUX = (PAGES + 1) / 3;
      localparam TAP_MUX = (CHOICES + 1) / 3;
      localparam PAGE_FIRST = WIDTH * PAGE_MUX + COUNT * TAP_MUX <= PAGES * COUNT * TAP_MUX + COUNT * PAGE_MUX;
      localparam WORDS = PAGE_FIRST ? 1 : PAGES;  // words to choose from
      logic [WORDS*WORD-1:0] words;
      logic [WORDS*OUT-1:0] taps;
      logic [OUT-1:0] chosen, pixels_q;
      if (PAGE_FIRST) begin : gen_page_first
        fsq_mux #(
            .N    (PAGES),
            .WIDTH(WORD),
            .SEL_W(SEL_W)
        ) u_page (
            .data_i  (data),
            .select_i(page),
            .data_o  (words)
        );
        assign chosen = taps;
      end else begin : gen_tap_first
        assign words = data;
        fsq_mux #(
            .N    (PAGES),
            .WIDTH(OUT),
            .SEL_W(SEL_W)
        ) u_page (
            .data_i  (taps),
            .select_i(page),
            .data_o  (chosen)
        );
      end
      for (n = 0; n < WORDS; n = n + 1) begin : gen_taps
        fsq_taps #(
            .WIDTH   (WIDTH),
            .BITS    (BITS),
            .COUNT   (COUNT),
            .STEP    (STEP),
            .CHOICES (CHOICES),
            .PAD_LEFT(PAD_LEFT),
            .CHOICE_W(CHOICE_W)
        ) u_taps (
            .word_i  (words[n*WORD+:WORD]),
            .choice_i,
            .pad_i,
            .pixels_o(taps[n*OUT+:OUT])
        );
      end
      if (PADDED == 0) begin : gen_plain
        always_ff @(posedge clk) pixels_q <= chosen;
        logic unused_inside;
        assign unused_inside = &{1'b0, inside_i};
      end else if (PAD_ZERO != 0) begin : gen_zero  // a synchronous reset takes no LUT
        always_ff @(posedge clk) begin
          if (!inside_i) pixels_q <= '0;
          else pixels_q <= chosen;
        end
      end else begin : gen_pad
        always_ff @(posedge clk) pixels_q <= inside_i ? chosen : {COUNT{pad_i}};
      end
      assign pixels_o = pixels_q;
    end
  endgenerate
endmodule
