// Max pool, a row word at once: reduces it along the row, then combines rows, two cycles per word.
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
  genvar x, n;

  logic [CW-1:0] channel;
  logic [HW-1:0] row;
  logic unused_extra;  // there is one extra row at most
  logic combine_q;  // second cycle of a word
  logic take, have, start, emit, extra, finish, push;
  logic [COUNT_W-1:0] free;

  // what the row does: a window is open above it, it opens one, it completes one
  assign have  = HAVE[row];
  assign start = START[row];
  assign emit  = extra || EMIT[row];
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
      .next_i     (finish),
      .channel_o  (channel),
      .row_o      (row),
      .extra_o    (extra),
      .extra_row_o(unused_extra)
  );

  assign in_ready_o = !combine_q && !extra;
  assign take       = in_valid_i & in_ready_o;
  assign finish     = combine_q && (!emit || free != '0);
  assign push       = finish && emit;
  always_ff @(posedge clk) begin
    if (!rst_n) combine_q <= 1'b0;
    else if (take || (extra && !combine_q)) combine_q <= 1'b1;
    else if (finish) combine_q <= 1'b0;
  end

  logic unused_in;  // a stride may leave pixels that no window reads
  assign unused_in = &{1'b0, in_data_i};
  logic [OWORD-1:0] line, line_q, kept, emitted, stored;
  always_ff @(posedge clk) if (take) line_q <= line;

  generate
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin : gen_out
      logic [(KERNEL+1)*BITS-1:0] running;
      assign running[0+:BITS] = '0;
      for (n = 0; n < KERNEL; n = n + 1) begin : gen_tap
        localparam X = x * STRIDE + n - PAD_LEFT;
        if (X >= 0 && X < WIDTH) begin : gen_inside
          logic [BITS-1:0] pixel;
          assign pixel = in_data_i[X*BITS+:BITS] ^ FLIP;
          assign running[(n+1)*BITS+:BITS] = (pixel > running[n*BITS+:BITS]) ? pixel : running[n*BITS+:BITS];
        end else begin : gen_outside
          assign running[(n+1)*BITS+:BITS] = running[n*BITS+:BITS];
        end
      end
      assign line[x*BITS+:BITS] = running[KERNEL*BITS+:BITS];

      logic [BITS-1:0] now, above, both;
      assign now   = line_q[x*BITS+:BITS];
      assign above = kept[x*BITS+:BITS];
      assign both  = (have && above > now) ? above : now;
      assign emitted[x*BITS+:BITS] = (extra ? above : both) ^ FLIP;
      assign stored[x*BITS+:BITS]  = start ? now : both;
    end
  endgenerate

  fsq_pool_memory #(
      .WIDTH (OWORD),
      .DEPTH (CHANNELS),
      .ADDR_W(CW),
      .STYLE (STYLE),
      .TILE_W(TILE_W)
  ) u_kept (
      .clk,
      .we_i   (finish && !extra),
      .addr_i (channel),
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
