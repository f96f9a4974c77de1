// Stream FIFO between two kernels, with reservation: LUT RAM, or a register where it holds one word.
//
// A producer whose pipeline cannot stop reserves room for its words before it starts them and pushes them later;
// a producer that can wait reserves and pushes in the same cycle. One word in, one word out per cycle. valid_o and free_o
// are registers.
module fsq_fifo #(
    parameter WIDTH   = 8,  // bits of a word
    parameter DEPTH   = 4,  // words
    parameter COUNT_W = 3   // bits of a count of words: holds DEPTH
) (
    input  logic               clk,        // clock
    input  logic               rst_n,      // synchronous reset, active low
    input  logic [COUNT_W-1:0] reserve_i,  // words reserved in this cycle, at most free_o
    output logic [COUNT_W-1:0] free_o,     // words that are neither stored nor reserved
    input  logic               push_i,     // a reserved word arrives
    input  logic [  WIDTH-1:0] data_i,     // that word
    output logic               valid_o,    // a word is there
    input  logic               ready_i,    // it is taken if there
    output logic [  WIDTH-1:0] data_o      // the oldest word
);
  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;

  logic [     AW-1:0] wr_q, rd_q;
  logic [COUNT_W-1:0] count_q, free_q;
  logic valid_q, one, pop;

  assign one     = DEPTH == 1 || count_q == COUNT_W'(1);
  assign valid_o = valid_q;
  assign pop     = valid_q & ready_i;
  assign free_o  = free_q;

  generate
    if (DEPTH == 1) begin : gen_register
      logic [WIDTH-1:0] word_q;
      always_ff @(posedge clk) if (push_i) word_q <= data_i;
      assign data_o = word_q;
      logic unused_pointers;
      assign unused_pointers = &{1'b0, wr_q, rd_q};
    end else begin : gen_memory
      fsq_ram_lut #(
          .WIDTH (WIDTH),
          .DEPTH (DEPTH),
          .ADDR_W(AW)
      ) u_words (
          .clk,
          .we_i   (push_i),
          .waddr_i(wr_q),
          .wdata_i(data_i),
          .raddr_i(rd_q),
          .rdata_o(data_o)
      );
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      wr_q    <= '0;
      rd_q    <= '0;
      count_q <= '0;
      valid_q <= 1'b0;
      free_q  <= COUNT_W'(DEPTH);
    end else begin
      if (push_i) wr_q <= (wr_q == AW'(DEPTH - 1)) ? '0 : wr_q + 1'b1;
      if (pop) rd_q <= (rd_q == AW'(DEPTH - 1)) ? '0 : rd_q + 1'b1;
      if (push_i != pop) count_q <= count_q + (push_i ? COUNT_W'(1) : '1);
      valid_q <= push_i || (valid_q && !(pop && one));
      free_q  <= free_q - reserve_i + COUNT_W'(pop);
    end
  end

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (rst_n && reserve_i > free_q) $fatal(1, "fsq_fifo %m: reservation beyond the free words");
    if (rst_n && push_i && count_q == COUNT_W'(DEPTH)) $fatal(1, "fsq_fifo %m: overflow");
  end
`endif
endmodule
