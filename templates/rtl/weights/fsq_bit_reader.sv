// Shows the next bits of a stream from block RAM, and goes on by as many bits as its reader asks, one step per cycle.
//
// A word is three chunks of six bits. Four chunks stand here, the window starts at a bit of the first one; a step shifts
// them by up to two. The chunks that follow come out of the word behind that of the first chunk, and the one after it. The
// first six bits of the window stand in a register of their own: what follows them is found while they tell how far to go.
// A segment starts with a chunk, and ends in the last chunk of a word, followed by one to six zeros: behind it the chunks
// are loaded anew, so that no cycle is lost.
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
    input  logic              step_i,      // go on; the first three steps fill the chunks: they end segments, too
    input  logic [       3:0] length_i,    // by so many bits, at most twelve
    input  logic              end_i,       // they end a segment
    input  logic [       1:0] start_i      // where they do: chunk of its first word with which the next one starts
);
  localparam LOAD = 3;  // the chunks are loaded anew

  // Tables, entry 0 in the lowest bit. By how many chunks a step goes on, of each {end, length, bit}.
  function automatic [255:0] shift_table(input integer at);
    integer i, sum;
    for (i = 0; i < 256; i = i + 1) begin
      sum            = (i / 8) % 16 + i % 8;
      shift_table[i] = 1'(((i >= 128) ? LOAD : (sum >= 12) ? 2 : (sum >= 6) ? 1 : 0) >> at);
    end
  endfunction
  // At which bit of the chunk then reached, of each {length, bit}.
  function automatic [127:0] bit_table(input integer at);
    integer i;
    for (i = 0; i < 128; i = i + 1) bit_table[i] = 1'((((i / 8) % 16 + i % 8) % 6) >> at);
  endfunction
  // Which chunk follows then, of each {shift, place}.
  function automatic [15:0] place_table(input integer at);
    integer i;
    for (i = 0; i < 16; i = i + 1)
      place_table[i] = 1'(((i / 4 == LOAD) ? i % 4 + 1 : (i / 4 + i % 4 + 2) % 3 + 1) >> at);
  endfunction
  // Whether a word is used up, of each {step, end, shift where nothing ends, place}.
  function automatic [63:0] unload_table();
    integer i;
    for (i = 0; i < 64; i = i + 1) unload_table[i] = i >= 32 && (i >= 48 || (i / 4) % 4 + i % 4 >= 4);
  endfunction

  logic [17:0] word;
  logic [1:0] unload;  // the words go on, those of the queue and the one here: each is told by a table of its own
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
      .take_i(unload[0])
  );

  logic [17:0] low_q;  // the word behind that of the first chunk
  logic [23:0] chunks_q, chunks;
  logic [2:0] bit_q, bit_next;  // of the first chunk, at which the window starts
  logic [1:0] place_q, place_next, place;  // chunk of {word, low_q} that follows the four; from which on they are shown
  logic [11:0] follow;  // two chunks from there on
  logic [11:0] later;  // where a segment starts: the two after these
  logic [1:0] shift, goes;  // by how many chunks the window goes on; that, where nothing ends, for no other use than the words
  logic [5:0] first_q, first_next;  // of the window
  logic [18:0] even;
  logic [17:0] ahead;  // the window, and what follows it
  logic [8:0] near;  // from the next one on, less than four bits before that

  // ---- window
  assign even     = bit_q[2] ? chunks_q[22:4] : (bit_q[1] ? chunks_q[20:2] : chunks_q[18:0]);
  assign ahead    = bit_q[0] ? even[18:1] : even[17:0];
  assign window_o = {ahead[11:6], first_q};
  fsq_mux4 #(
      .WIDTH(9)
  ) u_near (
      .data_i  ({3'd0, ahead[17:12], ahead[16:8], ahead[12:4], ahead[8:0]}),  // with twelve bits none of the zeros is near
      .select_i(length_i[3:2]),
      .data_o  (near)
  );
  fsq_mux4 #(
      .WIDTH(6)
  ) u_next (
      .data_i  ({near[8:3], near[7:2], near[6:1], near[5:0]}),
      .select_i(length_i[1:0]),
      .data_o  (first_next)
  );

  // ---- what follows it
  genvar g;
  generate
    for (g = 0; g < 2; g = g + 1) begin : gen_shift
      fsq_lookup #(
          .IN_BITS(8),
          .ENTRIES(shift_table(g))
      ) u_shift (
          .x_i({end_i, length_i, bit_q}),
          .y_o(shift[g])
      );
      fsq_lookup #(
          .IN_BITS(4),
          .ENTRIES(place_table(g))
      ) u_place (
          .x_i({shift, place}),
          .y_o(place_next[g])
      );
      fsq_lookup #(
          .IN_BITS(7),
          .ENTRIES(128'(shift_table(g)))
      ) u_goes (
          .x_i({length_i, bit_q}),
          .y_o(goes[g])
      );
      fsq_lookup #(
          .IN_BITS(6),
          .ENTRIES(unload_table())
      ) u_unload (
          .x_i({step_i, end_i, goes, place_q}),
          .y_o(unload[g])
      );
    end
    for (g = 0; g < 3; g = g + 1) begin : gen_bit
      fsq_lookup #(
          .IN_BITS(7),
          .ENTRIES(bit_table(g))
      ) u_bit (
          .x_i({length_i, bit_q}),
          .y_o(bit_next[g])
      );
    end
  endgenerate
  assign place    = end_i ? start_i : place_q;
  fsq_mux4 #(
      .WIDTH(12)
  ) u_behind (
      .data_i  ({word[11:0], word[5:0], low_q[17:12], low_q[17:6], low_q[11:0]}),
      .select_i(place),
      .data_o  (follow)
  );
  assign later = start_i[1] ? word[17:6] : (start_i[0] ? word[11:0] : {word[5:0], low_q[17:12]});
  fsq_mux4 #(
      .WIDTH(24)
  ) u_chunks (
      .data_i  ({later, follow, follow, chunks_q[23:12], follow[5:0], chunks_q[23:6], chunks_q}),
      .select_i(shift),
      .data_o  (chunks)
  );
  always_ff @(posedge clk) begin
    if (step_i) begin
      chunks_q <= chunks;
      place_q  <= place_next;
      first_q  <= end_i ? follow[5:0] : first_next;
      if (end_i) bit_q <= '0;
      else bit_q <= bit_next;
    end
    if (unload[1]) low_q <= word;
  end

`ifdef VERILATOR
  // padding is zero, and segments end where they have to
  logic [1:0] steps_q;  // so many of the first three have been
  integer rest;  // bits of the word behind those taken
  assign rest = 24 - 6 * int'(place_q) - int'(bit_q) - int'(length_i);
  always_ff @(posedge clk) begin
    if (!rst_n) steps_q <= '0;
    else if (step_i) begin
      if (steps_q != 2'd3) steps_q <= steps_q + 1'b1;
      if (end_i && steps_q == 2'd3 && (rest < 1 || rest > 6))
        $fatal(1, "fsq_bit_reader %m: a segment ends %0d bits before the end of a word", rest);
      if (end_i && steps_q == 2'd3 && 36'({word, chunks_q} >> (int'(bit_q) + int'(length_i))) << (36 - rest) != '0)
        $fatal(1, "fsq_bit_reader %m: padding behind a segment is not zero");
      if (end_i && steps_q >= 2'd2 && low_q << (18 - 6 * int'(start_i)) != '0)
        $fatal(1, "fsq_bit_reader %m: padding before a segment is not zero");
    end
  end
`endif
endmodule
