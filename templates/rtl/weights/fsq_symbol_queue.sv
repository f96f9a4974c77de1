// Decoded symbols that wait for the engine, the oldest one in a register; where valid_o tells of one, as it is taken in the
// same cycle, the next one waits behind it: what is taken then goes no further than there.
module fsq_symbol_queue #(
    parameter WIDTH   = 8,   // bits of a symbol, or of those that are taken together
    parameter DEPTH   = 32,  // symbols, a power of two
    parameter LATENCY = 4,   // cycles from the decision to decode a symbol to the symbol
    parameter AHEAD   = 0    // 1: valid_o tells that four symbols are there, for a reader that has taken up to three since
) (
    input  logic             clk,       // clock
    input  logic             rst_n,     // synchronous reset, active low
    output logic             room_o,    // there is room for another symbol
    input  logic             go_i,      // one is decoded: only if there is room
    input  logic [WIDTH-1:0] symbol_i,  // that symbol, LATENCY cycles later
    output logic             valid_o,   // a symbol is there, or four
    output logic [WIDTH-1:0] symbol_o,  // the oldest symbol
    input  logic             take_i     // it is taken: only if there
);
  localparam DW = $clog2(DEPTH);

  logic [LATENCY-1:0] go_q;
  logic [DW:0] free_q;  // places that no symbol has or will have, without the last take
  logic [DW-1:0] put_q, get_q;
  logic take_q, some, get;
  logic [WIDTH-1:0] oldest;
  assign some = put_q != get_q;  // a symbol waits in the memory: never as many as there are places
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      go_q    <= '0;
      free_q  <= (DW + 1)'(DEPTH);
      put_q   <= '0;
      get_q   <= '0;
      take_q  <= 1'b0;
      room_o  <= 1'b0;
    end else begin
      go_q    <= {go_q[LATENCY-2:0], go_i};
      take_q  <= take_i;
      free_q  <= free_q - (DW + 1)'(go_i) + (DW + 1)'(take_q);
      room_o  <= free_q[DW:1] != '0;  // two or more: go_i is not counted yet; so one place stays empty
      if (go_q[LATENCY-1]) put_q <= put_q + 1'b1;
      if (get) get_q <= get_q + 1'b1;
    end
  end
  generate
    if (AHEAD != 0) begin : gen_four
      logic here_q;  // a symbol is in the register
      logic [DW:0] count_q;  // symbols that are there
      assign get = some && (take_i || !here_q);
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          here_q  <= 1'b0;
          count_q <= '0;
          valid_o <= 1'b0;
        end else begin
          here_q  <= some || (here_q && !take_i);
          count_q <= count_q + (DW + 1)'(go_q[LATENCY-1]) - (DW + 1)'(take_i);
          valid_o <= count_q[DW:2] != '0;
        end
      end
      always_ff @(posedge clk) if (get) symbol_o <= oldest;
`ifdef VERILATOR
      always_ff @(posedge clk) begin
        if (rst_n && take_i && !here_q) $fatal(1, "fsq_symbol_queue %m: no symbol is there");
      end
`endif
    end else begin : gen_one
      logic ready;
      assign get = some && ready;
      fsq_skid #(
          .WIDTH(WIDTH)
      ) u_oldest (
          .clk,
          .rst_n,
          .valid_i(some),
          .ready_o(ready),
          .data_i (oldest),
          .valid_o,
          .data_o (symbol_o),
          .take_i
      );
`ifdef VERILATOR
      always_ff @(posedge clk) begin
        if (rst_n && take_i && !valid_o) $fatal(1, "fsq_symbol_queue %m: no symbol is there");
      end
`endif
    end
  endgenerate
  fsq_ram_lut #(
      .WIDTH (WIDTH),
      .DEPTH (DEPTH),
      .ADDR_W(DW)
  ) u_symbols (
      .clk,
      .we_i   (go_q[LATENCY-1]),
      .waddr_i(put_q),
      .wdata_i(symbol_i),
      .raddr_i(get_q),
      .rdata_o(oldest)
  );
endmodule
