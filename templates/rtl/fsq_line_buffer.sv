// Row buffer of an engine: takes row words, keeps the rows a window needs, gives every lane its pixel.
//
// Rows are spread over ROWS banks so that ROWS output rows read at once: row y lies in bank (y / STRIDE) mod ROWS,
// in row slot (y / (ROWS * STRIDE)) mod SLOTS. A frame starts at a fresh slot. Words arrive in groups of IN_ROWS rows:
// all channels of the group, and for each channel its rows. A slot is taken when its first word arrives and given back
// by the reader. Positions outside the image read PAD_VALUES of their channel.
module fsq_line_buffer #(
    parameter CHANNELS   = 1,
    parameter HEIGHT     = 8,
    parameter WIDTH      = 8,             // pixels of a row
    parameter BITS       = 8,             // bits of a pixel
    parameter IN_ROWS    = 1,             // rows of a group in the order of arrival
    parameter ROWS       = 1,             // output rows read at once
    parameter PHASES     = 1,             // passes per row: pixel x is lane x / PHASES in pass x mod PHASES
    parameter STRIDE     = 1,
    parameter KERNEL     = 1,
    parameter PAD_TOP    = 0,
    parameter PAD_LEFT   = 0,
    parameter LANES      = 8,             // lanes per row
    parameter SLOTS      = 2,             // row slots of ROWS * STRIDE rows
    parameter BLOCK      = 0,             // 1: block RAM
    parameter TILE_W     = 72,
    parameter CI_W       = 1,
    parameter K_W        = 1,
    parameter P_W        = 1,
    parameter Y_W        = 5,             // signed width of a row number
    parameter SLOT_W     = 1,
    parameter PAD_VALUES = {CHANNELS * BITS{1'b0}}
) (
    input  logic                        clk,
    input  logic                        rst_n,
    // row words in
    input  logic                        in_valid_i,
    output logic                        in_ready_o,
    input  logic [      WIDTH*BITS-1:0] in_data_i,
    output logic                        row_done_o,     // a row is complete
    // slots given back by the reader
    input  logic [          SLOT_W-1:0] release_i,
    // one read per cycle; pixels come two cycles later
    input  logic [            CI_W-1:0] rd_channel_i,
    input  logic [             K_W-1:0] rd_ky_i,
    input  logic [             K_W-1:0] rd_kx_i,
    input  logic [             P_W-1:0] rd_phase_i,
    input  logic [          SLOT_W-1:0] rd_slot_i,      // slot of the group's first row
    input  logic [             Y_W-1:0] rd_row_i,       // number of that row
    output logic [ROWS*LANES*BITS-1:0] pixels_o
);
  localparam SPAN = ROWS * STRIDE;
  localparam DEPTH = SLOTS * STRIDE * CHANNELS;
  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam BW = (ROWS > 1) ? $clog2(ROWS) : 1;
  localparam LINES = SLOTS * STRIDE;  // row slots of one bank
  localparam LW = (LINES > 1) ? $clog2(LINES) : 1;
  localparam SW = (STRIDE > 1) ? $clog2(STRIDE) : 1;
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam WORD = WIDTH * BITS;
  localparam OFFSETS = (PHASES - 1) * STRIDE + KERNEL;
  localparam OW = (OFFSETS > 1) ? $clog2(OFFSETS) : 1;
  genvar b, l, n;

  // ------------------------------------------------------------------ writer
  logic [CI_W-1:0] ch_q;
  logic [IW-1:0] row_q;  // row within the arriving group
  logic [HW-1:0] y_q, y0_q;  // row of the frame; first row of the group
  logic [SW-1:0] sub_q, sub0_q;
  logic [BW-1:0] bank_q, bank0_q;
  logic [SLOT_W-1:0] slot_q, slot0_q, free_q;
  logic last_row, last_ch, new_slot, take, frame_end;
  logic [SW-1:0] sub_n;
  logic [BW-1:0] bank_n;
  logic [SLOT_W-1:0] slot_n;

  assign last_row   = (row_q == IW'(IN_ROWS - 1)) || (y_q == HW'(HEIGHT - 1));
  assign last_ch    = ch_q == CI_W'(CHANNELS - 1);
  assign frame_end  = y_q == HW'(HEIGHT - 1);
  assign new_slot   = (ch_q == '0) && (sub_q == '0) && (bank_q == '0);
  assign in_ready_o = !(new_slot && free_q == '0);
  assign take       = in_valid_i & in_ready_o;
  assign row_done_o = take & last_ch;

  // place of the next row
  always_comb begin
    sub_n  = sub_q;
    bank_n = bank_q;
    slot_n = slot_q;
    if (sub_q != SW'(STRIDE - 1)) sub_n = sub_q + 1'b1;
    else begin
      sub_n = '0;
      if (bank_q != BW'(ROWS - 1)) bank_n = bank_q + 1'b1;
      else begin
        bank_n = '0;
        slot_n = (slot_q == SLOT_W'(SLOTS - 1)) ? '0 : slot_q + 1'b1;
      end
    end
    if (frame_end) begin  // the next frame starts at a fresh slot
      sub_n  = '0;
      bank_n = '0;
      slot_n = (slot_q == SLOT_W'(SLOTS - 1)) ? '0 : slot_q + 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      ch_q    <= '0;
      row_q   <= '0;
      y_q     <= '0;
      y0_q    <= '0;
      sub_q   <= '0;
      sub0_q  <= '0;
      bank_q  <= '0;
      bank0_q <= '0;
      slot_q  <= '0;
      slot0_q <= '0;
      free_q  <= SLOT_W'(SLOTS);
    end else begin
      free_q <= free_q - SLOT_W'(take & new_slot) + release_i;
      if (take) begin
        if (!last_row) begin
          row_q  <= row_q + 1'b1;
          y_q    <= y_q + 1'b1;
          sub_q  <= sub_n;
          bank_q <= bank_n;
          slot_q <= slot_n;
        end else if (!last_ch) begin
          row_q  <= '0;
          ch_q   <= ch_q + 1'b1;
          y_q    <= y0_q;
          sub_q  <= sub0_q;
          bank_q <= bank0_q;
          slot_q <= slot0_q;
        end else begin
          row_q   <= '0;
          ch_q    <= '0;
          y_q     <= frame_end ? '0 : y_q + 1'b1;
          y0_q    <= frame_end ? '0 : y_q + 1'b1;
          sub_q   <= sub_n;
          sub0_q  <= sub_n;
          bank_q  <= bank_n;
          bank0_q <= bank_n;
          slot_q  <= slot_n;
          slot0_q <= slot_n;
        end
      end
    end
  end

  // ------------------------------------------------------------------ addresses: line of a bank, then channel
  logic [LINES-1:0][AW-1:0] line_base;
  generate
    for (n = 0; n < LINES; n = n + 1) begin : gen_base
      assign line_base[n] = AW'(n * CHANNELS);
    end
  endgenerate

  logic [LW-1:0] wr_line;
  logic [AW-1:0] waddr;
  assign wr_line = LW'(slot_q) * LW'(STRIDE) + LW'(sub_q);
  assign waddr   = line_base[wr_line] + AW'(ch_q);

  // place of the window's row, from tables over ky: which slot next to the group's, which bank, which sub-row
  localparam SD_W = SLOT_W + 2;
  logic [KERNEL-1:0][SD_W-1:0] tab_slot;
  logic [KERNEL-1:0][BW-1:0] tab_bank;
  logic [KERNEL-1:0][SW-1:0] tab_sub;
  logic [KERNEL-1:0][Y_W-1:0] tab_row;
  generate
    for (n = 0; n < KERNEL; n = n + 1) begin : gen_ky
      localparam REL = n - PAD_TOP + SPAN * KERNEL;  // kept positive; KERNEL slots are taken off below
      assign tab_slot[n] = SD_W'(REL / SPAN - KERNEL + SLOTS);
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

  // pipeline of what travels beside the addresses
  logic [OW-1:0] offset_q1, offset_q2;
  logic [BW-1:0] bank_q1, bank_q2;
  logic [Y_W-1:0] y_q1, y_q2;
  logic [CI_W-1:0] rd_ch_q1, rd_ch_q2;
  always_ff @(posedge clk) begin
    offset_q1 <= OW'(rd_phase_i) * OW'(STRIDE) + OW'(rd_kx_i);
    offset_q2 <= offset_q1;
    bank_q1   <= first_bank;
    bank_q2   <= bank_q1;
    y_q1      <= rd_y;
    y_q2      <= y_q1;
    rd_ch_q1  <= rd_channel_i;
    rd_ch_q2  <= rd_ch_q1;
  end

  // ------------------------------------------------------------------ banks
  logic [ROWS-1:0][WORD-1:0] bank_data;
  generate
    for (b = 0; b < ROWS; b = b + 1) begin : gen_bank
      logic [SD_W-1:0] slot_b, slot_w;
      logic [LW-1:0] line_b;
      logic [AW-1:0] raddr_q;
      // banks before the window's first one hold rows of the next slot
      logic [(1<<BW)-1:0] before_first;
      for (n = 0; n < (1 << BW); n = n + 1) begin : gen_before
        assign before_first[n] = n > b;
      end
      assign slot_b = slot_sum + SD_W'(before_first[first_bank]);
      assign slot_w = (slot_b >= SD_W'(2 * SLOTS)) ? slot_b - SD_W'(2 * SLOTS) : slot_b;
      assign line_b = LW'((slot_w >= SD_W'(SLOTS)) ? slot_w - SD_W'(SLOTS) : slot_w) * LW'(STRIDE) + LW'(rd_sub);
      always_ff @(posedge clk) raddr_q <= line_base[line_b] + AW'(rd_channel_i);

      fsq_row_ram #(
          .WIDTH (WORD),
          .DEPTH (DEPTH),
          .ADDR_W(AW),
          .BLOCK (BLOCK),
          .TILE_W(TILE_W)
      ) u_ram (
          .clk,
          .we_i   (take && bank_q == BW'(b)),
          .waddr_i(waddr),
          .wdata_i(in_data_i),
          .raddr_i(raddr_q),
          .rdata_o(bank_data[b])
      );
    end
  endgenerate

  // ------------------------------------------------------------------ every lane chooses its pixel
  logic [CHANNELS-1:0][BITS-1:0] pad_values;
  logic [BITS-1:0] pad_value;
  assign pad_values = PAD_VALUES;
  assign pad_value  = pad_values[rd_ch_q2];

  generate
    for (b = 0; b < ROWS; b = b + 1) begin : gen_row
      logic [Y_W-1:0] y;
      logic inside_image;
      logic [WORD-1:0] word;
      assign y = y_q2 + Y_W'(b * STRIDE);
      assign inside_image = !y[Y_W-1] && (y < Y_W'(HEIGHT));
      if (ROWS == 1) begin : gen_single
        assign word = bank_data[0];
        logic unused_bank;
        assign unused_bank = &{1'b0, bank_q2};
      end else begin : gen_rotate
        localparam RW = BW + 1;
        logic [RW-1:0] sum;
        assign sum  = RW'(bank_q2) + RW'(b);
        assign word = bank_data[BW'((sum >= RW'(ROWS)) ? sum - RW'(ROWS) : sum)];
      end
      logic unused_word;  // a stride may leave pixels that no window reads
      assign unused_word = &{1'b0, word};
      for (l = 0; l < LANES; l = l + 1) begin : gen_lane
        logic [OFFSETS*BITS-1:0] choice;
        for (n = 0; n < OFFSETS; n = n + 1) begin : gen_offset
          localparam X = l * PHASES * STRIDE + n - PAD_LEFT;
          if (X >= 0 && X < WIDTH) begin : gen_pixel
            assign choice[n*BITS+:BITS] = word[X*BITS+:BITS];
          end else begin : gen_pad
            assign choice[n*BITS+:BITS] = pad_value;
          end
        end
        assign pixels_o[(b*LANES+l)*BITS+:BITS] = inside_image ? choice[offset_q2*BITS+:BITS] : pad_value;
      end
    end
  endgenerate
endmodule
