// Reads the parameter memory of an engine in order and serves one weight unit (one weight per output channel of a
// group) per cycle.
//
// The memory holds segments, each starting at a word: one segment per engine, or squeeze then expand for a Fire
// module. Within a segment the units are packed without gaps across words; a gearbox cuts them out. The last unit of a
// segment drops the padding behind it. The word after a segment is known in advance, so that no cycle is lost.
module fsq_weight_stream #(
    parameter UNIT_W   = 8,   // bits taken per cycle
    parameter WORD_W   = 36,  // bits of a memory word, at least UNIT_W
    parameter ADDR_W   = 10,
    parameter FIRE     = 0,   // 1: squeeze and expand segments take turns
    parameter GROUPS   = 1,   // row groups of a frame (Fire only)
    parameter S_WORDS  = 0,   // words of the squeeze segment
    parameter S_PAD    = 0,   // padding bits behind it
    parameter E_WORDS  = 1,   // words of the expand (or only) segment
    parameter E_PAD    = 0
) (
    input  logic              clk,
    input  logic              rst_n,
    output logic              rom_en_o,
    output logic [ADDR_W-1:0] rom_addr_o,
    input  logic [WORD_W-1:0] rom_data_i,   // two cycles after rom_en_o
    output logic              valid_o,
    output logic [UNIT_W-1:0] unit_o,
    input  logic              take_i,       // consume the unit
    input  logic              last_i,       // it is the last of its segment
    input  logic              squeeze_i     // of the squeeze segment
);
  localparam QUEUE = 4;
  localparam BUF_W = WORD_W + UNIT_W;
  localparam PAD_MAX = (S_PAD > E_PAD) ? S_PAD : E_PAD;
  localparam FILL_W = $clog2(BUF_W + PAD_MAX + 1) + 1;
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;

  // ---- addresses: walk the segments in the order in which the engine uses them
  logic [ADDR_W-1:0] addr_q;
  logic end_s, end_e;
  logic [2:0] credit_q;  // words that may still be requested
  logic request, arrive_q1, arrive_q2;
  logic unload;

  assign request    = credit_q != '0;
  assign rom_en_o   = request;
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
      logic unused_conv;
      assign unused_conv = &{1'b0, end_s, squeeze_i};
    end
  endgenerate

  // ---- a short queue hides the two cycles of the memory
  logic [WORD_W-1:0] queue_q[0:QUEUE-1];
  logic [1:0] wr_q, rd_q;
  logic [2:0] count_q;
  always_ff @(posedge clk) if (arrive_q2) queue_q[wr_q] <= rom_data_i;
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
  logic [FILL_W-1:0] fill_q, fill_left, taken;

  assign valid_o = fill_q >= FILL_W'(UNIT_W);
  assign unit_o  = buf_q[UNIT_W-1:0];

  always_comb begin
    taken    = '0;
    buf_left = buf_q;
    if (take_i) begin
      taken    = FILL_W'(UNIT_W);
      buf_left = buf_q >> UNIT_W;
      if (last_i) begin
        if (FIRE != 0 && squeeze_i) begin
          taken    = FILL_W'(UNIT_W + S_PAD);
          buf_left = buf_q >> (UNIT_W + S_PAD);
        end else begin
          taken    = FILL_W'(UNIT_W + E_PAD);
          buf_left = buf_q >> (UNIT_W + E_PAD);
        end
      end
    end
    fill_left = fill_q - taken;
    unload    = (count_q != '0) && (fill_left <= FILL_W'(UNIT_W));
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      buf_q  <= '0;
      fill_q <= '0;
    end else begin
      fill_q <= fill_left + (unload ? FILL_W'(WORD_W) : '0);
      buf_q  <= unload ? (buf_left | (BUF_W'(queue_q[rd_q]) << fill_left)) : buf_left;
    end
  end
endmodule
