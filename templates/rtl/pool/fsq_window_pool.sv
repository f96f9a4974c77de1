// Max or average pool of any window: reduces a row word along the row, then combines it with the rows kept of its channel.
//
// The last KERNEL_ROWS - 1 reduced rows of every channel are kept. A table tells for every input row whether it completes
// a window (EMIT_ROWS) and which of the kept rows belong to that window (MASKS, the newest row in the lowest bit); windows
// that end below the image follow as extra rows, whose masks tell the same of the kept rows behind the last input row.
//
// A pipeline of stages (fsq_stages), one cycle each: the word as it came; the levels of fsq_tree along the row, behind which
// the kept rows are there too; those of the window, the others zero; the levels of fsq_tree over the rows; for an average
// that is a shift, or a sum, fsq_round. An average that needs a division is then divided, one fsq_mean for every pixel that
// leaves, for TURNS + 2 cycles (fsq_turns). A word taken in T is sent so many cycles later, or as soon as there is room; the
// next one may be taken in T + 2. Words of an extra row take the same cycles, except that nothing is taken for them.
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
    parameter QUOTIENT       = 9,               // average: see fsq_mean; 0: sums leave
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
  localparam LEAVES = KERNEL_COLUMNS + ((AVERAGE != 0 && PIXEL_ZERO != 0) ? 1 : 0);
  localparam LINE_LEVELS = $clog2(LEAVES);
  localparam ROW_LEVELS = $clog2(KERNEL_ROWS);
  localparam KEEP = 1 + LINE_LEVELS;  // stages until the kept rows are there
  localparam TOGETHER = KEEP + ((ABOVE > 0) ? 1 + ROW_LEVELS : 0);  // stages until the window's rows are one
  localparam STAGES = TOGETHER + ((AVERAGE != 0 && !DIVIDES) ? 1 : 0);
  localparam LINE_W = (LINE_LEVELS > 0) ? LINE_LEVELS : 1;
  localparam ROWS_W = (ROW_LEVELS > 0) ? ROW_LEVELS : 1;
  genvar s, x, n;

  // ---- words
  logic [CW-1:0] channel;
  logic [HW-1:0] row;
  logic [XW-1:0] extra_row;
  logic extra;
  logic [STAGES-1:0] empty;
  logic leaves, push;
  logic [COUNT_W-1:0] free;
  assign in_ready_o = empty[0] & !extra;
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
      .next_i     (empty[0] && (in_valid_i || extra)),
      .channel_o  (channel),
      .row_o      (row),
      .extra_o    (extra),
      .extra_row_o(extra_row)
  );
  fsq_stages #(
      .STAGES(STAGES)
  ) u_stages (
      .clk,
      .rst_n,
      .enter_i(in_valid_i || extra),
      .leave_i(leaves),
      .empty_o(empty)
  );

  // ---- what the word of each stage does: its channel; the kept rows of its window; it completes one; it is of an extra row
  localparam FLAGS = CW + MASK_W + 2;
  logic [(STAGES+1)*FLAGS-1:0] flags;
  assign flags[0+:FLAGS] = {
    channel, extra ? EXTRA_MASK[extra_row*MASK_W+:MASK_W] : MASK[row*MASK_W+:MASK_W], extra || EMIT[row], extra
  };
  generate
    for (s = 0; s < STAGES; s = s + 1) begin : gen_flags
      logic [FLAGS-1:0] flags_q;
      always_ff @(posedge clk) if (empty[s]) flags_q <= flags[s*FLAGS+:FLAGS];
      assign flags[(s+1)*FLAGS+:FLAGS] = flags_q;
    end
  endgenerate
  logic emit;  // of the last stage's word
  assign emit = flags[STAGES*FLAGS+1];
  logic unused_flags;
  assign unused_flags = &{1'b0, flags};

  // ---- along the row
  logic [WIDTH*BITS-1:0] word_q;
  logic unused_word;  // a stride may leave pixels that no window reads
  assign unused_word = &{1'b0, word_q};
  always_ff @(posedge clk) if (empty[0]) word_q <= in_data_i;
  logic [LINE_W-1:0] line_en;
  logic [LINE-1:0] line;
  generate
    if (LINE_LEVELS > 0) begin : gen_line_en
      assign line_en = empty[LINE_LEVELS:1];
    end else begin : gen_no_line_en
      assign line_en = '0;
    end
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin : gen_line
      localparam FIRST = x * STRIDE - PAD_LEFT;  // column of its first tap; INSIDE: taps within the row
      localparam BEGIN = (FIRST > 0) ? FIRST : 0;
      localparam STOP = (FIRST + KERNEL_COLUMNS < WIDTH) ? FIRST + KERNEL_COLUMNS : WIDTH;
      localparam INSIDE = STOP - BEGIN;
      localparam N = INSIDE + LEAVES - KERNEL_COLUMNS;
      logic [N*VALUE_BITS-1:0] pixels;
      for (n = 0; n < INSIDE; n = n + 1) begin : gen_tap
        fsq_extend #(
            .IN_BITS  (BITS),
            .IN_SIGNED((SIGNED != 0 && AVERAGE != 0) ? 1 : 0),
            .OUT_BITS (VALUE_BITS)
        ) u_pixel (
            .x_i(word_q[(BEGIN+n)*BITS+:BITS] ^ FLIP),
            .y_o(pixels[n*VALUE_BITS+:VALUE_BITS])
        );
      end
      if (N > INSIDE) begin : gen_zero
        assign pixels[INSIDE*VALUE_BITS+:VALUE_BITS] = VALUE_BITS'(-INSIDE * PIXEL_ZERO);
      end
      fsq_tree #(
          .N     (N),
          .WIDTH (VALUE_BITS),
          .LEVELS(LINE_LEVELS),
          .SUM   (AVERAGE),
          .EN_W  (LINE_W)
      ) u_line (
          .clk,
          .en_i  (line_en),
          .data_i(pixels),
          .data_o(line[x*VALUE_BITS+:VALUE_BITS])
      );
    end
  endgenerate

  // ---- kept rows, the newest in the low bits
  logic [KERNEL_ROWS*LINE-1:0] rows;  // of the window, the newest in the low bits
  generate
    if (ABOVE == 0) begin : gen_none
      assign rows = line;
    end else begin : gen_kept
      logic [CW-1:0] at, at_next;  // channel of the word whose kept rows are there, and of the one that comes to it
      logic [MASK_W-1:0] mask;
      logic over;
      logic [ABOVE*LINE-1:0] kept, stored;
      logic [KERNEL_ROWS*LINE-1:0] rows_q;
      logic unused_emit;
      assign {at, mask, unused_emit, over} = flags[KEEP*FLAGS+:FLAGS];
      assign at_next = flags[(KEEP-1)*FLAGS+MASK_W+2+:CW];
      if (ABOVE == 1) begin : gen_one
        assign stored = line;
      end else begin : gen_more
        assign stored = {kept[(ABOVE-1)*LINE-1:0], line};
      end
      fsq_pool_memory #(
          .WIDTH (ABOVE * LINE),
          .DEPTH (CHANNELS),
          .ADDR_W(CW),
          .STYLE (STYLE),
          .TILE_W(TILE_W)
      ) u_kept (
          .clk,
          .we_i   (!empty[KEEP-1] && empty[KEEP] && !over),
          .addr_i (empty[KEEP-1] ? at_next : at),
          .wdata_i(stored),
          .rdata_o(kept)
      );
      always_ff @(posedge clk)
        if (empty[KEEP]) rows_q[0+:LINE] <= over ? '0 : line;
      for (n = 0; n < ABOVE; n = n + 1) begin : gen_row
        always_ff @(posedge clk)
          if (empty[KEEP]) rows_q[(n+1)*LINE+:LINE] <= mask[n] ? kept[n*LINE+:LINE] : '0;
      end
      assign rows = rows_q;
    end
  endgenerate

  // ---- the window's rows together, and what leaves
  logic [ROWS_W-1:0] rows_en;
  logic [OWORD-1:0] word;
  logic dividing;
  generate
    if (ROW_LEVELS > 0) begin : gen_rows_en
      assign rows_en = empty[TOGETHER-1-:ROW_LEVELS];
    end else begin : gen_no_rows_en
      assign rows_en = '0;
    end
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin : gen_out
      localparam W = (AVERAGE != 0) ? SUM_W : BITS;
      logic [KERNEL_ROWS*W-1:0] values;
      logic [W-1:0] all;
      for (n = 0; n < KERNEL_ROWS; n = n + 1) begin : gen_row
        fsq_extend #(
            .IN_BITS  (VALUE_BITS),
            .IN_SIGNED(AVERAGE),
            .OUT_BITS (W)
        ) u_value (
            .x_i(rows[n*LINE+x*VALUE_BITS+:VALUE_BITS]),
            .y_o(values[n*W+:W])
        );
      end
      fsq_tree #(
          .N     (KERNEL_ROWS),
          .WIDTH (W),
          .LEVELS(ROW_LEVELS),
          .SUM   (AVERAGE),
          .EN_W  (ROWS_W)
      ) u_all (
          .clk,
          .en_i  (rows_en),
          .data_i(values),
          .data_o(all)
      );
      if (AVERAGE == 0) begin : gen_max
        assign word[x*BITS+:BITS] = all ^ FLIP;
      end else if (DIVIDES) begin : gen_divider
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
            .load_i(!empty[STAGES-1] && emit && leaves),
            .sum_i (all),
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
            .clk,
            .en_i(empty[STAGES-1]),
            .x_i (all),
            .y_o (word[x*OUT_BITS+:OUT_BITS])
        );
      end
    end
    if (DIVIDES) begin : gen_turns
      logic idle;
      assign leaves = !emit || idle;
      fsq_turns #(
          .TURNS(QUOTIENT / DIVIDE_BITS)
      ) u_turns (
          .clk,
          .rst_n,
          .load_i(!empty[STAGES-1] && emit),
          .room_i(free != '0),
          .idle_o(idle),
          .next_o(dividing),
          .push_o(push)
      );
    end else begin : gen_at_once
      assign leaves   = !emit || free != '0;
      assign push     = !empty[STAGES-1] && emit && free != '0;
      assign dividing = 1'b0;
      logic unused_dividing;
      assign unused_dividing = &{1'b0, dividing};
    end
  endgenerate

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
