// The words of a max pool in their order: channel, row, and what the row does.
//
// Three tables tell for every input row whether a window is open above it (HAVE), whether it opens one (START) and
// whether it completes one (EMIT); a row may do all three. EXTRA sends one more output row after the last input row, for
// a window that has only that row inside the image.
module fsq_pool_walk #(
    parameter CHANNELS   = 1,               // channels of the rows
    parameter HEIGHT     = 8,               // rows of a frame
    parameter IN_ROWS    = 1,               // rows of a group in the order of arrival
    parameter HAVE_ROWS  = {HEIGHT{1'b0}},  // one bit per row: a window is open above it
    parameter START_ROWS = {HEIGHT{1'b0}},  // one bit per row: it opens a window
    parameter EMIT_ROWS  = {HEIGHT{1'b0}},  // one bit per row: it completes a window
    parameter EXTRA      = 0,               // 1: one more row leaves after the last one of a frame arrived
    parameter CHANNEL_W  = 1                // bits of a channel
) (
    input  logic                 clk,        // clock
    input  logic                 rst_n,      // synchronous reset, active low
    input  logic                 next_i,     // the word is finished
    output logic [CHANNEL_W-1:0] channel_o,  // its channel
    output logic                 have_o,     // a window is open above its row
    output logic                 start_o,    // its row opens a window
    output logic                 emit_o,     // a window is complete
    output logic                 extra_o     // a word of the extra row, which does not arrive but leaves
);
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam [HEIGHT-1:0] HAVE = HAVE_ROWS;
  localparam [HEIGHT-1:0] START = START_ROWS;
  localparam [HEIGHT-1:0] EMIT = EMIT_ROWS;

  logic [CHANNEL_W-1:0] ch_q;
  logic [IW-1:0] row_q;
  logic [HW-1:0] y_q, y0_q;
  logic extra_q, last_row, last_ch, frame_end;

  assign last_row  = (row_q == IW'(IN_ROWS - 1)) || frame_end;
  assign last_ch   = ch_q == CHANNEL_W'(CHANNELS - 1);
  assign frame_end = y_q == HW'(HEIGHT - 1);
  assign channel_o = ch_q;
  assign have_o    = HAVE[y_q];
  assign start_o   = START[y_q];
  assign emit_o    = extra_q || EMIT[y_q];
  assign extra_o   = extra_q;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      ch_q    <= '0;
      row_q   <= '0;
      y_q     <= '0;
      y0_q    <= '0;
      extra_q <= 1'b0;
    end else if (next_i) begin
      if (extra_q) begin
        ch_q <= last_ch ? '0 : ch_q + 1'b1;
        if (last_ch) begin
          extra_q <= 1'b0;
          y_q     <= '0;
          y0_q    <= '0;
        end
      end else if (!last_row) begin
        row_q <= row_q + 1'b1;
        y_q   <= y_q + 1'b1;
      end else begin
        row_q <= '0;
        ch_q  <= last_ch ? '0 : ch_q + 1'b1;
        if (!last_ch) y_q <= y0_q;
        else if (!frame_end) begin
          y_q  <= y_q + 1'b1;
          y0_q <= y_q + 1'b1;
        end else if (EXTRA != 0) extra_q <= 1'b1;
        else begin
          y_q  <= '0;
          y0_q <= '0;
        end
      end
    end
  end
endmodule
