// Words to one: each goes into a register that is cleared where the word is not wanted; an OR follows.
module fsq_page_join #(
    parameter N      = 1,   // words
    parameter WIDTH  = 64,  // bits of a word
    parameter MASKED = 1,   // 0: there is one word, and miss_i is always 0
    parameter JOINED = 0,   // 0: or_i is always 0
    parameter SHARE  = 96   // bits that share a copy of miss_i
) (
    input  logic               clk,     // clock
    input  logic [      N-1:0] miss_i,  // a cycle before the words: those that are not wanted, all or all but one
    input  logic [N*WIDTH-1:0] data_i,  // words, word 0 in the low bits
    input  logic [  WIDTH-1:0] or_i,    // joined to the one that is wanted
    output logic [  WIDTH-1:0] data_o   // the wanted one or 0, a cycle later
);
  localparam COLUMNS = (WIDTH + SHARE - 1) / SHARE;
  genvar g, n;
  logic [WIDTH-1:0] word;
  generate
    if (MASKED == 0) begin : gen_one
      always_ff @(posedge clk) word <= data_i;
      logic unused_miss;
      assign unused_miss = &{1'b0, miss_i};
    end else begin : gen_join
      for (g = 0; g < COLUMNS; g = g + 1) begin : gen_column
        localparam BITS = (WIDTH - g * SHARE < SHARE) ? WIDTH - g * SHARE : SHARE;
        logic [N-1:0] miss_q;
        logic [N*BITS-1:0] kept_q;
        logic [BITS-1:0] joined;
        fsq_copy #(
            .WIDTH(N)
        ) u_miss (
            .clk,
            .d_i(miss_i),
            .q_o(miss_q)
        );
        for (n = 0; n < N; n = n + 1) begin : gen_word
          always_ff @(posedge clk) begin  // a synchronous reset takes no LUT
            if (miss_q[n]) kept_q[n*BITS+:BITS] <= '0;
            else kept_q[n*BITS+:BITS] <= data_i[n*WIDTH+g*SHARE+:BITS];
          end
        end
        integer i;
        always_comb begin
          joined = '0;
          for (i = 0; i < N; i = i + 1) joined = joined | kept_q[i*BITS+:BITS];
        end
        assign word[g*SHARE+:BITS] = joined;
      end
    end
  endgenerate
  assign data_o = (JOINED != 0) ? word | or_i : word;
  logic unused_or;
  assign unused_or = &{1'b0, or_i};
endmodule
