// Global average pool: adds ADD pixels per cycle, then divides bit by bit; y = round_half_even(sum * 2^EXTRA / COUNT), or
// round_half_even(sum * FACTOR * 2^(LEFT - RIGHT)) + ZERO, or the sum itself (fsq_mean).
//
// A word is moved through a register for STEPS = ceil(WIDTH / ADD) cycles; the next one may be taken two cycles after. The ADD
// pixels of a cycle are added up by fsq_tree, a cycle per level, and then to the sum. A sum is stored STEPS + LEVELS + 1
// cycles after its word was taken. Those of the last row go to fsq_mean in that cycle, or when it is idle (fsq_turns);
// until then no other word is taken.
module fsq_avg_pool #(
    parameter CHANNELS = 10,     // channels of the rows
    parameter HEIGHT   = 4,      // rows of a frame
    parameter WIDTH    = 4,      // pixels of a row
    parameter BITS     = 16,     // bits of a pixel
    parameter SIGNED   = 0,      // 1: pixels are signed
    parameter IN_ROWS  = 1,      // rows of a group in the order of arrival
    parameter ADD      = 1,      // pixels per cycle
    parameter SUM_W    = 21,     // signed sum over the map
    parameter START    = 0,      // the sum before the first pixel
    parameter START_W  = 0,      // not 0: that sum has so many signed bits and is another one for each channel
    parameter SLOT     = 1,      // START_W, up to a power of two
    parameter STARTS   = 0,      // a slot for each channel, channel 0 in the lowest
    parameter COUNT    = 16,     // HEIGHT * WIDTH
    parameter EXTRA    = 0,      // more bits below the binary point than the input has
    parameter [63:0] FACTOR = 0, // not 0: sums are multiplied by it instead of divided
    parameter QUOTIENT = 17,     // see fsq_mean, a multiple of DIVIDE_BITS; 0: sums leave
    parameter DIVIDE_BITS = 1,   // of these per cycle
    parameter RIGHT    = 0,      // multiplied: places by which the product moves right
    parameter LEFT     = 0,      // multiplied: places by which it moves left
    parameter ZERO     = 0,      // is added, but for a quotient
    parameter OUT_BITS = 16,     // bits of a pixel that leaves
    parameter LOW      = 0,      // lower limit of the pixels that leave
    parameter HIGH     = 65535,  // upper limit of the pixels that leave
    parameter DEPTH    = 4,      // words of the output FIFO
    parameter COUNT_W  = 3       // bits of a count of words
) (
    input  logic                  clk,          // clock
    input  logic                  rst_n,        // synchronous reset, active low
    input  logic                  in_valid_i,   // row word in: offered
    output logic                  in_ready_o,   // row word in: taken if offered
    input  logic [WIDTH*BITS-1:0] in_data_i,    // row word in: pixel 0 in the low bits
    output logic                  out_valid_o,  // row word out: offered
    input  logic                  out_ready_i,  // row word out: taken if offered
    output logic [  OUT_BITS-1:0] out_data_o    // row word out: one pixel
);
  localparam STEPS = (WIDTH + ADD - 1) / ADD;
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam TW = (STEPS > 1) ? $clog2(STEPS) : 1;
  localparam LINE = STEPS * ADD * BITS;
  localparam LEVELS = $clog2(ADD);
  localparam EN_W = (LEVELS > 0) ? LEVELS : 1;
  genvar i;

  // ---- words: what is here of one is there again LEVELS cycles later, where it is added
  logic [CW-1:0] channel;
  logic [HW-1:0] row;
  logic unused_extra, unused_extra_row;  // there are no extra rows
  logic open_q;  // a word may be taken
  logic take, divide, push;
  assign in_ready_o = open_q;
  assign take       = in_valid_i & open_q;
  fsq_pool_walk #(
      .CHANNELS (CHANNELS),
      .HEIGHT   (HEIGHT),
      .IN_ROWS  (IN_ROWS),
      .EXTRAS   (0),
      .CHANNEL_W(CW),
      .ROW_W    (HW)
  ) u_walk (
      .clk,
      .rst_n,
      .next_i     (take),
      .channel_o  (channel),
      .row_o      (row),
      .extra_o    (unused_extra),
      .extra_row_o(unused_extra_row)
  );
  logic [LINE-1:0] line_q;
  logic [CW-1:0] channel_q;
  logic top_q, bottom_q;  // the word is of the first row, of the last one
  logic adds_q, first_q, last, last_q;  // pixels are added, the first ones of the word, the last ones; a cycle later
  logic [TW-1:0] left_q;  // steps behind this one
  assign last = adds_q && left_q == '0;
  always_ff @(posedge clk) begin
    if (open_q) begin
      line_q    <= LINE'(in_data_i);
      channel_q <= channel;
      top_q     <= row == '0;
      bottom_q  <= row == HW'(HEIGHT - 1);
    end else line_q <= line_q >> (ADD * BITS);
    left_q <= open_q ? TW'(STEPS - 1) : left_q - 1'b1;
    last_q <= rst_n && last;
  end
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      open_q  <= 1'b1;
      adds_q  <= 1'b0;
      first_q <= 1'b0;
    end else begin
      open_q  <= open_q ? !in_valid_i : (last_q && !bottom_q) || divide;
      adds_q  <= take || (adds_q && !last);
      first_q <= take;
    end
  end

  // ---- sums
  logic signed [SUM_W-1:0] sum_q, base, pixels, stored, stored_q;
  logic signed [ADD-1:0][SUM_W-1:0] pixel;
  generate
    for (i = 0; i < ADD; i = i + 1) begin : gen_pixel
      fsq_extend #(
          .IN_BITS  (BITS),
          .IN_SIGNED(SIGNED),
          .OUT_BITS (SUM_W)
      ) u_pixel (
          .x_i(line_q[i*BITS+:BITS]),
          .y_o(pixel[i])
      );
    end
  endgenerate
  fsq_tree #(
      .N     (ADD),
      .WIDTH (SUM_W),
      .LEVELS(LEVELS),
      .SUM   (1),
      .EN_W  (EN_W)
  ) u_pixels (
      .clk,
      .en_i  ('1),
      .data_i(pixel),
      .data_o(pixels)
  );
  logic [CW-1:0] at_now, at;  // channel of a word, a cycle before its pixels are there and as long as they are
  assign at_now = open_q ? channel : channel_q;
  logic top, bottom, adds, first, ends, store_q;
  generate
    if (LEVELS == 0) begin : gen_now
      assign {at, top, bottom, adds, first, ends} = {at_now, top_q, bottom_q, adds_q, first_q, last};
    end else begin : gen_later
      logic [LEVELS*(CW+5)-1:0] flags_q;
      always_ff @(posedge clk)
        flags_q <= (LEVELS * (CW + 5))'({flags_q, at_now, top_q, bottom_q, adds_q, first_q, last});
      assign {at, top, bottom, adds, first, ends} = flags_q[LEVELS*(CW+5)-1-:CW+5];
    end
  endgenerate
  logic signed [SUM_W-1:0] start;
  generate
    if (START_W != 0) begin : gen_starts
      logic [START_W-1:0] entry, entry_q;
      fsq_table #(
          .IN_BITS (CW),
          .OUT_BITS(START_W),
          .SLOT    (SLOT),
          .ENTRIES ((SLOT << CW)'(STARTS))
      ) u_starts (
          .x_i(at),
          .y_o(entry)
      );
      always_ff @(posedge clk) entry_q <= entry;
      assign start = SUM_W'($signed(entry_q));
    end else begin : gen_start
      assign start = SUM_W'(START);
    end
  endgenerate
  assign base = !first ? sum_q : (top ? start : stored_q);
  always_ff @(posedge clk) begin
    stored_q <= stored;
    if (adds) sum_q <= pixels + base;  // in this order the choice of the base is part of the adder's LUTs
    store_q <= rst_n && (ends || (store_q && bottom && !divide));
  end
  fsq_ram_single #(
      .WIDTH (SUM_W),
      .DEPTH (CHANNELS),
      .ADDR_W(CW)
  ) u_sums (
      .clk,
      .we_i   (store_q),
      .addr_i (at),
      .wdata_i(sum_q),
      .rdata_o(stored)
  );

  // ---- division
  logic [OUT_BITS-1:0] quotient;
  logic [COUNT_W-1:0] free;
  logic idle, dividing;
  assign divide = store_q && bottom && idle;
  fsq_turns #(
      .TURNS(QUOTIENT / DIVIDE_BITS)
  ) u_turns (
      .clk,
      .rst_n,
      .load_i(store_q && bottom),
      .room_i(free != '0),
      .idle_o(idle),
      .next_o(dividing),
      .push_o(push)
  );
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
      .load_i(divide),
      .sum_i (sum_q),
      .next_i(dividing),
      .y_o   (quotient)
  );

  fsq_fifo #(
      .WIDTH  (OUT_BITS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push)),
      .free_o   (free),
      .push_i   (push),
      .data_i   (quotient),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
