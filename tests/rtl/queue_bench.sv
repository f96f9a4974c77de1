// A queue of symbols and its reader. With AHEAD as fsq_sequencer is one: it decides by a register, and takes a cycle later;
// else as fsq_term_walk is one: it takes what it sees.
module queue_bench #(
    parameter LATENCY = 4,  // of the decoder: see fsq_symbol_queue
    parameter AHEAD   = 1   // of the queue
) (
    input  logic       clk,      // clock
    input  logic       rst_n,    // synchronous reset, active low
    input  logic       decode_i, // the decoder could go on
    input  logic       want_i,   // the reader could take a symbol
    output logic       took_o,   // a symbol is taken in this cycle
    output logic [7:0] symbol_o  // that symbol
);
  logic room, go, valid, take;
  logic [7:0] next_q;
  logic [LATENCY*8-1:0] way_q;  // symbols on their way
  assign go = room && decode_i;
  always_ff @(posedge clk) begin
    way_q  <= {way_q[(LATENCY-1)*8-1:0], next_q};
    next_q <= !rst_n ? '0 : next_q + 8'(go);
  end
  generate
    if (AHEAD != 0) begin : gen_ahead
      logic ok_q, take_q;
      always_ff @(posedge clk) begin
        ok_q   <= rst_n && valid;
        take_q <= rst_n && ok_q && want_i;
      end
      assign take = take_q;
    end else begin : gen_seen
      assign take = valid && want_i;
    end
  endgenerate
  fsq_symbol_queue #(
      .WIDTH  (8),
      .DEPTH  (32),
      .LATENCY(LATENCY),
      .AHEAD  (AHEAD)
  ) u_queue (
      .clk,
      .rst_n,
      .room_o  (room),
      .go_i    (go),
      .symbol_i(way_q[LATENCY*8-1-:8]),
      .valid_o (valid),
      .symbol_o,
      .take_i  (take)
  );
  assign took_o = take;
endmodule
