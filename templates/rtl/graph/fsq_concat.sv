// Joins maps by channels: of each row group all words of the first map, then those of the second, and so on.
//
// A word is taken and pushed in the cycle in which it is offered and the FIFO has room. A row group starts when the map
// DIRECT, which no store holds back, offers its first word, even where another map comes first. Pixels of the maps MAPPED
// go through a table each.
module fsq_concat #(
    parameter                COUNT    = 2,               // maps
    parameter                WORD_W   = 64,              // bits of a row word
    parameter [COUNT*32-1:0] CHANNELS = {COUNT{32'd1}},  // channels of each map, 32 bits, map 0 in the lowest
    parameter                DIRECT   = 0,               // the map that starts a row group
    parameter                HEIGHT   = 8,               // rows of a frame
    parameter                ROWS     = 1,               // rows of a group
    parameter                INDEX_W  = 1,               // bits of the number of a map
    parameter                IN_W     = COUNT * WORD_W,  // bits of a word of every map together
    parameter                MAPPED   = 0,               // a bit for each map: it has a table
    parameter                BITS     = 0,               // tables: bits of a pixel of each map, 32 bits, map 0 in the lowest
    parameter                FIRSTS   = 0,               // tables: first bit of each map in in_data_i, 32 bits each
    parameter                OUT_BITS = WORD_W,          // tables: bits of a pixel that leaves
    parameter                TABLE_W  = 1,               // tables: bits of the widest pixel that goes through one
    parameter                SLOT     = 1,               // tables: OUT_BITS, up to a power of two
    parameter                ENTRIES  = 0,               // tables: of each map 2^TABLE_W slots
    parameter                WORDS_W  = 1,               // bits of the number of a word of a group, within its map
    parameter                DEPTH    = 1,               // words of the output FIFO
    parameter                COUNT_W  = 1                // bits of a count of words
) (
    input  logic                    clk,          // clock
    input  logic                    rst_n,        // synchronous reset, active low
    input  logic [       COUNT-1:0] in_valid_i,   // row words in: offered, map 0 in the lowest bit
    output logic [       COUNT-1:0] in_ready_o,   // row words in: taken if offered
    input  logic [        IN_W-1:0] in_data_i,    // row words in: map 0 in the low bits
    output logic                    out_valid_o,  // row word out: offered
    input  logic                    out_ready_i,  // row word out: taken if offered
    output logic [      WORD_W-1:0] out_data_o    // row word out: pixel 0 in the low bits
);
  localparam GROUPS = (HEIGHT + ROWS - 1) / ROWS;
  localparam LAST_ROWS = HEIGHT - (GROUPS - 1) * ROWS;
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  genvar g, x;

  logic [GW-1:0] group_q, group_n;
  logic [INDEX_W-1:0] map_q, map_n;
  logic [COUNT-1:0] turn_q;  // a bit for the map whose turn it is
  logic [WORDS_W-1:0] left_q, words_n;  // words of it behind this one; those of the next map
  logic first_q, last_q;  // the word is the first one of a row group, the last one of its map
  logic [COUNT_W-1:0] free;
  logic [WORD_W-1:0] word;
  logic last_group, last_map, push;

  function automatic [WORDS_W-1:0] words_of(input [INDEX_W-1:0] map, input last);
    words_of = '0;
    for (int i = 0; i < COUNT; i = i + 1) begin
      if (map == INDEX_W'(i)) words_of = WORDS_W'(CHANNELS[i*32+:32] * (last ? LAST_ROWS : ROWS) - 1);
    end
  endfunction
  assign last_group = group_q == GW'(GROUPS - 1);
  assign last_map   = turn_q[COUNT-1];
  assign map_n      = last_map ? '0 : map_q + 1'b1;
  assign group_n    = !last_map ? group_q : (last_group ? '0 : group_q + 1'b1);
  assign words_n    = words_of(map_n, group_n == GW'(GROUPS - 1));
  assign in_ready_o = (free != '0 && (!first_q || in_valid_i[DIRECT])) ? turn_q : '0;
  assign push       = |(in_valid_i & in_ready_o);
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      group_q <= '0;
      map_q   <= '0;
      turn_q  <= COUNT'(1);
      left_q  <= words_of('0, GROUPS == 1);
      first_q <= 1'b1;
      last_q  <= words_of('0, GROUPS == 1) == '0;
    end else if (push) begin
      left_q  <= last_q ? words_n : left_q - 1'b1;
      last_q  <= last_q ? words_n == '0 : left_q == WORDS_W'(1);
      first_q <= last_q && last_map;
      if (last_q) begin
        group_q <= group_n;
        map_q   <= map_n;
        turn_q  <= last_map ? COUNT'(1) : turn_q << 1;
      end
    end
  end

  // ---- pixels of the result's type
  logic [COUNT*WORD_W-1:0] words;
  generate
    if (MAPPED == 0) begin : gen_as_it_is
      assign words = in_data_i;
    end else begin : gen_map
      localparam SIZE = SLOT << TABLE_W;  // bits of a table
      localparam [COUNT-1:0] HAS = COUNT'(MAPPED);
      localparam [COUNT*32-1:0] PIXEL = (COUNT * 32)'(BITS);
      localparam [COUNT*32-1:0] FIRST = (COUNT * 32)'(FIRSTS);
      localparam [COUNT*SIZE-1:0] ALL = (COUNT * SIZE)'(ENTRIES);
      for (g = 0; g < COUNT; g = g + 1) begin : gen_words
        localparam IN_BITS = PIXEL[g*32+:32];
        localparam AT = FIRST[g*32+:32];
        if (HAS[g]) begin : gen_table
          for (x = 0; x < WORD_W / OUT_BITS; x = x + 1) begin : gen_pixel
            fsq_table #(
                .IN_BITS (IN_BITS),
                .OUT_BITS(OUT_BITS),
                .SLOT    (SLOT),
                .ENTRIES (ALL[g*SIZE+:SLOT<<IN_BITS])
            ) u_table (
                .x_i(in_data_i[AT+x*IN_BITS+:IN_BITS]),
                .y_o(words[g*WORD_W+x*OUT_BITS+:OUT_BITS])
            );
          end
        end else begin : gen_wire
          assign words[g*WORD_W+:WORD_W] = in_data_i[AT+:WORD_W];
        end
      end
    end
  endgenerate
  fsq_mux #(
      .N    (COUNT),
      .WIDTH(WORD_W),
      .SEL_W(INDEX_W)
  ) u_word (
      .data_i  (words),
      .select_i(map_q),
      .data_o  (word)
  );
  fsq_fifo #(
      .WIDTH  (WORD_W),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push)),
      .free_o   (free),
      .push_i   (push),
      .data_i   (word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
