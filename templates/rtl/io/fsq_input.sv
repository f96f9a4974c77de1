// Line gatherer: AXI4-Stream beats of 8 bytes (pixels interleaved, row after row, the frame padded to whole beats) into
// one row word per channel. A byte becomes a pixel by a table, of its channel or of all channels, where there is one.
//
// Moves up to BYTES bytes per cycle into a row, then sends its CHANNELS words, one per cycle: every CHANNELS-th byte of
// the row, which moves on by a byte after each word.
module fsq_input #(
    parameter CHANNELS = 3,  // channels of the rows
    parameter HEIGHT   = 8,  // rows of a frame
    parameter WIDTH    = 8,  // pixels of a row
    parameter BYTES    = 1,  // bytes that move in a cycle: 1, 2, 4 or 8
    parameter BITS     = 8,  // bits of a pixel, at most 8
    parameter TABLES   = 0,  // tables: one for all channels, or one for each; 0: pixels are the bytes
    parameter ENTRIES  = 0,  // their entries, 256 bytes per table
    parameter DEPTH    = 4,  // words of the output FIFO
    parameter COUNT_W  = 3   // bits of a count of words
) (
    input  logic               clk,            // clock
    input  logic               rst_n,          // synchronous reset, active low
    input  logic               s_valid_i,      // beat in: offered
    output logic               s_ready_o,      // beat in: taken if offered
    input  logic [       63:0] s_data_i,       // beat in: byte 0 in the low bits
    input  logic               s_last_i,       // beat in: the last one of a frame (TLAST)
    output logic               frame_error_o,  // TLAST stood elsewhere than on the last beat of a frame; stays set
    output logic               out_valid_o,    // row word out: offered
    input  logic               out_ready_i,    // row word out: taken if offered
    output logic [WIDTH*BITS-1:0] out_data_o   // row word out: pixel 0 in the low bits
);
  localparam ROW = WIDTH * CHANNELS;  // bytes of a row
  localparam BEATS = (HEIGHT * ROW + 7) / 8;
  localparam RW = $clog2(ROW + 1);
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam NW = (BEATS > 1) ? $clog2(BEATS) : 1;

  logic [63:0] beat_q;
  logic [3:0] left_q, most, step;  // bytes in the beat; bytes moved in this cycle
  logic [RW-1:0] rest_q;  // bytes that the row still wants
  logic [HW-1:0] y_q;
  logic [CW-1:0] ch_q;
  logic [NW-1:0] beat_count_q;
  logic send_q, error_q, row_end, frame_end, accept, push, last_beat;
  logic [COUNT_W-1:0] free;
  logic [BYTES*8-1:0] pixels;  // of the lowest bytes of the beat, a byte each
  logic [ROW*8-1:0] row_q;
  logic [WIDTH*BITS-1:0] word;

  assign most      = (left_q < 4'(BYTES)) ? left_q : 4'(BYTES);
  assign step      = send_q ? '0 : ((RW + 4)'(rest_q) < (RW + 4)'(most) ? 4'(rest_q) : most);
  assign row_end   = !send_q && (RW + 4)'(step) == (RW + 4)'(rest_q);
  assign frame_end = row_end && y_q == HW'(HEIGHT - 1);
  assign s_ready_o = !send_q && left_q == step;
  assign accept    = s_valid_i & s_ready_o;
  assign push      = send_q && free != '0;
  assign last_beat = beat_count_q == NW'(BEATS - 1);
  assign frame_error_o = error_q;

  // ---- pixels of bytes
  genvar i;
  generate
    if (TABLES == 0) begin : gen_as_it_is
      assign pixels = beat_q[BYTES*8-1:0];
    end else begin : gen_tables
      localparam TW = (TABLES > 1) ? CW : 0;  // bits of the number of a table
      logic [CW-1:0] first_q;  // channel of the first byte
      if (TABLES == 1) begin : gen_one
        assign first_q = '0;
        logic unused_first;
        assign unused_first = &{1'b0, first_q};
      end else begin : gen_each
        logic [CW-1:0] by;  // step modulo CHANNELS
        logic [CW:0] next;
        integer s;
        always_comb begin
          by = '0;
          for (s = 1; s <= BYTES; s = s + 1) if (step == 4'(s)) by = CW'(s % CHANNELS);
        end
        assign next = (CW + 1)'(first_q) + (CW + 1)'(by);
        always_ff @(posedge clk) begin
          if (!rst_n || row_end) first_q <= '0;
          else first_q <= CW'((next < (CW + 1)'(CHANNELS)) ? next : next - (CW + 1)'(CHANNELS));
        end
      end
      for (i = 0; i < BYTES; i = i + 1) begin : gen_byte
        logic [8+TW-1:0] number;
        logic [BITS-1:0] pixel;
        if (TABLES == 1) begin : gen_same
          assign number = beat_q[i*8+:8];
        end else begin : gen_channel
          logic [CW:0] channel;
          assign channel = (CW + 1)'(first_q) + (CW + 1)'(i % CHANNELS);
          assign number = {
            CW'((channel < (CW + 1)'(CHANNELS)) ? channel : channel - (CW + 1)'(CHANNELS)), beat_q[i*8+:8]
          };
        end
        fsq_table #(
            .IN_BITS (8 + TW),
            .OUT_BITS(BITS),
            .SLOT    (8),
            .ENTRIES ((2048 << TW)'(ENTRIES))
        ) u_table (
            .x_i(number),
            .y_o(pixel)
        );
        assign pixels[i*8+:8] = 8'(pixel);
      end
    end
  endgenerate

  // ---- rows
  generate
    if (BYTES == 1) begin : gen_byte  // a byte moves or none: no choice in front of the register
      always_ff @(posedge clk) begin
        if (!rst_n) row_q <= '0;  // not needed, but what can be reset is not made of LUTs used as shift registers
        else if (step[0] || push) row_q <= (ROW * 8)'({pixels, row_q} >> 8);
      end
    end else begin : gen_bytes
      logic [3:0] move;
      assign move = push ? 4'd1 : step;
      always_ff @(posedge clk)
        if (move != '0) row_q <= (ROW * 8)'({pixels, row_q} >> {move, 3'b000});
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (accept) beat_q <= s_data_i;
    else beat_q <= beat_q >> {step, 3'b000};
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      left_q       <= '0;
      rest_q       <= RW'(ROW);
      y_q          <= '0;
      ch_q         <= '0;
      send_q       <= 1'b0;
      beat_count_q <= '0;
      error_q      <= 1'b0;
    end else begin
      if (accept) left_q <= 4'd8;
      else left_q <= frame_end ? '0 : left_q - step;
      if (accept) begin
        beat_count_q <= last_beat ? '0 : beat_count_q + 1'b1;
        if (s_last_i != last_beat) error_q <= 1'b1;
      end
      if (row_end) begin
        rest_q <= RW'(ROW);
        y_q    <= (y_q == HW'(HEIGHT - 1)) ? '0 : y_q + 1'b1;
        send_q <= 1'b1;
      end else rest_q <= rest_q - RW'(step);
      if (push) begin
        ch_q <= (ch_q == CW'(CHANNELS - 1)) ? '0 : ch_q + 1'b1;
        if (ch_q == CW'(CHANNELS - 1)) send_q <= 1'b0;
      end
    end
  end

  genvar x;
  generate
    for (x = 0; x < WIDTH; x = x + 1) begin : gen_pixel
      assign word[x*BITS+:BITS] = row_q[x*CHANNELS*8+:BITS];
    end
  endgenerate

  fsq_fifo #(
      .WIDTH  (WIDTH * BITS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push)),
      .free_o   (free),
      .push_i   (push),
      .data_i   (word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
