// From the sums of a pass to row words, in the row buffer that its way leads to or in the output FIFO of the engine.
//
// What is told of each way has 32 bits, way 0 in the lowest.
module fsq_delivery #(
    parameter                CHANNELS  = 1,                // output channels of a group
    parameter                ROWS      = 1,                // rows of a group
    parameter                LANES     = 8,                // lanes per row
    parameter                PARTS     = 1,                // beats per row
    parameter                UNITS     = 8,                // requantisers
    parameter                PHASES    = 1,                // passes per row
    parameter                WIDTH     = 8,                // pixels of a row
    parameter                ACC_BITS  = 24,               // bits of a sum of the lanes
    parameter                PAIR_SHIFT = 0,               // not 0: lanes come in pairs, see fsq_mac_array
    parameter                BIAS_BITS = 24,               // bits of a bias
    parameter                PLACES    = 0,                // binary places of a bias below those of a sum
    parameter                MULTIPLY  = 0,                // 0: sums are shifted; else multiplied: see fsq_multiply
    parameter                SCALE_W   = 1,                // bits of a scale: see fsq_requant
    parameter                SUM_W     = 25,               // bits of a sum with its bias
    parameter                PRODUCT_W = 25,               // bits of that times its scale
    parameter                RIGHT     = 0,                // places that every product moves right
    parameter                READ      = 2,                // cycles from the issue of a term to its pixels
    parameter                TABLE_READ = 2,               // cycles from the number of an entry of the table to the entry
    parameter                LATENCY   = 9,                // cycles from the count of a beat to its pixels: see fsq_drain
    parameter                Y_BITS    = 8,                // the widest of stored and output pixels
    parameter                LIMIT_W   = 10,               // bits of the limits, signed
    parameter                WAYS      = 1,                // ways of row words
    parameter                WAY_W     = 1,                // holds WAYS - 1
    parameter [WAYS*32-1:0]  WAY_SINKS = '0,               // where each leads: the number of a row buffer; 0: the output
    parameter [WAYS*32-1:0]  LOWS      = '0,               // limits of the pixels that go there
    parameter [WAYS*32-1:0]  HIGHS     = {WAYS{32'd255}},  // see LOWS
    parameter [WAYS*32-1:0]  ZEROS     = '0,               // zero points of these pixels
    parameter                TABLES    = 0,                // tables that pixels go through: see fsq_recode
    parameter [WAYS*32-1:0]  TABLE_OF  = '0,               // table of each way, 0: none
    parameter                INDEX_W   = 1,                // bits that choose an entry of a table
    parameter                RECODE    = 0,                // the tables
    parameter                BUFFERS   = 1,                // row buffers of the engine
    parameter                P_W       = 1,                // bits of a phase
    parameter                OUT_W     = 1,                // bits of the number of an entry of the table
    parameter                C_W       = 1,                // bits of a count of channels
    parameter                R_W       = 1,                // bits of a count of rows
    parameter                OUT_BITS  = 8,                // bits of a pixel that leaves
    parameter                DEPTH     = 4,                // words of the output FIFO
    parameter                COUNT_W   = 3                 // bits of a count of words
) (
    input  logic                                    clk,           // clock
    input  logic                                    rst_n,         // synchronous reset, active low
    // the pass, with its last term
    input  logic [                       WAY_W-1:0] way_i,         // way of its row words
    input  logic [                         P_W-1:0] phase_i,       // its phase
    input  logic [                       OUT_W-1:0] base_i,        // its first channel in the table
    input  logic [                         C_W-1:0] channels_i,    // its channels that exist
    input  logic [                         R_W-1:0] rows_i,        // its rows that exist
    input  logic [                     COUNT_W-1:0] reserve_i,     // words reserved in the output FIFO in this cycle
    // its sums, READ + 4 cycles later
    input  logic                                    done_i,        // they stand on sums_i two cycles later
    input  logic [CHANNELS*ROWS*LANES*ACC_BITS-1:0] sums_i,        // channel, then row, then lane
    output logic [                       OUT_W-1:0] table_addr_o,  // entry of the table
    input  logic [           BIAS_BITS+SCALE_W-1:0] table_data_i,  // its bias in the low bits, its scale above them
    // row words
    output logic [                     BUFFERS-1:0] push_o,        // a row word goes to that row buffer; 0: to the output
    output logic [                WIDTH*Y_BITS-1:0] word_o,        // row word: pixel 0 in the low bits
    output logic                                    out_valid_o,   // row word out: offered
    input  logic                                    out_ready_i,   // row word out: taken if offered
    output logic [              WIDTH*OUT_BITS-1:0] out_data_o     // row word out: pixel 0 in the low bits
);
  localparam TAG_W = WAY_W + P_W + OUT_W + C_W + R_W;
  genvar p;

  // what the pass is, READ + 2 cycles later with done_i
  logic [(READ+2)*TAG_W-1:0] tags_q;
  logic [TAG_W-1:0] tag;
  always_ff @(posedge clk) tags_q <= {tags_q[(READ+1)*TAG_W-1:0], way_i, phase_i, base_i, channels_i, rows_i};
  assign tag = tags_q[(READ+1)*TAG_W+:TAG_W];

  logic send;
  logic [WAY_W-1:0] send_way;
  fsq_drain #(
      .CHANNELS (CHANNELS),
      .ROWS     (ROWS),
      .LANES    (LANES),
      .PARTS    (PARTS),
      .UNITS    (UNITS),
      .PHASES   (PHASES),
      .WIDTH    (WIDTH),
      .ACC_BITS (ACC_BITS),
      .PAIR_SHIFT(PAIR_SHIFT),
      .BIAS_BITS(BIAS_BITS),
      .PLACES   (PLACES),
      .MULTIPLY (MULTIPLY),
      .SCALE_W  (SCALE_W),
      .SUM_W    (SUM_W),
      .PRODUCT_W(PRODUCT_W),
      .RIGHT    (RIGHT),
      .TABLE_READ(TABLE_READ),
      .LATENCY  (LATENCY),
      .OUT_BITS (Y_BITS),
      .LIMIT_W  (LIMIT_W),
      .SINKS    (WAYS),
      .SINK_W   (WAY_W),
      .LOWS     (LOWS),
      .HIGHS    (HIGHS),
      .ZEROS    (ZEROS),
      .TABLES   (TABLES),
      .TABLE_OF (TABLE_OF),
      .INDEX_W  (INDEX_W),
      .RECODE   (RECODE),
      .P_W      (P_W),
      .OUT_W    (OUT_W),
      .C_W      (C_W),
      .R_W      (R_W)
  ) u_drain (
      .clk,
      .rst_n,
      .start_i   (done_i),
      .sums_i,
      .sink_i    (tag[TAG_W-1-:WAY_W]),
      .phase_i   (tag[R_W+C_W+OUT_W+:P_W]),
      .base_i    (tag[R_W+C_W+:OUT_W]),
      .channels_i(tag[R_W+:C_W]),
      .rows_i    (tag[0+:R_W]),
      .table_addr_o,
      .table_data_i,
      .send_o    (send),
      .sink_o    (send_way),
      .word_o
  );

  integer b, w;
  always_ff @(posedge clk) begin
    push_o <= '0;
    for (b = 0; b < BUFFERS; b = b + 1)
      for (w = 0; w < WAYS; w = w + 1) if (send && send_way == WAY_W'(w) && WAY_SINKS[w*32+:32] == b) push_o[b] <= 1'b1;
  end

  logic [WIDTH*OUT_BITS-1:0] out_word;
  logic [COUNT_W-1:0] room;  // fsq_sequencer counts what it needs of it
  logic unused_room;
  assign unused_room = &{1'b0, room};
  generate
    for (p = 0; p < WIDTH; p = p + 1) begin : gen_word
      assign out_word[p*OUT_BITS+:OUT_BITS] = word_o[p*Y_BITS+:OUT_BITS];
    end
  endgenerate

  fsq_fifo #(
      .WIDTH  (WIDTH * OUT_BITS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i,
      .free_o   (room),
      .push_i   (push_o[0]),
      .data_i   (out_word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
