// Lanes with their drains, of any foldings, side by side: the requantisers let sums through as they are, so that row words
// are rows of sums. All have the same terms; what is told of each has 32 bits.
module drain_bench #(
    parameter COUNT = 1,                                   // cases
    parameter MOST = 64,                                   // most lanes of a channel
    parameter WIDEST = 40,                                 // most pixels of a row
    parameter [COUNT*32-1:0] CHANNELS = {COUNT{32'd1}},    // see fsq_mac_array
    parameter [COUNT*32-1:0] ROWS     = {COUNT{32'd1}},    // see fsq_mac_array
    parameter [COUNT*32-1:0] LANES    = {COUNT{32'd8}},    // see fsq_mac_array
    parameter [COUNT*32-1:0] PARTS    = {COUNT{32'd1}},    // see fsq_mac_array
    parameter [COUNT*32-1:0] UNITS    = {COUNT{32'd8}},    // see fsq_mac_array
    parameter [COUNT*32-1:0] PHASES   = {COUNT{32'd1}},    // see fsq_drain
    parameter [COUNT*32-1:0] SHIFTS   = '0                 // PAIR_SHIFT of fsq_mac_array
) (
    input  logic                       clk,        // clock
    input  logic                       rst_n,      // synchronous reset, active low
    input  logic                       issue_i,    // a term is issued
    input  logic                       first_i,    // it is the first one of its pass
    input  logic                       last_i,     // it is the last one of its pass
    input  logic                       phase_i,    // phase of its pass, where there are two
    input  logic [               31:0] weights_i,  // its weights, 8 bits for each channel
    input  logic [         MOST*8-1:0] pixels_i,   // its pixels, row after row
    output logic [          COUNT-1:0] send_o,     // a row word stands there
    output logic [COUNT*WIDEST*32-1:0] words_o     // row words: a sum of 32 bits for each pixel
);
  localparam ACC = 22;
  genvar i, x;
  logic [2*MOST*8-1:0] pixels_q;  // two cycles late, as row buffers give them
  logic [5:0] phase_q;  // four cycles late, with the sums
  always_ff @(posedge clk) begin
    pixels_q <= {pixels_q[MOST*8-1:0], pixels_i};
    phase_q  <= {phase_q[4:0], phase_i};
  end
  logic unused_bits;
  assign unused_bits = &{1'b0, weights_i, pixels_q, phase_q};
  generate
    for (i = 0; i < COUNT; i = i + 1) begin : gen_case
      localparam integer C = CHANNELS[i*32+:32];
      localparam integer R = ROWS[i*32+:32];
      localparam integer L = LANES[i*32+:32];
      localparam integer K = PHASES[i*32+:32];
      localparam integer F = PARTS[i*32+:32];
      localparam integer U = UNITS[i*32+:32];
      localparam integer S = SHIFTS[i*32+:32];
      localparam C_W = $clog2(C + 1);
      localparam R_W = $clog2(R + 1);
      logic [C*R*L*ACC-1:0] sums;
      logic [L*K*ACC-1:0] word;
      logic done, send, table_addr, sink;
      fsq_mac_array #(
          .CHANNELS  (C),
          .ROWS      (R),
          .LANES     (L),
          .PARTS     (F),
          .UNITS     (U),
          .ACC_BITS  (ACC),
          .PAIR_SHIFT(S),
          .FANOUT    (3)
      ) u_lanes (
          .clk,
          .rst_n,
          .issue_i,
          .first_i,
          .last_i,
          .replay_i (1'b0),
          .term_i   ('0),
          .weights_i(weights_i[C*8-1:0]),
          .pixels_i (pixels_q[MOST*8+:R*L*8]),
          .sums_o   (sums),
          .done_o   (done)
      );
      fsq_drain #(
          .CHANNELS  (C),
          .ROWS      (R),
          .LANES     (L),
          .PARTS     (F),
          .UNITS     (U),
          .PHASES    (K),
          .WIDTH     (L * K),
          .ACC_BITS  (ACC),
          .PAIR_SHIFT(S),
          .BIAS_BITS (1),
          .SUM_W     (ACC + 1),
          .PRODUCT_W (ACC + 1),
          .TABLE_READ(1),
          .LATENCY   ((S != 0) ? 10 : 9),
          .OUT_BITS  (ACC),
          .LIMIT_W   (ACC + 2),
          .LOWS      (-(32'd1 << (ACC - 1))),
          .HIGHS     ((32'd1 << (ACC - 1)) - 1),
          .C_W       (C_W),
          .R_W       (R_W)
      ) u_drain (
          .clk,
          .rst_n,
          .start_i     (done),
          .sums_i      (sums),
          .sink_i      (1'b0),
          .phase_i     ((K > 1) & phase_q[3]),
          .base_i      (1'b0),
          .channels_i  (C_W'(C)),
          .rows_i      (R_W'(R)),
          .table_addr_o(table_addr),
          .table_data_i(2'b0),
          .send_o      (send),
          .sink_o      (sink),
          .word_o      (word)
      );
      always_ff @(posedge clk) send_o[i] <= send;
      for (x = 0; x < WIDEST; x = x + 1) begin : gen_pixel
        if (x < L * K) begin : gen_sum
          assign words_o[(i*WIDEST+x)*32+:32] = 32'($signed(word[x*ACC+:ACC]));
        end else begin : gen_none
          assign words_o[(i*WIDEST+x)*32+:32] = '0;
        end
      end
      logic unused_outputs;
      assign unused_outputs = &{1'b0, table_addr, sink};
    end
  endgenerate
endmodule
