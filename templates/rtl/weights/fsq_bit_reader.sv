// Shows the next bits of a stream from block RAM, and goes on by as many bits as its reader asks, one step per cycle.
//
// A word is three chunks of six bits. Three chunks stand here, the window starts at a bit of the first one; a step shifts
// them by up to two. The chunks that follow come out of the word behind that of the first chunk, and the one after it. A
// segment starts with a chunk, and ends in the last chunk of a word, followed by one to six zeros: behind it the chunks are
// loaded anew, so that no cycle is lost.
module fsq_bit_reader #(
    parameter                   ADDR_W    = 10,  // bits of an address
    parameter                   READ      = 3,   // cycles from an address to its word
    parameter                   QUEUE     = 16,  // words of the memory that wait: see fsq_word_stream
    parameter                   SEGMENTS  = 1,   // segments of the memory: see fsq_word_walk
    parameter                   SEGMENT_W = 1,   // holds SEGMENTS - 1
    parameter                   GROUPS    = 1,   // row groups of a frame
    parameter                   STEPS     = 1,   // of a frame: see fsq_stage_walk
    parameter [SEGMENTS*32-1:0] DELAYS    = '0,  // row groups by which a segment runs behind
    parameter [SEGMENTS*32-1:0] FIRSTS    = '0,  // first word of each segment
    parameter [SEGMENTS*32-1:0] LASTS     = '0   // last word of each segment
) (
    input  logic              clk,         // clock
    input  logic              rst_n,       // synchronous reset, active low
    output logic [ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [      17:0] rom_data_i,  // that word, READ cycles after its address
    output logic              ready_o,     // there may be a step in the next cycle
    output logic [      11:0] window_o,    // the next bits, the first one lowest
    input  logic              step_i,      // go on; the first two steps fill the chunks: they end segments, too
    input  logic [       3:0] length_i,    // by so many bits, at most twelve
    input  logic              end_i,       // they end a segment
    input  logic [       1:0] start_i      // where they do: chunk of its first word with which the next one starts
);
  localparam [1:0] LOAD = 2'd3;  // the chunks are loaded anew

  // By how many chunks a step goes on, bit `at` of it for each {end, length, bit}.
  function automatic [255:0] chunk_table(input integer at);
    integer i, sum, chunks;
    for (i = 0; i < 256; i = i + 1) begin
      sum            = (i / 8) % 16 + i % 8;
      chunks         = (i >= 128) ? 3 : (sum >= 12) ? 2 : (sum >= 6) ? 1 : 0;
      chunk_table[i] = 1'((chunks >> at) % 2);
    end
  endfunction
  // At which bit of the chunk then reached, bit `at` of it for each {length, bit}.
  function automatic [127:0] bit_table(input integer at);
    integer i;
    for (i = 0; i < 128; i = i + 1) bit_table[i] = 1'((((i / 8) % 16 + i % 8) % 6 >> at) % 2);
  endfunction
  localparam [255:0] CHUNKS0 = chunk_table(0);
  localparam [255:0] CHUNKS1 = chunk_table(1);
  localparam [127:0] BIT0 = bit_table(0);
  localparam [127:0] BIT1 = bit_table(1);
  localparam [127:0] BIT2 = bit_table(2);

  logic [17:0] word;
  logic unload;
  fsq_word_stream #(
      .WORD_W   (18),
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
      .ready_o,
      .word_o(word),
      .take_i(unload)
  );

  logic [17:0] chunks_q, chunks, low_q;  // low_q: the word behind that of the first chunk
  logic [2:0] bit_q, bit_next;  // of the first chunk, at which the window starts
  logic [1:0] place_q, place;  // chunk of low_q that follows the three; from which on chunks are shown
  logic [17:0] behind;  // those chunks of {word, low_q}
  logic [1:0] shift;
  logic [12:0] even;

  // ---- window
  assign even     = bit_q[2] ? chunks_q[16:4] : (bit_q[1] ? chunks_q[14:2] : chunks_q[12:0]);
  assign window_o = bit_q[0] ? even[12:1] : even[11:0];

  // ---- what follows it
  assign shift    = {CHUNKS1[{end_i, length_i, bit_q}], CHUNKS0[{end_i, length_i, bit_q}]};
  assign bit_next = {BIT2[{length_i, bit_q}], BIT1[{length_i, bit_q}], BIT0[{length_i, bit_q}]};
  assign place    = end_i ? start_i : place_q;
  assign behind   = place[1] ? {word[11:0], low_q[17:12]} : (place[0] ? {word[5:0], low_q[17:6]} : low_q);
  fsq_mux4 #(
      .WIDTH(18)
  ) u_chunks (
      .data_i  ({behind, behind[11:0], chunks_q[17:12], behind[5:0], chunks_q[17:6], chunks_q}),
      .select_i(shift),
      .data_o  (chunks)
  );
  assign unload = step_i && (shift == LOAD || 3'(place) + 3'(shift) >= 3'd3);
  always_ff @(posedge clk) begin
    if (step_i) begin
      chunks_q <= chunks;
      place_q  <= (shift == LOAD) ? place : 2'((3'(place) + 3'(shift)) % 3'd3);
      if (end_i) bit_q <= '0;
      else bit_q <= bit_next;
    end
    if (unload) low_q <= word;
  end

`ifdef VERILATOR
  // padding is zero, and segments end where they have to
  logic [1:0] steps_q;  // so many of the first two have been
  integer rest;  // bits of the word behind those taken
  assign rest = 18 - 6 * int'(place_q) - int'(bit_q) - int'(length_i);
  always_ff @(posedge clk) begin
    if (!rst_n) steps_q <= '0;
    else if (step_i) begin
      if (steps_q != 2'd2) steps_q <= steps_q + 1'b1;
      if (end_i && steps_q == 2'd2 && (rest < 1 || rest > 6))
        $fatal(1, "fsq_bit_reader %m: a segment ends %0d bits before the end of a word", rest);
      if (end_i && steps_q == 2'd2 && 36'({word, chunks_q} >> (int'(bit_q) + int'(length_i))) << (36 - rest) != '0)
        $fatal(1, "fsq_bit_reader %m: padding behind a segment is not zero");
      if (end_i && steps_q != 2'd0 && low_q << (18 - 6 * int'(start_i)) != '0)
        $fatal(1, "fsq_bit_reader %m: padding before a segment is not zero");
    end
  end
`endif
endmodule
