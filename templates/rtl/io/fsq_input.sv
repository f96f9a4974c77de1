// Line gatherer: AXI4-Stream beats of 8 bytes (pixels interleaved, row after row, the frame padded to whole beats) into
// one row word per channel. A byte becomes a pixel by a table, of its channel or of all channels, where there is one.
//
// A chunk of BYTES bytes moves in a cycle, into the upper end of a row; one in which two rows meet moves twice, once for
// each. The row, which then lies up to BEYOND bytes too high, moves down by a byte in a cycle, and its CHANNELS words are
// sent, one per cycle: every CHANNELS-th byte, behind which the row moves on by a byte. Moves of the row are a cycle behind
// those of the beat, so that a word is reserved in one cycle and pushed in the next. A beat is taken whenever there is none,
// or in the cycle in which the last of it moves.
module fsq_input #(
    parameter CHANNELS = 3,  // channels of the rows
    parameter HEIGHT   = 8,  // rows of a frame
    parameter WIDTH    = 8,  // pixels of a row
    parameter BYTES    = 1,  // bytes that move in a cycle: 1, 2, 4 or 8
    parameter BITS     = 8,  // bits of a pixel, at most 8
    parameter TABLES   = 0,  // tables: one for all channels, or one for each; 0: pixels are the bytes
    parameter ENTRIES  = 0,  // their entries, 256 bytes per table
    parameter FANOUT   = 512,  // most bits of a row that move by one register
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
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam NW = (BEATS > 1) ? $clog2(BEATS) : 1;

  localparam CHUNKS = 8 / BYTES;  // of a beat
  localparam LW = $clog2(CHUNKS + 1);
  localparam PART = ROW % BYTES;
  // rows begin at multiples of this within a chunk
  localparam GRID = (PART == 0) ? BYTES : (ROW % 4 == 0) ? 4 : (ROW % 2 == 0) ? 2 : 1;
  localparam BEYOND = BYTES - GRID;  // most bytes of a chunk behind the end of a row
  localparam SW = (BYTES > 1) ? $clog2(BYTES) : 1;
  localparam NEED_W = $clog2(ROW / BYTES + 3);

  // ---- chunks move into the row, the row moves down, its words are sent
  logic [LW-1:0] left_q, left_n;  // chunks in the beat
  logic [SW-1:0] start_q, down_q, down;  // byte of its first chunk at which the row begins; bytes that it is too high
  logic [NEED_W-1:0] need_q, need;  // chunks that it wants
  logic ready_q, fill_q, fill_n, send_q, move, ends, next, frees;
  logic last_q, last_n, shared_q, bottom_q;  // its last chunk; that is also the next row's first one; row of the frame
  logic [HW-1:0] y_q;
  logic [CW-1:0] ch_q;
  logic [NW-1:0] beat_count_q;
  logic error_q, accept, push, last_ch, last_beat_q;
  logic [COUNT_W-1:0] free;
  assign s_ready_o = ready_q;
  assign accept    = s_valid_i & ready_q;
  assign move      = fill_q && left_q != '0;
  assign ends      = move && last_q;
  assign next      = move && !(last_q && shared_q);  // the chunk is done with
  assign push      = send_q && free != '0;
  assign last_ch   = ch_q == CW'(CHANNELS - 1);
  assign left_n    = accept ? LW'(CHUNKS) : (ends && bottom_q) ? '0 : left_q - LW'(next);
  assign fill_n    = fill_q ? !ends : push && last_ch;
  assign last_n    = fill_q ? (move ? need_q == NEED_W'(2) : last_q) : need == NEED_W'(1);
  assign frees     = fill_n && (last_n ? bottom_q || (!shared_q && left_n == LW'(1)) : left_n == LW'(1));
  assign frame_error_o = error_q;
  generate
    if (BEYOND == 0) begin : gen_in_line
      assign need = NEED_W'(ROW / BYTES);
      assign down = '0;
      always_ff @(posedge clk) begin
        start_q  <= '0;
        shared_q <= 1'b0;
      end
    end else begin : gen_across
      logic [SW:0] stop;  // where the row ends, in the chunk behind its whole ones
      assign stop = (SW + 1)'(start_q) + (SW + 1)'(PART);
      assign need = NEED_W'(ROW / BYTES) + NEED_W'(stop > (SW + 1)'(BYTES) ? 2 : 1);
      assign down = SW'(BEYOND) + SW'(stop);
      always_ff @(posedge clk) begin
        if (!rst_n) start_q <= '0;
        else if (ends) start_q <= bottom_q ? '0 : SW'(stop);
        if (!rst_n) shared_q <= 1'b1;
        else if (!fill_q) shared_q <= SW'(stop) != '0;
      end
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      left_q       <= '0;
      ready_q      <= 1'b1;
      fill_q       <= 1'b1;
      need_q       <= NEED_W'((ROW + BYTES - 1) / BYTES);
      last_q       <= ROW <= BYTES;
      bottom_q     <= HEIGHT == 1;
      down_q       <= '0;
      y_q          <= '0;
      ch_q         <= '0;
      send_q       <= 1'b0;
      beat_count_q <= '0;
      last_beat_q  <= BEATS == 1;
      error_q      <= 1'b0;
    end else begin
      left_q   <= left_n;
      ready_q  <= left_n == '0 || frees;
      fill_q   <= fill_n;
      last_q   <= last_n;
      bottom_q <= y_q == HW'(HEIGHT - 1);
      if (!fill_q) need_q <= need;
      else if (move) need_q <= need_q - 1'b1;
      if (ends) y_q <= bottom_q ? '0 : y_q + 1'b1;
      if (ends) down_q <= down;
      else if (down_q != '0) down_q <= down_q - 1'b1;
      send_q <= ends ? down == '0 : ((down_q == SW'(1)) || (send_q && !(push && last_ch)));
      if (push) ch_q <= last_ch ? '0 : ch_q + 1'b1;
      if (accept) begin
        beat_count_q <= last_beat_q ? '0 : beat_count_q + 1'b1;
        last_beat_q  <= last_beat_q ? BEATS == 1 : beat_count_q == NW'(BEATS - 2);
        if (s_last_i != last_beat_q) error_q <= 1'b1;
      end
    end
  end

  logic [63:0] beat_q;
  always_ff @(posedge clk) begin
    if (accept) beat_q <= s_data_i;
    else if (next) beat_q <= beat_q >> (8 * BYTES);
  end

  // ---- pixels of bytes
  logic [BYTES*8-1:0] pixels, pixels_q;  // of the lowest bytes of the beat, a byte each
  genvar i;
  generate
    if (TABLES == 0) begin : gen_as_it_is
      assign pixels = beat_q[BYTES*8-1:0];
    end else begin : gen_tables
      localparam TW = (TABLES > 1) ? CW : 0;  // bits of the number of a table
      for (i = 0; i < BYTES; i = i + 1) begin : gen_byte
        logic [8+TW-1:0] number;
        logic [BITS-1:0] pixel;
        if (TABLES == 1) begin : gen_same
          assign number = beat_q[i*8+:8];
        end else begin : gen_channel
          logic [CW-1:0] channel_q;  // of this byte
          logic [CW:0] channel_n;
          assign channel_n = (CW + 1)'(channel_q) + (CW + 1)'(BYTES % CHANNELS);
          always_ff @(posedge clk) begin
            if (!rst_n) channel_q <= CW'(i % CHANNELS);
            else if (!fill_q) channel_q <= CW'((BYTES * CHANNELS + i - 32'(start_q)) % CHANNELS);
            else if (move)
              channel_q <= CW'((channel_n < (CW + 1)'(CHANNELS)) ? channel_n : channel_n - (CW + 1)'(CHANNELS));
          end
          assign number = {channel_q, beat_q[i*8+:8]};
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
  localparam SIZE = (ROW + BEYOND) * 8;
  localparam COPIES = (SIZE + FANOUT - 1) / FANOUT;
  logic push_q;
  logic [2*COPIES-1:0] moves;  // a copy for each FANOUT bits: the row moves; by a chunk
  logic [SIZE-1:0] row_q, row_n;
  logic [WIDTH*BITS-1:0] word;
  fsq_copies #(
      .N    (COPIES),
      .WIDTH(2)
  ) u_moves (
      .clk,
      .d_i({move, move || push || down_q != '0}),
      .q_o(moves)
  );
  always_ff @(posedge clk) begin
    pixels_q <= pixels;
    push_q   <= rst_n && push;
  end
  generate
    for (i = 0; i < COPIES; i = i + 1) begin : gen_part
      localparam FIRST = i * FANOUT;
      localparam SOME = (SIZE - FIRST < FANOUT) ? SIZE - FIRST : FANOUT;
      logic go, chunk;
      assign {chunk, go} = moves[2*i+:2];
      if (BYTES == 1) begin : gen_byte
        assign row_n[FIRST+:SOME] = SOME'({pixels_q, row_q} >> (FIRST + 8));
        logic unused_chunk;
        assign unused_chunk = &{1'b0, chunk};
      end else begin : gen_chunk
        assign row_n[FIRST+:SOME] = SOME'(chunk ? {pixels_q, row_q} >> (FIRST + 8 * BYTES) : {pixels_q, row_q} >> (FIRST + 8));
      end
      always_ff @(posedge clk) begin
        if (!rst_n) row_q[FIRST+:SOME] <= '0;  // not needed, but what can be reset is not made of LUTs used as shift registers
        else if (go) row_q[FIRST+:SOME] <= row_n[FIRST+:SOME];
      end
    end
  endgenerate
  logic unused_start;
  assign unused_start = &{1'b0, start_q};

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
      .push_i   (push_q),
      .data_i   (word),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
