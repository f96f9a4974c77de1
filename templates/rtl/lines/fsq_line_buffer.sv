// Row buffer of an engine: takes row words, keeps the rows a window needs, takes pixels of them for the lanes.
//
// fsq_line_writer finds the place of an arriving word, fsq_line_bank holds a bank; here the window's rows are found.
// Rows are spread over ROWS banks so that ROWS output rows read at once: row y lies in bank (y / STRIDE) mod ROWS,
// in row slot (y / (ROWS * STRIDE)) mod SLOTS. A frame starts at a fresh slot. Words arrive in groups of IN_ROWS rows:
// all channels of the group, and for each channel its rows. A slot is taken when its first word arrives and given back
// by the reader. Positions outside the image read PAD_VALUES of their channel.
//
// A word taken in cycle t is in its memory from t + 3 on, its row counts from t + 2 on. A term read in cycle t has its
// lines and choice in t + 2, words in t + 3, pixels in t + 4; fsq_lane_pixels takes them. A buffer that is not read gives
// 0 everywhere.
module fsq_line_buffer #(
    parameter CHANNELS   = 1,                                  // channels of the rows
    parameter HEIGHT     = 8,                                  // rows of a frame
    parameter WIDTH      = 8,                                  // pixels of a row
    parameter BITS       = 8,                                  // bits of a pixel
    parameter IN_ROWS    = 1,                                  // rows of a group in the order of arrival
    parameter ROWS       = 1,                                  // output rows read at once
    parameter PHASES     = 1,                                  // passes per row: pixel x is lane x / PHASES in pass x mod PHASES
    parameter STRIDE     = 1,                                  // from window to window
    parameter KERNEL_ROWS = 1,                                 // rows of the window
    parameter KERNEL_COLUMNS = 1,                              // columns of the window
    parameter PAD_TOP    = 0,                                  // rows of the first window above the image
    parameter PAD_LEFT   = 0,                                  // columns of the first window left of the image
    parameter LANES      = 8,                                  // lanes per row
    parameter CHOICES    = PHASES * STRIDE - STRIDE + KERNEL_COLUMNS,  // how a lane takes its pixel: see below
    parameter SHIFTS     = 1,                                  // neighbours among which it then chooses
    parameter BELOW      = 0,                                  // of them to the left
    parameter SLOTS      = 2,                                  // row slots of ROWS * STRIDE rows
    parameter STYLE      = 0,                                  // kind of memory: see fsq_line_bank
    parameter TILE_W     = 72,                                 // bits of a column of blocks
    parameter CI_W       = 1,                                  // bits of a channel
    parameter KY_W       = 1,                                  // bits of a row of the window
    parameter KX_W       = 1,                                  // bits of a column of the window
    parameter P_W        = 1,                                  // bits of a phase
    parameter Y_W        = 5,                                  // bits of a row number, signed
    parameter SLOT_W     = 1,                                  // bits of a count of slots
    parameter PADDED     = 1,                                  // 0: no window reaches above or below the image
    parameter [CHANNELS*BITS-1:0] PAD_VALUES = '0,             // pixels outside the image, channel 0 in the lowest bits
    parameter SIGNED     = 0,                                  // 1: pixels are signed when they leave
    parameter FLIP       = 0,                                  // 1: pixels leave with their top bit inverted
    parameter ALONE      = 1,                                  // 1: rd_select_i is always 1
    parameter JOINED     = 0,                                  // 0: or_i is always 0
    parameter POSITIONS  = 8,                                  // pixels of a row that leave: at least LANES + SHIFTS - 1
    parameter OUT_BITS   = 8,                                  // bits of a pixel that leaves: at least BITS
    parameter SHIFT_W    = 1,                                  // bits of a shift
    parameter SHARE      = 96                                  // bits of words and pixels that share a copy of a signal: a multiple of 24
) (
    input  logic                        clk,           // clock
    input  logic                        rst_n,         // synchronous reset, active low
    // row words in
    input  logic                        in_valid_i,    // row word in: offered
    output logic                        in_ready_o,    // row word in: taken if offered
    input  logic [      WIDTH*BITS-1:0] in_data_i,     // row word in: pixel 0 in the low bits
    output logic                        row_done_o,    // a row is complete
    // slots given back by the reader
    input  logic [          SLOT_W-1:0] release_i,     // slots given back
    // one read per cycle
    input  logic                        rd_select_i,   // this buffer is read
    input  logic [            CI_W-1:0] rd_channel_i,  // channel to read
    input  logic [            KY_W-1:0] rd_ky_i,       // row of the window
    input  logic [            KX_W-1:0] rd_kx_i,       // column of the window
    input  logic [             P_W-1:0] rd_phase_i,    // phase: pass of the row
    input  logic [          SLOT_W-1:0] rd_slot_i,     // slot of the group's first row
    input  logic [             Y_W-1:0] rd_row_i,      // number of that row
    output logic [         SHIFT_W-1:0] shift_o,       // position that lane 0 takes, three cycles later
    input  logic [ROWS*POSITIONS*OUT_BITS-1:0] or_i,   // joined to the pixels by an OR
    output logic [ROWS*POSITIONS*OUT_BITS-1:0] taken_o  // pixels, four cycles later: row of the window, then position
);
  localparam SPAN = ROWS * STRIDE;
  localparam BANK_W = (ROWS > 1) ? $clog2(ROWS) : 1;
  localparam LINES = SLOTS * STRIDE;  // row slots of one bank
  localparam LW = (LINES > 1) ? $clog2(LINES) : 1;
  localparam [BITS-1:0] PAD = PAD_VALUES[BITS-1:0];
  localparam PAD_SAME = !(|((PAD_VALUES ^ (PAD_VALUES >> BITS)) << BITS));  // each is the one below it
  localparam PAD_ZERO = !(|PAD_VALUES);
  localparam TW = SLOT_W + KY_W;  // bits of a slot and a row of the window
  localparam XW = P_W + KX_W;  // bits of a phase and a column of the window
  genvar b, n;

  // Lane l wants pixel STEP * l + offset - PAD_LEFT of its row. It chooses among all offsets at once (CHOICES), or, where
  // the plan finds that cheaper, in two steps: a bank gives pixel STEP * m + choice for every lane and its neighbours
  // (BELOW of them to the left), and lane l takes that of m = l + shift together with the choice of the bank (SHIFTS).
  localparam STEP = PHASES * STRIDE;
  localparam OFFSETS = (PHASES - 1) * STRIDE + KERNEL_COLUMNS;
  localparam TWO = CHOICES < OFFSETS;
  localparam LEFT = TWO ? BELOW * STEP : PAD_LEFT;  // pixels of the first position that lie left of the row
  localparam CW = (CHOICES > 1) ? $clog2(CHOICES) : 1;

  // banks in which a row of the window may lie: row 0 lies in FIRST_BANK or one of the next
  localparam FIRST_ROW = (SPAN * KERNEL_ROWS - PAD_TOP) % SPAN;
  localparam FIRST_BANK = FIRST_ROW / STRIDE;
  localparam REACH = (FIRST_ROW % STRIDE + KERNEL_ROWS - 1) / STRIDE + 1;
  localparam BANKS = (REACH < ROWS) ? REACH : ROWS;

  // ------------------------------------------------------------------ writer
  logic take;
  logic [BANK_W-1:0] wr_bank;
  logic [LW-1:0] wr_line;
  logic [CI_W-1:0] wr_channel;
  fsq_line_writer #(
      .CHANNELS(CHANNELS),
      .HEIGHT  (HEIGHT),
      .IN_ROWS (IN_ROWS),
      .ROWS    (ROWS),
      .STRIDE  (STRIDE),
      .SLOTS   (SLOTS),
      .CI_W    (CI_W),
      .SLOT_W  (SLOT_W),
      .BANK_W  (BANK_W),
      .LINE_W  (LW)
  ) u_writer (
      .clk,
      .rst_n,
      .in_valid_i,
      .in_ready_o,
      .release_i,
      .row_done_o,
      .take_o   (take),
      .bank_o   (wr_bank),
      .line_o   (wr_line),
      .channel_o(wr_channel)
  );

  // the word itself goes behind its place
  logic [WIDTH*BITS-1:0] word_q, word_p;
  always_ff @(posedge clk) begin
    word_q <= in_data_i;
    word_p <= word_q;
  end

  // ------------------------------------------------------------------ reader: what is read, a cycle later
  logic select_q, select_p, select_r, selected;
  logic [CI_W-1:0] channel_q, channel_p;
  logic [KY_W-1:0] ky_q;
  logic [KX_W-1:0] kx_q;
  logic [P_W-1:0] phase_q;
  logic [SLOT_W-1:0] slot_q;
  logic [Y_W-1:0] row_q;
  always_ff @(posedge clk) begin
    select_q  <= rd_select_i;
    channel_q <= rd_channel_i;
    ky_q      <= rd_ky_i;
    kx_q      <= rd_kx_i;
    phase_q   <= rd_phase_i;
    slot_q    <= rd_slot_i;
    row_q     <= rd_row_i;
  end

  // ---- two cycles later, from tables: what the lanes take
  logic [(1<<XW)-1:0][CW-1:0] tab_choice;
  logic [(1<<XW)-1:0][SHIFT_W-1:0] tab_shift;
  generate
    for (n = 0; n < (1 << XW); n = n + 1) begin : gen_offset
      localparam AT = (n >> KX_W) * STRIDE + (n & ((1 << KX_W) - 1));
      localparam IN_STEPS = AT - PAD_LEFT + BELOW * STEP;
      assign tab_choice[n] = CW'(TWO ? IN_STEPS % STEP : AT);
      assign tab_shift[n]  = SHIFT_W'(TWO ? IN_STEPS / STEP : 0);
    end
  endgenerate
  logic [CW-1:0] choice_p, choice_r;
  logic [SHIFT_W-1:0] shift_p;
  always_ff @(posedge clk) begin
    select_p  <= select_q;
    channel_p <= channel_q;
    choice_p  <= tab_choice[{phase_q, kx_q}];
    shift_p   <= tab_shift[{phase_q, kx_q}];
    choice_r  <= choice_p;
    select_r  <= selected;
    shift_o   <= selected ? shift_p : '0;
  end
  assign selected = (ALONE != 0) || select_p;

  // pixel beside the row
  logic [CHANNELS-1:0][BITS-1:0] pad_values;
  logic [BITS-1:0] pad, pad_r;
  assign pad_values = PAD_VALUES;
  assign pad = !selected ? '0 : PAD_SAME ? PAD : pad_values[channel_p];
  always_ff @(posedge clk) pad_r <= pad;

  // rows of the window: banks behind FIRST_BANK in which the first one lies; those that lie outside the image
  logic [(1<<KY_W)-1:0][BANK_W-1:0] tab_bank;
  logic [BANK_W-1:0] bank_p;
  logic [ROWS-1:0] outside;
  always_ff @(posedge clk) bank_p <= tab_bank[ky_q];
  generate
    for (n = 0; n < (1 << KY_W); n = n + 1) begin : gen_ky
      assign tab_bank[n] = BANK_W'((FIRST_ROW % STRIDE + n) / STRIDE % ROWS);
    end
    for (b = 0; b < ROWS; b = b + 1) begin : gen_outside
      logic [(Y_W<<KY_W)-1:0] tab_row;
      logic [Y_W-1:0] row_p;
      for (n = 0; n < (1 << KY_W); n = n + 1) begin : gen_row
        assign tab_row[n*Y_W+:Y_W] = Y_W'(n - PAD_TOP + b * STRIDE);
      end
      always_ff @(posedge clk) row_p <= row_q + tab_row[ky_q*Y_W+:Y_W];
      assign outside[b] = PADDED != 0 && row_p >= Y_W'(HEIGHT);  // also those above it, whose number is negative
    end
  endgenerate

  // ------------------------------------------------------------------ banks
  localparam COUNT = LANES + SHIFTS - 1;
  localparam UNITS = (CHANNELS + 31) / 32;
  localparam PARTS = UNITS / 8 + (UNITS / 4) % 2 + (UNITS / 2) % 2 + UNITS % 2;  // pages of a line: see fsq_line_pages
  localparam PAGES = (STYLE == 3) ? LINES * PARTS : (STYLE == 0) ? (LINES * CHANNELS + 63) / 64 : 1;
  // LUTs of a bit of a row for each way to its pixels: see fsq_line_bank
  localparam TAP_MUX = (CHOICES + 1) / 3;
  localparam ALL_OR = (BANKS * PAGES + 3) / 5;
  localparam COST_0 = WIDTH * ALL_OR + COUNT * TAP_MUX;
  localparam COST_1 = WIDTH * ((PAGES + 1) / 3 + (BANKS + 3) / 5) + COUNT * TAP_MUX;
  localparam COST_2 = COUNT * (PAGES * TAP_MUX + ALL_OR);
  localparam BLOCK = STYLE == 1 || STYLE == 2;
  localparam WAY = BLOCK ? 0 : (PAGES > 1 && COST_1 <= COST_0 && COST_1 <= COST_2) ? 1 : (COST_2 < COST_0) ? 2 : 0;
  localparam KEPT = (WAY == 1) ? 1 : PAGES;
  localparam WORD = (WAY == 2) ? COUNT * BITS : WIDTH * BITS;
  // a block with its output register is cleared as a whole
  localparam COLUMN = !BLOCK ? SHARE : (SHARE > TILE_W) ? SHARE / TILE_W * TILE_W : TILE_W;
  localparam CLEARED = PADDED != 0 || ALONE == 0;
  logic [ROWS*KEPT-1:0] miss;
  logic [ROWS*KEPT*WORD-1:0] data;
  generate
    for (b = 0; b < ROWS; b = b + 1) begin : gen_bank
      // row slot of the window's row in this bank: banks before the window's first one hold rows of the next slot
      logic [(LW<<TW)-1:0] tab_line;
      logic [LW-1:0] line_p;
      for (n = 0; n < (1 << TW); n = n + 1) begin : gen_line
        localparam REL = (n & ((1 << KY_W) - 1)) - PAD_TOP + SPAN * KERNEL_ROWS;
        localparam NEXT = ((REL % SPAN) / STRIDE > b) ? 1 : 0;
        localparam SLOT = ((n >> KY_W) + REL / SPAN + NEXT + KERNEL_ROWS * (SLOTS - 1)) % SLOTS;
        assign tab_line[n*LW+:LW] = LW'(SLOT * STRIDE + (REL % SPAN) % STRIDE);
      end
      always_ff @(posedge clk) line_p <= tab_line[{slot_q, ky_q}*LW+:LW];
      fsq_line_bank #(
          .CHANNELS(CHANNELS),
          .LINES   (LINES),
          .WIDTH   (WIDTH),
          .BITS    (BITS),
          .STYLE   (STYLE),
          .TILE_W  (TILE_W),
          .PAGES   (PAGES),
          .WAY     (WAY),
          .KEPT    (KEPT),
          .OUT_W   (WORD),
          .COUNT   (COUNT),
          .STEP    (STEP),
          .CHOICES (CHOICES),
          .PAD_LEFT(LEFT),
          .CI_W    (CI_W),
          .LINE_W  (LW),
          .CHOICE_W(CW),
          .SHARE   (SHARE)
      ) u_bank (
          .clk,
          .we_i        (take && wr_bank == BANK_W'(b)),
          .wr_line_i   (wr_line),
          .wr_channel_i(wr_channel),
          .wdata_i     (word_p),
          .rd_line_i   (line_p),
          .rd_channel_i(channel_p),
          .choice_i    (choice_p),
          .miss_o      (miss[b*KEPT+:KEPT]),
          .pad_i       (pad_r),
          .data_o      (data[b*KEPT*WORD+:KEPT*WORD])
      );
    end

    // ---- rows of the window
    for (b = 0; b < ROWS; b = b + 1) begin : gen_row
      localparam N = BANKS * KEPT;
      logic [N-1:0] miss_row;
      logic [N*WORD-1:0] words;
      logic [COUNT*OUT_BITS-1:0] taken;
      logic gone_r;
      for (n = 0; n < BANKS; n = n + 1) begin : gen_from
        localparam BANK = (b + FIRST_BANK + n) % ROWS;
        assign words[n*KEPT*WORD+:KEPT*WORD] = data[BANK*KEPT*WORD+:KEPT*WORD];
        assign miss_row[n*KEPT+:KEPT] =
            miss[BANK*KEPT+:KEPT] | {KEPT{!selected || outside[b] || (BANKS > 1 && bank_p != BANK_W'(n))}};
      end
      always_ff @(posedge clk) gone_r <= outside[b];
      fsq_line_row #(
          .N       (N),
          .IN_W    (WORD),
          .MASKED  (N > 1 || CLEARED),
          .TAPS    (WAY != 2),
          .WIDTH   (WIDTH),
          .BITS    (BITS),
          .COUNT   (COUNT),
          .STEP    (STEP),
          .CHOICES (CHOICES),
          .PAD_LEFT(LEFT),
          .PADDED  (PADDED != 0 && !PAD_ZERO),
          .FLIP    (FLIP),
          .SIGNED  (SIGNED),
          .CHOICE_W(CW),
          .JOINED  (JOINED),
          .OUT_BITS(OUT_BITS),
          .COLUMN  (COLUMN),
          .SHARE   (SHARE)
      ) u_row (
          .clk,
          .miss_i   (miss_row),
          .data_i   (words),
          .choice_i (choice_r),
          .pad_i    (pad_r),
          .row_pad_i(gone_r ? pad_r : '0),
          .flip_i   (select_r),
          .or_i     (or_i[b*POSITIONS*OUT_BITS+:COUNT*OUT_BITS]),
          .pixels_o (taken)
      );
      assign taken_o[b*POSITIONS*OUT_BITS+:COUNT*OUT_BITS] = taken;
      if (POSITIONS > COUNT) begin : gen_more
        localparam REST = (POSITIONS - COUNT) * OUT_BITS;
        assign taken_o[(b*POSITIONS+COUNT)*OUT_BITS+:REST] =
            (JOINED != 0) ? or_i[(b*POSITIONS+COUNT)*OUT_BITS+:REST] : '0;
      end
    end
  endgenerate
  logic unused_ok;  // a buffer that is alone is always read
  assign unused_ok = &{1'b0, select_p, or_i};
endmodule
