// Words of pages to one: each goes into a register that is cleared where the word is not wanted; an OR follows.
module fsq_page_join #(
    parameter PAGES  = 1,   // pages
    parameter WIDTH  = 64,  // bits of a word
    parameter MASKED = 1,   // 0: miss_i is always 0
    parameter SHARE  = 96   // bits that share a copy of miss_i
) (
    input  logic                   clk,     // clock
    input  logic [      PAGES-1:0] miss_i,  // a cycle before the words: pages whose words are not wanted, all or all but one
    input  logic [PAGES*WIDTH-1:0] data_i,  // a word of each page, page 0 in the low bits
    output logic [      WIDTH-1:0] data_o   // the wanted one or 0, a cycle later
);
  localparam COLUMNS = (WIDTH + SHARE - 1) / SHARE;
  genvar g, p;
  generate
    if (MASKED == 0) begin : gen_one
      always_ff @(posedge clk) data_o <= data_i;
      logic unused_miss;
      assign unused_miss = &{1'b0, miss_i};
    end else begin : gen_join
      for (g = 0; g < COLUMNS; g = g + 1) begin : gen_column
        localparam BITS = (WIDTH - g * SHARE < SHARE) ? WIDTH - g * SHARE : SHARE;
        logic [PAGES-1:0] miss_q;
        logic [PAGES*BITS-1:0] kept_q;
        logic [BITS-1:0] joined;
        fsq_copy #(
            .WIDTH(PAGES)
        ) u_miss (
            .clk,
            .d_i(miss_i),
            .q_o(miss_q)
        );
        for (p = 0; p < PAGES; p = p + 1) begin : gen_page
          always_ff @(posedge clk) begin  // a synchronous reset takes no LUT
            if (miss_q[p]) kept_q[p*BITS+:BITS] <= '0;
            else kept_q[p*BITS+:BITS] <= data_i[p*WIDTH+g*SHARE+:BITS];
          end
        end
        integer i;
        always_comb begin
          joined = '0;
          for (i = 0; i < PAGES; i = i + 1) joined = joined | kept_q[i*BITS+:BITS];
        end
        assign data_o[g*SHARE+:BITS] = joined;
      end
    end
  endgenerate
endmodule
