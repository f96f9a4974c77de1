// Shows the next bits of a stream from block RAM, and goes on by as many bits as its reader asks, one step per cycle.
//
// Two memory words stand side by side; the window starts at a bit of the first one. A segment ends at the end of a word and
// starts at a bit that the reader tells, so that no cycle is lost between segments.
module fsq_bit_reader #(
    parameter                   WORD_W    = 18,  // bits of a memory word
    parameter                   ADDR_W    = 10,  // bits of an address
    parameter                   READ      = 3,   // cycles from an address to its word
    parameter                   QUEUE     = 8,   // words of the memory that wait: see fsq_word_stream
    parameter                   SEGMENTS  = 1,   // segments of the memory: see fsq_word_stream
    parameter                   SEGMENT_W = 1,   // holds SEGMENTS - 1
    parameter                   GROUPS    = 1,   // row groups of a frame
    parameter                   STEPS     = 1,   // of a frame: see fsq_stage_walk
    parameter [SEGMENTS*32-1:0] DELAYS    = '0,  // row groups by which a segment runs behind
    parameter [SEGMENTS*32-1:0] FIRSTS    = '0,  // first word of each segment
    parameter [SEGMENTS*32-1:0] LASTS     = '0,  // last word of each segment
    parameter                   LIMIT     = 12,  // bits of the window, at most WORD_W
    parameter                   LEN_W     = 4,   // holds LIMIT
    parameter                   BIT_W     = 5    // holds WORD_W
) (
    input  logic              clk,         // clock
    input  logic              rst_n,       // synchronous reset, active low
    output logic [ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [WORD_W-1:0] rom_data_i,  // that word, READ cycles after its address
    output logic              valid_o,     // the window is filled
    output logic [ LIMIT-1:0] window_o,    // the next bits, the first one highest
    input  logic              take_i,      // bits are taken
    input  logic [ LEN_W-1:0] length_i,    // bits to take
    input  logic              end_i,       // they end a segment
    input  logic [ BIT_W-1:0] start_i      // bit of its first word at which the next one starts; in reset: the first one
);
  localparam SHIFT_W = $clog2(WORD_W);
  localparam PW = BIT_W + 1;

  logic [WORD_W-1:0] word;
  logic waiting, unload;
  fsq_word_stream #(
      .WORD_W   (WORD_W),
      .ADDR_W   (ADDR_W),
      .READ     (READ),
      .QUEUE    (QUEUE),
      .SEGMENTS (SEGMENTS),
      .SEGMENT_W(SEGMENT_W),
      .GROUPS   (GROUPS),
      .STEPS    (STEPS),
      .DELAYS   (DELAYS),
      .FIRSTS   (FIRSTS),
      .LASTS    (LASTS)
  ) u_words (
      .clk,
      .rst_n,
      .rom_addr_o,
      .rom_data_i,
      .valid_o(waiting),
      .word_o (word),
      .take_i (unload)
  );

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
  assign unload  = waiting && (shift || !high_ok_q);

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
      if (shift || !low_ok_q || !high_ok_q) high_ok_q <= waiting && (shift || !high_ok_q);
    end
  end
  always_ff @(posedge clk) begin
    if (shift || !low_ok_q) low_q <= high_q;
    if (unload) high_q <= word;
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
