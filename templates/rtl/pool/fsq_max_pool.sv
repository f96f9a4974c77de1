// Max pool, a row word at once, every other cycle: reduces it along the row, then combines rows.
//
// A pipeline of stages (fsq_stages): the word as it came; a comparison per level of fsq_tree; in the last stage the kept row
// is there too, and the result is sent and kept. A word taken in T is sent in T + STAGES, or as soon as there is room.
module fsq_max_pool #(
    parameter CHANNELS   = 1,               // channels of the rows
    parameter HEIGHT     = 8,               // rows of a frame
    parameter WIDTH      = 8,               // pixels of a row
    parameter OUT_WIDTH  = 4,               // pixels of a row that leaves
    parameter BITS       = 8,               // bits of a pixel
    parameter SIGNED     = 0,               // 1: pixels are signed
    parameter IN_ROWS    = 1,               // rows of a group in the order of arrival
    parameter KERNEL     = 3,               // rows and columns of the window
    parameter STRIDE     = 2,               // from window to window
    parameter PAD_LEFT   = 0,               // columns of the first window left of the image
    parameter HAVE_ROWS  = {HEIGHT{1'b0}},  // one bit per row: a window is open above it
    parameter START_ROWS = {HEIGHT{1'b0}},  // one bit per row: it opens a window
    parameter EMIT_ROWS  = {HEIGHT{1'b0}},  // one bit per row: it completes a window
    parameter EXTRA      = 0,               // 1: one more row leaves after the last one of a frame arrived
    parameter STYLE      = 0,               // kind of memory: see fsq_pool_memory
    parameter TILE_W     = 72,              // bits of a column of blocks
    parameter DEPTH      = 4,               // words of the output FIFO
    parameter COUNT_W    = 3                // bits of a count of words
) (
    input  logic                      clk,          // clock
    input  logic                      rst_n,        // synchronous reset, active low
    input  logic                      in_valid_i,   // row word in: offered
    output logic                      in_ready_o,   // row word in: taken if offered
    input  logic [    WIDTH*BITS-1:0] in_data_i,    // row word in: pixel 0 in the low bits
    output logic                      out_valid_o,  // row word out: offered
    input  logic                      out_ready_i,  // row word out: taken if offered
    output logic [OUT_WIDTH*BITS-1:0] out_data_o    // row word out: pixel 0 in the low bits
);
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam OWORD = OUT_WIDTH * BITS;
  localparam [HEIGHT-1:0] HAVE = HAVE_ROWS;
  localparam [HEIGHT-1:0] START = START_ROWS;
  localparam [HEIGHT-1:0] EMIT = EMIT_ROWS;
  // signed pixels are compared as unsigned ones with their sign bit flipped
  localparam [BITS-1:0] FLIP = (SIGNED != 0) ? (BITS'(1) << (BITS - 1)) : '0;
  localparam LEVELS = $clog2(KERNEL);
  localparam STAGES = 1 + LEVELS;
  localparam EN_W = (LEVELS > 0) ? LEVELS : 1;
  genvar s, x, n;

  // ---- words
  logic [CW-1:0] channel;
  logic [HW-1:0] row;
  logic extra;
  logic unused_extra;  // there is one extra row at most
  logic [STAGES-1:0] empty;
  logic finish, push;
  logic [COUNT_W-1:0] free;
  assign in_ready_o = empty[0] & !extra;
  fsq_pool_walk #(
      .CHANNELS (CHANNELS),
      .HEIGHT   (HEIGHT),
      .IN_ROWS  (IN_ROWS),
      .EXTRAS   (EXTRA),
      .CHANNEL_W(CW),
      .ROW_W    (HW)
  ) u_walk (
      .clk,
      .rst_n,
      .next_i     (empty[0] && (in_valid_i || extra)),
      .channel_o  (channel),
      .row_o      (row),
      .extra_o    (extra),
      .extra_row_o(unused_extra)
  );
  fsq_stages #(
      .STAGES(STAGES)
  ) u_stages (
      .clk,
      .rst_n,
      .enter_i(in_valid_i || extra),
      .leave_i(finish),
      .empty_o(empty)
  );

  // ---- what the word of each stage does: its channel; a window is open above it, it opens one, it completes one; it is
  // of the extra row
  localparam FLAGS = CW + 4;
  logic [(STAGES+1)*FLAGS-1:0] flags;
  logic have, start, emit, over;
  logic [CW-1:0] at, at_next;  // channel of the last stage's word, and of the one that comes to it
  assign flags[0+:FLAGS] = {channel, HAVE[row], START[row], extra || EMIT[row], extra};
  generate
    for (s = 0; s < STAGES; s = s + 1) begin : gen_flags
      logic [FLAGS-1:0] flags_q;
      always_ff @(posedge clk) if (empty[s]) flags_q <= flags[s*FLAGS+:FLAGS];
      assign flags[(s+1)*FLAGS+:FLAGS] = flags_q;
    end
  endgenerate
  assign {at, have, start, emit, over} = flags[STAGES*FLAGS+:FLAGS];
  assign at_next = flags[(STAGES-1)*FLAGS+4+:CW];
  assign finish  = !empty[STAGES-1] && (!emit || free != '0);
  assign push    = finish && emit;

  // ---- pixels
  logic [WIDTH*BITS-1:0] word_q;
  logic unused_word;  // a stride may leave pixels that no window reads
  assign unused_word = &{1'b0, word_q};
  always_ff @(posedge clk) if (empty[0]) word_q <= in_data_i;
  logic [EN_W-1:0] en;
  generate
    if (LEVELS > 0) begin : gen_en
      assign en = empty[STAGES-1:1];
    end else begin : gen_no_en
      assign en = '0;
    end
  endgenerate
  logic [OWORD-1:0] kept, emitted, stored;
  generate
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin : gen_out
      localparam FIRST = x * STRIDE - PAD_LEFT;  // column of its first tap
      localparam LOW = (FIRST > 0) ? FIRST : 0;
      localparam HIGH = (FIRST + KERNEL < WIDTH) ? FIRST + KERNEL : WIDTH;
      logic [(HIGH-LOW)*BITS-1:0] pixels;
      for (n = LOW; n < HIGH; n = n + 1) begin : gen_tap
        assign pixels[(n-LOW)*BITS+:BITS] = word_q[n*BITS+:BITS] ^ FLIP;
      end
      logic [BITS-1:0] now, above, both;
      fsq_tree #(
          .N     (HIGH - LOW),
          .WIDTH (BITS),
          .LEVELS(LEVELS),
          .EN_W  (EN_W)
      ) u_now (
          .clk,
          .en_i  (en),
          .data_i(pixels),
          .data_o(now)
      );
      assign above = kept[x*BITS+:BITS];
      assign both  = (have && above > now) ? above : now;
      assign emitted[x*BITS+:BITS] = (over ? above : both) ^ FLIP;
      assign stored[x*BITS+:BITS]  = start ? now : both;
    end
  endgenerate

  // the row kept of a word that is in the last stage is read all the time, for it may have to wait
  fsq_pool_memory #(
      .WIDTH (OWORD),
      .DEPTH (CHANNELS),
      .ADDR_W(CW),
      .STYLE (STYLE),
      .TILE_W(TILE_W)
  ) u_kept (
      .clk,
      .we_i   (finish && !over),
      .addr_i (empty[STAGES-1] ? at_next : at),
      .wdata_i(stored),
      .rdata_o(kept)
  );

  fsq_fifo #(
      .WIDTH  (OWORD),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push)),
      .free_o   (free),
      .push_i   (push),
      .data_i   (emitted),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
