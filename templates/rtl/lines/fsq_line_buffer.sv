// Row buffer of an engine: takes row words, keeps the rows a window needs, gives every lane its pixel.
//
// fsq_line_writer finds the place of an arriving word, fsq_line_bank holds a bank; here the window's rows are found.
// Rows are spread over ROWS banks so that ROWS output rows read at once: row y lies in bank (y / STRIDE) mod ROWS,
// in row slot (y / (ROWS * STRIDE)) mod SLOTS. A frame starts at a fresh slot. Words arrive in groups of IN_ROWS rows:
// all channels of the group, and for each channel its rows. A slot is taken when its first word arrives and given back
// by the reader. Positions outside the image read PAD_VALUES of their channel.
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
    parameter [CHANNELS*BITS-1:0] PAD_VALUES = '0              // pixels outside the image, channel 0 in the lowest bits
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
    // one read per cycle; pixels come two cycles later
    input  logic [            CI_W-1:0] rd_channel_i,  // channel to read
    input  logic [            KY_W-1:0] rd_ky_i,       // row of the window
    input  logic [            KX_W-1:0] rd_kx_i,       // column of the window
    input  logic [             P_W-1:0] rd_phase_i,    // phase: pass of the row
    input  logic [          SLOT_W-1:0] rd_slot_i,     // slot of the group's first row
    input  logic [             Y_W-1:0] rd_row_i,      // number of that row
    output logic [ROWS*LANES*BITS-1:0] pixels_o        // pixels: row, then lane; the first in the low bits
);
  localparam SPAN = ROWS * STRIDE;
  localparam BW = (ROWS > 1) ? $clog2(ROWS) : 1;
  localparam LINES = SLOTS * STRIDE;  // row slots of one bank
  localparam LW = (LINES > 1) ? $clog2(LINES) : 1;
  localparam SW = (STRIDE > 1) ? $clog2(STRIDE) : 1;
  localparam OUT = LANES * BITS;
  localparam PAD_ZERO = (|PAD_VALUES) ? 0 : 1;
  genvar b, n, m;

  // Lane l wants pixel STEP * l + offset - PAD_LEFT of its row. It chooses among all offsets at once (CHOICES), or, where
  // the plan finds that cheaper, in two steps: a bank gives pixel STEP * m + choice for every lane and its neighbours
  // (BELOW of them to the left), and lane l takes that of m = l + shift together with the choice of the bank (SHIFTS).
  localparam STEP = PHASES * STRIDE;
  localparam OFFSETS = (PHASES - 1) * STRIDE + KERNEL_COLUMNS;
  localparam TWO = CHOICES < OFFSETS;
  localparam COUNT = LANES + SHIFTS - 1;
  localparam LEFT = TWO ? BELOW * STEP : PAD_LEFT;  // pixels of the first position that lie left of the row
  localparam OW = (OFFSETS > 1) ? $clog2(OFFSETS) : 1;
  localparam CW = (CHOICES > 1) ? $clog2(CHOICES) : 1;
  localparam FW = (SHIFTS > 1) ? $clog2(SHIFTS) : 1;
  // ------------------------------------------------------------------ writer
  logic take;
  logic [BW-1:0] wr_bank;
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
      .BANK_W  (BW),
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

  // ------------------------------------------------------------------ reader
  // place of the window's row, from tables over ky: which slot next to the group's, which bank, which sub-row
  localparam SD_W = SLOT_W + 2;
  logic [KERNEL_ROWS-1:0][SD_W-1:0] tab_slot;
  logic [KERNEL_ROWS-1:0][BW-1:0] tab_bank;
  logic [KERNEL_ROWS-1:0][SW-1:0] tab_sub;
  logic [KERNEL_ROWS-1:0][Y_W-1:0] tab_row;
  generate
    for (n = 0; n < KERNEL_ROWS; n = n + 1) begin : gen_ky
      localparam REL = n - PAD_TOP + SPAN * KERNEL_ROWS;  // kept positive; KERNEL_ROWS slots are taken off below
      assign tab_slot[n] = SD_W'(REL / SPAN - KERNEL_ROWS + SLOTS);
      assign tab_bank[n] = BW'((REL % SPAN) / STRIDE);
      assign tab_sub[n]  = SW'((REL % SPAN) % STRIDE);
      assign tab_row[n]  = Y_W'(n - PAD_TOP);
    end
  endgenerate

  logic [SD_W-1:0] slot_sum;
  logic [BW-1:0] first_bank;
  logic [SW-1:0] rd_sub;
  logic [Y_W-1:0] rd_y;
  assign slot_sum   = SD_W'(rd_slot_i) + tab_slot[rd_ky_i];
  assign first_bank = tab_bank[rd_ky_i];
  assign rd_sub     = tab_sub[rd_ky_i];
  assign rd_y       = rd_row_i + tab_row[rd_ky_i];

  // what the lanes take: tables over the offset
  logic [OFFSETS-1:0][CW-1:0] tab_choice;
  logic [OFFSETS-1:0][FW-1:0] tab_shift;
  logic [OW-1:0] offset;
  assign offset = OW'(rd_phase_i) * OW'(STRIDE) + OW'(rd_kx_i);
  generate
    for (n = 0; n < OFFSETS; n = n + 1) begin : gen_offset
      localparam AT = n - PAD_LEFT + BELOW * STEP;
      assign tab_choice[n] = CW'(TWO ? AT % STEP : n);
      assign tab_shift[n]  = FW'(TWO ? AT / STEP : 0);
    end
  endgenerate

  // what travels beside the addresses
  logic [CW-1:0] choice_q;
  logic [FW-1:0] shift_q;
  logic [BW-1:0] bank_q;
  logic [Y_W-1:0] y_q;
  logic [CI_W-1:0] rd_ch_q;
  always_ff @(posedge clk) begin
    choice_q <= tab_choice[offset];
    shift_q  <= tab_shift[offset];
    bank_q   <= first_bank;
    y_q      <= rd_y;
    rd_ch_q  <= rd_channel_i;
  end

  logic [CHANNELS-1:0][BITS-1:0] pad_values;
  logic [BITS-1:0] pad_value;
  assign pad_values = PAD_VALUES;
  assign pad_value  = pad_values[rd_ch_q];

  // the window's rows that lie in the image
  logic [ROWS-1:0] in_image;
  generate
    for (b = 0; b < ROWS; b = b + 1) begin : gen_inside
      logic [Y_W-1:0] y;
      assign y = y_q + Y_W'(b * STRIDE);
      assign in_image[b] = !y[Y_W-1] && (y < Y_W'(HEIGHT));
    end
  endgenerate

  // ------------------------------------------------------------------ banks
  localparam RW = BW + 1;
  localparam BANK = COUNT * BITS;
  localparam SEL_W = (ROWS * SHIFTS > 1) ? $clog2(ROWS * SHIFTS) : 1;
  logic [ROWS*BANK-1:0] taken;
  logic [ROWS*SHIFTS*OUT-1:0] shifted;  // by bank, then shift
  generate
    for (b = 0; b < ROWS; b = b + 1) begin : gen_bank
      logic [SD_W-1:0] slot_b, slot_w;
      logic [LW-1:0] line_b;
      logic here;
      // banks before the window's first one hold rows of the next slot
      logic [(1<<BW)-1:0] before_first;
      for (n = 0; n < (1 << BW); n = n + 1) begin : gen_before
        assign before_first[n] = n > b;
      end
      assign slot_b = slot_sum + SD_W'(before_first[first_bank]);
      assign slot_w = (slot_b >= SD_W'(2 * SLOTS)) ? slot_b - SD_W'(2 * SLOTS) : slot_b;
      assign line_b = LW'((slot_w >= SD_W'(SLOTS)) ? slot_w - SD_W'(SLOTS) : slot_w) * LW'(STRIDE) + LW'(rd_sub);

      // bank b holds row b - bank_q of the window, row r of it lies in bank bank_q + r
      logic [SEL_W-1:0] place_q;
      logic [RW-1:0] row, bank;
      assign row = RW'(b + ROWS) - RW'(bank_q);
      assign bank = RW'(bank_q) + RW'(b);
      assign here = in_image[BW'((row >= RW'(ROWS)) ? row - RW'(ROWS) : row)];
      always_ff @(posedge clk)
        place_q <= SEL_W'((bank >= RW'(ROWS)) ? bank - RW'(ROWS) : bank) * SEL_W'(SHIFTS) + SEL_W'(shift_q);

      fsq_line_bank #(
          .CHANNELS(CHANNELS),
          .LINES   (LINES),
          .WIDTH   (WIDTH),
          .BITS    (BITS),
          .STYLE   (STYLE),
          .TILE_W  (TILE_W),
          .COUNT   (COUNT),
          .STEP    (STEP),
          .CHOICES (CHOICES),
          .PAD_LEFT(LEFT),
          .PADDED  (PADDED),
          .PAD_ZERO(PAD_ZERO),
          .CI_W    (CI_W),
          .LINE_W  (LW),
          .CHOICE_W(CW)
      ) u_bank (
          .clk,
          .we_i        (take && wr_bank == BW'(b)),
          .wr_line_i   (wr_line),
          .wr_channel_i(wr_channel),
          .wdata_i     (in_data_i),
          .rd_line_i   (line_b),
          .rd_channel_i,
          .choice_i    (choice_q),
          .inside_i    (here),
          .pad_i       (pad_value),
          .pixels_o    (taken[b*BANK+:BANK])
      );
      for (m = 0; m < SHIFTS; m = m + 1) begin : gen_shift
        assign shifted[(b*SHIFTS+m)*OUT+:OUT] = taken[b*BANK+m*BITS+:OUT];
      end
      fsq_mux #(
          .N    (ROWS * SHIFTS),
          .WIDTH(OUT),
          .SEL_W(SEL_W)
      ) u_place (
          .data_i  (shifted),
          .select_i(place_q),
          .data_o  (pixels_o[b*OUT+:OUT])
      );
    end
  endgenerate
endmodule
