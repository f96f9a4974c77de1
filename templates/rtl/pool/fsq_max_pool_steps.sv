// Max pool, step by step: UNITS output pixels per cycle, from left to right.
//
// A word stays at the input for STEPS cycles, in which its pixels are chosen; a cycle later they are reduced along the
// row, a comparison per level of fsq_tree, then with the kept row. A word takes STEPS + LEVELS + 1 cycles; the last one
// waits for room if the row completes a window. KERNEL is STRIDE, or one more: then a window's first pixel is the last one
// of the window before it.
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
    parameter STEPS      = 4,               // ceil(OUT_WIDTH / UNITS), two at least
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
  localparam LEVELS = (KERNEL > 2) ? $clog2(KERNEL) : 1;
  localparam LAST = STEPS + LEVELS;  // cycles from a word's first one to its last
  localparam SW = $clog2(STEPS);
  genvar s, u, n;

  logic [CW-1:0] channel;
  logic [HW-1:0] row;
  logic unused_extra;  // there is one extra row at most
  logic extra, begins, finish, push;
  logic have_q, start_q, emit_q;  // what the row does: a window is open above it, it opens one, it completes one
  logic [COUNT_W-1:0] free;
  logic [SW-1:0] step_q;  // of a word at the input
  logic busy_q;  // a word is at work
  logic [LAST:1] since_q;  // its first cycle was so many cycles ago; the uppermost bit stays

  always_ff @(posedge clk) begin
    have_q  <= HAVE[row];
    start_q <= START[row];
    emit_q  <= extra || EMIT[row];
  end
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

  assign begins     = !busy_q && (in_valid_i || extra);
  assign in_ready_o = since_q[STEPS-1] && !extra;
  assign finish     = since_q[LAST] && (!emit_q || free != '0);
  assign push       = finish && emit_q;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      busy_q  <= 1'b0;
      since_q <= '0;
      step_q  <= '0;
    end else begin
      busy_q  <= busy_q ? !finish : begins;
      since_q <= {since_q[LAST-1] || (since_q[LAST] && !finish), since_q[LAST-2:1], begins};
      if (begins || step_q != '0) step_q <= (step_q == SW'(STEPS - 1)) ? '0 : step_q + 1'b1;
    end
  end

  // ---- choose the pixels of a step
  logic unused_in;  // a stride may leave pixels that no window reads
  assign unused_in = &{1'b0, in_data_i};
  logic [STEPS*FRESH*BITS-1:0] choices;
  logic [FRESH*BITS-1:0] fresh, fresh_q;
  logic [OWORD-1:0] kept, emitted, stored;
  logic [STEPS*GROUP-1:0] kept_groups;
  logic [GROUP-1:0] above, above_q, both, leaves, stays;
  logic [LEVELS*SW-1:0] steps_q;  // steps of the cycles before, the last one in the low bits
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
      .select_i(step_q),
      .data_o  (fresh)
  );
  fsq_mux #(
      .N    (STEPS),
      .WIDTH(GROUP),
      .SEL_W(SW)
  ) u_above (
      .data_i  (kept_groups),
      .select_i(steps_q[LEVELS*SW-1-:SW]),
      .data_o  (above)
  );

  // ---- reduce them along the row
  logic [(LEAD+FRESH)*BITS-1:0] window;
  logic [LEVELS-1:0] en;
  assign en = {!since_q[LAST], {(LEVELS - 1) {1'b1}}};
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
      logic [BITS-1:0] now, over;
      fsq_tree #(
          .N     (KERNEL),
          .WIDTH (BITS),
          .LEVELS(LEVELS),
          .EN_W  (LEVELS)
      ) u_now (
          .clk,
          .en_i  (en),
          .data_i(window[u*STRIDE*BITS+:KERNEL*BITS]),
          .data_o(now)
      );
      assign over = above_q[u*BITS+:BITS];
      assign both[u*BITS+:BITS]   = (have_q && over > now) ? over : now;
      assign leaves[u*BITS+:BITS] = (extra ? over : both[u*BITS+:BITS]) ^ FLIP;
      assign stays[u*BITS+:BITS]  = start_q ? now : both[u*BITS+:BITS];
    end
  endgenerate
  always_ff @(posedge clk) begin
    steps_q <= (LEVELS * SW)'({steps_q, step_q});
    fresh_q <= fresh;
    if (!since_q[LAST]) above_q <= above;  // the last step may have to wait
  end

  // ---- words: the pixels of the last step join them as they leave
  generate
    for (s = 0; s < STEPS; s = s + 1) begin : gen_group
      localparam WIDE = ((s + 1) * UNITS <= OUT_WIDTH) ? GROUP : OWORD - s * GROUP;
      if (s == STEPS - 1) begin : gen_last
        assign emitted[s*GROUP+:WIDE] = leaves[WIDE-1:0];
        assign stored[s*GROUP+:WIDE]  = stays[WIDE-1:0];
      end else begin : gen_early
        logic [WIDE-1:0] emitted_q, stored_q;
        always_ff @(posedge clk)
          if (since_q[s+LEVELS+1]) begin
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
