// Convolution engine: row words in, row words out; weights stream from block RAM, one per cycle and output channel.
module fsq_conv_engine #(
    // input rows
    parameter IN_CHANNELS = 1,
    parameter IN_HEIGHT   = 8,
    parameter IN_WIDTH    = 8,
    parameter IN_BITS     = 8,
    parameter IN_SIGNED   = 0,
    parameter IN_ROWS     = 1,   // rows of a group in the order of arrival
    parameter SLOTS       = 2,   // row slots of the line buffer
    parameter STYLE       = 0,   // RAM of the line buffer: see fsq_row_ram
    parameter TILE_W      = 72,
    parameter FRAME_SLOTS = 8,
    parameter FREE_FIRST  = 0,
    parameter FREE_STOP   = 0,
    parameter FREE_LAST   = 1,
    parameter GATE_FIRST  = 1,   // input rows that the first row group needs
    parameter HAVE_W      = 5,
    parameter PAD_VALUES  = {IN_CHANNELS * IN_BITS{1'b0}},
    // convolution
    parameter KERNEL      = 1,
    parameter STRIDE      = 1,
    parameter PAD_TOP     = 0,
    parameter PAD_LEFT    = 0,
    parameter PADDED      = 1,   // 0: no window reaches above or below the image
    parameter OUT_CHANNELS = 1,
    parameter OUT_WIDTH   = 8,
    parameter OUT_BITS    = 8,
    // folding
    parameter GROUPS      = 8,   // row groups of a frame
    parameter ROWS        = 1,   // rows of a group (r)
    parameter LAST_ROWS   = 1,   // rows of the last group
    parameter PHASES      = 1,   // passes per row (k)
    parameter CHANNELS_C  = 1,   // output channels at once (c)
    parameter OUTS        = 1,   // groups of output channels
    parameter LANES       = 8,   // lanes per row: ceil(OUT_WIDTH / PHASES)
    parameter TERMS       = 9,   // terms of a sum
    // numbers
    parameter W_BITS      = 8,
    parameter ACC_BITS    = 24,
    parameter PAIR_SHIFT  = 0,   // not 0: two lanes share a DSP, their pixels so many bits apart
    parameter BIAS_BITS   = 24,
    parameter LEFT_MAX    = 0,
    parameter LEFT_W      = 1,
    parameter RIGHT       = 0,
    parameter LIMIT_W     = 10,
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
    parameter CI_W        = 1,
    parameter K_W         = 1,
    parameter P_W         = 1,
    parameter N_W         = 1,
    parameter OUT_W       = 1,
    parameter C_W         = 1,
    parameter R_W         = 1,
    parameter Y_W         = 6,
    parameter SLOT_W      = 2
) (
    input  logic                          clk,
    input  logic                          rst_n,
    input  logic                          in_valid_i,
    output logic                          in_ready_o,
    input  logic [  IN_WIDTH*IN_BITS-1:0] in_data_i,
    output logic                          out_valid_o,
    input  logic                          out_ready_i,
    output logic [OUT_WIDTH*OUT_BITS-1:0] out_data_o,
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
    input  logic [  BIAS_BITS+LEFT_W-1:0] table_data_i
);
  localparam TAG_W = P_W + OUT_W + C_W + R_W;

  logic issue, first, last, group_end, row_done, input_ok, done, push;
  logic [CI_W-1:0] channel;
  logic [K_W-1:0] ky, kx;
  logic [P_W-1:0] phase;
  logic [N_W-1:0] term;
  logic [OUT_W-1:0] out_base;
  logic [C_W-1:0] out_valid;
  logic [R_W-1:0] row_valid;
  logic [COUNT_W-1:0] room, reserve;
  logic [SLOT_W-1:0] slot, release_slots;
  logic [Y_W-1:0] row;
  logic [ROWS*LANES*IN_BITS-1:0] pixels;
  logic [CHANNELS_C*ROWS*LANES*ACC_BITS-1:0] acc;
  logic [OUT_WIDTH*OUT_BITS-1:0] word;

  fsq_sequencer #(
      .FIRE(0),
      .SPARSE(SPARSE),
      .GROUPS(GROUPS),
      .ROWS(ROWS),
      .LAST_ROWS(LAST_ROWS),
      .PHASES(PHASES),
      .CHANNELS_C(CHANNELS_C),
      .DRAIN(CHANNELS_C * ROWS * PARTS),
      .A_IN(IN_CHANNELS),
      .A_KERNEL(KERNEL),
      .A_OUT(OUT_CHANNELS),
      .A_OUTS(OUTS),
      .B_KERNEL(1),
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
      .expand_a_ok_i (1'b1),
      .expand_b_ok_i (1'b1),
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
      .squeeze_o     (),
      .expand_o      (),
      .wide_o        (),
      .channel_o     (channel),
      .ky_o          (ky),
      .kx_o          (kx),
      .phase_o       (phase),
      .term_o        (term),
      .out_base_o    (out_base),
      .out_valid_o   (out_valid),
      .row_valid_o   (row_valid),
      .input_end_o   (group_end),
      .expand_a_end_o(),
      .expand_b_end_o()
  );

  fsq_row_gate #(
      .FIRST (GATE_FIRST),
      .STEP  (ROWS * STRIDE),
      .HEIGHT(IN_HEIGHT),
      .GROUPS(GROUPS),
      .HAVE_W(HAVE_W)
  ) u_gate (
      .clk,
      .rst_n,
      .row_done_i (row_done),
      .group_end_i(group_end),
      .ok_o       (input_ok)
  );

  fsq_row_cursor #(
      .GROUPS     (GROUPS),
      .SPAN       (ROWS * STRIDE),
      .SLOTS      (SLOTS),
      .FRAME_SLOTS(FRAME_SLOTS),
      .FREE_FIRST (FREE_FIRST),
      .FREE_STOP  (FREE_STOP),
      .FREE_LAST  (FREE_LAST),
      .Y_W        (Y_W),
      .SLOT_W     (SLOT_W)
  ) u_cursor (
      .clk,
      .rst_n,
      .group_end_i(group_end),
      .slot_o     (slot),
      .row_o      (row),
      .release_o  (release_slots)
  );

  fsq_line_buffer #(
      .CHANNELS  (IN_CHANNELS),
      .HEIGHT    (IN_HEIGHT),
      .WIDTH     (IN_WIDTH),
      .BITS      (IN_BITS),
      .IN_ROWS   (IN_ROWS),
      .ROWS      (ROWS),
      .PHASES    (PHASES),
      .STRIDE    (STRIDE),
      .KERNEL    (KERNEL),
      .PAD_TOP   (PAD_TOP),
      .PAD_LEFT  (PAD_LEFT),
      .LANES     (LANES),
      .SLOTS     (SLOTS),
      .STYLE     (STYLE),
      .TILE_W    (TILE_W),
      .CI_W      (CI_W),
      .K_W       (K_W),
      .P_W       (P_W),
      .Y_W       (Y_W),
      .SLOT_W    (SLOT_W),
      .PADDED    (PADDED),
      .PAD_VALUES(PAD_VALUES)
  ) u_lines (
      .clk,
      .rst_n,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .row_done_o  (row_done),
      .release_i   (release_slots),
      .rd_channel_i(channel),
      .rd_ky_i     (ky),
      .rd_kx_i     (kx),
      .rd_phase_i  (phase),
      .rd_slot_i   (slot),
      .rd_row_i    (row),
      .pixels_o    (pixels)
  );

  assign term_issue_o    = issue;
  assign term_replay_o   = phase != '0;
  assign term_number_o   = term;
  assign term_channels_o = out_valid;

  fsq_mac_array #(
      .CHANNELS(CHANNELS_C),
      .ROWS    (ROWS),
      .LANES   (LANES),
      .PHASES  ((SPARSE != 0) ? 1 : PHASES),  // with SPARSE the terms are replayed by their source
      .X_BITS  (IN_BITS),
      .X_SIGNED(IN_SIGNED),
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
    tag_q[0] <= {phase, out_base, out_valid, row_valid};
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
      .WIDTH    (OUT_WIDTH),
      .ACC_BITS (ACC_BITS),
      .BIAS_BITS(BIAS_BITS),
      .LEFT_MAX (LEFT_MAX),
      .LEFT_W   (LEFT_W),
      .RIGHT    (RIGHT),
      .OUT_BITS (OUT_BITS),
      .LIMIT_W  (LIMIT_W),
      .LOW_S    (LOW),
      .HIGH_S   (HIGH),
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
      .squeeze_i     (1'b0),
      .phase_i       (tag_q[4][TAG_W-1-:P_W]),
      .base_i        (tag_q[4][R_W+C_W+:OUT_W]),
      .channels_i    (tag_q[4][R_W+:C_W]),
      .rows_i        (tag_q[4][0+:R_W]),
      .table_addr_o,
      .table_data_i,
      .push_o        (push),
      .push_squeeze_o(),
      .word_o        (word)
  );

  fsq_fifo #(
      .WIDTH  (OUT_WIDTH * OUT_BITS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(reserve),
      .free_o   (room),
      .push_i   (push),
      .data_i   (word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
