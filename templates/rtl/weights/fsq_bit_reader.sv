// Shows the next bits of a stream from block RAM, and goes on by as many bits as its reader asks, one step per cycle.
//
// Two memory words stand side by side; the window starts at a bit of the first one. A segment (the squeeze of a Fire
// module, or what follows it) ends at the end of a word and starts at a bit that the reader tells, so that no cycle is
// lost between segments.
module fsq_bit_reader #(
    parameter FIRE    = 0,
    parameter GROUPS  = 1,   // row groups of a frame
    parameter WORD_W  = 18,
    parameter ADDR_W  = 10,
    parameter S_WORDS = 0,   // words of the squeeze segment
    parameter E_WORDS = 1,   // of the expand (or only) segment
    parameter LIMIT   = 12,  // bits of the window, at most WORD_W
    parameter LEN_W   = 4,   // holds LIMIT
    parameter BIT_W   = 5    // holds WORD_W
) (
    input  logic              clk,
    input  logic              rst_n,
    output logic [ADDR_W-1:0] rom_addr_o,
    input  logic [WORD_W-1:0] rom_data_i,  // two cycles after its address
    output logic              valid_o,
    output logic [ LIMIT-1:0] window_o,    // the first bit highest
    input  logic              take_i,
    input  logic [ LEN_W-1:0] length_i,    // bits to take
    input  logic              end_i,       // they end a segment
    input  logic [ BIT_W-1:0] start_i      // bit of its first word at which the next one starts; in reset: the first one
);
  localparam QUEUE = 4;  // words on their way from the memory
  localparam SHIFT_W = $clog2(WORD_W);
  localparam PW = BIT_W + 1;

  // ---- addresses: the segments in the order in which the engine uses them
  logic [ADDR_W-1:0] addr_q;
  logic [2:0] credit_q;  // words that may still be requested
  logic request, arrive_q1, arrive_q2, unload, end_s, end_e;
  assign request    = credit_q != '0;
  assign rom_addr_o = addr_q;
  assign end_e      = addr_q == ADDR_W'(S_WORDS + E_WORDS - 1);
  generate
    if (FIRE != 0 && S_WORDS != 0 && E_WORDS != 0) begin : gen_segments
      logic [1:0] unused_segment, segment_next;
      assign end_s = addr_q == ADDR_W'(S_WORDS - 1);
      fsq_stage_walk #(
          .FIRE  (1),
          .JOINED(1),
          .GROUPS(GROUPS)
      ) u_segments (
          .clk,
          .rst_n,
          .next_i      (request && (end_s || end_e)),
          .stage_o     (unused_segment),
          .stage_next_o(segment_next)
      );
      always_ff @(posedge clk) begin
        if (!rst_n) addr_q <= '0;
        else if (request) begin
          if (end_s || end_e) addr_q <= (segment_next == 2'd0) ? '0 : ADDR_W'(S_WORDS);
          else addr_q <= addr_q + 1'b1;
        end
      end
    end else begin : gen_circle
      assign end_s = 1'b0;
      always_ff @(posedge clk) begin
        if (!rst_n) addr_q <= '0;
        else if (request) addr_q <= end_e ? '0 : addr_q + 1'b1;
      end
      logic unused_circle;
      assign unused_circle = &{1'b0, end_s};
    end
  endgenerate

  // ---- a short queue hides the two cycles of the memory
  logic [WORD_W-1:0] queue_q[0:QUEUE-1];
  logic [1:0] wr_q, rd_q;
  logic [2:0] waiting_q;
  always_ff @(posedge clk) if (arrive_q2) queue_q[wr_q] <= rom_data_i;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      arrive_q1 <= 1'b0;
      arrive_q2 <= 1'b0;
      wr_q      <= '0;
      rd_q      <= '0;
      waiting_q <= '0;
      credit_q  <= 3'(QUEUE);
    end else begin
      arrive_q1 <= request;
      arrive_q2 <= arrive_q1;
      wr_q      <= wr_q + 2'(arrive_q2);
      rd_q      <= rd_q + 2'(unload);
      waiting_q <= waiting_q + 3'(arrive_q2) - 3'(unload);
      credit_q  <= credit_q - 3'(request) + 3'(unload);
    end
  end

  // ---- two words and a bit
  logic [WORD_W-1:0] low_q, high_q;
  logic low_ok_q, high_ok_q, shift;
  logic [PW-1:0] bit_q, bit_end;  // where the window starts in {high_q, low_q}, and what is taken ends
  logic [LIMIT-1:0] raw;
  genvar g;
  assign raw = LIMIT'({high_q, low_q} >> bit_q[SHIFT_W-1:0]);  // always a bit of the first word
  generate
    for (g = 0; g < LIMIT; g = g + 1) begin : gen_window
      assign window_o[LIMIT-1-g] = raw[g];
    end
  endgenerate
  assign valid_o = low_ok_q && high_ok_q;
  assign bit_end = bit_q + PW'(length_i);
  assign shift   = take_i && bit_end >= PW'(WORD_W);
  assign unload  = (waiting_q != '0) && (shift || !high_ok_q);

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      low_ok_q  <= 1'b0;
      high_ok_q <= 1'b0;
      bit_q     <= PW'(start_i);
    end else begin
      if (take_i) begin
        if (end_i) bit_q <= PW'(start_i);
        else bit_q <= shift ? bit_end - PW'(WORD_W) : bit_end;
      end
      if (shift || !low_ok_q) low_ok_q <= high_ok_q;
      if (shift || !low_ok_q || !high_ok_q) high_ok_q <= waiting_q != '0 && (shift || !high_ok_q);
    end
  end
  always_ff @(posedge clk) begin
    if (shift || !low_ok_q) low_q <= high_q;
    if (unload) high_q <= queue_q[rd_q];
  end

`ifdef VERILATOR
  // padding is zero, and segments end where a word does
  logic begin_q;
  always_ff @(posedge clk) begin
    if (!rst_n) begin_q <= 1'b1;
    else if (take_i) begin
      begin_q <= end_i;
      if (begin_q && bit_q != '0 && WORD_W'(low_q << (PW'(WORD_W) - bit_q)) != '0)
        $fatal(1, "fsq_bit_reader %m: padding before a segment is not zero");
      if (end_i && length_i != '0 && bit_end != PW'(WORD_W))
        $fatal(1, "fsq_bit_reader %m: a segment ends at bit %0d of a word", bit_end);
    end
  end
`endif
endmodule
