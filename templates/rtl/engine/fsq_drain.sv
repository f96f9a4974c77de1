// Takes the sums of a pass, requantises them in BEATS cycles, and assembles row words.
//
// Beats go through the channels of the group, the rows, and the PARTS of a row; a row word is complete with the last
// part of the last phase. A word leaves LATENCY + 1 cycles after the sums of its pass stand there, plus its beat. Words that do not exist (past the last channel or row) are not sent.
module fsq_drain #(
    parameter CHANNELS  = 1,                            // output channels of a group
    parameter ROWS      = 1,                            // rows of a group
    parameter LANES     = 8,                            // lanes per row
    parameter PARTS     = 1,                            // beats per row
    parameter UNITS     = 8,                            // requantisers: ceil(LANES / PARTS)
    parameter PHASES    = 1,                            // passes per row
    parameter WIDTH     = 8,                            // pixels of a row
    parameter ACC_BITS  = 24,                           // bits of a sum
    parameter BIAS_BITS = 24,                           // bits of a bias
    parameter PLACES    = 0,                            // binary places of a bias below those of a sum
    parameter MULTIPLY  = 0,                            // 0: sums are shifted; else multiplied: see fsq_multiply
    parameter SCALE_W   = 1,                            // bits of a scale: see fsq_requant
    parameter SUM_W     = 25,                           // bits of a sum with its bias
    parameter PRODUCT_W = 25,                           // bits of that times its scale
    parameter RIGHT     = 0,                            // places that every product moves right
    parameter LATENCY   = 6,                            // cycles of a requantiser, with the register of its sum and its table
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
    input  logic                                    done_i,        // the sums of a pass stand on acc_i
    input  logic [CHANNELS*ROWS*LANES*ACC_BITS-1:0] acc_i,         // channel, then row, then lane
    // the pass, with done_i
    input  logic [                      SINK_W-1:0] sink_i,        // way of its row words
    input  logic [                         P_W-1:0] phase_i,       // its phase
    input  logic [                       OUT_W-1:0] base_i,        // its first channel in the table
    input  logic [                         C_W-1:0] channels_i,    // its channels that exist
    input  logic [                         R_W-1:0] rows_i,        // its rows that exist
    // bias and scale of a channel, two cycles after its number
    output logic [                       OUT_W-1:0] table_addr_o,  // entry of the table
    input  logic [           BIAS_BITS+SCALE_W-1:0] table_data_i,  // its bias in the low bits, its scale above them
    // finished row words
    output logic                                    push_o,        // a row word leaves
    output logic [                      SINK_W-1:0] sink_o,        // its way
    output logic [              WIDTH*OUT_BITS-1:0] word_o         // row word: pixel 0 in the low bits
);
  localparam BEATS = CHANNELS * ROWS * PARTS;
  localparam TW = $clog2(BEATS + 1);
  localparam BW = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam FW = (PARTS > 1) ? $clog2(PARTS) : 1;
  localparam ENTRY = UNITS * ACC_BITS;
  localparam TABLED = (TABLES > 0) ? 1 : 0;
  localparam TABLE_W = (TABLES > 0) ? $clog2(TABLES + 1) : 1;
  genvar j, f, u;

  // ---- sums in the order of the beats: they wait in registers, a multiplexer takes those of a beat
  logic [BEATS*ENTRY-1:0] loaded, shadow_q;
  logic [ENTRY-1:0] head;
  generate
    for (j = 0; j < CHANNELS * ROWS; j = j + 1) begin : gen_row
      for (f = 0; f < PARTS; f = f + 1) begin : gen_part
        for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
          if (f * UNITS + u < LANES) begin : gen_used
            assign loaded[((j*PARTS+f)*UNITS+u)*ACC_BITS+:ACC_BITS] =
                acc_i[(j*LANES+f*UNITS+u)*ACC_BITS+:ACC_BITS];
          end else begin : gen_idle
            assign loaded[((j*PARTS+f)*UNITS+u)*ACC_BITS+:ACC_BITS] = '0;
          end
        end
      end
    end
  endgenerate

  logic [TW-1:0] left_q;  // beats to go
  logic [BW-1:0] beat_q;  // beats done
  logic [C_W-1:0] chan_q, chans_q;
  logic [R_W-1:0] row_q, rows_q;
  logic [FW-1:0] part_q;
  logic [OUT_W-1:0] base_q;
  logic [P_W-1:0] phase_q;
  logic beat, row_end, chan_end;

  assign beat         = left_q != '0;
  assign row_end      = part_q == FW'(PARTS - 1);
  assign chan_end     = row_end && (row_q == R_W'(ROWS - 1));
  assign table_addr_o = base_q + OUT_W'(chan_q);

  always_ff @(posedge clk) begin
    if (done_i) begin
      shadow_q  <= loaded;
      beat_q    <= '0;
      chan_q    <= '0;
      row_q     <= '0;
      part_q    <= '0;
      base_q    <= base_i;
      phase_q   <= phase_i;
      chans_q   <= channels_i;
      rows_q    <= rows_i;
    end else if (beat) begin
      beat_q   <= beat_q + 1'b1;
      part_q   <= row_end ? '0 : part_q + 1'b1;
      if (row_end) row_q <= chan_end ? '0 : row_q + 1'b1;
      if (chan_end) chan_q <= chan_q + 1'b1;
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) left_q <= '0;
    else if (done_i) left_q <= TW'(BEATS);
    else if (beat) left_q <= left_q - 1'b1;
  end

  fsq_mux #(
      .N    (BEATS),
      .WIDTH(ENTRY),
      .SEL_W(BW)
  ) u_head (
      .data_i  (shadow_q),
      .select_i(beat_q),
      .data_o  (head)
  );

  // ---- the requantisers
  logic [ENTRY-1:0] head_q1, head_q;  // a sum waits for its entry of the table
  logic [UNITS*OUT_BITS-1:0] y;
  logic signed [LIMIT_W-1:0] low, high, zero;
  logic [TABLE_W-1:0] recode;
  always_ff @(posedge clk) begin
    head_q1 <= head;
    head_q  <= head_q1;
  end

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
          .acc_i  (head_q[u*ACC_BITS+:ACC_BITS]),
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
  endgenerate

  // ---- what travels beside them: is there a beat, does it end a word, where does it belong
  localparam IDX_W = $clog2(CHANNELS * ROWS + 1);
  logic [LATENCY-1:0] beat_p, send_p;
  logic [LATENCY*FW-1:0] part_p;
  logic [LATENCY*P_W-1:0] phase_p;
  logic [LATENCY*IDX_W-1:0] index_p;
  logic [IDX_W-1:0] index_q;
  logic send;
  assign send = beat && row_end && (phase_q == P_W'(PHASES - 1)) && (chan_q < chans_q) && (row_q < rows_q);
  always_ff @(posedge clk) begin
    if (done_i) index_q <= '0;
    else if (beat && row_end) index_q <= index_q + 1'b1;
  end
  always_ff @(posedge clk) begin
    part_p    <= {part_p[(LATENCY-1)*FW-1:0], part_q};
    phase_p   <= {phase_p[(LATENCY-1)*P_W-1:0], phase_q};
    index_p   <= {index_p[(LATENCY-1)*IDX_W-1:0], index_q};
    if (!rst_n) begin
      beat_p <= '0;
      send_p <= '0;
    end else begin
      beat_p <= {beat_p[LATENCY-2:0], beat};
      send_p <= {send_p[LATENCY-2:0], send};
    end
  end

  generate
    if (SINKS > 1) begin : gen_sinks
      logic [SINK_W-1:0] sink_q;
      logic [LATENCY*SINK_W-1:0] sink_p;
      integer s;
      always_ff @(posedge clk) begin
        if (done_i) sink_q <= sink_i;
        sink_p <= {sink_p[(LATENCY-1)*SINK_W-1:0], sink_q};
      end
      // a table is read one cycle before the values leave, the limits are compared before that, zero points are added still earlier
      always_comb begin
        low    = LIMIT_W'(LOWS[0+:32]);
        high   = LIMIT_W'(HIGHS[0+:32]);
        zero   = LIMIT_W'(ZEROS[0+:32]);
        recode = TABLE_W'(TABLE_OF[0+:32]);
        for (s = 1; s < SINKS; s = s + 1) begin
          if (sink_p[(LATENCY-2-TABLED)*SINK_W+:SINK_W] == SINK_W'(s)) begin
            low  = LIMIT_W'(LOWS[s*32+:32]);
            high = LIMIT_W'(HIGHS[s*32+:32]);
          end
          if (sink_p[(LATENCY-3-TABLED)*SINK_W+:SINK_W] == SINK_W'(s)) zero = LIMIT_W'(ZEROS[s*32+:32]);
          if (sink_p[(LATENCY-2)*SINK_W+:SINK_W] == SINK_W'(s)) recode = TABLE_W'(TABLE_OF[s*32+:32]);
        end
      end
      assign sink_o = sink_p[(LATENCY-1)*SINK_W+:SINK_W];
    end else begin : gen_sink
      assign low    = LIMIT_W'(LOWS[0+:32]);
      assign high   = LIMIT_W'(HIGHS[0+:32]);
      assign zero   = LIMIT_W'(ZEROS[0+:32]);
      assign recode = TABLE_W'(TABLE_OF[0+:32]);
      assign sink_o = '0;
      logic unused_sink;
      assign unused_sink = &{1'b0, sink_i};
    end
  endgenerate

  // ---- row words: pixel x belongs to lane x / PHASES in phase x mod PHASES
  localparam WORD = WIDTH * OUT_BITS;
  localparam WORDS = (PHASES > 1) ? CHANNELS * ROWS : 1;  // words that wait for further phases
  logic [FW-1:0] part;
  logic [P_W-1:0] phase;
  logic [IDX_W-1:0] index;
  assign part  = part_p[LATENCY*FW-1-:FW];
  assign phase = phase_p[LATENCY*P_W-1-:P_W];
  assign index = (PHASES > 1) ? index_p[LATENCY*IDX_W-1-:IDX_W] : '0;

  generate
    if (PHASES == 1 && PARTS == 1) begin : gen_whole
      assign word_o = y[WORD-1:0];
      logic unused_whole;
      assign unused_whole = &{1'b0, part, phase, index, beat_p[LATENCY-1]};
    end else begin : gen_assemble
      logic [PHASES-1:0] in_phase;
      logic [PARTS-1:0] in_part;
      logic [WORDS-1:0] in_word;
      for (j = 0; j < PHASES; j = j + 1) begin : gen_phase
        assign in_phase[j] = phase == P_W'(j);
      end
      for (j = 0; j < PARTS; j = j + 1) begin : gen_part
        assign in_part[j] = part == FW'(j);
      end
      for (j = 0; j < WORDS; j = j + 1) begin : gen_word
        assign in_word[j] = beat_p[LATENCY-1] && index == IDX_W'(j);
      end
      localparam SEL_W = (WORDS > 1) ? $clog2(WORDS) : 1;
      logic [WORDS*WORD-1:0] kept_q;
      logic [WORD-1:0] kept;
      assign kept = kept_q[SEL_W'(index)*WORD+:WORD];
      logic unused_kept;  // pixels that come with the last beat of a word are not kept
      assign unused_kept = &{1'b0, kept};
      for (u = 0; u < WIDTH; u = u + 1) begin : gen_pixel
        localparam LANE = u / PHASES;
        localparam PHASE = u % PHASES;
        logic [OUT_BITS-1:0] now;
        assign now = y[(LANE%UNITS)*OUT_BITS+:OUT_BITS];
        for (j = 0; j < WORDS; j = j + 1) begin : gen_kept
          always_ff @(posedge clk)
            if (in_word[j] && in_phase[PHASE] && in_part[LANE/UNITS]) kept_q[j*WORD+u*OUT_BITS+:OUT_BITS] <= now;
        end
        if (PHASE == PHASES - 1 && LANE / UNITS == PARTS - 1) begin : gen_last
          assign word_o[u*OUT_BITS+:OUT_BITS] = now;
        end else begin : gen_early
          assign word_o[u*OUT_BITS+:OUT_BITS] = kept[u*OUT_BITS+:OUT_BITS];
        end
      end
    end
  endgenerate
  assign push_o = send_p[LATENCY-1];

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (rst_n && done_i && left_q != '0 && left_q != TW'(1)) $fatal(1, "fsq_drain %m: sums arrive before the last ones left");
  end
`endif
endmodule
