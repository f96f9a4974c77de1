// Reads the parameter memory of an engine in order and serves one weight unit (one weight per output channel of a
// group) per cycle. The last group of a stage may have fewer channels; its units are as much shorter, and the weights
// of channels that do not exist are whatever lies behind them.
//
// The memory holds segments, each starting at a word: one segment per engine, or squeeze then expand for a Fire
// module. Within a segment the units are packed without gaps across words; a gearbox cuts them out. The last word of a
// segment ends with zeros, which do not enter the gearbox. The word after a segment is known in advance, so that no
// cycle is lost.
module fsq_weight_stream #(
    parameter CHANNELS = 1,   // weights of a unit
    parameter W_BITS   = 8,
    parameter C_W      = 1,   // bits that hold 1..CHANNELS
    parameter S_REST   = CHANNELS,  // channels of the last group: squeeze,
    parameter A_REST   = CHANNELS,  // expand1x1 or the only stage,
    parameter B_REST   = CHANNELS,  // expand3x3
    parameter WORD_W   = 36,  // bits of a memory word, at least those of a unit
    parameter ADDR_W   = 10,
    parameter FIRE     = 0,   // 1: squeeze and expand segments take turns
    parameter GROUPS   = 1,   // row groups of a frame (Fire only)
    parameter S_WORDS  = 0,   // words of the squeeze segment
    parameter S_PAD    = 0,   // unused bits of its last word
    parameter E_WORDS  = 1,   // words of the expand (or only) segment
    parameter E_PAD    = 0
) (
    input  logic              clk,
    input  logic              rst_n,
    output logic [ADDR_W-1:0] rom_addr_o,
    input  logic [WORD_W-1:0] rom_data_i,   // two cycles after its address
    output logic              valid_o,
    output logic [CHANNELS*W_BITS-1:0] unit_o,
    input  logic              take_i,       // consume the unit
    input  logic [   C_W-1:0] channels_i    // channels of the group: CHANNELS, or those of a last group
);
  localparam UNIT_W = CHANNELS * W_BITS;
  localparam QUEUE = 4;
  localparam BUF_W = WORD_W + UNIT_W;
  localparam FILL_W = $clog2(BUF_W + 1) + 1;
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;

  // ---- addresses: walk the segments in the order in which the engine uses them
  logic [ADDR_W-1:0] addr_q;
  logic end_s, end_e;
  logic [2:0] credit_q;  // words that may still be requested
  logic request, arrive_q1, arrive_q2;
  logic unload;

  assign request    = credit_q != '0;
  assign rom_addr_o = addr_q;
  assign end_e      = addr_q == ADDR_W'(S_WORDS + E_WORDS - 1);

  generate
    if (FIRE != 0) begin : gen_fire
      logic [GW-1:0] squeeze_q, expand_q;  // next row group of either kind
      logic squeeze_done;  // every row group of the frame was squeezed
      logic done_q;
      assign end_s = addr_q == ADDR_W'(S_WORDS - 1);
      assign squeeze_done = done_q;
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          addr_q    <= '0;
          squeeze_q <= '0;
          expand_q  <= '0;
          done_q    <= 1'b0;
        end else if (request) begin
          addr_q <= addr_q + 1'b1;
          if (end_s) begin
            squeeze_q <= (squeeze_q == GW'(GROUPS - 1)) ? '0 : squeeze_q + 1'b1;
            done_q    <= squeeze_q == GW'(GROUPS - 1);
            // The squeeze runs one row group ahead: the first group of a frame is followed by the second.
            if (GROUPS > 1 && squeeze_q == '0) addr_q <= '0;
          end
          if (end_e) begin
            expand_q <= (expand_q == GW'(GROUPS - 1)) ? '0 : expand_q + 1'b1;
            if (expand_q == GW'(GROUPS - 1)) begin
              done_q <= 1'b0;
              addr_q <= '0;
            end else addr_q <= squeeze_done ? ADDR_W'(S_WORDS) : '0;
          end
        end
      end
    end else begin : gen_conv
      assign end_s = 1'b0;
      always_ff @(posedge clk) begin
        if (!rst_n) addr_q <= '0;
        else if (request) addr_q <= end_e ? '0 : addr_q + 1'b1;
      end
    end
  endgenerate

  // ---- a short queue hides the two cycles of the memory
  logic [WORD_W+1:0] queue_q[0:QUEUE-1];  // above the word: does it end a segment, and which one
  logic [1:0] ends_q1, ends_q2;
  logic [1:0] wr_q, rd_q;
  logic [2:0] count_q;
  always_ff @(posedge clk) if (arrive_q2) queue_q[wr_q] <= {ends_q2, rom_data_i};
  always_ff @(posedge clk) begin
    ends_q1 <= {end_e, end_s};
    ends_q2 <= ends_q1;
  end
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      arrive_q1 <= 1'b0;
      arrive_q2 <= 1'b0;
      wr_q      <= '0;
      rd_q      <= '0;
      count_q   <= '0;
      credit_q  <= 3'(QUEUE);
    end else begin
      arrive_q1 <= request;
      arrive_q2 <= arrive_q1;
      wr_q      <= wr_q + 2'(arrive_q2);
      rd_q      <= rd_q + 2'(unload);
      count_q   <= count_q + 3'(arrive_q2) - 3'(unload);
      credit_q  <= credit_q - 3'(request) + 3'(unload);
    end
  end

  // ---- gearbox: words in, units out
  logic [BUF_W-1:0] buf_q, buf_left;
  logic [FILL_W-1:0] fill_q, fill_left, taken, loaded;
  logic [WORD_W-1:0] word;
  logic word_end_e, word_end_s;

  assign {word_end_e, word_end_s, word} = queue_q[rd_q];
  assign valid_o = fill_q >= taken;
  assign unit_o  = buf_q[UNIT_W-1:0];

  // few sizes of a unit occur: a choice between constant shifts
  always_comb begin
    taken    = FILL_W'(UNIT_W);
    buf_left = buf_q >> UNIT_W;
    if (channels_i == C_W'(A_REST)) begin
      taken    = FILL_W'(A_REST * W_BITS);
      buf_left = buf_q >> (A_REST * W_BITS);
    end
    if (FIRE != 0 && channels_i == C_W'(B_REST)) begin
      taken    = FILL_W'(B_REST * W_BITS);
      buf_left = buf_q >> (B_REST * W_BITS);
    end
    if (FIRE != 0 && channels_i == C_W'(S_REST)) begin
      taken    = FILL_W'(S_REST * W_BITS);
      buf_left = buf_q >> (S_REST * W_BITS);
    end
    fill_left = fill_q - taken;
    if (!take_i) begin
      buf_left  = buf_q;
      fill_left = fill_q;
    end
    unload = (count_q != '0) && (fill_left <= FILL_W'(UNIT_W));
    loaded = FILL_W'(WORD_W);
    if (word_end_e) loaded = FILL_W'(WORD_W - E_PAD);
    if (word_end_s) loaded = FILL_W'(WORD_W - S_PAD);
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      buf_q  <= '0;
      fill_q <= '0;
    end else begin
      fill_q <= fill_left + (unload ? loaded : '0);
      buf_q  <= unload ? (buf_left | (BUF_W'(word) << fill_left)) : buf_left;
    end
  end
endmodule
