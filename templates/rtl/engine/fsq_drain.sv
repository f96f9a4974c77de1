// Takes the sums of a pass, requantises them in BEATS cycles, and assembles row words.
//
// Beats go through the channels of the group, the rows, and the PARTS of a row; a row word is complete with the last
// part of the last phase. Words that do not exist (past the last channel or row) are not sent.
//
// Timing, counted from the cycle t of start_i: a beat is counted at t+1, its sums are read at t+2 and chosen at t+4;
// those of pairs are complete a cycle later. Its pixels stand there LATENCY cycles after it was counted, its word a cycle
// later. The next pass starts BEATS cycles later at the earliest.
module fsq_drain #(
    parameter CHANNELS  = 1,                            // output channels of a group
    parameter ROWS      = 1,                            // rows of a group
    parameter LANES     = 8,                            // lanes per row
    parameter PARTS     = 1,                            // beats per row
    parameter UNITS     = 8,                            // requantisers: ceil(LANES / PARTS)
    parameter PHASES    = 1,                            // passes per row
    parameter WIDTH     = 8,                            // pixels of a row
    parameter ACC_BITS  = 24,                           // bits of a sum
    parameter PAIR_SHIFT = 0,                           // not 0: lanes come in pairs, see fsq_mac_array
    parameter BIAS_BITS = 24,                           // bits of a bias
    parameter PLACES    = 0,                            // binary places of a bias below those of a sum
    parameter MULTIPLY  = 0,                            // 0: sums are shifted; else multiplied: see fsq_multiply
    parameter SCALE_W   = 1,                            // bits of a scale: see fsq_requant
    parameter SUM_W     = 25,                           // bits of a sum with its bias
    parameter PRODUCT_W = 25,                           // bits of that times its scale
    parameter RIGHT     = 0,                            // places that every product moves right
    parameter TABLE_READ = 1,                           // cycles from the number of an entry of the table to the entry, 1 or 2
    parameter LATENCY   = 9,                            // cycles from the count of a beat to its pixels
    parameter OUT_BITS  = 8,                            // bits of a pixel
    parameter LIMIT_W   = 10,                           // bits of the limits, signed
    parameter SINKS     = 1,                            // ways of row words: see fsq_engine
    parameter SINK_W    = 1,                            // holds SINKS - 1
    parameter [SINKS*32-1:0] LOWS  = '0,                // limits of the pixels of each way, 32 bits, way 0 in the lowest
    parameter [SINKS*32-1:0] HIGHS = {SINKS{32'd255}},  // see LOWS
    parameter [SINKS*32-1:0] ZEROS = '0,                // zero points of these pixels
    parameter TABLES    = 0,                            // tables that pixels go through: see fsq_recode
    parameter [SINKS*32-1:0] TABLE_OF = '0,             // table of each way, 0: none
    parameter INDEX_W   = 1,                            // bits that choose an entry of a table
    parameter RECODE    = 0,                            // the tables
    parameter P_W       = 1,                            // bits of a phase
    parameter OUT_W     = 1,                            // bits of the number of an entry of the table
    parameter C_W       = 1,                            // bits of a count of channels
    parameter R_W       = 1                             // bits of a count of rows
) (
    input  logic                                    clk,           // clock
    input  logic                                    rst_n,         // synchronous reset, active low
    input  logic                                    start_i,       // the sums of a pass stand on sums_i two cycles later
    input  logic [CHANNELS*ROWS*LANES*ACC_BITS-1:0] sums_i,        // channel, then row, then lane
    // the pass, with start_i
    input  logic [                      SINK_W-1:0] sink_i,        // way of its row words
    input  logic [                         P_W-1:0] phase_i,       // its phase
    input  logic [                       OUT_W-1:0] base_i,        // its first channel in the table
    input  logic [                         C_W-1:0] channels_i,    // its channels that exist
    input  logic [                         R_W-1:0] rows_i,        // its rows that exist
    // bias and scale of a channel, TABLE_READ cycles after its number
    output logic [                       OUT_W-1:0] table_addr_o,  // entry of the table
    input  logic [           BIAS_BITS+SCALE_W-1:0] table_data_i,  // its bias in the low bits, its scale above them
    // finished row words
    output logic                                    send_o,        // a row word stands there in the next cycle
    output logic [                      SINK_W-1:0] sink_o,        // its way, with send_o
    output logic [              WIDTH*OUT_BITS-1:0] word_o         // row word: pixel 0 in the low bits
);
  localparam BEATS = CHANNELS * ROWS * PARTS;
  localparam BW = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam FW = (PARTS > 1) ? $clog2(PARTS) : 1;
  localparam LAST = LANES - (PARTS - 1) * UNITS;  // lanes of a row's last beat
  localparam PAIRED = (PAIR_SHIFT != 0) ? 1 : 0;
  localparam ADDRESS = 3 + PAIRED - TABLE_READ;  // cycles from the count of a beat to the number of its entry
  localparam C_BITS = (ACC_BITS > PAIR_SHIFT) ? ACC_BITS - PAIR_SHIFT : 1;
  localparam TABLED = (TABLES > 0) ? 1 : 0;
  localparam TABLE_W = (TABLES > 0) ? $clog2(TABLES + 1) : 1;
  genvar j, f, u;

  // ---- beats
  logic busy_q;  // there is a beat
  logic [BW-1:0] beat_q;  // its number
  logic [C_W-1:0] chan_q, chans_q;
  logic [R_W-1:0] row_q, rows_q;
  logic [FW-1:0] part_q;
  logic [OUT_W-1:0] base_q;
  logic [P_W-1:0] phase_q;
  logic [SINK_W-1:0] sink_q;
  logic odd_q;  // a lane that the beat leaves over is the upper one of a pair
  logic row_end, chan_end, over;

  assign row_end  = part_q == FW'(PARTS - 1);
  assign chan_end = row_end && (row_q == R_W'(ROWS - 1));
  assign over     = row_end ? LAST % 2 != 0 : UNITS % 2 != 0;

  always_ff @(posedge clk) begin
    if (start_i) begin
      beat_q  <= '0;
      chan_q  <= '0;
      row_q   <= '0;
      part_q  <= '0;
      odd_q   <= 1'b0;
      base_q  <= base_i;
      phase_q <= phase_i;
      sink_q  <= sink_i;
      chans_q <= channels_i;
      rows_q  <= rows_i;
    end else if (busy_q) begin
      beat_q <= beat_q + 1'b1;
      part_q <= row_end ? '0 : part_q + 1'b1;
      odd_q  <= !chan_end && (odd_q != over);
      if (row_end) row_q <= chan_end ? '0 : row_q + 1'b1;
      if (chan_end) chan_q <= chan_q + 1'b1;
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) busy_q <= 1'b0;
    else if (start_i) busy_q <= 1'b1;
    else if (beat_q == BW'(BEATS - 1)) busy_q <= 1'b0;
  end

  // ---- what travels beside the sums; stage n of a delay stands there n cycles after the beat was counted
  logic [LATENCY-1:0] beat_p, row_end_p, odd_p;
  logic exists_q;  // stage 1: the word does, and this is its last phase
  logic [LATENCY-1:1] send_p;
  logic [LATENCY*P_W-1:0] phase_p;
  logic [LATENCY*SINK_W-1:0] sink_p;
  logic [ADDRESS*OUT_W-1:0] addr_p;
  always_ff @(posedge clk) begin
    exists_q  <= (phase_q == P_W'(PHASES - 1)) && (chan_q < chans_q) && (row_q < rows_q);
    row_end_p <= {row_end_p[LATENCY-2:0], row_end};
    odd_p     <= {odd_p[LATENCY-2:0], odd_q};
    phase_p   <= {phase_p[(LATENCY-1)*P_W-1:0], phase_q};
    sink_p    <= {sink_p[(LATENCY-1)*SINK_W-1:0], sink_q};
    addr_p    <= (ADDRESS * OUT_W)'({addr_p, base_q + OUT_W'(chan_q)});
    if (!rst_n) begin
      beat_p <= '0;
      send_p <= '0;
    end else begin
      beat_p <= {beat_p[LATENCY-2:0], busy_q};
      send_p <= {send_p[LATENCY-2:1], beat_p[0] && row_end_p[0] && exists_q};
    end
  end
  assign table_addr_o = addr_p[ADDRESS*OUT_W-1-:OUT_W];
  assign send_o = send_p[LATENCY-1];
  assign sink_o = sink_p[LATENCY*SINK_W-1-:SINK_W];
  logic unused_p;  // delays that are read half-way
  assign unused_p = &{1'b0, beat_p, row_end_p, odd_p, phase_p, sink_p};

  // ---- sums in the order of the beats
  logic [BEATS*UNITS*ACC_BITS-1:0] waiting;
  logic [UNITS*ACC_BITS-1:0] head, sums;
  generate
    for (j = 0; j < CHANNELS * ROWS; j = j + 1) begin : gen_row
      for (f = 0; f < PARTS; f = f + 1) begin : gen_part
        for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
          if (f * UNITS + u < LANES) begin : gen_used
            assign waiting[((j*PARTS+f)*UNITS+u)*ACC_BITS+:ACC_BITS] = sums_i[(j*LANES+f*UNITS+u)*ACC_BITS+:ACC_BITS];
          end else begin : gen_idle
            assign waiting[((j*PARTS+f)*UNITS+u)*ACC_BITS+:ACC_BITS] = '0;
          end
        end
      end
    end
  endgenerate
  fsq_beat_sums #(
      .BEATS   (BEATS),
      .UNITS   (UNITS),
      .ACC_BITS(ACC_BITS),
      .BEAT_W  (BW)
  ) u_choice (
      .clk,
      .beat_i(beat_q),
      .sums_i(waiting),
      .sums_o(head)
  );
  generate
    if (PAIRED != 0) begin : gen_pairs
      fsq_unpair #(
          .UNITS   (UNITS),
          .LAST    (LAST),
          .ACC_BITS(ACC_BITS),
          .C_BITS  (C_BITS)
      ) u_unpair (
          .clk,
          .last_i(row_end_p[1]),
          .odd_i (odd_p[1]),
          .sums_i(head),
          .sums_o(sums)
      );
    end else begin : gen_single
      assign sums = head;
    end
  endgenerate

  // ---- the requantisers
  logic [UNITS*OUT_BITS-1:0] y;
  logic signed [LIMIT_W-1:0] low, high, zero;
  logic [TABLE_W-1:0] recode;
  generate
    for (u = 0; u < UNITS; u = u + 1) begin : gen_requant
      logic [OUT_BITS-1:0] pixel;
      fsq_requant #(
          .ACC_BITS (ACC_BITS),
          .BIAS_BITS(BIAS_BITS),
          .PLACES   (PLACES),
          .MULTIPLY (MULTIPLY),
          .SCALE_W  (SCALE_W),
          .SUM_W    (SUM_W),
          .PRODUCT_W(PRODUCT_W),
          .RIGHT    (RIGHT),
          .ADD_ZERO ((|ZEROS) ? 1 : 0),
          .OUT_BITS (OUT_BITS),
          .LIMIT_W  (LIMIT_W)
      ) u_requant (
          .clk,
          .acc_i  (sums[u*ACC_BITS+:ACC_BITS]),
          .bias_i (table_data_i[BIAS_BITS-1:0]),
          .scale_i(table_data_i[BIAS_BITS+SCALE_W-1:BIAS_BITS]),
          .zero_i (zero),
          .low_i  (low),
          .high_i (high),
          .y_o    (pixel)
      );
      if (TABLES > 0) begin : gen_table
        fsq_recode #(
            .BITS   (OUT_BITS),
            .INDEX_W(INDEX_W),
            .TABLES (TABLES),
            .TABLE_W(TABLE_W),
            .VALUES (RECODE)
        ) u_recode (
            .clk,
            .x_i    (pixel),
            .table_i(recode),
            .y_o    (y[u*OUT_BITS+:OUT_BITS])
        );
      end else begin : gen_pixel
        assign y[u*OUT_BITS+:OUT_BITS] = pixel;
      end
    end
    if (TABLES == 0) begin : gen_no_table
      logic unused_recode;
      assign unused_recode = &{1'b0, recode};
    end

    // a table is read in the last cycle before the pixels stand there, limits are compared two cycles
    // before that, zero points added still earlier
    if (SINKS > 1) begin : gen_sinks
      localparam CLIP = LATENCY - 2 - TABLED;
      integer s;
      always_ff @(posedge clk) begin
        low    <= LIMIT_W'(LOWS[0+:32]);
        high   <= LIMIT_W'(HIGHS[0+:32]);
        zero   <= LIMIT_W'(ZEROS[0+:32]);
        recode <= TABLE_W'(TABLE_OF[0+:32]);
        for (s = 1; s < SINKS; s = s + 1) begin
          if (sink_p[(CLIP-2)*SINK_W+:SINK_W] == SINK_W'(s)) begin
            low  <= LIMIT_W'(LOWS[s*32+:32]);
            high <= LIMIT_W'(HIGHS[s*32+:32]);
          end
          if (sink_p[(CLIP-3)*SINK_W+:SINK_W] == SINK_W'(s)) zero <= LIMIT_W'(ZEROS[s*32+:32]);
          if (sink_p[(LATENCY-3)*SINK_W+:SINK_W] == SINK_W'(s)) recode <= TABLE_W'(TABLE_OF[s*32+:32]);
        end
      end
    end else begin : gen_sink
      assign low    = LIMIT_W'(LOWS[0+:32]);
      assign high   = LIMIT_W'(HIGHS[0+:32]);
      assign zero   = LIMIT_W'(ZEROS[0+:32]);
      assign recode = TABLE_W'(TABLE_OF[0+:32]);
    end
  endgenerate

  fsq_row_words #(
      .WORDS (CHANNELS * ROWS),
      .PARTS (PARTS),
      .UNITS (UNITS),
      .PHASES(PHASES),
      .WIDTH (WIDTH),
      .BITS  (OUT_BITS),
      .P_W   (P_W)
  ) u_words (
      .clk,
      .rst_n,
      .beat_i (beat_p[LATENCY-2]),
      .phase_i(phase_p[(LATENCY-2)*P_W+:P_W]),
      .y_i    (y),
      .word_o
  );

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (rst_n && start_i && busy_q && beat_q != BW'(BEATS - 1)) $fatal(1, "fsq_drain %m: sums arrive before the last ones left");
  end
`endif
endmodule
