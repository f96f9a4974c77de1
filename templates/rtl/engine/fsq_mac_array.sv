// The lanes of an engine: CHANNELS weights times ROWS x LANES pixels per cycle, and the way of the weights to them.
//
// Timing, counted from the cycle t in which the sequencer issues a term: weight taken at t, pixels on pixels_i at t+READ,
// product at t+READ+2, sum at t+READ+3. Weights of phase 0 are kept and replayed for the other phases of the row.
module fsq_mac_array #(
    parameter CHANNELS = 1,    // output channels of a group
    parameter ROWS     = 1,    // rows of a group
    parameter LANES    = 8,    // lanes per row
    parameter PHASES   = 1,    // passes per row
    parameter X_BITS   = 8,    // bits of a pixel
    parameter X_SIGNED = 0,    // 1: pixels are signed
    parameter W_BITS   = 8,    // bits of a weight
    parameter ACC_BITS = 24,   // bits of a sum
    parameter PAIR_SHIFT = 0,  // not 0: two lanes share a DSP, their pixels so many bits apart
    parameter TERMS    = 9,    // most terms of a sum
    parameter N_W      = 4,    // bits of the number of a term within its sum
    parameter READ     = 2     // cycles from the issue of a term to its pixels
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
    output logic [CHANNELS*ROWS*LANES*ACC_BITS-1:0] acc_o,      // channel, then row, then lane
    output logic                                    done_o      // the sums of a pass stand on acc_o
);
  localparam UW = CHANNELS * W_BITS;

  logic [UW-1:0] weights, w_q;
  logic [(READ+1)*UW-1:0] weights_q;
  logic [READ+2:0] issue_q, first_q, last_q;
  logic acc_en, acc_first;

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
  endgenerate

  always_ff @(posedge clk) weights_q <= {weights_q[READ*UW-1:0], weights};
  assign w_q = weights_q[READ*UW+:UW];

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      issue_q <= '0;
      first_q <= '0;
      last_q  <= '0;
    end else begin
      issue_q <= {issue_q[READ+1:0], issue_i};
      first_q <= {first_q[READ+1:0], issue_i & first_i};
      last_q  <= {last_q[READ+1:0], issue_i & last_i};
    end
  end
  assign acc_en = issue_q[READ+1];
  assign acc_first = first_q[READ+1];
  assign done_o = last_q[READ+2];
  logic unused_q;
  assign unused_q = &{1'b0, issue_q[READ+2], first_q[READ+2]};

  // two pixels of a channel share a weight; the last one of an odd number is alone
  localparam PAIRS = (PAIR_SHIFT != 0) ? ROWS * LANES / 2 : 0;
  localparam ALONE = ROWS * LANES - 2 * PAIRS;
  localparam XP = 2 * X_BITS + X_SIGNED;  // bits of a pair: see fsq_mac_pair
  genvar c, p;
  generate
    if (ALONE != 0) begin : gen_alone
      logic [ALONE*X_BITS-1:0] pixels_q;
      always_ff @(posedge clk) pixels_q <= pixels_i[ROWS*LANES*X_BITS-1-:ALONE*X_BITS];
    end
    for (p = 0; p < PAIRS; p = p + 1) begin : gen_packed
      logic [XP-1:0] pixels_q;
      logic negative_q;  // sign of x0 in the term added last
      if (X_SIGNED != 0) begin : gen_signed
        logic [X_BITS-1:0] x0, x1;
        logic sign_q;  // of x0 in the product register
        assign {x1, x0} = pixels_i[2*p*X_BITS+:2*X_BITS];
        always_ff @(posedge clk) begin
          pixels_q <= {{x1[X_BITS-1], x1} + {(X_BITS + 1) {x0[X_BITS-1]}}, x0};
          sign_q <= pixels_q[X_BITS-1];
          if (acc_en) negative_q <= sign_q;
        end
      end else begin : gen_unsigned
        always_ff @(posedge clk) pixels_q <= pixels_i[2*p*X_BITS+:2*X_BITS];
        assign negative_q = 1'b0;
      end
    end
    for (c = 0; c < CHANNELS; c = c + 1) begin : gen_channel
      if (PAIRS != 0) begin : gen_pairs
        // sign of the weight in the product register, and of the term added last
        logic sign_q, negative_q;
        always_ff @(posedge clk) begin
          sign_q <= w_q[(c+1)*W_BITS-1];
          if (acc_en) negative_q <= sign_q;
        end
        for (p = 0; p < PAIRS; p = p + 1) begin : gen_pair
          fsq_mac_pair #(
              .X_BITS  (X_BITS),
              .X_SIGNED(X_SIGNED),
              .W_BITS  (W_BITS),
              .ACC_BITS(ACC_BITS),
              .SHIFT   (PAIR_SHIFT)
          ) u_pair (
              .clk,
              .x_i        (gen_packed[p].pixels_q),
              .w_i        (w_q[c*W_BITS+:W_BITS]),
              .acc_en_i   (acc_en),
              .acc_first_i(acc_first),
              .negative_i (negative_q ^ gen_packed[p].negative_q),
              .acc_o      (acc_o[(c*ROWS*LANES+2*p)*ACC_BITS+:2*ACC_BITS])
          );
        end
      end
      for (p = 2 * PAIRS; p < ROWS * LANES; p = p + 1) begin : gen_lane
        fsq_mac_lane #(
            .X_BITS  (X_BITS),
            .X_SIGNED(X_SIGNED),
            .W_BITS  (W_BITS),
            .ACC_BITS(ACC_BITS)
        ) u_lane (
            .clk,
            .x_i        (gen_alone.pixels_q[(p-2*PAIRS)*X_BITS+:X_BITS]),
            .w_i        (w_q[c*W_BITS+:W_BITS]),
            .acc_en_i   (acc_en),
            .acc_first_i(acc_first),
            .acc_o      (acc_o[(c*ROWS*LANES+p)*ACC_BITS+:ACC_BITS])
        );
      end
    end
  endgenerate
endmodule
