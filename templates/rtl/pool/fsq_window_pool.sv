// Max or average pool of any window: reduces a row word along the row, then combines it with the rows kept of its channel.
//
// The last KERNEL_ROWS - 1 reduced rows of every channel are kept. A table tells for every input row whether it completes
// a window (EMIT_ROWS) and which of the kept rows belong to that window (MASKS, the newest row in the lowest bit); windows
// that end below the image follow as extra rows, whose masks tell the same of the kept rows behind the last input row.
//
// Cycles of a word: it is taken and reduced along the row in cycle 0 and combined with kept rows in cycle 1. If its row
// completes a window, the result is pushed in cycle 1 + DIVISION, or in the first one after that in which the FIFO has
// room. DIVISION is 0 for a maximum, for a sum and for an average over a power of two without FACTOR; else QUOTIENT /
// DIVIDE_BITS + 1, one divider (fsq_mean) for every pixel that leaves. The next word may be taken in the cycle after the push, or in cycle 2 if there is none.
// Words of an extra row take the same cycles, except that cycle 0 takes nothing.
module fsq_window_pool #(
    parameter CHANNELS       = 1,               // channels of the rows
    parameter HEIGHT         = 8,               // rows of a frame
    parameter WIDTH          = 8,               // pixels of a row
    parameter OUT_WIDTH      = 8,               // pixels of a row that leaves
    parameter BITS           = 8,               // bits of a pixel
    parameter SIGNED         = 0,               // 1: pixels are signed
    parameter IN_ROWS        = 1,               // rows of a group in the order of arrival
    parameter KERNEL_ROWS    = 3,               // rows of the window
    parameter KERNEL_COLUMNS = 3,               // columns of the window
    parameter STRIDE         = 1,               // from window to window
    parameter PAD_LEFT       = 1,               // columns of the first window left of the image
    parameter MASK_W         = 2,               // bits of a mask: KERNEL_ROWS - 1, at least one
    parameter EMIT_ROWS      = {HEIGHT{1'b1}},  // one bit per row: it completes a window
    parameter MASKS          = {HEIGHT{2'b11}}, // MASK_W bits per row: kept rows of that window
    parameter EXTRAS         = 0,               // rows that leave after the last one of a frame arrived
    parameter EXTRA_MASKS    = 2'b00,           // MASK_W bits per extra row: kept rows of its window
    parameter STYLE          = 0,               // kind of memory: see fsq_pool_memory
    parameter TILE_W         = 72,              // bits of a column of blocks
    parameter VALUE_BITS     = 8,               // bits of a reduced row's value: BITS, or those of a sum along the row, signed
    parameter AVERAGE        = 0,               // 1: the average, PIXEL_ZERO around the image; else the maximum
    parameter PIXEL_ZERO     = 0,               // average: is taken off every pixel
    parameter SUM_W          = 12,              // average: bits of a window's sum, signed
    parameter COUNT          = 9,               // average: pixels of a window
    parameter EXTRA          = 0,               // average: more bits below the binary point than the input has
    parameter [63:0] FACTOR  = 0,               // average, not 0: sums are multiplied by it instead of divided
    parameter QUOTIENT       = 8,               // average: bits of the largest quotient or of FACTOR; 0: sums leave
    parameter DIVIDE_BITS    = 1,               // average: of these per cycle, a divisor of QUOTIENT
    parameter RIGHT          = 0,               // average by FACTOR: places by which the product moves right
    parameter LEFT           = 0,               // average by FACTOR: places by which it moves left
    parameter ZERO           = 0,               // average by FACTOR, sum: is added to it
    parameter OUT_BITS       = 8,               // bits of a pixel that leaves
    parameter LOW            = 0,               // average: lower limit of the pixels that leave
    parameter HIGH           = 255,             // average: upper limit of the pixels that leave
    parameter DEPTH          = 1,               // words of the output FIFO
    parameter COUNT_W        = 1                // bits of a count of words
) (
    input  logic                          clk,          // clock
    input  logic                          rst_n,        // synchronous reset, active low
    input  logic                          in_valid_i,   // row word in: offered
    output logic                          in_ready_o,   // row word in: taken if offered
    input  logic [        WIDTH*BITS-1:0] in_data_i,    // row word in: pixel 0 in the low bits
    output logic                          out_valid_o,  // row word out: offered
    input  logic                          out_ready_i,  // row word out: taken if offered
    output logic [OUT_WIDTH*OUT_BITS-1:0] out_data_o    // row word out: pixel 0 in the low bits
);
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam XW = (EXTRAS > 1) ? $clog2(EXTRAS) : 1;
  localparam ABOVE = KERNEL_ROWS - 1;  // kept rows of a channel
  localparam LINE = OUT_WIDTH * VALUE_BITS;
  localparam OWORD = OUT_WIDTH * OUT_BITS;
  localparam POWER = (COUNT & (COUNT - 1)) == 0;  // an average is a shift
  localparam SUMS = QUOTIENT == 0;
  localparam DIVIDES = AVERAGE != 0 && (FACTOR != 0 || !(POWER || SUMS));
  localparam SHIFT = SUMS ? 0 : $clog2(COUNT) - EXTRA;  // places to the right
  localparam [HEIGHT-1:0] EMIT = EMIT_ROWS;
  localparam [HEIGHT*MASK_W-1:0] MASK = MASKS;
  localparam [((EXTRAS > 0) ? EXTRAS : 1)*MASK_W-1:0] EXTRA_MASK = EXTRA_MASKS;
  // signed pixels are compared as unsigned ones with their sign bit flipped
  localparam [BITS-1:0] FLIP = (SIGNED != 0 && AVERAGE == 0) ? (BITS'(1) << (BITS - 1)) : '0;
  genvar x, n;

  // ---- words
  logic [CW-1:0] channel;
  logic [HW-1:0] row;
  logic [XW-1:0] extra_row;
  logic [MASK_W-1:0] mask;  // kept rows of the window
  logic combine_q, take, emit, extra, combined, dividing, finish, push;
  logic [COUNT_W-1:0] free;
  fsq_pool_walk #(
      .CHANNELS (CHANNELS),
      .HEIGHT   (HEIGHT),
      .IN_ROWS  (IN_ROWS),
      .EXTRAS   (EXTRAS),
      .CHANNEL_W(CW),
      .ROW_W    (HW),
      .EXTRA_W  (XW)
  ) u_walk (
      .clk,
      .rst_n,
      .next_i     (finish),
      .channel_o  (channel),
      .row_o      (row),
      .extra_o    (extra),
      .extra_row_o(extra_row)
  );
  assign emit = extra || EMIT[row];
  assign mask = extra ? EXTRA_MASK[extra_row*MASK_W+:MASK_W] : MASK[row*MASK_W+:MASK_W];

  // ---- along the row
  logic [LINE-1:0] line, line_q;
  logic unused_in;  // a stride may leave pixels that no window reads
  assign unused_in = &{1'b0, in_data_i};
  always_ff @(posedge clk) if (take) line_q <= line;
  generate
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin : gen_line
      localparam FIRST = x * STRIDE - PAD_LEFT;  // column of its first tap; INSIDE: taps within the row
      localparam STOP = (FIRST + KERNEL_COLUMNS < WIDTH) ? FIRST + KERNEL_COLUMNS : WIDTH;
      localparam INSIDE = STOP - ((FIRST > 0) ? FIRST : 0);
      logic [(KERNEL_COLUMNS+1)*VALUE_BITS-1:0] running;
      assign running[0+:VALUE_BITS] = VALUE_BITS'(-INSIDE * PIXEL_ZERO);
      for (n = 0; n < KERNEL_COLUMNS; n = n + 1) begin : gen_tap
        localparam X = FIRST + n;
        logic [VALUE_BITS-1:0] left;
        assign left = running[n*VALUE_BITS+:VALUE_BITS];
        if (X >= 0 && X < WIDTH) begin : gen_inside
          logic [VALUE_BITS-1:0] pixel;
          fsq_extend #(
              .IN_BITS  (BITS),
              .IN_SIGNED((SIGNED != 0 && AVERAGE != 0) ? 1 : 0),
              .OUT_BITS (VALUE_BITS)
          ) u_pixel (
              .x_i(in_data_i[X*BITS+:BITS] ^ FLIP),
              .y_o(pixel)
          );
          if (AVERAGE != 0) begin : gen_sum
            assign running[(n+1)*VALUE_BITS+:VALUE_BITS] = left + pixel;
          end else begin : gen_max
            assign running[(n+1)*VALUE_BITS+:VALUE_BITS] = (pixel > left) ? pixel : left;
          end
        end else begin : gen_outside
          assign running[(n+1)*VALUE_BITS+:VALUE_BITS] = left;
        end
      end
      assign line[x*VALUE_BITS+:VALUE_BITS] = running[KERNEL_COLUMNS*VALUE_BITS+:VALUE_BITS];
    end
  endgenerate

  // ---- kept rows, the newest in the low bits
  logic [MASK_W*LINE-1:0] kept;
  generate
    if (ABOVE == 0) begin : gen_none
      assign kept = '0;
      logic unused_kept;
      assign unused_kept = &{1'b0, channel, combined, kept, mask};
    end else begin : gen_kept
      logic [ABOVE*LINE-1:0] stored;
      if (ABOVE == 1) begin : gen_one
        assign stored = line_q;
      end else begin : gen_more
        assign stored = {kept[(ABOVE-1)*LINE-1:0], line_q};
      end
      fsq_pool_memory #(
          .WIDTH (ABOVE * LINE),
          .DEPTH (CHANNELS),
          .ADDR_W(CW),
          .STYLE (STYLE),
          .TILE_W(TILE_W)
      ) u_kept (
          .clk,
          .we_i   (combined && !extra),
          .addr_i (channel),
          .wdata_i(stored),
          .rdata_o(kept)
      );
    end
  endgenerate

  // ---- the window's rows together, and what leaves
  logic [OWORD-1:0] word;
  generate
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin : gen_out
      if (AVERAGE != 0) begin : gen_average
        logic [(ABOVE+1)*SUM_W-1:0] running;
        logic [SUM_W-1:0] now;
        fsq_extend #(
            .IN_BITS  (VALUE_BITS),
            .IN_SIGNED(1),
            .OUT_BITS (SUM_W)
        ) u_now (
            .x_i(line_q[x*VALUE_BITS+:VALUE_BITS]),
            .y_o(now)
        );
        assign running[0+:SUM_W] = extra ? '0 : now;
        for (n = 0; n < ABOVE; n = n + 1) begin : gen_row
          logic [SUM_W-1:0] over;
          fsq_extend #(
              .IN_BITS  (VALUE_BITS),
              .IN_SIGNED(1),
              .OUT_BITS (SUM_W)
          ) u_over (
              .x_i(kept[n*LINE+x*VALUE_BITS+:VALUE_BITS]),
              .y_o(over)
          );
          assign running[(n+1)*SUM_W+:SUM_W] = running[n*SUM_W+:SUM_W] + (mask[n] ? over : '0);
        end
        if (DIVIDES) begin : gen_divider
          fsq_mean #(
              .SUM_W      (SUM_W),
              .COUNT      (COUNT),
              .EXTRA      (EXTRA),
              .FACTOR     (FACTOR),
              .QUOTIENT   (QUOTIENT),
              .DIVIDE_BITS(DIVIDE_BITS),
              .RIGHT      (RIGHT),
              .LEFT       (LEFT),
              .ZERO       (ZERO),
              .OUT_BITS   (OUT_BITS),
              .LOW        (LOW),
              .HIGH       (HIGH)
          ) u_mean (
              .clk,
              .load_i(combine_q),
              .sum_i (running[ABOVE*SUM_W+:SUM_W]),
              .next_i(dividing),
              .y_o   (word[x*OUT_BITS+:OUT_BITS])
          );
        end else begin : gen_shift
          fsq_round #(
              .IN_W    (SUM_W),
              .RIGHT   ((SHIFT > 0) ? SHIFT : 0),
              .LEFT    ((SHIFT < 0) ? -SHIFT : 0),
              .ZERO    (ZERO),
              .OUT_BITS(OUT_BITS),
              .LOW     (LOW),
              .HIGH    (HIGH)
          ) u_round (
              .x_i(running[ABOVE*SUM_W+:SUM_W]),
              .y_o(word[x*OUT_BITS+:OUT_BITS])
          );
        end
      end else begin : gen_max
        logic [(ABOVE+1)*BITS-1:0] running;
        assign running[0+:BITS] = extra ? '0 : line_q[x*BITS+:BITS];
        for (n = 0; n < ABOVE; n = n + 1) begin : gen_row
          logic [BITS-1:0] over, below;
          assign over  = kept[n*LINE+x*BITS+:BITS];
          assign below = running[n*BITS+:BITS];
          assign running[(n+1)*BITS+:BITS] = (mask[n] && over > below) ? over : below;
        end
        assign word[x*BITS+:BITS] = running[ABOVE*BITS+:BITS] ^ FLIP;
      end
    end
  endgenerate

  // ---- cycles of a word
  generate
    if (DIVIDES) begin : gen_divide
      localparam TURNS = QUOTIENT / DIVIDE_BITS;
      localparam TW = $clog2(TURNS + 1);
      logic [TW-1:0] turn_q;  // cycles that a division still takes
      logic send_q;
      assign dividing   = turn_q != '0;
      assign push       = send_q && !dividing && free != '0;
      assign combined   = combine_q;
      assign finish     = emit ? push : combine_q;
      assign in_ready_o = !combine_q && !send_q && !extra;
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          combine_q <= 1'b0;
          send_q    <= 1'b0;
          turn_q    <= '0;
        end else begin
          combine_q <= take || (extra && !combine_q && !send_q);
          if (combine_q && emit) send_q <= 1'b1;
          else if (push) send_q <= 1'b0;
          if (combine_q && emit) turn_q <= TW'(TURNS);
          else if (dividing) turn_q <= turn_q - 1'b1;
        end
      end
    end else begin : gen_at_once
      assign dividing   = 1'b0;
      assign push       = finish && emit;
      assign combined   = finish;
      assign finish     = combine_q && (!emit || free != '0);
      assign in_ready_o = !combine_q && !extra;
      logic unused_dividing;
      assign unused_dividing = &{1'b0, dividing};
      always_ff @(posedge clk) begin
        if (!rst_n) combine_q <= 1'b0;
        else if (take || (extra && !combine_q)) combine_q <= 1'b1;
        else if (finish) combine_q <= 1'b0;
      end
    end
  endgenerate
  assign take = in_valid_i & in_ready_o;

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
      .data_i   (word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
