// Reads the weight memory of an engine in order and serves one weight unit (one weight per output channel of a group) per
// cycle.
//
// Units are packed without gaps across words, and a segment ends where a word does; so a unit starts at one of few places of
// a word, and a multiplexer of constants cuts it out of two words side by side. The places are numbered in the order of the
// units: behind place p comes p + 1, behind the last one, which ends a word, that at which the next word starts.
//
// Nothing ever waits for the memory: all registers between its address and the unit go on together, one word at a time, and
// whether they do follows from registers here. A second unit stands ready, so that take_i goes no further than the units.
// What is told of each segment has 32 bits, segment 0 in the lowest.
module fsq_weight_stream #(
    parameter                   UNIT_W    = 8,   // bits of a unit
    parameter                   WORD_W    = 36,  // bits of a memory word, at least those of a unit
    parameter                   ADDR_W    = 10,  // bits of an address
    parameter                   READ      = 3,   // cycles from an address to its word
    parameter                   PLACES    = 9,   // WORD_W / gcd(WORD_W, UNIT_W): where a unit may start
    parameter                   PLACE_W   = 4,   // holds PLACES - 1
    parameter                   SEGMENTS  = 1,   // segments of the memory: see fsq_word_walk
    parameter                   SEGMENT_W = 1,   // holds SEGMENTS - 1
    parameter                   GROUPS    = 1,   // row groups of a frame
    parameter                   STEPS     = 1,   // of a frame: see fsq_stage_walk
    parameter [SEGMENTS*32-1:0] DELAYS    = '0,  // row groups by which a segment runs behind
    parameter [SEGMENTS*32-1:0] FIRSTS    = '0,  // first word of each segment
    parameter [SEGMENTS*32-1:0] LASTS     = '0,  // last word of each segment
    parameter [SEGMENTS*32-1:0] STARTS    = '0   // place of the first unit in the first word of each segment
) (
    input  logic              clk,         // clock
    input  logic              rst_n,       // synchronous reset, active low
    output logic              rom_next_o,  // the registers of the memory go on: a register
    output logic [ADDR_W-1:0] rom_addr_o,  // address of a word of the memory
    input  logic [WORD_W-1:0] rom_data_i,  // that word, READ such cycles after its address
    output logic              valid_o,     // a unit is there; once there is one, there is always one
    output logic [UNIT_W-1:0] unit_o,      // its weights, channel 0 in the low bits
    input  logic              take_i       // consume the unit
);
  genvar g;

  // ---- words: where units straddle two, one stands in the memory's last register, the one before it here
  localparam WORDS = (WORD_W % UNIT_W == 0) ? 1 : 2;
  localparam FILL = READ + WORDS - 1;
  logic [WORD_W-1:0] low;
  logic [FILL-1:0] full_q;  // the first word is so far
  logic full, first;
  logic [SEGMENT_W-1:0] segment;
  fsq_word_walk #(
      .ADDR_W   (ADDR_W),
      .SEGMENTS (SEGMENTS),
      .SEGMENT_W(SEGMENT_W),
      .GROUPS   (GROUPS),
      .STEPS    (STEPS),
      .DELAYS   (DELAYS),
      .FIRSTS   (FIRSTS),
      .LASTS    (LASTS)
  ) u_walk (
      .clk,
      .rst_n,
      .next_i   (rom_next_o),
      .addr_o   (rom_addr_o),
      .segment_o(segment),
      .first_o  (first)
  );
  assign full = full_q[FILL-1];
  always_ff @(posedge clk) begin
    if (!rst_n) full_q <= '0;
    else full_q <= {full_q[FILL-2:0], 1'b1};
  end
  generate
    if (WORDS > 1) begin : gen_low
      logic [WORD_W-1:0] low_q;
      always_ff @(posedge clk) if (rom_next_o) low_q <= rom_data_i;
      assign low = low_q;
    end else begin : gen_word
      assign low = rom_data_i;
    end
  endgenerate

  // ---- units
  logic [PLACES*UNIT_W-1:0] cuts;
  logic [PLACES-1:0] ends;  // a unit at that place ends its word
  logic ends_next, spare_next;  // in the next cycle: the next unit does; one is kept
  logic [PLACE_W-1:0] place_q;
  logic [UNIT_W-1:0] unit, spare_q, unit_q;  // the next one; kept where it is not taken at once; the one that is served
  logic spare_ok_q, valid_q;
  generate
    for (g = 0; g < PLACES; g = g + 1) begin : gen_place
      localparam FROM = (g * UNIT_W) % WORD_W;
      localparam STOP = FROM + UNIT_W;
      if (STOP > WORD_W) begin : gen_both
        assign cuts[g*UNIT_W+:UNIT_W] = {rom_data_i[STOP-WORD_W-1:0], low[WORD_W-1:FROM]};
      end else begin : gen_low
        assign cuts[g*UNIT_W+:UNIT_W] = low[FROM+:UNIT_W];
      end
      assign ends[g] = STOP >= WORD_W;
    end
  endgenerate
  // four places to one, then these and the unit that waits, in as few LUTs as there are
  localparam FOURS = (PLACES > 3) ? (PLACES + 3) / 4 : PLACES;
  localparam CHOICE_W = $clog2(FOURS + 1);
  logic [FOURS*UNIT_W-1:0] fours;
  logic [CHOICE_W-1:0] choice;
  generate
    if (PLACES > 3) begin : gen_fours
      for (g = 0; g < FOURS; g = g + 1) begin : gen_four
        localparam HERE = PLACES - 4 * g;
        localparam HERE_W = (HERE > 2) ? 2 : 1;
        if (HERE >= 4) begin : gen_whole
          fsq_mux4 #(
              .WIDTH(UNIT_W)
          ) u_four (
              .data_i  (cuts[4*g*UNIT_W+:4*UNIT_W]),
              .select_i(place_q[1:0]),
              .data_o  (fours[g*UNIT_W+:UNIT_W])
          );
        end else begin : gen_rest
          fsq_mux #(
              .N    (HERE),
              .WIDTH(UNIT_W),
              .SEL_W(HERE_W)
          ) u_rest (
              .data_i  (cuts[4*g*UNIT_W+:HERE*UNIT_W]),
              .select_i(place_q[HERE_W-1:0]),
              .data_o  (fours[g*UNIT_W+:UNIT_W])
          );
        end
      end
      assign choice = spare_ok_q ? CHOICE_W'(FOURS) : CHOICE_W'(place_q >> 2);
    end else begin : gen_few
      assign fours  = cuts;
      assign choice = spare_ok_q ? CHOICE_W'(FOURS) : CHOICE_W'(place_q);
    end
  endgenerate
  generate
    if (FOURS == 3) begin : gen_unit_of_four
      fsq_mux4 #(
          .WIDTH(UNIT_W)
      ) u_unit (
          .data_i  ({spare_q, fours}),
          .select_i(choice),
          .data_o  (unit)
      );
    end else begin : gen_unit
      fsq_mux #(
          .N    (FOURS + 1),
          .WIDTH(UNIT_W),
          .SEL_W(CHOICE_W)
      ) u_unit (
          .data_i  ({spare_q, fours}),
          .select_i(choice),
          .data_o  (unit)
      );
    end
  endgenerate
  assign spare_next = valid_q && !take_i;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid_q    <= 1'b0;
      spare_ok_q <= 1'b0;
      rom_next_o <= 1'b1;
    end else begin
      valid_q    <= full;
      spare_ok_q <= spare_next;
      rom_next_o <= !full_q[FILL-2] || (!spare_next && ends_next);  // full in the next cycle
    end
    spare_q <= unit;
    if (take_i || !valid_q) unit_q <= unit;
  end
  assign valid_o = valid_q;
  assign unit_o  = unit_q;

  // ---- places
  generate
    if (PLACES > 1) begin : gen_places
      // where the words on their way start; the last one is the one behind the word whose units are cut
      localparam AHEAD = FILL - 1;
      logic ends_q;  // the next unit ends its word
      logic [PLACE_W-1:0] start, place_next;
      logic [AHEAD*PLACE_W-1:0] start_q;
      integer s;
      always_comb begin
        start = '0;
        for (s = 0; s < SEGMENTS; s = s + 1) begin
          if (first && segment == SEGMENT_W'(s)) start = PLACE_W'(STARTS[s*32+:32]);
        end
      end
      always_ff @(posedge clk) begin
        if (!rst_n) start_q <= '0;
        else if (rom_next_o) start_q <= {start_q[(AHEAD-1)*PLACE_W-1:0], start};
      end
      assign ends_next  = (full && !spare_ok_q) ? ends[place_next] : ends_q;
      assign place_next = (place_q == PLACE_W'(PLACES - 1)) ? start_q[(AHEAD-1)*PLACE_W+:PLACE_W] : place_q + 1'b1;
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          place_q <= PLACE_W'(STARTS[0+:32]);
          ends_q  <= ends[STARTS[0+:32]];
        end else begin
          if (full && !spare_ok_q) place_q <= place_next;
          ends_q <= ends_next;
        end
      end
    end else begin : gen_place_only
      assign place_q   = '0;
      assign ends_next = ends[0];
      logic unused_start;
      assign unused_start = &{1'b0, first, segment};
    end
  endgenerate
endmodule
