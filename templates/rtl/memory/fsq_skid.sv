// Keeps the word that its reader takes next, and one more where that is not taken at once: what the reader does goes no
// further back than here. One word per cycle.
module fsq_skid #(
    parameter WIDTH = 8  // bits of a word
) (
    input  logic             clk,      // clock
    input  logic             rst_n,    // synchronous reset, active low
    input  logic             valid_i,  // a word is offered
    output logic             ready_o,  // it is taken if offered: a register
    input  logic [WIDTH-1:0] data_i,   // that word
    output logic             valid_o,  // a word is there
    output logic [WIDTH-1:0] data_o,   // that word
    input  logic             take_i    // it is taken if there
);
  logic full_q;  // a second word waits
  logic [WIDTH-1:0] waiting_q;
  assign ready_o = !full_q;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid_o <= 1'b0;
      full_q  <= 1'b0;
    end else begin
      valid_o <= valid_i || full_q || (valid_o && !take_i);
      full_q  <= (valid_i || full_q) && valid_o && !take_i;
    end
  end
  always_ff @(posedge clk) begin
    if (!full_q) waiting_q <= data_i;
    if (take_i || !valid_o) data_o <= full_q ? waiting_q : data_i;
  end
endmodule
