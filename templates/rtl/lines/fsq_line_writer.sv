// Writing side of a row buffer: where the arriving words go, and whether there is a slot for them.
//
// Words arrive in groups of IN_ROWS rows: all channels of the group, and for each channel its rows. A slot is taken when
// its first word arrives and given back by the reader; a frame starts at a fresh slot. What is compared is a register
// that was found a cycle ahead, so that little lies between the offer of a word and in_ready_o.
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
    // the word that was taken in the cycle before
    output logic              take_o,      // there is one
    output logic              row_done_o,  // it completes a row
    output logic [BANK_W-1:0] bank_o,      // its bank
    output logic [LINE_W-1:0] line_o,      // row slot of the bank
    output logic [  CI_W-1:0] channel_o    // its channel
);
  localparam SW = (STRIDE > 1) ? $clog2(STRIDE) : 1;
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;
  localparam GROUPS = (HEIGHT + IN_ROWS - 1) / IN_ROWS;
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam LAST = HEIGHT - (GROUPS - 1) * IN_ROWS;  // rows of the last group
  localparam PLACE_W = SLOT_W + BANK_W + SW;

  // the next word, and whether it is of the last row of its group, of the last channel, ...
  logic [IW-1:0] row_q;
  logic [CI_W-1:0] ch_q;
  logic [GW-1:0] group_q;
  logic last_row, last_row_q, first_ch_q, last_ch_q, last_group_q, new_slot_q, ready_q;
  // place of its row; of the first row of its group
  logic [SLOT_W-1:0] slot_q, slot_n, free_q;
  logic [BANK_W-1:0] bank_q, bank_n;
  logic [SW-1:0] sub_q, sub_n;
  logic [PLACE_W-1:0] start_q;
  logic take, last_group_n, slot_end, last_is_one, next_is_one, none_left, none_after;

  assign in_ready_o   = ready_q;
  assign take         = in_valid_i & ready_q;
  assign last_row     = (IN_ROWS == 1) || last_row_q;
  assign last_group_n = last_group_q ? (GROUPS == 1) : (GROUPS > 1 && group_q == GW'(GROUPS - 2));
  assign last_is_one  = last_group_q ? (LAST == 1) : (IN_ROWS == 1);
  assign next_is_one  = last_group_n ? (LAST == 1) : (IN_ROWS == 1);

  // place of the next row; the next frame starts at a fresh slot
  assign slot_end = (sub_q == SW'(STRIDE - 1) && bank_q == BANK_W'(ROWS - 1)) || (last_group_q && last_row);
  always_comb begin
    sub_n  = (sub_q == SW'(STRIDE - 1) || slot_end) ? '0 : sub_q + 1'b1;
    bank_n = bank_q;
    slot_n = slot_q;
    if (slot_end) begin
      bank_n = '0;
      slot_n = (slot_q == SLOT_W'(SLOTS - 1)) ? '0 : slot_q + 1'b1;
    end else if (sub_q == SW'(STRIDE - 1)) bank_n = bank_q + 1'b1;
  end

  // no slot is free: if none is taken in this cycle, and if one is
  assign none_left  = free_q == '0 && release_i == '0;
  assign none_after = free_q == SLOT_W'(1) && release_i == '0;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      row_q        <= '0;
      ch_q         <= '0;
      group_q      <= '0;
      last_row_q   <= (GROUPS == 1) ? (LAST == 1) : (IN_ROWS == 1);
      first_ch_q   <= 1'b1;
      last_ch_q    <= (CHANNELS == 1);
      last_group_q <= (GROUPS == 1);
      new_slot_q   <= 1'b1;
      ready_q      <= 1'b1;
      slot_q       <= '0;
      bank_q       <= '0;
      sub_q        <= '0;
      start_q      <= '0;
      free_q       <= SLOT_W'(SLOTS);
    end else begin
      free_q <= free_q - SLOT_W'(take & new_slot_q) + release_i;
      if (!take) ready_q <= !(new_slot_q && none_left);
      else begin
        ready_q <= 1'b1;
        if (!last_row) begin
          row_q                   <= row_q + 1'b1;
          last_row_q              <= row_q + 1'b1 == (last_group_q ? IW'(LAST - 1) : IW'(IN_ROWS - 1));
          {slot_q, bank_q, sub_q} <= {slot_n, bank_n, sub_n};
          new_slot_q              <= first_ch_q && slot_end;
          ready_q                 <= !(first_ch_q && slot_end && (new_slot_q ? none_after : none_left));
        end else if (!last_ch_q) begin
          row_q      <= '0;
          last_row_q <= last_is_one;
          ch_q       <= ch_q + 1'b1;
          first_ch_q <= 1'b0;
          last_ch_q  <= ch_q == CI_W'(CHANNELS - 2);
          if (IN_ROWS > 1) {slot_q, bank_q, sub_q} <= start_q;
          new_slot_q <= 1'b0;
        end else begin
          row_q                   <= '0;
          last_row_q              <= next_is_one;
          ch_q                    <= '0;
          first_ch_q              <= 1'b1;
          last_ch_q               <= (CHANNELS == 1);
          group_q                 <= last_group_q ? '0 : group_q + 1'b1;
          last_group_q            <= last_group_n;
          {slot_q, bank_q, sub_q} <= {slot_n, bank_n, sub_n};
          start_q                 <= {slot_n, bank_n, sub_n};
          new_slot_q              <= slot_end;
          ready_q                 <= !(slot_end && (new_slot_q ? none_after : none_left));
        end
      end
    end
  end

  // ---- a cycle later
  always_ff @(posedge clk) begin
    take_o     <= rst_n && take;
    row_done_o <= rst_n && take && last_ch_q;
    bank_o     <= bank_q;
    line_o     <= LINE_W'(slot_q) * LINE_W'(STRIDE) + LINE_W'(sub_q);
    channel_o  <= ch_q;
  end
endmodule
