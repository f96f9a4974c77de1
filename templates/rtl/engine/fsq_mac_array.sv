// The lanes of an engine: CHANNELS weights times ROWS x LANES pixels per cycle, the way of the weights to them, and the
// registers in which the sums of a pass wait for the drain.
//
// Timing, counted from the cycle t in which the sequencer issues a term: weight taken at t, pixels on pixels_i at t+READ,
// product at t+READ+2, sum at t+READ+3, on sums_o at t+READ+4. Weights of phase 0 are kept and replayed for the other
// phases of the row. What goes to all lanes comes to them from copies, each for at most FANOUT DSP slices.
//
// Where two lanes share a slice, they are neighbours in a beat of the drain, so that the sums of a pair meet there. A
// beat with an odd number of lanes leaves one over: these make pairs in the order of their beats. Within a pair the
// lower sum is complete, the upper one is not yet: see fsq_unpair.
module fsq_mac_array #(
    parameter CHANNELS = 1,    // output channels of a group
    parameter ROWS     = 1,    // rows of a group
    parameter LANES    = 8,    // lanes per row
    parameter PARTS    = 1,    // beats of the drain per row
    parameter UNITS    = 8,    // lanes of a beat: ceil(LANES / PARTS)
    parameter PHASES   = 1,    // passes per row
    parameter X_BITS   = 8,    // bits of a pixel
    parameter X_SIGNED = 0,    // 1: pixels are signed
    parameter W_BITS   = 8,    // bits of a weight
    parameter ACC_BITS = 24,   // bits of a sum
    parameter PAIR_SHIFT = 0,  // not 0: two lanes share a DSP, their pixels so many bits apart
    parameter TERMS    = 9,    // most terms of a sum
    parameter N_W      = 4,    // bits of the number of a term within its sum
    parameter READ     = 2,    // cycles from the issue of a term to its pixels
    parameter FANOUT   = 8     // DSP slices that share a copy of a weight and of what goes to all lanes
) (
    input  logic                                    clk,        // clock
    input  logic                                    rst_n,      // synchronous reset, active low
    input  logic                                    issue_i,    // a term is issued
    input  logic                                    first_i,    // it is the first term of its pass
    input  logic                                    last_i,     // it is the last term of its pass
    input  logic                                    replay_i,   // not phase 0: weights come from the replay memory
    input  logic [                         N_W-1:0] term_i,     // number of the term within its sum
    input  logic [             CHANNELS*W_BITS-1:0] weights_i,  // its weights, channel 0 in the low bits
    input  logic [           ROWS*LANES*X_BITS-1:0] pixels_i,   // its pixels, READ cycles later: row, then lane
    output logic [CHANNELS*ROWS*LANES*ACC_BITS-1:0] sums_o,     // channel, then row, then lane
    output logic                                    done_o      // the sums of a pass stand on sums_o two cycles later
);
  localparam UW = CHANNELS * W_BITS;

  logic [UW-1:0] weights, weights_q;
  logic [READ:0] issue_q;
  logic [READ-1:0] first_q;
  logic [READ+1:0] last_q;

  generate
    if (PHASES > 1) begin : gen_replay
      logic [UW-1:0] kept;
      fsq_ram_lut #(
          .WIDTH (UW),
          .DEPTH (TERMS),
          .ADDR_W(N_W)
      ) u_replay (
          .clk,
          .we_i   (issue_i & ~replay_i),
          .waddr_i(term_i),
          .wdata_i(weights_i),
          .raddr_i(term_i),
          .rdata_o(kept)
      );
      assign weights = replay_i ? kept : weights_i;
    end else begin : gen_direct
      assign weights = weights_i;
      logic unused_direct;
      assign unused_direct = &{1'b0, replay_i, term_i};
    end
    // the last two of the READ + 1 registers of a weight are its copies and those of the slices
    if (READ > 1) begin : gen_delay
      localparam DELAY_W = (READ - 1) * UW;
      logic [DELAY_W-1:0] delay_q;
      always_ff @(posedge clk) delay_q <= DELAY_W'({delay_q, weights});
      assign weights_q = delay_q[DELAY_W-1-:UW];
    end else begin : gen_no_delay
      assign weights_q = weights;
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      issue_q <= '0;
      first_q <= '0;
      last_q  <= '0;
    end else begin
      issue_q <= {issue_q[READ-1:0], issue_i};
      first_q <= READ'({first_q, issue_i & first_i});
      last_q  <= {last_q[READ:0], issue_i & last_i};
    end
  end
  assign done_o = last_q[READ+1];

  // ---- lanes in the order of the slices
  localparam PAIRED = (PAIR_SHIFT != 0) ? 1 : 0;
  localparam PAIRS = (PAIRED != 0) ? ROWS * LANES / 2 : 0;
  localparam SLICES = ROWS * LANES - PAIRS;
  localparam HALF = UNITS / 2;
  localparam LAST = LANES - (PARTS - 1) * UNITS;  // lanes of a row's last beat
  localparam ROW_PAIRS = (PARTS - 1) * HALF + LAST / 2;  // pairs within the beats of a row
  localparam ROW_ODD = (PARTS - 1) * (UNITS % 2) + LAST % 2;  // lanes that they leave over
  function automatic integer place(input integer number);
    integer row, rest, part;
    begin
      if (PAIRED == 0) place = number;
      else if (number < 2 * ROWS * ROW_PAIRS) begin
        row   = number / 2 / ROW_PAIRS;
        rest  = number / 2 % ROW_PAIRS;
        part  = rest / HALF;
        place = row * LANES + part * UNITS + 2 * (rest % HALF) + number % 2;
      end else begin
        row   = (number - 2 * ROWS * ROW_PAIRS) / ROW_ODD;
        rest  = (number - 2 * ROWS * ROW_PAIRS) % ROW_ODD;
        part  = (UNITS % 2 != 0) ? rest : PARTS - 1;
        place = row * LANES + part * UNITS + ((part == PARTS - 1) ? LAST : UNITS) - 1;
      end
    end
  endfunction

  // ---- copies
  localparam COPIES = (SLICES + FANOUT - 1) / FANOUT;  // for the slices of a channel
  localparam SHARE = (SLICES + COPIES - 1) / COPIES;  // slices of a copy
  logic [CHANNELS*COPIES-1:0] enable, first, done;
  logic [CHANNELS*COPIES*W_BITS-1:0] w_q;  // in the registers of the slices
  logic [CHANNELS*COPIES-1:0] negative_q;  // sign of the weight in the term added last
  genvar c, g, p;
  generate
    for (c = 0; c < CHANNELS; c = c + 1) begin : gen_weight
      for (g = 0; g < COPIES; g = g + 1) begin : gen_copy
        localparam N = c * COPIES + g;
        logic [W_BITS-1:0] w;
        fsq_copy #(
            .WIDTH(W_BITS + 3)
        ) u_copy (
            .clk,
            .d_i({weights_q[c*W_BITS+:W_BITS], first_q[READ-1], issue_q[READ], last_q[READ+1]}),
            .q_o({w, first[N], enable[N], done[N]})
        );
        logic sign_q;  // of the weight in the product register
        always_ff @(posedge clk) begin
          w_q[N*W_BITS+:W_BITS] <= w;
          sign_q <= w_q[(N+1)*W_BITS-1];
          if (enable[N]) negative_q[N] <= sign_q;
        end
      end
    end
    if (PAIRS == 0) begin : gen_no_pairs
      logic unused_sign;
      assign unused_sign = &{1'b0, negative_q};
    end
  endgenerate

  // ---- slices
  localparam XP = 2 * X_BITS + X_SIGNED;  // bits of a pair: see fsq_mac_pair
  generate
    for (p = 0; p < SLICES; p = p + 1) begin : gen_slice
      localparam G = p / SHARE;
      localparam LOW = (p < PAIRS) ? place(2 * p) : place(p + PAIRS);
      if (p < PAIRS) begin : gen_pair
        localparam HIGH = place(2 * p + 1);
        logic [X_BITS-1:0] x0, x1;
        logic [XP-1:0] pixels_q;
        logic x_negative_q;  // sign of x0 in the term added last
        assign x0 = pixels_i[LOW*X_BITS+:X_BITS];
        assign x1 = pixels_i[HIGH*X_BITS+:X_BITS];
        if (X_SIGNED != 0) begin : gen_signed
          logic sign_q;  // of x0 in the product register
          always_ff @(posedge clk) begin
            pixels_q <= {{x1[X_BITS-1], x1} + {(X_BITS + 1) {x0[X_BITS-1]}}, x0};
            sign_q <= pixels_q[X_BITS-1];
            if (enable[G]) x_negative_q <= sign_q;
          end
        end else begin : gen_unsigned
          always_ff @(posedge clk) pixels_q <= {x1, x0};
          assign x_negative_q = 1'b0;
        end
        for (c = 0; c < CHANNELS; c = c + 1) begin : gen_channel
          localparam N = c * COPIES + G;
          logic [2*ACC_BITS-1:0] acc;
          fsq_mac_pair #(
              .X_BITS  (X_BITS),
              .X_SIGNED(X_SIGNED),
              .W_BITS  (W_BITS),
              .ACC_BITS(ACC_BITS),
              .SHIFT   (PAIR_SHIFT)
          ) u_pair (
              .clk,
              .x_i       (pixels_q),
              .w_i       (w_q[N*W_BITS+:W_BITS]),
              .acc_en_i  (enable[N]),
              .first_i   (first[N]),
              .negative_i(negative_q[N] ^ x_negative_q),
              .acc_o     (acc)
          );
          always_ff @(posedge clk) begin
            if (done[N]) begin
              sums_o[(c*ROWS*LANES+LOW)*ACC_BITS+:ACC_BITS]  <= acc[ACC_BITS-1:0];
              sums_o[(c*ROWS*LANES+HIGH)*ACC_BITS+:ACC_BITS] <= acc[2*ACC_BITS-1:ACC_BITS];
            end
          end
        end
      end else begin : gen_lane
        logic [X_BITS-1:0] pixel_q;
        always_ff @(posedge clk) pixel_q <= pixels_i[LOW*X_BITS+:X_BITS];
        for (c = 0; c < CHANNELS; c = c + 1) begin : gen_channel
          localparam N = c * COPIES + G;
          logic [ACC_BITS-1:0] acc;
          fsq_mac_lane #(
              .X_BITS  (X_BITS),
              .X_SIGNED(X_SIGNED),
              .W_BITS  (W_BITS),
              .ACC_BITS(ACC_BITS)
          ) u_lane (
              .clk,
              .x_i     (pixel_q),
              .w_i     (w_q[N*W_BITS+:W_BITS]),
              .acc_en_i(enable[N]),
              .first_i (first[N]),
              .acc_o   (acc)
          );
          always_ff @(posedge clk) if (done[N]) sums_o[(c*ROWS*LANES+LOW)*ACC_BITS+:ACC_BITS] <= acc;
        end
      end
    end
  endgenerate
endmodule
