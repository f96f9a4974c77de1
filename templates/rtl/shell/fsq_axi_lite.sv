// AXI4-Lite slave: registers of 32 bits, one write and one read at a time; every answer is OKAY.
//
// A word is written in the cycle after its address and its data have both come, the answer stands in that cycle; what is
// read is a word as it stood two cycles behind the address.
module fsq_axi_lite #(
    parameter COUNT  = 20,  // registers
    parameter ADDR_W = 7    // bits of an address in bytes
) (
    input  logic                clk,        // clock
    input  logic                rst_n,      // synchronous reset, active low
    input  logic [  ADDR_W-1:0] awaddr_i,   // address to write
    input  logic                awvalid_i,  // it is offered
    output logic                awready_o,  // it is taken if offered
    input  logic [        31:0] wdata_i,    // word to write
    input  logic [         3:0] wstrb_i,    // bytes of it that count
    input  logic                wvalid_i,   // it is offered
    output logic                wready_o,   // it is taken if offered
    output logic                bvalid_o,   // answer to a write: offered
    input  logic                bready_i,   // answer to a write: taken if offered
    input  logic [  ADDR_W-1:0] araddr_i,   // address to read
    input  logic                arvalid_i,  // it is offered
    output logic                arready_o,  // it is taken if offered
    output logic [        31:0] rdata_o,    // word read
    output logic                rvalid_o,   // it is offered
    input  logic                rready_i,   // it is taken if offered
    input  logic [COUNT*32-1:0] words_i,    // what the registers read, register 0 in the low bits
    output logic [   COUNT-1:0] write_o,    // a bit for each register: it is written
    output logic [        31:0] data_o,     // word that it is written with
    output logic [         3:0] strobe_o    // bytes of it that count
);
  localparam NUMBER_W = ADDR_W - 2;
  localparam LIST_W = $clog2(COUNT);

  // ---- writes
  // an address is held; a word; both, and the answer before is gone; the word is written
  logic address_q, word_q, go, written_q, bvalid_q;
  logic [NUMBER_W-1:0] number_q;
  logic [COUNT-1:0] write_q;
  logic [31:0] data_q;
  logic [3:0] strobe_q;
  assign awready_o = !address_q;
  assign wready_o  = !word_q;
  assign bvalid_o  = bvalid_q;
  assign write_o   = write_q;
  assign data_o    = data_q;
  assign strobe_o  = strobe_q;
  assign go        = address_q && word_q && !bvalid_q;
  genvar i;
  generate
    for (i = 0; i < COUNT; i = i + 1) begin : gen_register
      always_ff @(posedge clk) write_q[i] <= rst_n && go && number_q == NUMBER_W'(i);
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (!address_q) number_q <= awaddr_i[ADDR_W-1:2];
    if (!word_q) begin
      data_q   <= wdata_i;
      strobe_q <= wstrb_i;
    end
    if (!rst_n) begin
      address_q <= 1'b0;
      word_q    <= 1'b0;
      written_q <= 1'b0;
      bvalid_q  <= 1'b0;
    end else begin
      address_q <= address_q ? !written_q : awvalid_i;
      word_q    <= word_q ? !written_q : wvalid_i;
      written_q <= go;
      bvalid_q  <= go || (bvalid_q && !bready_i);
    end
  end

  // ---- reads
  logic asked_q, rvalid_q, free_q;  // an address is looked up; its word is offered; neither
  logic [NUMBER_W-1:0] place_q;
  logic [31:0] word, read_q;
  assign arready_o = free_q;
  assign rvalid_o  = rvalid_q;
  assign rdata_o   = read_q;
  fsq_mux #(
      .N    (COUNT),
      .WIDTH(32),
      .SEL_W(LIST_W)
  ) u_words (
      .data_i  (words_i),
      .select_i(place_q[LIST_W-1:0]),
      .data_o  (word)
  );
  always_ff @(posedge clk) begin
    if (free_q) place_q <= araddr_i[ADDR_W-1:2];
    if (asked_q) read_q <= (place_q < NUMBER_W'(COUNT)) ? word : '0;
    if (!rst_n) begin
      asked_q  <= 1'b0;
      rvalid_q <= 1'b0;
      free_q   <= 1'b1;
    end else begin
      asked_q  <= free_q && arvalid_i;
      rvalid_q <= asked_q || (rvalid_q && !rready_i);
      free_q   <= free_q ? !arvalid_i : rvalid_q && rready_i;
    end
  end

  logic unused_bytes;
  assign unused_bytes = &{1'b0, awaddr_i[1:0], araddr_i[1:0]};
endmodule
