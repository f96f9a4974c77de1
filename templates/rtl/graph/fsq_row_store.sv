// Keeps rows, so that a branch may wait for another one, and gives them on in groups of another size.
//
// Row words arrive in groups of IN_ROWS rows and leave in groups of OUT_ROWS. A slot holds one row: it is taken when the
// first word of the row arrives; the slots of a group are given back when its last word is taken in T, and can be taken
// in T + 2. The first word of a group is offered when all its rows are complete: the last word of them taken in cycle
// T, in T + 3. Every word is read in one cycle and offered from the next one on, so that one taken in T is followed in T + 2.
module fsq_row_store #(
    parameter CHANNELS = 1,   // channels of the rows
    parameter HEIGHT   = 8,   // rows of a frame
    parameter WORD_W   = 64,  // bits of a row word
    parameter IN_ROWS  = 1,   // rows of a group in the order of arrival
    parameter OUT_ROWS = 1,   // rows of a group in the order of departure
    parameter SLOTS    = 2,   // rows that it holds
    parameter STYLE    = 0,   // kind of memory: 1: block RAM, 2: UltraRAM, else distributed RAM
    parameter TILE_W   = 72   // bits of a column of blocks
) (
    input  logic              clk,          // clock
    input  logic              rst_n,        // synchronous reset, active low
    input  logic              in_valid_i,   // row word in: offered
    output logic              in_ready_o,   // row word in: taken if offered
    input  logic [WORD_W-1:0] in_data_i,    // row word in: pixel 0 in the low bits
    output logic              out_valid_o,  // row word out: offered
    input  logic              out_ready_i,  // row word out: taken if offered
    output logic [WORD_W-1:0] out_data_o    // row word out: pixel 0 in the low bits
);
  localparam GROUPS = (HEIGHT + OUT_ROWS - 1) / OUT_ROWS;
  localparam LAST_ROWS = HEIGHT - (GROUPS - 1) * OUT_ROWS;
  localparam DEPTH = SLOTS * CHANNELS;
  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam LW = (SLOTS > 1) ? $clog2(SLOTS) : 1;
  localparam RW = (OUT_ROWS > 1) ? $clog2(OUT_ROWS) : 1;
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam SLOT_W = $clog2(SLOTS + 1);
  localparam HAVE_W = $clog2(HEIGHT + SLOTS + OUT_ROWS + 1);
  genvar g;

  // ---- writer
  logic take, row_done;
  logic [LW-1:0] wr_line;
  logic [CW-1:0] wr_channel;
  logic [SLOT_W-1:0] given_back;
  logic unused_bank;  // there is one
  fsq_line_writer #(
      .CHANNELS(CHANNELS),
      .HEIGHT  (HEIGHT),
      .IN_ROWS (IN_ROWS),
      .ROWS    (1),
      .STRIDE  (1),
      .SLOTS   (SLOTS),
      .CI_W    (CW),
      .SLOT_W  (SLOT_W),
      .BANK_W  (1),
      .LINE_W  (LW)
  ) u_writer (
      .clk,
      .rst_n,
      .in_valid_i,
      .in_ready_o,
      .release_i (given_back),
      .row_done_o(row_done),
      .take_o    (take),
      .bank_o    (unused_bank),
      .line_o    (wr_line),
      .channel_o (wr_channel)
  );

  // ---- reader: channel after channel, and for each the rows of the group
  localparam [AW-1:0] DOWN = AW'(CHANNELS), UP = AW'(-(SLOTS - 1) * CHANNELS);  // to the next row; to the first slot
  localparam [AW-1:0] NEXT = AW'(1), START = AW'(1 - SLOTS * CHANNELS);  // to the next channel; from the last word to the first
  logic rows_ok, starts, leaves, offer_q, first_q;  // a word is offered; it is the first one of a group
  logic [GW-1:0] group_q;
  logic [RW-1:0] row_q;
  logic [CW-1:0] ch_q;
  logic [LW-1:0] line_q, line0_q, line_n;  // slot of the row; of the group's first row
  logic last_group_q, last_row_q, last_ch_q, last_line_q;  // from a word's second cycle on
  logic [AW-1:0] raddr, raddr0_q, raddr_n, step;  // of the word; of the first row of its channel
  fsq_row_gate #(
      .FIRST ((OUT_ROWS < HEIGHT) ? OUT_ROWS : HEIGHT),
      .STEP  (OUT_ROWS),
      .HEIGHT(HEIGHT),
      .GROUPS(GROUPS),
      .HAVE_W(HAVE_W)
  ) u_gate (
      .clk,
      .rst_n,
      .row_done_i(row_done),
      .take_i    (starts),
      .ok_o      (rows_ok)
  );
  assign starts      = first_q && !offer_q && rows_ok;
  assign leaves      = offer_q & out_ready_i;
  assign line_n      = last_line_q ? '0 : line_q + 1'b1;
  assign out_valid_o = offer_q;
  always_comb begin
    step = last_line_q ? UP : DOWN;
    if (last_row_q) step = (last_ch_q && last_line_q) ? START : NEXT;
  end
  assign raddr_n = ((last_row_q && !last_ch_q) ? raddr0_q : raddr) + step;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      offer_q      <= 1'b0;
      first_q      <= 1'b1;
      group_q      <= '0;
      row_q        <= '0;
      ch_q         <= '0;
      line_q       <= '0;
      line0_q      <= '0;
      raddr        <= '0;
      raddr0_q     <= '0;
      given_back   <= '0;
    end else begin
      offer_q    <= offer_q ? !out_ready_i : rows_ok || !first_q;
      given_back <= (leaves && last_row_q && last_ch_q) ? (last_group_q ? SLOT_W'(LAST_ROWS) : SLOT_W'(OUT_ROWS)) : '0;
      if (leaves) begin
        first_q <= last_row_q && last_ch_q;
        row_q   <= last_row_q ? '0 : row_q + 1'b1;
        line_q  <= (last_row_q && !last_ch_q) ? line0_q : line_n;
        raddr   <= raddr_n;
        if (last_row_q) begin
          ch_q     <= last_ch_q ? '0 : ch_q + 1'b1;
          raddr0_q <= raddr_n;
        end
        if (last_row_q && last_ch_q) begin
          group_q <= last_group_q ? '0 : group_q + 1'b1;
          line0_q <= line_n;
        end
      end
    end
    last_group_q <= group_q == GW'(GROUPS - 1);
    last_row_q   <= row_q == ((group_q == GW'(GROUPS - 1)) ? RW'(LAST_ROWS - 1) : RW'(OUT_ROWS - 1));
    last_ch_q    <= ch_q == CW'(CHANNELS - 1);
    last_line_q  <= line_q == LW'(SLOTS - 1);
  end

  // ---- memory: slot, then channel; the address stays while a word is offered
  logic [WORD_W-1:0] data_q;  // the word behind its place
  always_ff @(posedge clk) data_q <= in_data_i;
  logic [SLOTS*AW-1:0] line_base;
  logic [AW-1:0] waddr;
  generate
    for (g = 0; g < SLOTS; g = g + 1) begin : gen_base
      assign line_base[g*AW+:AW] = AW'(g * CHANNELS);
    end
  endgenerate
  assign waddr = line_base[wr_line*AW+:AW] + AW'(wr_channel);
  generate
    if (STYLE == 1 || STYLE == 2) begin : gen_block
      fsq_row_ram #(
          .WIDTH (WORD_W),
          .DEPTH (DEPTH),
          .ADDR_W(AW),
          .ULTRA (STYLE == 2),
          .TILE_W(TILE_W)
      ) u_ram (
          .clk,
          .we_i   (take),
          .waddr_i(waddr),
          .wdata_i(data_q),
          .raddr_i(raddr),
          .rdata_o(out_data_o)
      );
    end else begin : gen_lut
      logic [WORD_W-1:0] word, word_q;
      fsq_ram_lut #(
          .WIDTH (WORD_W),
          .DEPTH (DEPTH),
          .ADDR_W(AW)
      ) u_ram (
          .clk,
          .we_i   (take),
          .waddr_i(waddr),
          .wdata_i(data_q),
          .raddr_i(raddr),
          .rdata_o(word)
      );
      always_ff @(posedge clk) word_q <= word;
      assign out_data_o = word_q;
    end
  endgenerate
endmodule
