// Fire engine: squeeze, expand1x1 and expand3x3 on one set of lanes, from one stream of weights.
//
// The squeezed rows stay in a row buffer of their own; the squeeze runs one row group ahead of the expansion, so that
// the 3x3 windows find their lower rows. Concatenation is the order of the passes.
module fsq_fire_engine #(
    // input rows
    parameter IN_CHANNELS = 1,
    parameter HEIGHT      = 8,
    parameter WIDTH       = 8,
    parameter IN_BITS     = 8,
    parameter IN_SIGNED   = 0,
    parameter IN_ROWS     = 1,   // rows of a group in the order of arrival
    parameter SLOTS       = 2,   // row slots of the line buffer
    parameter STYLE       = 0,   // RAM of the line buffer: see fsq_row_ram
    parameter TILE_W      = 72,
    parameter FREE_LAST   = 1,
    // squeezed rows
    parameter SQ_CHANNELS = 1,
    parameter SQ_BITS     = 8,
    parameter SQ_SIGNED   = 0,
    parameter SQ_STYLE    = 0,
    parameter SQ_TILE_W   = 72,
    parameter SQ_FREE_STOP = 0,
    parameter SQ_FREE_LAST = 1,
    parameter SQ_OUTS     = 1,   // groups of squeeze channels
    parameter HAVE_W      = 5,
    // expansion
    parameter A_CHANNELS  = 1,   // output channels of expand1x1
    parameter A_OUTS      = 1,
    parameter B_CHANNELS  = 1,   // output channels of expand3x3
    parameter B_OUTS      = 1,
    parameter OUT_BITS    = 8,
    // folding
    parameter GROUPS      = 8,   // row groups of a frame
    parameter ROWS        = 1,   // rows of a group (r)
    parameter LAST_ROWS   = 1,   // rows of the last group
    parameter PHASES      = 1,   // passes per row (k)
    parameter CHANNELS_C  = 1,   // output channels at once (c)
    parameter LANES       = 8,   // lanes per row: ceil(WIDTH / PHASES)
    parameter TERMS       = 9,   // most terms of a sum
    // numbers
    parameter X_BITS      = 8,   // lanes take the wider of input and squeezed pixels
    parameter X_SIGNED    = 0,
    parameter W_BITS      = 8,
    parameter ACC_BITS    = 24,
    parameter PAIR_SHIFT  = 0,   // not 0: two lanes share a DSP, their pixels so many bits apart
    parameter BIAS_BITS   = 24,
    parameter LEFT_MAX    = 0,
    parameter LEFT_W      = 1,
    parameter RIGHT       = 0,
    parameter Y_BITS      = 8,   // the wider of squeezed and output pixels
    parameter LIMIT_W     = 10,
    parameter LOW_S       = 0,
    parameter HIGH_S      = 255,
    parameter LOW         = 0,
    parameter HIGH        = 255,
    // drain
    parameter PARTS       = 1,
    parameter UNITS       = 8,
    parameter SPARSE      = 0,   // 1: terms come with their positions, zeros skipped
    // output FIFO
    parameter DEPTH       = 4,
    parameter COUNT_W     = 3,
    // widths of counters
    parameter CI_W        = 1,   // channel of either buffer
    parameter K_W         = 2,
    parameter P_W         = 1,
    parameter N_W         = 1,
    parameter OUT_W       = 1,
    parameter C_W         = 1,
    parameter R_W         = 1,
    parameter Y_W         = 6,
    parameter SLOT_W      = 2
) (
    input  logic                         clk,
    input  logic                         rst_n,
    input  logic                         in_valid_i,
    output logic                         in_ready_o,
    input  logic [    WIDTH*IN_BITS-1:0] in_data_i,
    output logic                         out_valid_o,
    input  logic                         out_ready_i,
    output logic [   WIDTH*OUT_BITS-1:0] out_data_o,
    // the next term: weights of a group of output channels; place and end of sum only where zeros are skipped
    input  logic                         term_valid_i,
    input  logic [CHANNELS_C*W_BITS-1:0] term_weights_i,
    input  logic [             CI_W-1:0] term_channel_i,
    input  logic [              K_W-1:0] term_ky_i,
    input  logic [              K_W-1:0] term_kx_i,
    input  logic                         term_last_i,
    output logic                         term_issue_o,
    output logic                         term_replay_o,   // not phase 0: a term that was issued before
    output logic [              N_W-1:0] term_number_o,   // within its sum
    output logic [              C_W-1:0] term_channels_o, // of its group
    output logic [            OUT_W-1:0] table_addr_o,
    input  logic [ BIAS_BITS+LEFT_W-1:0] table_data_i
);
  localparam TAG_W = 1 + P_W + OUT_W + C_W + R_W;
  localparam SQ_SLOTS = 3;  // the row groups above, at and below the window

  logic issue, first, last, squeeze, expand, wide, done, push, push_squeeze;
  logic input_end, a_end, b_end, row_done, sq_row_done, input_ok, a_ok, b_ok, sq_ready;
  logic [CI_W-1:0] channel;
  logic [K_W-1:0] ky, kx;
  logic [P_W-1:0] phase;
  logic [N_W-1:0] term;
  logic [OUT_W-1:0] out_base;
  logic [C_W-1:0] out_valid;
  logic [R_W-1:0] row_valid;
  logic [COUNT_W-1:0] room, reserve;
  logic [SLOT_W-1:0] slot, release_slots, sq_slot, sq_release;
  logic [Y_W-1:0] row, sq_row;
  logic [ROWS*LANES*IN_BITS-1:0] in_pixels;
  logic [ROWS*LANES*SQ_BITS-1:0] sq_pixels;
  logic [ROWS*LANES*X_BITS-1:0] pixels;
  logic [CHANNELS_C*ROWS*LANES*ACC_BITS-1:0] acc;
  logic [WIDTH*Y_BITS-1:0] word;
  logic [WIDTH*SQ_BITS-1:0] sq_word;
  logic [WIDTH*OUT_BITS-1:0] out_word;

  fsq_sequencer #(
      .FIRE(1),
      .SPARSE(SPARSE),
      .GROUPS(GROUPS),
      .ROWS(ROWS),
      .LAST_ROWS(LAST_ROWS),
      .PHASES(PHASES),
      .CHANNELS_C(CHANNELS_C),
      .DRAIN(CHANNELS_C * ROWS * PARTS),
      .S_IN(IN_CHANNELS),
      .S_OUT(SQ_CHANNELS),
      .S_OUTS(SQ_OUTS),
      .A_IN(SQ_CHANNELS),
      .A_KERNEL(1),
      .A_OUT(A_CHANNELS),
      .A_OUTS(A_OUTS),
      .B_IN(SQ_CHANNELS),
      .B_KERNEL(3),
      .B_OUT(B_CHANNELS),
      .B_OUTS(B_OUTS),
      .CI_W(CI_W),
      .K_W(K_W),
      .P_W(P_W),
      .N_W(N_W),
      .OUT_W(OUT_W),
      .C_W(C_W),
      .R_W(R_W),
      .COUNT_W(COUNT_W)
  ) u_sequencer (
      .clk,
      .rst_n,
      .input_ok_i    (input_ok),
      .expand_a_ok_i (a_ok),
      .expand_b_ok_i (b_ok),
      .weight_ok_i   (term_valid_i || phase != '0),
      .term_channel_i,
      .term_ky_i,
      .term_kx_i,
      .term_last_i,
      .room_i        (room),
      .reserve_o     (reserve),
      .issue_o       (issue),
      .first_o       (first),
      .last_o        (last),
      .squeeze_o     (squeeze),
      .expand_o      (expand),
      .wide_o        (wide),
      .channel_o     (channel),
      .ky_o          (ky),
      .kx_o          (kx),
      .phase_o       (phase),
      .term_o        (term),
      .out_base_o    (out_base),
      .out_valid_o   (out_valid),
      .row_valid_o   (row_valid),
      .input_end_o   (input_end),
      .expand_a_end_o(a_end),
      .expand_b_end_o(b_end)
  );

  // ---- input rows, read by the squeeze
  fsq_row_gate #(
      .FIRST (ROWS),
      .STEP  (ROWS),
      .HEIGHT(HEIGHT),
      .GROUPS(GROUPS),
      .HAVE_W(HAVE_W)
  ) u_gate (
      .clk,
      .rst_n,
      .row_done_i (row_done),
      .group_end_i(input_end),
      .ok_o       (input_ok)
  );

  fsq_row_cursor #(
      .GROUPS     (GROUPS),
      .SPAN       (ROWS),
      .SLOTS      (SLOTS),
      .FRAME_SLOTS(GROUPS),
      .FREE_FIRST (0),
      .FREE_STOP  (GROUPS),
      .FREE_LAST  (FREE_LAST),
      .Y_W        (Y_W),
      .SLOT_W     (SLOT_W)
  ) u_cursor (
      .clk,
      .rst_n,
      .group_end_i(input_end),
      .slot_o     (slot),
      .row_o      (row),
      .release_o  (release_slots)
  );

  fsq_line_buffer #(
      .CHANNELS(IN_CHANNELS),
      .HEIGHT  (HEIGHT),
      .WIDTH   (WIDTH),
      .BITS    (IN_BITS),
      .IN_ROWS (IN_ROWS),
      .ROWS    (ROWS),
      .PHASES  (PHASES),
      .LANES   (LANES),
      .SLOTS   (SLOTS),
      .STYLE   (STYLE),
      .TILE_W  (TILE_W),
      .PADDED  (0),
      .CI_W    ((IN_CHANNELS > 1) ? $clog2(IN_CHANNELS) : 1),
      .K_W     (1),
      .P_W     (P_W),
      .Y_W     (Y_W),
      .SLOT_W  (SLOT_W)
  ) u_lines (
      .clk,
      .rst_n,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .row_done_o  (row_done),
      .release_i   (release_slots),
      .rd_channel_i(channel[((IN_CHANNELS > 1) ? $clog2(IN_CHANNELS) : 1)-1:0]),
      .rd_ky_i     (1'b0),
      .rd_kx_i     (1'b0),
      .rd_phase_i  (phase),
      .rd_slot_i   (slot),
      .rd_row_i    (row),
      .pixels_o    (in_pixels)
  );

  // ---- squeezed rows, read by both expansions
  fsq_row_gate #(
      .FIRST (ROWS),
      .STEP  (ROWS),
      .HEIGHT(HEIGHT),
      .GROUPS(GROUPS),
      .HAVE_W(HAVE_W)
  ) u_gate_a (
      .clk,
      .rst_n,
      .row_done_i (sq_row_done),
      .group_end_i(a_end),
      .ok_o       (a_ok)
  );

  fsq_row_gate #(
      .FIRST ((ROWS + 1 > HEIGHT) ? HEIGHT : ROWS + 1),
      .STEP  (ROWS),
      .HEIGHT(HEIGHT),
      .GROUPS(GROUPS),
      .HAVE_W(HAVE_W)
  ) u_gate_b (
      .clk,
      .rst_n,
      .row_done_i (sq_row_done),
      .group_end_i(b_end),
      .ok_o       (b_ok)
  );

  fsq_row_cursor #(
      .GROUPS     (GROUPS),
      .SPAN       (ROWS),
      .SLOTS      (SQ_SLOTS),
      .FRAME_SLOTS(GROUPS),
      .FREE_FIRST (1),
      .FREE_STOP  (SQ_FREE_STOP),
      .FREE_LAST  (SQ_FREE_LAST),
      .Y_W        (Y_W),
      .SLOT_W     (SLOT_W)
  ) u_sq_cursor (
      .clk,
      .rst_n,
      .group_end_i(b_end),
      .slot_o     (sq_slot),
      .row_o      (sq_row),
      .release_o  (sq_release)
  );

  fsq_line_buffer #(
      .CHANNELS(SQ_CHANNELS),
      .HEIGHT  (HEIGHT),
      .WIDTH   (WIDTH),
      .BITS    (SQ_BITS),
      .IN_ROWS (ROWS),
      .ROWS    (ROWS),
      .PHASES  (PHASES),
      .KERNEL  (3),
      .PAD_TOP (1),
      .PAD_LEFT(1),
      .LANES   (LANES),
      .SLOTS   (SQ_SLOTS),
      .STYLE   (SQ_STYLE),
      .TILE_W  (SQ_TILE_W),
      .CI_W    ((SQ_CHANNELS > 1) ? $clog2(SQ_CHANNELS) : 1),
      .K_W     (K_W),
      .P_W     (P_W),
      .Y_W     (Y_W),
      .SLOT_W  (SLOT_W)
  ) u_squeezed (
      .clk,
      .rst_n,
      .in_valid_i  (push && push_squeeze),
      .in_ready_o  (sq_ready),
      .in_data_i   (sq_word),
      .row_done_o  (sq_row_done),
      .release_i   (sq_release),
      .rd_channel_i(channel[((SQ_CHANNELS > 1) ? $clog2(SQ_CHANNELS) : 1)-1:0]),
      // expand1x1 looks at the centre of the 3x3 window
      .rd_ky_i     (wide ? ky : 2'd1),
      .rd_kx_i     (wide ? kx : 2'd1),
      .rd_phase_i  (phase),
      .rd_slot_i   (sq_slot),
      .rd_row_i    (sq_row),
      .pixels_o    (sq_pixels)
  );

  // ---- the lanes see one buffer or the other; pixels arrive two cycles after their term
  logic [1:0] expand_q;
  always_ff @(posedge clk) expand_q <= {expand_q[0], expand};
  genvar p;
  generate
    for (p = 0; p < ROWS * LANES; p = p + 1) begin : gen_pixel
      logic [X_BITS-1:0] in_pixel, sq_pixel;
      fsq_extend #(
          .IN_BITS  (IN_BITS),
          .IN_SIGNED(IN_SIGNED),
          .OUT_BITS (X_BITS)
      ) u_in (
          .x_i(in_pixels[p*IN_BITS+:IN_BITS]),
          .y_o(in_pixel)
      );
      fsq_extend #(
          .IN_BITS  (SQ_BITS),
          .IN_SIGNED(SQ_SIGNED),
          .OUT_BITS (X_BITS)
      ) u_sq (
          .x_i(sq_pixels[p*SQ_BITS+:SQ_BITS]),
          .y_o(sq_pixel)
      );
      assign pixels[p*X_BITS+:X_BITS] = expand_q[1] ? sq_pixel : in_pixel;
    end
  endgenerate

  assign term_issue_o    = issue;
  assign term_replay_o   = phase != '0;
  assign term_number_o   = term;
  assign term_channels_o = out_valid;

  fsq_mac_array #(
      .CHANNELS(CHANNELS_C),
      .ROWS    (ROWS),
      .LANES   (LANES),
      .PHASES  ((SPARSE != 0) ? 1 : PHASES),  // with SPARSE the terms are replayed by their source
      .X_BITS  (X_BITS),
      .X_SIGNED(X_SIGNED),
      .W_BITS  (W_BITS),
      .ACC_BITS(ACC_BITS),
      .PAIR_SHIFT(PAIR_SHIFT),
      .TERMS   (TERMS),
      .N_W     (N_W)
  ) u_lanes (
      .clk,
      .rst_n,
      .issue_i  (issue),
      .first_i  (first),
      .last_i   (last),
      .replay_i (SPARSE == 0 && phase != '0),
      .term_i   (term),
      .weights_i(term_weights_i),
      .pixels_i (pixels),
      .acc_o    (acc),
      .done_o   (done)
  );

  // what the pass is, five cycles later beside its sums
  logic [TAG_W-1:0] tag_q[0:4];
  always_ff @(posedge clk) begin
    tag_q[0] <= {squeeze, phase, out_base, out_valid, row_valid};
    tag_q[1] <= tag_q[0];
    tag_q[2] <= tag_q[1];
    tag_q[3] <= tag_q[2];
    tag_q[4] <= tag_q[3];
  end

  fsq_drain #(
      .CHANNELS (CHANNELS_C),
      .ROWS     (ROWS),
      .LANES    (LANES),
      .PARTS    (PARTS),
      .UNITS    (UNITS),
      .PHASES   (PHASES),
      .WIDTH    (WIDTH),
      .ACC_BITS (ACC_BITS),
      .BIAS_BITS(BIAS_BITS),
      .LEFT_MAX (LEFT_MAX),
      .LEFT_W   (LEFT_W),
      .RIGHT    (RIGHT),
      .OUT_BITS (Y_BITS),
      .LIMIT_W  (LIMIT_W),
      .LOW_S    (LOW_S),
      .HIGH_S   (HIGH_S),
      .LOW      (LOW),
      .HIGH     (HIGH),
      .P_W      (P_W),
      .OUT_W    (OUT_W),
      .C_W      (C_W),
      .R_W      (R_W)
  ) u_drain (
      .clk,
      .rst_n,
      .done_i        (done),
      .acc_i         (acc),
      .squeeze_i     (tag_q[4][TAG_W-1]),
      .phase_i       (tag_q[4][TAG_W-2-:P_W]),
      .base_i        (tag_q[4][R_W+C_W+:OUT_W]),
      .channels_i    (tag_q[4][R_W+:C_W]),
      .rows_i        (tag_q[4][0+:R_W]),
      .table_addr_o,
      .table_data_i,
      .push_o        (push),
      .push_squeeze_o(push_squeeze),
      .word_o        (word)
  );

  generate
    for (p = 0; p < WIDTH; p = p + 1) begin : gen_word
      assign sq_word[p*SQ_BITS+:SQ_BITS]    = word[p*Y_BITS+:SQ_BITS];
      assign out_word[p*OUT_BITS+:OUT_BITS] = word[p*Y_BITS+:OUT_BITS];
    end
  endgenerate

  fsq_fifo #(
      .WIDTH  (WIDTH * OUT_BITS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(reserve),
      .free_o   (room),
      .push_i   (push && !push_squeeze),
      .data_i   (out_word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (rst_n && push && push_squeeze && !sq_ready) $fatal(1, "fsq_fire_engine %m: squeezed row without a slot");
  end
`else
  logic unused_ready;
  assign unused_ready = &{1'b0, sq_ready};
`endif
endmodule
