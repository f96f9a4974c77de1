// The words of a pool in their order: channel and row, then the rows that do not arrive but leave.
//
// Words arrive in groups of IN_ROWS rows: all channels of the group, and for each channel its rows. Behind the last one of
// a frame come EXTRAS more rows, one after the other: those of windows that end below the image, and therefore with the
// last input row, which sends a row already. A word is followed by the next one two cycles later or more: what depends on
// its place is in registers by then.
module fsq_pool_walk #(
    parameter CHANNELS  = 1,  // channels of the rows
    parameter HEIGHT    = 8,  // rows of a frame
    parameter IN_ROWS   = 1,  // rows of a group in the order of arrival
    parameter EXTRAS    = 0,  // rows that leave after the last one of a frame arrived
    parameter CHANNEL_W = 1,  // bits of a channel
    parameter ROW_W     = 3,  // bits of the number of a row
    parameter EXTRA_W   = 1   // bits of the number of an extra row
) (
    input  logic                 clk,          // clock
    input  logic                 rst_n,        // synchronous reset, active low
    input  logic                 next_i,       // the word is finished
    output logic [CHANNEL_W-1:0] channel_o,    // its channel
    output logic [    ROW_W-1:0] row_o,        // its row; the last one with a word of an extra row
    output logic                 extra_o,      // a word of an extra row
    output logic [  EXTRA_W-1:0] extra_row_o   // number of that row
);
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;

  logic [CHANNEL_W-1:0] ch_q, ch_next_q;
  logic [IW-1:0] row_q;
  logic [ROW_W-1:0] y_q, y_next_q, y0_q;
  logic extra_q, last_extra;
  logic last_row_q, last_ch_q, frame_end_q;  // of the word, from its second cycle on; so are ch_next_q and y_next_q

  always_ff @(posedge clk) begin
    last_row_q  <= !rst_n ? IN_ROWS == 1 || HEIGHT == 1 : (row_q == IW'(IN_ROWS - 1)) || (y_q == ROW_W'(HEIGHT - 1));
    last_ch_q   <= !rst_n ? CHANNELS == 1 : ch_q == CHANNEL_W'(CHANNELS - 1);
    frame_end_q <= !rst_n ? HEIGHT == 1 : y_q == ROW_W'(HEIGHT - 1);
    ch_next_q   <= !rst_n ? CHANNEL_W'(1) : ch_q + 1'b1;
    y_next_q    <= !rst_n ? ROW_W'(1) : y_q + 1'b1;
  end
  assign channel_o = ch_q;
  assign row_o     = y_q;
  assign extra_o   = extra_q;
  generate
    if (EXTRAS > 1) begin : gen_extras
      logic [EXTRA_W-1:0] number_q;
      assign last_extra = number_q == EXTRA_W'(EXTRAS - 1);
      always_ff @(posedge clk) begin
        if (!rst_n) number_q <= '0;
        else if (next_i && extra_q && last_ch_q) number_q <= last_extra ? '0 : number_q + 1'b1;
      end
      assign extra_row_o = number_q;
    end else begin : gen_extra
      assign last_extra  = 1'b1;
      assign extra_row_o = '0;
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      ch_q    <= '0;
      row_q   <= '0;
      y_q     <= '0;
      y0_q    <= '0;
      extra_q <= 1'b0;
    end else if (next_i) begin
      if (extra_q) begin
        ch_q <= last_ch_q ? '0 : ch_next_q;
        if (last_ch_q && last_extra) begin
          extra_q <= 1'b0;
          y_q     <= '0;
          y0_q    <= '0;
        end
      end else if (!last_row_q) begin
        row_q <= row_q + 1'b1;
        y_q   <= y_next_q;
      end else begin
        row_q <= '0;
        ch_q  <= last_ch_q ? '0 : ch_next_q;
        if (!last_ch_q) y_q <= y0_q;
        else if (!frame_end_q) begin
          y_q  <= y_next_q;
          y0_q <= y_next_q;
        end else if (EXTRAS != 0) extra_q <= 1'b1;
        else begin
          y_q  <= '0;
          y0_q <= '0;
        end
      end
    end
  end
endmodule
