// Many weight streams side by side, each with a memory of its own behind as many registers as in a design.
//
// What is told of each stream has 32 bits, the first in the lowest; of its segments there are MOST, the first of which count.
module weight_bench #(
    parameter                     CASES    = 1,   // streams
    parameter                     MOST     = 1,   // segments of the longest
    parameter                     UNIT     = 64,  // bits of the widest unit, whole words of 32
    parameter                     READ     = 3,   // cycles of a memory
    parameter [     CASES*32-1:0] UNITS    = 8,   // bits of a unit
    parameter [     CASES*32-1:0] WORDS    = 36,  // bits of a word
    parameter [     CASES*32-1:0] PLACES   = 9,   // places of a word at which a unit may start
    parameter [     CASES*32-1:0] SEGMENTS = 1,   // segments
    parameter [     CASES*32-1:0] GROUPS   = 1,   // row groups of a frame
    parameter [     CASES*32-1:0] STEPS    = 1,   // steps of a frame: see fsq_stage_walk
    parameter [CASES*MOST*32-1:0] DELAYS   = 0,   // row groups by which a segment runs behind
    parameter [CASES*MOST*32-1:0] FIRSTS   = 0,   // first word of each segment
    parameter [CASES*MOST*32-1:0] LASTS    = 0,   // last word of each segment
    parameter [CASES*MOST*32-1:0] STARTS   = 0    // place at which each segment starts
) (
    input  logic                  clk,      // clock
    input  logic                  rst_n,    // synchronous reset, active low
    output logic [     CASES-1:0] valid_o,  // a unit is there
    output logic [CASES*UNIT-1:0] unit_o,   // that unit
    input  logic [     CASES-1:0] take_i    // it is taken
);
  genvar g, h;
  generate
    for (g = 0; g < CASES; g = g + 1) begin : gen_case
      localparam [31:0] U = UNITS[g*32+:32];
      localparam [31:0] W = WORDS[g*32+:32];
      localparam [31:0] HELD = SEGMENTS[g*32+:32];
      localparam [31:0] DEPTH = LASTS[(g*MOST+HELD-1)*32+:32] + 1;
      localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
      logic [W-1:0] mem[0:DEPTH-1];
      initial $readmemh($sformatf("case%0d.mem", g), mem);
      logic [W-1:0] read_q[0:READ-1];
      logic [AW-1:0] addr;
      logic next;
      always_ff @(posedge clk) if (next) read_q[0] <= mem[addr];
      for (h = 1; h < READ; h = h + 1) begin : gen_register
        always_ff @(posedge clk) if (next) read_q[h] <= read_q[h-1];
      end
      logic [U-1:0] unit;
      fsq_weight_stream #(
          .UNIT_W   (U),
          .WORD_W   (W),
          .ADDR_W   (AW),
          .READ     (READ),
          .PLACES   (PLACES[g*32+:32]),
          .PLACE_W  ((PLACES[g*32+:32] > 1) ? $clog2(PLACES[g*32+:32]) : 1),
          .SEGMENTS (HELD),
          .SEGMENT_W((HELD > 1) ? $clog2(HELD) : 1),
          .GROUPS   (GROUPS[g*32+:32]),
          .STEPS    (STEPS[g*32+:32]),
          .DELAYS   (DELAYS[g*MOST*32+:HELD*32]),
          .FIRSTS   (FIRSTS[g*MOST*32+:HELD*32]),
          .LASTS    (LASTS[g*MOST*32+:HELD*32]),
          .STARTS   (STARTS[g*MOST*32+:HELD*32])
      ) u_stream (
          .clk,
          .rst_n,
          .rom_next_o(next),
          .rom_addr_o(addr),
          .rom_data_i(read_q[READ-1]),
          .valid_o   (valid_o[g]),
          .unit_o    (unit),
          .take_i    (take_i[g] && valid_o[g])
      );
      assign unit_o[g*UNIT+:UNIT] = UNIT'(unit);
    end
  endgenerate
endmodule
