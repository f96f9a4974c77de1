// One bank of a row buffer: LINES rows of all channels, and what lies between them and the registers of fsq_line_row.
//
// STYLE 0, 3  distributed RAM in pages: see fsq_line_pages
// STYLE 1, 2  block RAM, UltraRAM
// WAY 0  every page gives its word
// WAY 1  a multiplexer takes the page
// WAY 2  the pixels are taken of the word of every page (fsq_taps)
// A word is written two cycles after it was taken; what is told of it comes after one.
module fsq_line_bank #(
    parameter CHANNELS = 1,  // channels of the rows
    parameter LINES    = 2,  // row slots of the bank
    parameter WIDTH    = 8,  // pixels of a row
    parameter BITS     = 8,  // bits of a pixel
    parameter STYLE    = 0,  // kind of memory: see above
    parameter TILE_W   = 72, // bits of a column of blocks
    parameter PAGES    = 1,  // pages of distributed RAM
    parameter WAY      = 0,  // see above
    parameter KEPT     = 1,  // words that it gives: PAGES, or 1 behind a multiplexer
    parameter OUT_W    = 64, // bits of such a word
    parameter COUNT    = 8,  // pixels taken; see fsq_taps
    parameter STEP     = 1,  // pixels from position to position
    parameter CHOICES  = 1,  // pixels among which a position chooses
    parameter PAD_LEFT = 0,  // pixels of the first position left of the row
    parameter CI_W     = 1,  // bits of a channel
    parameter LINE_W   = 1,  // bits of the number of a row slot of a bank
    parameter CHOICE_W = 1,  // bits of a choice
    parameter SHARE    = 96  // bits of words and pixels that share a copy of a signal: a multiple of 24
) (
    input  logic                  clk,           // clock
    // a word that was taken
    input  logic                  we_i,          // there is one
    input  logic [    LINE_W-1:0] wr_line_i,     // row slot to write
    input  logic [      CI_W-1:0] wr_channel_i,  // channel to write
    input  logic [WIDTH*BITS-1:0] wdata_i,       // the word itself, a cycle later
    // the word to read
    input  logic [    LINE_W-1:0] rd_line_i,     // row slot to read
    input  logic [      CI_W-1:0] rd_channel_i,  // channel to read
    input  logic [  CHOICE_W-1:0] choice_i,      // pixel that every position takes, of CHOICES
    output logic [      KEPT-1:0] miss_o,        // words that are those of other pages
    // a cycle later
    input  logic [      BITS-1:0] pad_i,         // pixel beside the row
    output logic [KEPT*OUT_W-1:0] data_o         // words, or what is taken of them
);
  localparam WORD = WIDTH * BITS;
  genvar g, p;

  logic [PAGES*WORD-1:0] data;  // a word of each page
  generate
    if (STYLE == 1 || STYLE == 2) begin : gen_block
      localparam DEPTH = LINES * CHANNELS;
      localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
      logic [LINES*AW-1:0] line_base;
      logic [AW-1:0] waddr, waddr_q, raddr;
      logic we_q;
      for (p = 0; p < LINES; p = p + 1) begin : gen_base
        assign line_base[p*AW+:AW] = AW'(p * CHANNELS);
      end
      assign waddr  = line_base[wr_line_i*AW+:AW] + AW'(wr_channel_i);
      assign raddr  = line_base[rd_line_i*AW+:AW] + AW'(rd_channel_i);
      always_ff @(posedge clk) begin
        we_q    <= we_i;
        waddr_q <= waddr;
      end
      fsq_row_ram #(
          .WIDTH (WORD),
          .DEPTH (DEPTH),
          .ADDR_W(AW),
          .ULTRA (STYLE == 2),
          .TILE_W(TILE_W)
      ) u_ram (
          .clk,
          .we_i   (we_q),
          .waddr_i(waddr_q),
          .wdata_i,
          .raddr_i(raddr),
          .rdata_o(data)
      );
      assign miss_o = '0;
    end else begin : gen_lut
      logic [PAGES-1:0] miss;
      fsq_line_pages #(
          .CHANNELS(CHANNELS),
          .LINES   (LINES),
          .WORD    (WORD),
          .SINGLE  (STYLE == 3),
          .PAGES   (PAGES),
          .SHARE   (SHARE),
          .CI_W    (CI_W),
          .LINE_W  (LINE_W)
      ) u_pages (
          .clk,
          .we_i,
          .wr_line_i,
          .wr_channel_i,
          .wdata_i,
          .rd_line_i,
          .rd_channel_i,
          .miss_o(miss),
          .data_o(data)
      );
      if (WAY == 1) begin : gen_chosen
        assign miss_o = '0;
      end else begin : gen_miss
        assign miss_o = miss;
      end
    end

    if (WAY == 0) begin : gen_all
      assign data_o = data;
      logic unused_choice;
      assign unused_choice = &{1'b0, choice_i, pad_i};
    end else if (WAY == 1) begin : gen_page
      localparam SEL_W = (PAGES > 1) ? $clog2(PAGES) : 1;
      localparam COLUMNS = (WORD + SHARE - 1) / SHARE;
      logic [SEL_W-1:0] page;
      logic [COLUMNS*SEL_W-1:0] pages;
      integer i;
      always_comb begin
        page = '0;
        for (i = 0; i < PAGES; i = i + 1) if (!gen_lut.miss[i]) page = page | SEL_W'(i);
      end
      fsq_copies #(
          .N    (COLUMNS),
          .WIDTH(SEL_W)
      ) u_pages (
          .clk,
          .d_i(page),
          .q_o(pages)
      );
      for (g = 0; g < COLUMNS; g = g + 1) begin : gen_column
        localparam PART = (WORD - g * SHARE < SHARE) ? WORD - g * SHARE : SHARE;
        logic [PAGES*PART-1:0] words;
        for (p = 0; p < PAGES; p = p + 1) begin : gen_word
          assign words[p*PART+:PART] = data[p*WORD+g*SHARE+:PART];
        end
        fsq_mux #(
            .N    (PAGES),
            .WIDTH(PART),
            .SEL_W(SEL_W)
        ) u_page (
            .data_i  (words),
            .select_i(pages[g*SEL_W+:SEL_W]),
            .data_o  (data_o[g*SHARE+:PART])
        );
      end
      logic unused_choice;
      assign unused_choice = &{1'b0, choice_i, pad_i};
    end else begin : gen_taps
      localparam PER = SHARE / BITS;  // pixels that share a copy
      localparam COPIES = (COUNT + PER - 1) / PER;
      logic [COPIES*CHOICE_W-1:0] choices;
      fsq_copies #(
          .N    (COPIES),
          .WIDTH(CHOICE_W)
      ) u_choices (
          .clk,
          .d_i(choice_i),
          .q_o(choices)
      );
      for (p = 0; p < PAGES; p = p + 1) begin : gen_word
        fsq_taps #(
            .WIDTH   (WIDTH),
            .BITS    (BITS),
            .COUNT   (COUNT),
            .STEP    (STEP),
            .CHOICES (CHOICES),
            .PAD_LEFT(PAD_LEFT),
            .CHOICE_W(CHOICE_W),
            .SHARE   (PER),
            .COPIES  (COPIES)
        ) u_taps (
            .word_i  (data[p*WORD+:WORD]),
            .choice_i(choices),
            .pad_i,
            .or_i    ('0),
            .pixels_o(data_o[p*OUT_W+:OUT_W])
        );
      end
    end
  endgenerate
endmodule
