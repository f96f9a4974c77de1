// Global average pool: adds ADD pixels per cycle, then divides bit by bit; y = round_half_even(sum * 2^EXTRA / COUNT), or
// round_half_even(sum * FACTOR * 2^(LEFT - RIGHT)) + ZERO, or the sum itself (fsq_mean).
//
// A word takes ceil(WIDTH / ADD) cycles and two more. Sums of the last row go on to a divider, DIVIDE_BITS quotient bits
// per cycle (of FACTOR where it multiplies); it works on one sum while the next one is added up, and takes one more cycle
// to send the result.
module fsq_avg_pool #(
    parameter CHANNELS = 10,     // channels of the rows
    parameter HEIGHT   = 4,      // rows of a frame
    parameter WIDTH    = 4,      // pixels of a row
    parameter BITS     = 16,     // bits of a pixel
    parameter SIGNED   = 0,      // 1: pixels are signed
    parameter IN_ROWS  = 1,      // rows of a group in the order of arrival
    parameter ADD      = 1,      // pixels per cycle
    parameter SUM_W    = 21,     // signed sum over the map
    parameter START    = 0,      // the sum before the first pixel
    parameter COUNT    = 16,     // HEIGHT * WIDTH
    parameter EXTRA    = 0,      // more bits below the binary point than the input has
    parameter [63:0] FACTOR = 0, // not 0: sums are multiplied by it instead of divided
    parameter QUOTIENT = 16,     // bits of the largest quotient or of FACTOR, a multiple of DIVIDE_BITS; 0: sums leave
    parameter DIVIDE_BITS = 1,   // of these per cycle
    parameter RIGHT    = 0,      // multiplied: places by which the product moves right
    parameter LEFT     = 0,      // multiplied: places by which it moves left
    parameter ZERO     = 0,      // is added, but for a quotient
    parameter OUT_BITS = 16,     // bits of a pixel that leaves
    parameter LOW      = 0,      // lower limit of the pixels that leave
    parameter HIGH     = 65535,  // upper limit of the pixels that leave
    parameter DEPTH    = 4,      // words of the output FIFO
    parameter COUNT_W  = 3       // bits of a count of words
) (
    input  logic                  clk,          // clock
    input  logic                  rst_n,        // synchronous reset, active low
    input  logic                  in_valid_i,   // row word in: offered
    output logic                  in_ready_o,   // row word in: taken if offered
    input  logic [WIDTH*BITS-1:0] in_data_i,    // row word in: pixel 0 in the low bits
    output logic                  out_valid_o,  // row word out: offered
    input  logic                  out_ready_i,  // row word out: taken if offered
    output logic [  OUT_BITS-1:0] out_data_o    // row word out: one pixel
);
  localparam STEPS = (WIDTH + ADD - 1) / ADD;
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam TW = $clog2(STEPS + 1);
  localparam TURNS = QUOTIENT / DIVIDE_BITS;
  localparam DW = (TURNS > 0) ? $clog2(TURNS + 1) : 1;
  localparam LINE = STEPS * ADD * BITS;
  localparam WAIT = 2'd0, SUM = 2'd1, STORE = 2'd2;  // of the adder
  localparam IDLE = 2'd0, DIVIDE = 2'd1, SEND = 2'd2;  // of the divider

  logic [1:0] state_q, divide_q;
  logic [DW-1:0] turn_q;
  logic [TW-1:0] step_q;
  logic [CW-1:0] ch_q;
  logic [IW-1:0] row_q;
  logic [HW-1:0] y_q, y0_q;
  logic last_row, last_ch, frame_end, take, next, push, divide;
  logic [COUNT_W-1:0] free;

  assign last_row   = (row_q == IW'(IN_ROWS - 1)) || frame_end;
  assign last_ch    = ch_q == CW'(CHANNELS - 1);
  assign frame_end  = y_q == HW'(HEIGHT - 1);
  assign in_ready_o = state_q == WAIT;
  assign take       = in_valid_i & in_ready_o;
  assign push       = (divide_q == SEND) && free != '0;
  assign next       = state_q == STORE && (!frame_end || divide_q == IDLE);
  assign divide     = next && frame_end;

  // ---- sums
  logic [LINE-1:0] line_q;
  logic signed [SUM_W-1:0] sum_q, step_sum, base, stored;
  genvar i;
  logic signed [ADD:0][SUM_W-1:0] running;
  assign running[0] = '0;
  generate
    for (i = 0; i < ADD; i = i + 1) begin : gen_add
      logic [SUM_W-1:0] pixel;
      fsq_extend #(
          .IN_BITS  (BITS),
          .IN_SIGNED(SIGNED),
          .OUT_BITS (SUM_W)
      ) u_pixel (
          .x_i(line_q[i*BITS+:BITS]),
          .y_o(pixel)
      );
      assign running[i+1] = running[i] + pixel;
    end
  endgenerate
  assign step_sum = running[ADD];
  assign base     = (step_q != '0) ? sum_q : ((y_q == '0) ? SUM_W'(START) : stored);

  fsq_ram_single #(
      .WIDTH (SUM_W),
      .DEPTH (CHANNELS),
      .ADDR_W(CW)
  ) u_sums (
      .clk,
      .we_i   (state_q == STORE),
      .addr_i (ch_q),
      .wdata_i(sum_q),
      .rdata_o(stored)
  );

  // ---- division
  logic [OUT_BITS-1:0] quotient;
  fsq_mean #(
      .SUM_W      (SUM_W),
      .COUNT      (COUNT),
      .EXTRA      (EXTRA),
      .FACTOR     (FACTOR),
      .QUOTIENT   (QUOTIENT),
      .DIVIDE_BITS(DIVIDE_BITS),
      .RIGHT      (RIGHT),
      .LEFT       (LEFT),
      .ZERO       (ZERO),
      .OUT_BITS   (OUT_BITS),
      .LOW        (LOW),
      .HIGH       (HIGH)
  ) u_mean (
      .clk,
      .load_i(divide),
      .sum_i (sum_q),
      .next_i(divide_q == DIVIDE),
      .y_o   (quotient)
  );

  always_ff @(posedge clk) begin
    if (take) line_q <= LINE'(in_data_i);
    else if (state_q == SUM) line_q <= line_q >> (ADD * BITS);
    if (state_q == SUM) sum_q <= base + step_sum;
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state_q  <= WAIT;
      divide_q <= IDLE;
      turn_q   <= '0;
      step_q  <= '0;
      ch_q    <= '0;
      row_q   <= '0;
      y_q     <= '0;
      y0_q    <= '0;
    end else begin
      case (state_q)
        WAIT: if (take) state_q <= SUM;
        SUM: begin
          step_q <= (step_q == TW'(STEPS - 1)) ? '0 : step_q + 1'b1;
          if (step_q == TW'(STEPS - 1)) state_q <= STORE;
        end
        default: if (next) state_q <= WAIT;
      endcase
      case (divide_q)
        IDLE: if (divide) divide_q <= (TURNS > 0) ? DIVIDE : SEND;
        DIVIDE: begin
          turn_q <= (turn_q == DW'(TURNS - 1)) ? '0 : turn_q + 1'b1;
          if (turn_q == DW'(TURNS - 1)) divide_q <= SEND;
        end
        default: if (push) divide_q <= IDLE;
      endcase
      if (next) begin
        if (!last_row) begin
          row_q <= row_q + 1'b1;
          y_q   <= y_q + 1'b1;
        end else begin
          row_q <= '0;
          ch_q  <= last_ch ? '0 : ch_q + 1'b1;
          if (!last_ch) y_q <= y0_q;
          else begin
            y_q  <= frame_end ? '0 : y_q + 1'b1;
            y0_q <= frame_end ? '0 : y_q + 1'b1;
          end
        end
      end
    end
  end

  fsq_fifo #(
      .WIDTH  (OUT_BITS),
      .DEPTH  (DEPTH),
      .COUNT_W(COUNT_W)
  ) u_out (
      .clk,
      .rst_n,
      .reserve_i(COUNT_W'(push)),
      .free_o   (free),
      .push_i   (push),
      .data_i   (quotient),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
