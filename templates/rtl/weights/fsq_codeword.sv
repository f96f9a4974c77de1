// Length of the codeword at the start of a window, and, three cycles later, its symbol.
//
// The first six bits tell both the length and the first symbol of those that start so; what bits follow are a number that
// is added to it. A code of one symbol takes no bits.
module fsq_codeword #(
    parameter CODES    = 1,  // codes
    parameter CODE_W   = 1,  // bits of the number of a code
    parameter EXTRA    = 6,  // most bits behind the first six
    parameter SYMBOL_W = 8,  // bits of a symbol
    parameter SLOT     = 8,  // SYMBOL_W, up to a power of two
    parameter LENGTHS  = 0,  // per code and value of the first six bits, the first lowest: length, 4 bits; 0: there is none
    parameter FIRSTS   = 0,  // per code and value of the first six bits: first symbol, SLOT bits
    parameter OPEN     = 0   // 1: the tables are the inputs, for a test bench that goes through many codes
) (
    input  logic                      clk,        // clock
    input  logic [        CODE_W-1:0] code_i,     // code of the codeword
    input  logic [              11:0] window_i,   // the next bits, the first one lowest
    output logic [               3:0] length_o,   // bits of the codeword at the start of the window
    output logic [      SYMBOL_W-1:0] symbol_o,   // its symbol, three cycles after the window
    input  logic                      take_i,     // the codeword is taken: it must be one
    input  logic [CODES*64*4   -1:0]  lengths_i,  // tables where they are inputs (OPEN): see LENGTHS
    input  logic [CODES*64*SLOT-1:0]  firsts_i    // see FIRSTS
);
  localparam IN_BITS = (CODES > 1) ? CODE_W + 6 : 6;
  localparam SPREAD = (SYMBOL_W > EXTRA) ? SYMBOL_W : EXTRA;

  localparam [(4<<IN_BITS)-1:0] LENGTH_BITS = (4 << IN_BITS)'(LENGTHS);
  // Bit `at` of all lengths.
  function automatic [(1<<IN_BITS)-1:0] length_table(input integer at);
    integer i;
    for (i = 0; i < (1 << IN_BITS); i = i + 1) length_table[i] = LENGTH_BITS[4*i+at];
  endfunction

  logic [IN_BITS-1:0] at, at_q;
  logic [SYMBOL_W-1:0] first, first_q;
  genvar g;
  generate
    if (CODES > 1) begin : gen_several
      assign at = {code_i, window_i[5:0]};
    end else begin : gen_one
      assign at = window_i[5:0];
      logic unused_code;
      assign unused_code = &{1'b0, code_i};
    end
    if (OPEN != 0) begin : gen_open
      logic [SLOT-1:0] slot;
      assign length_o = lengths_i[{at, 2'd0}+:4];
      assign slot     = firsts_i[{at_q, {$clog2(SLOT) {1'b0}}}+:SLOT];
      assign first    = slot[SYMBOL_W-1:0];
    end else begin : gen_fixed
      for (g = 0; g < 4; g = g + 1) begin : gen_length
        fsq_lookup #(
            .IN_BITS(IN_BITS),
            .ENTRIES(length_table(g))
        ) u_length (
            .x_i(at),
            .y_o(length_o[g])
        );
      end
      fsq_table #(
          .IN_BITS (IN_BITS),
          .OUT_BITS(SYMBOL_W),
          .SLOT    (SLOT),
          .ENTRIES ((SLOT << IN_BITS)'(FIRSTS))
      ) u_firsts (
          .x_i(at_q),
          .y_o(first)
      );
      logic unused_tables;
      assign unused_tables = &{1'b0, lengths_i, firsts_i};
    end
  endgenerate

  // ---- what follows the first six bits
  generate
    if (EXTRA > 0) begin : gen_extra
      logic [EXTRA-1:0] extra_q1, extra_q2, extra;
      logic [3:0] length_q1, length_q2;
      for (g = 0; g < EXTRA; g = g + 1) begin : gen_bit
        assign extra[g] = extra_q2[g] && length_q2 > 4'(6 + g);
      end
      always_ff @(posedge clk) begin
        extra_q1  <= window_i[6+:EXTRA];
        extra_q2  <= extra_q1;
        length_q1 <= length_o;
        length_q2 <= length_q1;
        symbol_o  <= SYMBOL_W'(SPREAD'(first_q) + SPREAD'(extra));
      end
    end else begin : gen_none
      always_ff @(posedge clk) symbol_o <= first_q;
    end
    if (EXTRA < 6) begin : gen_rest
      logic unused_rest;
      assign unused_rest = &{1'b0, window_i[11:6+EXTRA]};
    end
  endgenerate
  always_ff @(posedge clk) begin
    at_q    <= at;
    first_q <= first;
  end

`ifdef VERILATOR
  logic codes;  // the code takes bits
  generate
    if (CODES > 1) begin : gen_codes
      assign codes = (OPEN != 0) ? |lengths_i[{code_i, 8'd0}+:256] : |LENGTH_BITS[{code_i, 8'd0}+:256];
    end else begin : gen_code
      assign codes = (OPEN != 0) ? |lengths_i : |LENGTH_BITS;
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (take_i && codes && length_o == '0) $fatal(1, "fsq_codeword %m: no codeword starts with these bits");
  end
`else
  logic unused_take;
  assign unused_take = &{1'b0, take_i};
`endif
endmodule
