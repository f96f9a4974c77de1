// The largest of N numbers, or their sum: pairs of them per level, a register behind each.
module fsq_tree #(
    parameter N      = 2,  // numbers, at most 2^LEVELS
    parameter WIDTH  = 8,  // bits of a number, and of the result
    parameter LEVELS = 1,  // levels; 0: the number itself
    parameter SUM    = 0,  // 1: the sum; else the largest, without signs
    parameter EN_W   = 1   // LEVELS, at least one
) (
    input  logic               clk,     // clock
    input  logic [   EN_W-1:0] en_i,    // registers of each level take what is there, the first one in the lowest bit
    input  logic [N*WIDTH-1:0] data_i,  // number 0 in the low bits
    output logic [  WIDTH-1:0] data_o   // result
);
  generate
    if (LEVELS == 0) begin : gen_wire
      assign data_o = data_i;
      logic unused_en;
      assign unused_en = &{1'b0, clk, en_i};
    end else begin : gen_level
      localparam NEXT = (N + 1) / 2;
      genvar i;
      logic [NEXT*WIDTH-1:0] next_q;
      for (i = 0; i < NEXT; i = i + 1) begin : gen_pair
        logic [WIDTH-1:0] a, both;
        assign a = data_i[2*i*WIDTH+:WIDTH];
        if (2 * i + 1 == N) begin : gen_left_over
          assign both = a;
        end else begin : gen_both
          logic [WIDTH-1:0] b;
          assign b = data_i[(2*i+1)*WIDTH+:WIDTH];
          if (SUM != 0) begin : gen_sum
            assign both = a + b;
          end else begin : gen_max
            assign both = (b > a) ? b : a;
          end
        end
        always_ff @(posedge clk) if (en_i[0]) next_q[i*WIDTH+:WIDTH] <= both;
      end
      if (LEVELS == 1) begin : gen_last
        assign data_o = next_q;
      end else begin : gen_next
        fsq_tree #(
            .N     (NEXT),
            .WIDTH (WIDTH),
            .LEVELS(LEVELS - 1),
            .SUM   (SUM),
            .EN_W  (LEVELS - 1)
        ) u_next (
            .clk,
            .en_i  (en_i[LEVELS-1:1]),
            .data_i(next_q),
            .data_o
        );
      end
    end
  endgenerate
endmodule
