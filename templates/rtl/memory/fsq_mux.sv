// One of N words: a tree of four-to-one multiplexers.
module fsq_mux #(
    parameter N     = 4,  // words
    parameter WIDTH = 8,  // bits of a word
    parameter SEL_W = 2   // bits of a number below N, at least one
) (
    input  logic [N*WIDTH-1:0] data_i,    // word 0 in the low bits
    input  logic [  SEL_W-1:0] select_i,  // number of a word
    output logic [  WIDTH-1:0] data_o     // that word
);
  generate
    if (N == 1) begin : gen_wire
      assign data_o = data_i;
      logic unused_select;
      assign unused_select = &{1'b0, select_i};
    end else if (N == 2) begin : gen_two
      assign data_o = select_i[0] ? data_i[WIDTH+:WIDTH] : data_i[0+:WIDTH];
    end else if (N == 3) begin : gen_three
      assign data_o = select_i[1] ? data_i[2*WIDTH+:WIDTH] : (select_i[0] ? data_i[WIDTH+:WIDTH] : data_i[0+:WIDTH]);
    end else if (N == 4) begin : gen_last
      assign data_o = data_i[select_i*WIDTH+:WIDTH];
    end else begin : gen_level
      // one or two words that are left over go up as they are; three take a multiplexer of four
      localparam FOURS = (N + 1) / 4;
      localparam REST = (N % 4 == 3) ? 0 : N % 4;
      localparam NEXT = FOURS + ((REST > 0) ? 1 : 0);
      logic [4*FOURS*WIDTH-1:0] fours;
      logic [NEXT*WIDTH-1:0] next;
      genvar i;
      if (N % 4 == 3) begin : gen_fill
        assign fours = {data_i[(N-1)*WIDTH+:WIDTH], data_i};
      end else begin : gen_full
        assign fours = data_i[4*FOURS*WIDTH-1:0];
      end
      for (i = 0; i < FOURS; i = i + 1) begin : gen_four
        fsq_mux4 #(
            .WIDTH(WIDTH)
        ) u_four (
            .data_i  (fours[4*i*WIDTH+:4*WIDTH]),
            .select_i(select_i[1:0]),
            .data_o  (next[i*WIDTH+:WIDTH])
        );
      end
      if (REST == 1) begin : gen_one
        assign next[FOURS*WIDTH+:WIDTH] = data_i[4*FOURS*WIDTH+:WIDTH];
      end else if (REST == 2) begin : gen_pair
        assign next[FOURS*WIDTH+:WIDTH] = select_i[0] ? data_i[(4*FOURS+1)*WIDTH+:WIDTH] : data_i[4*FOURS*WIDTH+:WIDTH];
      end
      if (NEXT == 2) begin : gen_top  // here and not in a module of its own: two words that are left over need no LUT
        assign data_o = select_i[2] ? next[WIDTH+:WIDTH] : next[0+:WIDTH];
      end else begin : gen_next
        fsq_mux #(
            .N    (NEXT),
            .WIDTH(WIDTH),
            .SEL_W(SEL_W - 2)
        ) u_next (
            .data_i  (next),
            .select_i(select_i[SEL_W-1:2]),
            .data_o
        );
      end
    end
  endgenerate
endmodule
