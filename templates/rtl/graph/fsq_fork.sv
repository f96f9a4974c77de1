// Gives every row word to several readers, each behind a FIFO of its own.
//
// A word is taken in the cycle in which every FIFO has a free place, and pushed to all of them in that cycle. A place is
// free in the cycle after its word has left, so that words pass every other cycle at most where a FIFO holds one.
module fsq_fork #(
    parameter                 COUNT   = 2,                // readers
    parameter                 WORD_W  = 64,               // bits of a row word
    parameter [COUNT*32-1:0]  DEPTHS  = {COUNT{32'd1}},   // words of each FIFO, 32 bits, reader 0 in the lowest
    parameter                 COUNT_W = 1                 // bits of a count of words: holds the largest depth
) (
    input  logic                    clk,          // clock
    input  logic                    rst_n,        // synchronous reset, active low
    input  logic                    in_valid_i,   // row word in: offered
    output logic                    in_ready_o,   // row word in: taken if offered
    input  logic [      WORD_W-1:0] in_data_i,    // row word in: pixel 0 in the low bits
    output logic [       COUNT-1:0] out_valid_o,  // row words out: offered, reader 0 in the lowest bit
    input  logic [       COUNT-1:0] out_ready_i,  // row words out: taken if offered
    output logic [COUNT*WORD_W-1:0] out_data_o    // row words out: reader 0 in the low bits
);
  genvar g;
  logic [COUNT-1:0] room;
  logic take;
  assign in_ready_o = &room;
  assign take       = in_valid_i & in_ready_o;

  generate
    for (g = 0; g < COUNT; g = g + 1) begin : gen_reader
      logic [COUNT_W-1:0] free;
      assign room[g] = free != '0;
      fsq_fifo #(
          .WIDTH  (WORD_W),
          .DEPTH  (DEPTHS[g*32+:32]),
          .COUNT_W(COUNT_W)
      ) u_out (
          .clk,
          .rst_n,
          .reserve_i(COUNT_W'(take)),
          .free_o   (free),
          .push_i   (take),
          .data_i   (in_data_i),
          .valid_o  (out_valid_o[g]),
          .ready_i  (out_ready_i[g]),
          .data_o   (out_data_o[g*WORD_W+:WORD_W])
      );
    end
  endgenerate
endmodule
