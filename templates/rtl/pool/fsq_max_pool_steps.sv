// Max pool, step by step: UNITS output pixels per cycle, from left to right.
//
// A word stays at the input for STEPS cycles, in which its pixels are chosen; a cycle later they are reduced along the
// row, another one later with the kept row. A word takes STEPS + 2 cycles; the last one waits for room if the row
// completes a window. KERNEL is STRIDE, or one more: then a window's first pixel is the last one of the window before it.
module fsq_max_pool_steps #(
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
    parameter UNITS      = 1,               // output pixels per cycle
    parameter STEPS      = 4,               // ceil(OUT_WIDTH / UNITS)
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
  localparam LEAD = KERNEL - STRIDE;  // pixels that neighbouring windows share
  localparam FRESH = UNITS * STRIDE;  // pixels that are new in a step
  localparam GROUP = UNITS * BITS;
  localparam TW = $clog2(STEPS + 2);
  localparam SW = (STEPS > 1) ? $clog2(STEPS) : 1;
  genvar s, u, n;

  logic [CW-1:0] channel;
  logic [HW-1:0] row;
  logic unused_extra;  // there is one extra row at most
  logic have, start, emit, extra, go, finish, push;
  logic [COUNT_W-1:0] free;
  logic [TW-1:0] step_q, step_q1, step_q2;  // this cycle's step, and those of the cycles before

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

  assign go         = step_q != '0 || in_valid_i || extra;
  assign in_ready_o = step_q == TW'(STEPS - 1) && !extra;
  assign finish     = step_q == TW'(STEPS + 1) && (!emit || free != '0);
  assign push       = finish && emit;
  always_ff @(posedge clk) begin
    if (!rst_n) step_q <= '0;
    else if (finish) step_q <= '0;
    else if (go && step_q != TW'(STEPS + 1)) step_q <= step_q + 1'b1;
  end

  // ---- choose the pixels of a step
  logic unused_in;  // a stride may leave pixels that no window reads
  assign unused_in = &{1'b0, in_data_i};
  logic [STEPS*FRESH*BITS-1:0] choices;
  logic [FRESH*BITS-1:0] fresh, fresh_q;
  logic [OWORD-1:0] kept, emitted, stored;
  logic [STEPS*GROUP-1:0] kept_groups;
  logic [GROUP-1:0] above, above_q, line, line_q, both, leaves, stays;
  assign kept_groups = (STEPS * GROUP)'(kept);
  generate
    for (s = 0; s < STEPS; s = s + 1) begin : gen_step
      for (n = 0; n < FRESH; n = n + 1) begin : gen_fresh
        localparam X = s * FRESH + n + LEAD - PAD_LEFT;
        if (X >= 0 && X < WIDTH) begin : gen_inside
          assign choices[(s*FRESH+n)*BITS+:BITS] = in_data_i[X*BITS+:BITS] ^ FLIP;
        end else begin : gen_outside
          assign choices[(s*FRESH+n)*BITS+:BITS] = '0;
        end
      end
    end
  endgenerate
  fsq_mux #(
      .N    (STEPS),
      .WIDTH(FRESH * BITS),
      .SEL_W(SW)
  ) u_fresh (
      .data_i  (choices),
      .select_i(step_q[SW-1:0]),
      .data_o  (fresh)
  );
  fsq_mux #(
      .N    (STEPS),
      .WIDTH(GROUP),
      .SEL_W(SW)
  ) u_above (
      .data_i  (kept_groups),
      .select_i(step_q1[SW-1:0]),
      .data_o  (above)
  );

  // ---- reduce them along the row
  logic [(LEAD+FRESH)*BITS-1:0] window;
  generate
    if (LEAD != 0) begin : gen_lead
      logic [BITS-1:0] lead_q;
      if (PAD_LEFT == 0) begin : gen_first
        always_ff @(posedge clk)
          lead_q <= (step_q == '0) ? in_data_i[BITS-1:0] ^ FLIP : fresh_q[(FRESH-1)*BITS+:BITS];
      end else begin : gen_padded
        always_ff @(posedge clk) lead_q <= (step_q == '0) ? '0 : fresh_q[(FRESH-1)*BITS+:BITS];
      end
      assign window = {fresh_q, lead_q};
    end else begin : gen_no_lead
      assign window = fresh_q;
    end
    for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
      logic [KERNEL*BITS-1:0] running;
      assign running[0+:BITS] = window[u*STRIDE*BITS+:BITS];
      for (n = 1; n < KERNEL; n = n + 1) begin : gen_tap
        logic [BITS-1:0] pixel, left;
        assign pixel  = window[(u*STRIDE+n)*BITS+:BITS];
        assign left  = running[(n-1)*BITS+:BITS];
        assign running[n*BITS+:BITS] = (pixel > left) ? pixel : left;
      end
      assign line[u*BITS+:BITS] = running[(KERNEL-1)*BITS+:BITS];

      logic [BITS-1:0] now, over;
      assign now  = line_q[u*BITS+:BITS];
      assign over = above_q[u*BITS+:BITS];
      assign both[u*BITS+:BITS]   = (have && over > now) ? over : now;
      assign leaves[u*BITS+:BITS] = (extra ? over : both[u*BITS+:BITS]) ^ FLIP;
      assign stays[u*BITS+:BITS]  = start ? now : both[u*BITS+:BITS];
    end
  endgenerate
  always_ff @(posedge clk) begin
    step_q1 <= step_q;
    step_q2 <= step_q1;
    fresh_q <= fresh;
    if (step_q != TW'(STEPS + 1)) begin  // the last step may have to wait
      line_q  <= line;
      above_q <= above;
    end
  end

  // ---- words: the pixels of the last step join them as they leave
  logic unused_step;
  assign unused_step = &{1'b0, step_q1, step_q2};
  generate
    for (s = 0; s < STEPS; s = s + 1) begin : gen_group
      localparam WIDE = ((s + 1) * UNITS <= OUT_WIDTH) ? GROUP : OWORD - s * GROUP;
      if (s == STEPS - 1) begin : gen_last
        assign emitted[s*GROUP+:WIDE] = leaves[WIDE-1:0];
        assign stored[s*GROUP+:WIDE]  = stays[WIDE-1:0];
      end else begin : gen_early
        logic [WIDE-1:0] emitted_q, stored_q;
        always_ff @(posedge clk)
          if (step_q2 == TW'(s)) begin
            emitted_q <= leaves[WIDE-1:0];
            stored_q  <= stays[WIDE-1:0];
          end
        assign emitted[s*GROUP+:WIDE] = emitted_q;
        assign stored[s*GROUP+:WIDE]  = stored_q;
      end
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
