// The stages of an engine in the order of their work, for those who feed it: one step per finished stage.
//
// A convolution engine has one stage (A). A Fire engine squeezes one row group ahead: S0, S1, A0, B0, S2, A1, B1, ...,
// A(G-1), B(G-1). With JOINED the stages A and B are one, as in a memory that holds them behind each other.
module fsq_stage_walk #(
    parameter FIRE   = 0,
    parameter JOINED = 0,
    parameter GROUPS = 1   // row groups of a frame
) (
    input  logic       clk,
    input  logic       rst_n,
    input  logic       next_i,       // the stage ends in this cycle
    output logic [1:0] stage_o,      // 0: S, 1: A, 2: B
    output logic [1:0] stage_next_o  // stage that follows this one
);
  localparam S = 2'd0, A = 2'd1, B = 2'd2;
  localparam GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;

  generate
    if (FIRE != 0) begin : gen_fire
      logic [1:0] stage_q, stage_n;
      logic [GW-1:0] squeeze_q, expand_q;  // row group of stage S; of stages A and B
      logic again, expand_end, frame_end, squeezed;
      assign again      = (GROUPS > 1) && squeeze_q == '0;  // the first squeeze is followed by the second
      assign squeezed   = squeeze_q == GW'(GROUPS - 1);
      assign expand_end = (stage_q == B) || (JOINED != 0 && stage_q == A);
      assign frame_end  = expand_end && expand_q == GW'(GROUPS - 1);
      always_comb begin
        stage_n = A;
        if (stage_q == S) stage_n = again ? S : A;
        else if (!expand_end) stage_n = B;
        else if (frame_end || !squeezed) stage_n = S;
      end
      always_ff @(posedge clk) begin
        if (!rst_n) begin
          stage_q   <= S;
          squeeze_q <= '0;
          expand_q  <= '0;
        end else if (next_i) begin
          stage_q <= stage_n;
          if (frame_end) begin
            squeeze_q <= '0;
            expand_q  <= '0;
          end else begin
            if ((stage_q == S && again) || (expand_end && !squeezed)) squeeze_q <= squeeze_q + 1'b1;
            if (expand_end) expand_q <= expand_q + 1'b1;
          end
        end
      end
      assign stage_o      = stage_q;
      assign stage_next_o = stage_n;
    end else begin : gen_conv
      assign stage_o      = A;
      assign stage_next_o = A;
      logic unused_conv;
      assign unused_conv = &{1'b0, clk, rst_n, next_i};
    end
  endgenerate
endmodule
