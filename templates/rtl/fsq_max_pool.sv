// Max pool: reduces a row word along the row at once, keeps one output row, and combines rows, two cycles per word.
//
// Three tables tell for every input row whether a window is open above it (HAVE), whether it opens one (START) and
// whether it completes one (EMIT); a row may do all three. EXTRA sends one more output row after the last input row, for
// a window that has only that row inside the image.
module fsq_max_pool #(
    parameter CHANNELS   = 1,
    parameter HEIGHT     = 8,
    parameter WIDTH      = 8,
    parameter OUT_WIDTH  = 4,
    parameter BITS       = 8,
    parameter SIGNED     = 0,
    parameter IN_ROWS    = 1,  // rows of a group in the order of arrival
    parameter KERNEL     = 3,
    parameter STRIDE     = 2,
    parameter PAD_LEFT   = 0,
    parameter HAVE_ROWS  = {HEIGHT{1'b0}},
    parameter START_ROWS = {HEIGHT{1'b0}},
    parameter EMIT_ROWS  = {HEIGHT{1'b0}},
    parameter EXTRA      = 0,
    parameter BLOCK      = 0,
    parameter TILE_W     = 72,
    parameter DEPTH      = 4,
    parameter COUNT_W    = 3
) (
    input  logic                      clk,
    input  logic                      rst_n,
    input  logic                      in_valid_i,
    output logic                      in_ready_o,
    input  logic [    WIDTH*BITS-1:0] in_data_i,
    output logic                      out_valid_o,
    input  logic                      out_ready_i,
    output logic [OUT_WIDTH*BITS-1:0] out_data_o
);
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam OWORD = OUT_WIDTH * BITS;
  // signed pixels are compared as unsigned ones with their sign bit flipped
  localparam [BITS-1:0] FLIP = (SIGNED != 0) ? (BITS'(1) << (BITS - 1)) : '0;
  localparam [HEIGHT-1:0] HAVE = HAVE_ROWS;
  localparam [HEIGHT-1:0] START = START_ROWS;
  localparam [HEIGHT-1:0] EMIT = EMIT_ROWS;
  genvar x, n;

  logic [CW-1:0] ch_q;
  logic [IW-1:0] row_q;
  logic [HW-1:0] y_q, y0_q;
  logic combine_q;  // second cycle of a word
  logic extra_q;    // sending the extra row
  logic last_row, last_ch, frame_end, take, emit, finish, push;
  logic [COUNT_W-1:0] free;

  assign last_row   = (row_q == IW'(IN_ROWS - 1)) || frame_end;
  assign last_ch    = ch_q == CW'(CHANNELS - 1);
  assign frame_end  = y_q == HW'(HEIGHT - 1);
  assign in_ready_o = !combine_q && !extra_q;
  assign take       = in_valid_i & in_ready_o;
  assign emit       = extra_q || EMIT[y_q];
  assign finish     = combine_q && (!emit || free != '0);
  assign push       = finish && emit;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      ch_q      <= '0;
      row_q     <= '0;
      y_q       <= '0;
      y0_q      <= '0;
      combine_q <= 1'b0;
      extra_q   <= 1'b0;
    end else begin
      if (take || (extra_q && !combine_q)) combine_q <= 1'b1;
      else if (finish) combine_q <= 1'b0;
      if (finish) begin
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
  end

  logic unused_in;  // a stride may leave pixels that no window reads
  assign unused_in = &{1'b0, in_data_i};
  logic [OWORD-1:0] line, line_q, kept, emitted, stored;
  always_ff @(posedge clk) if (take) line_q <= line;

  generate
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin : gen_out
      logic [(KERNEL+1)*BITS-1:0] running;
      assign running[0+:BITS] = '0;
      for (n = 0; n < KERNEL; n = n + 1) begin : gen_tap
        localparam X = x * STRIDE + n - PAD_LEFT;
        if (X >= 0 && X < WIDTH) begin : gen_inside
          logic [BITS-1:0] pixel;
          assign pixel = in_data_i[X*BITS+:BITS] ^ FLIP;
          assign running[(n+1)*BITS+:BITS] = (pixel > running[n*BITS+:BITS]) ? pixel : running[n*BITS+:BITS];
        end else begin : gen_outside
          assign running[(n+1)*BITS+:BITS] = running[n*BITS+:BITS];
        end
      end
      assign line[x*BITS+:BITS] = running[KERNEL*BITS+:BITS];

      logic [BITS-1:0] now, above, both;
      assign now   = line_q[x*BITS+:BITS];
      assign above = kept[x*BITS+:BITS];
      assign both  = (HAVE[y_q] && above > now) ? above : now;
      assign emitted[x*BITS+:BITS] = (extra_q ? above : both) ^ FLIP;
      assign stored[x*BITS+:BITS]  = START[y_q] ? now : both;
    end
  endgenerate

  fsq_row_ram #(
      .WIDTH (OWORD),
      .DEPTH (CHANNELS),
      .ADDR_W(CW),
      .BLOCK (BLOCK),
      .TILE_W(TILE_W)
  ) u_kept (
      .clk,
      .we_i   (finish && !extra_q),
      .waddr_i(ch_q),
      .wdata_i(stored),
      .raddr_i(ch_q),
      .rdata_o(kept)
  );

  fsq_fifo #(
      .WIDTH  (OWORD),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push)),
      .free_o   (free),
      .push_i   (push),
      .data_i   (emitted),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
