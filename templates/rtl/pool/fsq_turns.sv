// When the work of an fsq_mean goes on, and when its result is sent.
//
// A sum that is loaded in T is worked on from T + 1 on for TURNS cycles, and sent in T + TURNS + 2 or as soon as there is
// room; the next one may be loaded in the cycle after.
module fsq_turns #(
    parameter TURNS = 16  // cycles that a sum is worked on
) (
    input  logic clk,     // clock
    input  logic rst_n,   // synchronous reset, active low
    input  logic load_i,  // a sum is loaded, if idle
    input  logic room_i,  // there is room for a result
    output logic idle_o,  // a register: a sum may be loaded
    output logic next_o,  // a register: work goes on
    output logic push_o   // the result is sent
);
  localparam W = $clog2(TURNS + 2);
  logic idle_q, round_q, send_q, load;
  assign load   = idle_q & load_i;
  assign idle_o = idle_q;
  assign push_o = send_q & room_i;
  generate
    if (TURNS > 0) begin : gen_turns
      logic next_q, last_q;  // the last of the turns
      logic [W-1:0] left_q;  // turns left behind this one
      always_ff @(posedge clk) begin
        left_q  <= load ? W'(TURNS - 1) : left_q - 1'b1;
        last_q  <= load ? TURNS == 1 : left_q == W'(1);
        next_q  <= rst_n && (load || (next_q && !last_q));
        round_q <= rst_n && next_q && last_q;
      end
      assign next_o = next_q;
    end else begin : gen_none
      always_ff @(posedge clk) round_q <= rst_n && load;
      assign next_o = 1'b0;
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      idle_q <= 1'b1;
      send_q <= 1'b0;
    end else begin
      idle_q <= idle_q ? !load_i : push_o;
      send_q <= send_q ? !room_i : round_q;
    end
  end
endmodule
