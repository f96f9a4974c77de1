// Writing side of a row buffer: where the arriving words go, and whether there is a slot for them.
//
// Words arrive in groups of IN_ROWS rows: all channels of the group, and for each channel its rows. A slot is taken when
// its first word arrives and given back by the reader; a frame starts at a fresh slot.
module fsq_line_writer #(
    parameter CHANNELS = 1,  // channels of the rows
    parameter HEIGHT   = 8,  // rows of a frame
    parameter IN_ROWS  = 1,  // rows of a group in the order of arrival
    parameter ROWS     = 1,  // banks
    parameter STRIDE   = 1,  // from window to window
    parameter SLOTS    = 2,  // row slots of ROWS * STRIDE rows
    parameter CI_W     = 1,  // bits of a channel
    parameter SLOT_W   = 1,  // bits of a count of slots
    parameter BANK_W   = 1,  // bits of the number of a bank
    parameter LINE_W   = 1   // bits of the number of a row slot of a bank
) (
    input  logic              clk,         // clock
    input  logic              rst_n,       // synchronous reset, active low
    input  logic              in_valid_i,  // row word in: offered
    output logic              in_ready_o,  // row word in: taken if offered
    input  logic [SLOT_W-1:0] release_i,   // slots given back
    output logic              row_done_o,  // a row is complete
    // place of the word taken in this cycle
    output logic              take_o,      // a word is taken
    output logic [BANK_W-1:0] bank_o,      // its bank
    output logic [LINE_W-1:0] line_o,      // row slot of the bank
    output logic [  CI_W-1:0] channel_o    // its channel
);
  localparam SW = (STRIDE > 1) ? $clog2(STRIDE) : 1;
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;

  logic [CI_W-1:0] ch_q;
  logic [IW-1:0] row_q;  // row within the arriving group
  logic [HW-1:0] y_q, y0_q;  // row of the frame; first row of the group
  logic [SW-1:0] sub_q, sub0_q;
  logic [BANK_W-1:0] bank_q, bank0_q;
  logic [SLOT_W-1:0] slot_q, slot0_q, free_q;
  logic last_row, last_ch, new_slot, take, frame_end;
  logic [SW-1:0] sub_n;
  logic [BANK_W-1:0] bank_n;
  logic [SLOT_W-1:0] slot_n;

  assign last_row   = (row_q == IW'(IN_ROWS - 1)) || (y_q == HW'(HEIGHT - 1));
  assign last_ch    = ch_q == CI_W'(CHANNELS - 1);
  assign frame_end  = y_q == HW'(HEIGHT - 1);
  assign new_slot   = (ch_q == '0) && (sub_q == '0) && (bank_q == '0);
  assign in_ready_o = !(new_slot && free_q == '0);
  assign take       = in_valid_i & in_ready_o;
  assign row_done_o = take & last_ch;
  assign take_o     = take;
  assign bank_o     = bank_q;
  assign channel_o  = ch_q;
  assign line_o     = LINE_W'(slot_q) * LINE_W'(STRIDE) + LINE_W'(sub_q);

  // place of the next row
  always_comb begin
    sub_n  = sub_q;
    bank_n = bank_q;
    slot_n = slot_q;
    if (sub_q != SW'(STRIDE - 1)) sub_n = sub_q + 1'b1;
    else begin
      sub_n = '0;
      if (bank_q != BANK_W'(ROWS - 1)) bank_n = bank_q + 1'b1;
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
endmodule
