// The engine of a convolution or of a Fire module: row words in, row words out; stages that share one set of lanes.
//
// A stage reads the rows that arrive (row buffer 0) or those that an earlier stage stores (further row buffers), and sends
// its rows to such a buffer (its number) or out of the engine (0). Stages run behind each other as their delays say, so
// that a window finds its lower rows. Kernels lie within the window of the buffer that they read, each from its tap on. Weights stream from block RAM, one per cycle and output channel of a group.
//
// What is told of each stage or buffer has 32 bits, number 0 in the lowest.
module fsq_engine #(
    // stages
    parameter                  STAGES      = 1,                // convolutions that it runs
    parameter                  STAGE_W     = 1,                // holds STAGES - 1
    parameter                  STEPS       = 8,                // steps of a frame, and delays of the stages: see fsq_stage_walk
    parameter [ STAGES*32-1:0] DELAYS      = '0,               // row groups by which a stage runs behind
    parameter [ STAGES*32-1:0] SOURCES     = '0,               // row buffer that a stage reads
    parameter [ STAGES*32-1:0] SINKS       = '0,               // row buffer that takes its rows; 0: the output
    parameter [ STAGES*32-1:0] WAY_OF      = '0,               // way that its rows go
    parameter [ STAGES*32-1:0] CURSOR_OF   = '0,               // place at which it reads
    parameter [ STAGES*32-1:0] NEEDS       = {STAGES{32'd1}},  // rows that its first row group needs
    parameter [ STAGES*32-1:0] POSITIONS   = {STAGES{32'd1}},  // positions of a sum
    parameter                  LEFT_W      = 1,                // bits of the number of a position within its sum
    parameter [ STAGES*32-1:0] SHAPE_OF    = '0,               // shape of the kernel: see fsq_term_place
    parameter                  SHAPES      = 1,                // shapes of kernels
    parameter                  SHAPE_W     = 1,                // holds SHAPES - 1
    parameter [ SHAPES*32-1:0] SHAPE_ROWS    = {SHAPES{32'd1}},  // rows of each
    parameter [ SHAPES*32-1:0] SHAPE_COLUMNS = {SHAPES{32'd1}},  // columns of each
    parameter [ SHAPES*32-1:0] TAP_ROWS    = '0,               // row of the window at which each starts
    parameter [ SHAPES*32-1:0] TAP_COLUMNS = '0,               // column of the window at which each starts
    parameter                  TAPS        = 1,                // pixels of the largest
    parameter [ STAGES*32-1:0] OUTS        = {STAGES{32'd1}},  // groups of output channels
    parameter [ STAGES*32-1:0] RESTS       = {STAGES{32'd1}},  // channels of the last group
    parameter [ STAGES*32-1:0] BASES       = '0,               // first channel in the table
    // row buffers: see fsq_line_buffer and fsq_row_cursor
    parameter                  BUFFERS     = 1,                  // row buffers
    parameter                  BUFFER_W    = 1,                  // holds BUFFERS - 1
    parameter [BUFFERS*32-1:0] CHANNELS    = {BUFFERS{32'd1}},   // channels of the rows
    parameter [BUFFERS*32-1:0] HEIGHTS     = {BUFFERS{32'd8}},   // rows of a frame
    parameter [BUFFERS*32-1:0] WIDTHS      = {BUFFERS{32'd8}},   // pixels of a row
    parameter [BUFFERS*32-1:0] BITS        = {BUFFERS{32'd8}},   // bits of a pixel
    parameter [BUFFERS*32-1:0] SIGNED      = '0,                 // 1: pixels are signed
    parameter [BUFFERS*32-1:0] FLIPS       = '0,                 // 1: pixels enter the lanes with the top bit inverted: signed ones as unsigned, unsigned ones as signed
    parameter [BUFFERS*32-1:0] IN_ROWS     = {BUFFERS{32'd1}},   // rows of a group in the order of arrival
    parameter [BUFFERS*32-1:0] STRIDES     = {BUFFERS{32'd1}},   // from window to window
    parameter [BUFFERS*32-1:0] WINDOW_ROWS    = {BUFFERS{32'd1}},  // rows of the window that holds the kernels of all readers
    parameter [BUFFERS*32-1:0] WINDOW_COLUMNS = {BUFFERS{32'd1}},  // columns of that window
    parameter [BUFFERS*32-1:0] PAD_TOPS    = '0,                 // rows of the first window above the image
    parameter [BUFFERS*32-1:0] PAD_LEFTS   = '0,                 // columns of the first window left of the image
    parameter [BUFFERS*32-1:0] PADDED      = '0,                 // 0: no window reaches above or below the image
    parameter                  PAD_VALUES  = 0,                  // pixels outside the image, buffer after buffer, channel after channel
    parameter [BUFFERS*32-1:0] PAD_PLACES  = '0,                 // the first bit of each buffer's
    parameter [BUFFERS*32-1:0] CHOICES     = {BUFFERS{32'd1}},   // how a lane takes its pixel
    parameter [BUFFERS*32-1:0] SHIFTS      = {BUFFERS{32'd1}},   // how a lane takes its pixel
    parameter [BUFFERS*32-1:0] BELOWS      = '0,                 // how a lane takes its pixel
    parameter                  MOST_SHIFTS = 1,                  // the largest of SHIFTS
    parameter [BUFFERS*32-1:0] STYLES      = '0,                 // kind of memory
    parameter [BUFFERS*32-1:0] TILE_WS     = {BUFFERS{32'd72}},  // bits of a column of blocks
    parameter [BUFFERS*32-1:0] SLOTS       = {BUFFERS{32'd2}},   // row slots
    parameter [BUFFERS*32-1:0] FRAME_SLOTS = {BUFFERS{32'd8}},   // slots that a frame fills
    parameter [BUFFERS*32-1:0] FREE_FIRSTS = '0,                 // first row group that gives a slot back
    parameter [BUFFERS*32-1:0] FREE_STOPS  = '0,                 // first one that no longer does
    parameter [BUFFERS*32-1:0] FREE_LASTS  = {BUFFERS{32'd1}},   // slots that the last one gives back
    parameter [BUFFERS*32-1:0] READERS     = '0,                 // the last stage that reads it: gives slots back
    parameter                  IN_W        = 64,                 // bits of a word that arrives
    parameter                  HAVE_W      = 5,                  // bits of a row count: see fsq_row_gate
    // places at which rows are read: stages that run behind each other read a buffer at places of their own
    parameter                  CURSORS     = 1,    // places
    parameter [CURSORS*32-1:0] CURSOR_BUFFERS = '0,  // row buffer of each
    parameter [CURSORS*32-1:0] CURSOR_STAGES  = '0,  // stage that moves it on: the last one that reads there
    // folding
    parameter                  GROUPS      = 8,  // row groups of a frame
    parameter                  ROWS        = 1,  // rows of a group (r)
    parameter                  LAST_ROWS   = 1,  // rows of the last group
    parameter                  PHASES      = 1,  // passes per row (k)
    parameter                  CHANNELS_C  = 1,  // output channels at once (c)
    parameter                  LANES       = 8,  // lanes per row: ceil(OUT_WIDTH / PHASES)
    parameter                  TERMS       = 9,  // most terms of a sum
    // numbers
    parameter                  X_BITS      = 8,                   // pixels at the lanes: the widest of all buffers
    parameter                  X_SIGNED    = 0,                   // 1: they are signed
    parameter                  W_BITS      = 8,                   // bits of a weight
    parameter                  ACC_BITS    = 24,                  // bits of a sum
    parameter                  PAIR_SHIFT  = 0,                   // not 0: two lanes share a DSP, their pixels so many bits apart
    parameter                  BIAS_BITS   = 24,                  // bits of a bias
    parameter                  PLACES      = 0,                   // binary places of a bias below those of a sum
    parameter                  MULTIPLY    = 0,                   // 0: sums are shifted; else multiplied: see fsq_multiply
    parameter                  SCALE_W     = 1,                   // bits of a scale: see fsq_requant
    parameter                  SUM_W       = 25,                  // bits of a sum with its bias
    parameter                  PRODUCT_W   = 25,                  // bits of that times its scale
    parameter                  RIGHT       = 0,                   // places that every product moves right
    parameter                  TABLE_READ  = 2,                   // cycles from the number of an entry of the table to the entry
    parameter                  LATENCY     = 9,                   // cycles from the count of a beat to its pixels: see fsq_drain
    parameter                  Y_BITS      = 8,                   // the widest of stored and output pixels
    parameter                  LIMIT_W     = 10,                  // bits of the limits, signed
    parameter                  WAYS        = 1,                   // ways of rows out of the drain
    parameter                  WAY_W       = 1,                   // holds WAYS - 1
    parameter [   WAYS*32-1:0] WAY_SINKS   = '0,                  // where each leads: the number of a row buffer; 0: the output
    parameter [   WAYS*32-1:0] LOWS        = '0,                  // limits of the pixels that go there
    parameter [   WAYS*32-1:0] HIGHS       = {WAYS{32'd255}},     // see LOWS
    parameter [   WAYS*32-1:0] ZEROS       = '0,                  // zero points of these pixels
    parameter                  TABLES      = 0,                   // tables that pixels go through: see fsq_recode
    parameter [   WAYS*32-1:0] TABLE_OF    = '0,                  // table of each way, 0: none
    parameter                  INDEX_W     = 1,                   // bits that choose an entry of a table
    parameter                  RECODE      = 0,                   // the tables
    parameter                  OUT_WIDTH   = 8,                   // pixels of a row that leaves
    parameter                  OUT_BITS    = 8,                   // bits of such a pixel
    // drain
    parameter                  PARTS       = 1,  // beats per row
    parameter                  UNITS       = 8,  // requantisers: ceil(LANES / PARTS)
    parameter                  READ        = 6,  // cycles from the issue of a term to its pixels: see fsq_line_buffer, fsq_lane_pixels
    parameter                  RELEASE     = 2,  // cycles from the last term of a row group until its slots can be taken
    parameter                  SPARSE      = 0,  // 1: symbols tell which positions are terms, zeros skipped
    parameter                  SINGLES     = 0,  // 1: a sum may have one term: see fsq_sequencer
    parameter                  RUN_W       = 1,  // bits of a symbol: see fsq_term_walk
    parameter                  RUN_MAX     = 0,  // the largest run
    // output FIFO
    parameter                  DEPTH       = 4,  // words of the output FIFO
    parameter                  COUNT_W     = 3,  // bits of a count of words
    // widths of counters
    parameter                  CI_W        = 1,  // bits of a channel
    parameter                  TAP_W       = 1,  // bits of a row or column of a window
    parameter                  P_W         = 1,  // bits of a phase
    parameter                  N_W         = 4,  // bits of the number of a term within its sum
    parameter                  GROUP_W     = 1,  // bits of the number of a group of output channels
    parameter                  OUT_W       = 1,  // bits of the number of an entry of the table
    parameter                  C_W         = 1,  // bits of a count of channels
    parameter                  R_W         = 1,  // bits of a count of rows
    parameter                  Y_W         = 6,  // bits of a row number, signed
    parameter                  SLOT_W      = 2   // bits of a count of slots
) (
    input  logic                          clk,              // clock
    input  logic                          rst_n,            // synchronous reset, active low
    input  logic                          in_valid_i,       // row word in: offered
    output logic                          in_ready_o,       // row word in: taken if offered
    input  logic [              IN_W-1:0] in_data_i,        // row word in: pixel 0 in the low bits
    output logic                          out_valid_o,      // row word out: offered
    input  logic                          out_ready_i,      // row word out: taken if offered
    output logic [OUT_WIDTH*OUT_BITS-1:0] out_data_o,       // row word out: pixel 0 in the low bits
    // symbols that tell which positions are terms (SPARSE): see fsq_term_walk
    input  logic                          run_valid_i,      // a symbol is there
    input  logic [             RUN_W-1:0] run_i,            // that symbol
    output logic                          run_take_o,       // it is taken
    // weights: one per output channel of a group, for every term of phase 0
    input  logic                          unit_valid_i,     // those of four terms are there: see fsq_sequencer
    input  logic [ CHANNELS_C*W_BITS-1:0] unit_i,           // those of the next term, channel 0 in the low bits
    output logic                          unit_take_o,      // these are taken
    output logic [             OUT_W-1:0] table_addr_o,     // entry of the table
    input  logic [ BIAS_BITS+SCALE_W-1:0] table_data_i      // its bias in the low bits, its scale above them
);
  localparam PLACE_W = SLOT_W + Y_W;
  localparam ACROSS = LANES + MOST_SHIFTS - 1;  // pixels that a row buffer takes of a row
  localparam TAKEN = ROWS * ACROSS * X_BITS;
  localparam SHIFT_W = (MOST_SHIFTS > 1) ? $clog2(MOST_SHIFTS) : 1;
  genvar g, p;

  logic issue, first, last, replay, done;
  logic [STAGES-1:0] rows_ok, starts, ends;
  logic [BUFFERS-1:0] push, row_done, ready;
  logic [STAGE_W-1:0] stage;
  logic [BUFFER_W-1:0] source;
  logic [WAY_W-1:0] way;
  logic [CI_W-1:0] channel;
  logic [TAP_W-1:0] ky, kx;
  logic [P_W-1:0] phase;
  logic [N_W-1:0] term;
  logic [OUT_W-1:0] out_base;
  logic [C_W-1:0] out_valid;
  logic [R_W-1:0] row_valid;
  logic [COUNT_W-1:0] reserve;
  logic [CURSORS*PLACE_W-1:0] places;
  logic [CURSORS*SLOT_W-1:0] released;
  logic [BUFFERS*TAKEN-1:0] taken;
  logic [BUFFERS*SHIFT_W-1:0] shifts;
  logic [ROWS*LANES*X_BITS-1:0] pixels;
  logic [CHANNELS_C*ROWS*LANES*ACC_BITS-1:0] sums;
  logic [OUT_WIDTH*Y_BITS-1:0] word;

  fsq_sequencer #(
      .STAGES    (STAGES),
      .STAGE_W   (STAGE_W),
      .GROUPS    (GROUPS),
      .STEPS     (STEPS),
      .DELAYS    (DELAYS),
      .POSITIONS (POSITIONS),
      .LEFT_W    (LEFT_W),
      .SHAPE_OF  (SHAPE_OF),
      .SHAPES    (SHAPES),
      .SHAPE_W   (SHAPE_W),
      .SHAPE_ROWS(SHAPE_ROWS),
      .SHAPE_COLUMNS(SHAPE_COLUMNS),
      .TAP_ROWS  (TAP_ROWS),
      .TAP_COLUMNS(TAP_COLUMNS),
      .TAPS      (TAPS),
      .OUTS      (OUTS),
      .RESTS     (RESTS),
      .BASES     (BASES),
      .SINKS     (SINKS),
      .SPARSE    (SPARSE),
      .RUN_W     (RUN_W),
      .RUN_MAX   (RUN_MAX),
      .TERMS     (TERMS),
      .SINGLES   (SINGLES),
      .ROWS      (ROWS),
      .LAST_ROWS (LAST_ROWS),
      .PHASES    (PHASES),
      .CHANNELS_C(CHANNELS_C),
      .DRAIN     (CHANNELS_C * ROWS * PARTS),
      .DEPTH     (DEPTH),
      .CI_W      (CI_W),
      .TAP_W     (TAP_W),
      .P_W       (P_W),
      .N_W       (N_W),
      .GROUP_W   (GROUP_W),
      .OUT_W     (OUT_W),
      .C_W       (C_W),
      .R_W       (R_W),
      .COUNT_W   (COUNT_W)
  ) u_sequencer (
      .clk,
      .rst_n,
      .run_valid_i,
      .run_i,
      .run_take_o,
      .unit_valid_i,
      .unit_take_o,
      .rows_ok_i  (rows_ok),
      .rows_take_o(starts),
      .pop_i      (out_valid_o && out_ready_i),
      .reserve_o  (reserve),
      .issue_o    (issue),
      .first_o    (first),
      .last_o     (last),
      .stage_o    (stage),
      .channel_o  (channel),
      .ky_o       (ky),
      .kx_o       (kx),
      .phase_o    (phase),
      .replay_o   (replay),
      .term_o     (term),
      .out_base_o (out_base),
      .out_valid_o(out_valid),
      .row_valid_o(row_valid),
      .end_o      (ends)
  );

  // ---- what the stage reads and writes
  integer s;
  always_comb begin
    source = BUFFER_W'(SOURCES[0+:32]);
    way    = WAY_W'(WAY_OF[0+:32]);
    for (s = 1; s < STAGES; s = s + 1) begin
      if (stage == STAGE_W'(s)) begin
        source = BUFFER_W'(SOURCES[s*32+:32]);
        way    = WAY_W'(WAY_OF[s*32+:32]);
      end
    end
  end
  generate
    for (g = 0; g < STAGES; g = g + 1) begin : gen_stage
      localparam SOURCE = SOURCES[g*32+:32];
      fsq_row_gate #(
          .FIRST (NEEDS[g*32+:32]),
          .STEP  (ROWS * STRIDES[SOURCE*32+:32]),
          .HEIGHT(HEIGHTS[SOURCE*32+:32]),
          .GROUPS(GROUPS),
          .HAVE_W(HAVE_W)
      ) u_gate (
          .clk,
          .rst_n,
          .row_done_i(row_done[SOURCE]),
          .take_i    (starts[g]),
          .ok_o      (rows_ok[g])
      );
    end

    // ---- places at which rows are read; that of a buffer's reader gives its slots back
    for (g = 0; g < CURSORS; g = g + 1) begin : gen_cursor
      localparam BUFFER = CURSOR_BUFFERS[g*32+:32];
      localparam FREES = READERS[BUFFER*32+:32] == CURSOR_STAGES[g*32+:32];
      fsq_row_cursor #(
          .GROUPS     (GROUPS),
          .SPAN       (ROWS * STRIDES[BUFFER*32+:32]),
          .SLOTS      (SLOTS[BUFFER*32+:32]),
          .FRAME_SLOTS(FRAME_SLOTS[BUFFER*32+:32]),
          .FREE_FIRST (FREES ? FREE_FIRSTS[BUFFER*32+:32] : 0),
          .FREE_STOP  (FREES ? FREE_STOPS[BUFFER*32+:32] : 0),
          .FREE_LAST  (FREES ? FREE_LASTS[BUFFER*32+:32] : 0),
          .Y_W        (Y_W),
          .SLOT_W     (SLOT_W),
          .RELEASE    (RELEASE)
      ) u_cursor (
          .clk,
          .rst_n,
          .group_end_i(ends[CURSOR_STAGES[g*32+:32]]),
          .slot_o     (places[g*PLACE_W+Y_W+:SLOT_W]),
          .row_o      (places[g*PLACE_W+:Y_W]),
          .release_o  (released[g*SLOT_W+:SLOT_W])
      );
    end

    // ---- row buffers
    for (g = 0; g < BUFFERS; g = g + 1) begin : gen_buffer
      localparam N = CHANNELS[g*32+:32];
      localparam XB = BITS[g*32+:32];
      localparam WIDTH = WIDTHS[g*32+:32];
      localparam WROWS = WINDOW_ROWS[g*32+:32];
      localparam WCOLUMNS = WINDOW_COLUMNS[g*32+:32];
      localparam READER = CURSOR_OF[READERS[g*32+:32]*32+:32];  // place of the last one that reads
      localparam NW = (N > 1) ? $clog2(N) : 1;
      localparam KYW = (WROWS > 1) ? $clog2(WROWS) : 1;
      localparam KXW = (WCOLUMNS > 1) ? $clog2(WCOLUMNS) : 1;
      logic [PLACE_W-1:0] place;
      logic [WIDTH*XB-1:0] data;
      integer i;
      always_comb begin
        place = places[READER*PLACE_W+:PLACE_W];
        for (i = 0; i < STAGES; i = i + 1) begin
          if (SOURCES[i*32+:32] == g && CURSOR_OF[i*32+:32] != READER && stage == STAGE_W'(i))
            place = places[CURSOR_OF[i*32+:32]*PLACE_W+:PLACE_W];
        end
      end
      if (g == 0) begin : gen_arrive
        assign data = in_data_i;
      end else begin : gen_store
        for (p = 0; p < WIDTH; p = p + 1) begin : gen_word
          assign data[p*XB+:XB] = word[p*Y_BITS+:XB];
        end
      end
      fsq_line_buffer #(
          .CHANNELS  (N),
          .HEIGHT    (HEIGHTS[g*32+:32]),
          .WIDTH     (WIDTH),
          .BITS      (XB),
          .IN_ROWS   (IN_ROWS[g*32+:32]),
          .ROWS      (ROWS),
          .PHASES    (PHASES),
          .STRIDE    (STRIDES[g*32+:32]),
          .KERNEL_ROWS   (WROWS),
          .KERNEL_COLUMNS(WCOLUMNS),
          .PAD_TOP   (PAD_TOPS[g*32+:32]),
          .PAD_LEFT  (PAD_LEFTS[g*32+:32]),
          .LANES     (LANES),
          .CHOICES   (CHOICES[g*32+:32]),
          .SHIFTS    (SHIFTS[g*32+:32]),
          .BELOW     (BELOWS[g*32+:32]),
          .SLOTS     (SLOTS[g*32+:32]),
          .STYLE     (STYLES[g*32+:32]),
          .TILE_W    (TILE_WS[g*32+:32]),
          .CI_W      (NW),
          .KY_W      (KYW),
          .KX_W      (KXW),
          .P_W       (P_W),
          .Y_W       (Y_W),
          .SLOT_W    (SLOT_W),
          .PADDED    (PADDED[g*32+:32]),
          .PAD_VALUES((N * XB)'(PAD_VALUES >> PAD_PLACES[g*32+:32])),
          .FLIP      (FLIPS[g*32+:32]),
          .ALONE     (BUFFERS == 1),
          .JOINED    (g % 2),
          .SIGNED    ((SIGNED[g*32+:32] != 0) != (FLIPS[g*32+:32] != 0)),
          .POSITIONS (ACROSS),
          .OUT_BITS  (X_BITS),
          .SHIFT_W   (SHIFT_W)
      ) u_lines (
          .clk,
          .rst_n,
          .in_valid_i  ((g == 0) ? in_valid_i : push[g]),
          .in_ready_o  (ready[g]),
          .in_data_i   (data),
          .row_done_o  (row_done[g]),
          .release_i   (released[READER*SLOT_W+:SLOT_W]),
          .rd_select_i (source == BUFFER_W'(g)),
          .rd_channel_i(channel[NW-1:0]),
          .rd_ky_i     ((WROWS > 1) ? KYW'(ky) : '0),
          .rd_kx_i     ((WCOLUMNS > 1) ? KXW'(kx) : '0),
          .rd_phase_i  (phase),
          .rd_slot_i   (place[Y_W+:SLOT_W]),
          .rd_row_i    (place[0+:Y_W]),
          .shift_o     (shifts[g*SHIFT_W+:SHIFT_W]),
          .or_i        (taken[(g-g%2)*TAKEN+:TAKEN]),
          .taken_o     (taken[g*TAKEN+:TAKEN])
      );
    end
  endgenerate
  assign in_ready_o = ready[0];
  logic unused_ok;  // kernels of one pixel have no place in a window; one reader of a buffer gives its slots back; rows may all leave
  assign unused_ok = &{1'b0, ky, kx, released, word};

  fsq_lane_pixels #(
      .BUFFERS(BUFFERS),
      .ROWS   (ROWS),
      .LANES  (LANES),
      .SHIFTS (MOST_SHIFTS),
      .BITS   (X_BITS),
      .SHIFT_W(SHIFT_W)
  ) u_pixels (
      .clk,
      .shift_i (shifts),
      .taken_i (taken),
      .pixels_o(pixels)
  );

  fsq_mac_array #(
      .CHANNELS  (CHANNELS_C),
      .ROWS      (ROWS),
      .LANES     (LANES),
      .PARTS     (PARTS),
      .UNITS     (UNITS),
      .PHASES    (PHASES),
      .X_BITS    (X_BITS),
      .X_SIGNED  (X_SIGNED),
      .W_BITS    (W_BITS),
      .ACC_BITS  (ACC_BITS),
      .PAIR_SHIFT(PAIR_SHIFT),
      .TERMS     (TERMS),
      .N_W       (N_W),
      .READ      (READ)
  ) u_lanes (
      .clk,
      .rst_n,
      .issue_i  (issue),
      .first_i  (first),
      .last_i   (last),
      .replay_i (replay),
      .term_i   (term),
      .weights_i(unit_i),
      .pixels_i (pixels),
      .sums_o   (sums),
      .done_o   (done)
  );

  fsq_delivery #(
      .CHANNELS (CHANNELS_C),
      .ROWS     (ROWS),
      .LANES    (LANES),
      .PARTS    (PARTS),
      .UNITS    (UNITS),
      .PHASES   (PHASES),
      .WIDTH    (OUT_WIDTH),
      .ACC_BITS (ACC_BITS),
      .PAIR_SHIFT(PAIR_SHIFT),
      .BIAS_BITS(BIAS_BITS),
      .PLACES   (PLACES),
      .MULTIPLY (MULTIPLY),
      .SCALE_W  (SCALE_W),
      .SUM_W    (SUM_W),
      .PRODUCT_W(PRODUCT_W),
      .RIGHT    (RIGHT),
      .READ     (READ),
      .TABLE_READ(TABLE_READ),
      .LATENCY  (LATENCY),
      .Y_BITS   (Y_BITS),
      .LIMIT_W  (LIMIT_W),
      .WAYS     (WAYS),
      .WAY_W    (WAY_W),
      .WAY_SINKS(WAY_SINKS),
      .LOWS     (LOWS),
      .HIGHS    (HIGHS),
      .ZEROS    (ZEROS),
      .TABLES   (TABLES),
      .TABLE_OF (TABLE_OF),
      .INDEX_W  (INDEX_W),
      .RECODE   (RECODE),
      .BUFFERS  (BUFFERS),
      .P_W      (P_W),
      .OUT_W    (OUT_W),
      .C_W      (C_W),
      .R_W      (R_W),
      .OUT_BITS (OUT_BITS),
      .DEPTH    (DEPTH),
      .COUNT_W  (COUNT_W)
  ) u_delivery (
      .clk,
      .rst_n,
      .way_i      (way),
      .phase_i    (phase),
      .base_i     (out_base),
      .channels_i (out_valid),
      .rows_i     (row_valid),
      .reserve_i  (reserve),
      .done_i     (done),
      .sums_i     (sums),
      .table_addr_o,
      .table_data_i,
      .push_o     (push),
      .word_o     (word),
      .out_valid_o,
      .out_ready_i,
      .out_data_o
  );

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (rst_n && (push & ~ready) >> 1 != '0) $fatal(1, "fsq_engine %m: stored row without a slot");
  end
`else
  logic unused_ready;
  assign unused_ready = &{1'b0, ready};
`endif
endmodule
