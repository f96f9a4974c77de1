// Global average pool: adds ADD pixels per cycle, then divides bit by bit; y = round_half_even(sum * 2^EXTRA / COUNT).
//
// A word takes ceil(WIDTH / ADD) cycles and two more; a word of the last row also QUOTIENT cycles of a restoring
// division of the magnitude, whose remainder decides the rounding exactly, and one to send the result. No multiplier.
module fsq_avg_pool #(
    parameter CHANNELS = 10,
    parameter HEIGHT   = 4,
    parameter WIDTH    = 4,
    parameter BITS     = 16,
    parameter SIGNED   = 0,
    parameter IN_ROWS  = 1,   // rows of a group in the order of arrival
    parameter ADD      = 1,   // pixels per cycle
    parameter SUM_W    = 21,  // signed sum over the map
    parameter COUNT    = 16,  // HEIGHT * WIDTH
    parameter EXTRA    = 0,   // more bits below the binary point than the input has
    parameter QUOTIENT = 16,  // bits of the largest quotient
    parameter OUT_BITS = 16,
    parameter LOW      = 0,
    parameter HIGH     = 65535,
    parameter DEPTH    = 4,
    parameter COUNT_W  = 3
) (
    input  logic                  clk,
    input  logic                  rst_n,
    input  logic                  in_valid_i,
    output logic                  in_ready_o,
    input  logic [WIDTH*BITS-1:0] in_data_i,
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic [  OUT_BITS-1:0] out_data_o
);
  localparam STEPS = (WIDTH + ADD - 1) / ADD;
  localparam CW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam IW = (IN_ROWS > 1) ? $clog2(IN_ROWS) : 1;
  localparam HW = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
  localparam TW = $clog2(((STEPS > QUOTIENT) ? STEPS : QUOTIENT) + 1);
  localparam REM_W = $clog2(COUNT + 1) + QUOTIENT + 1;
  localparam [REM_W-1:0] DIVISOR = REM_W'(COUNT) << (QUOTIENT - 1);
  localparam LINE = STEPS * ADD * BITS;
  localparam Q_W = ((QUOTIENT > OUT_BITS) ? QUOTIENT : OUT_BITS) + 2;
  localparam WAIT = 3'd0, SUM = 3'd1, STORE = 3'd2, DIVIDE = 3'd3, SEND = 3'd4;

  logic [2:0] state_q;
  logic [TW-1:0] step_q;
  logic [CW-1:0] ch_q;
  logic [IW-1:0] row_q;
  logic [HW-1:0] y_q, y0_q;
  logic last_row, last_ch, frame_end, take, next, push;
  logic [COUNT_W-1:0] free;

  assign last_row   = (row_q == IW'(IN_ROWS - 1)) || frame_end;
  assign last_ch    = ch_q == CW'(CHANNELS - 1);
  assign frame_end  = y_q == HW'(HEIGHT - 1);
  assign in_ready_o = state_q == WAIT;
  assign take       = in_valid_i & in_ready_o;
  assign push       = (state_q == SEND) && free != '0;
  assign next       = push || (state_q == STORE && !frame_end);

  // ---- sums
  logic [LINE-1:0] line_q;
  logic signed [SUM_W-1:0] sum_q, step_sum, base, stored;
  genvar i;
  logic signed [ADD:0][SUM_W-1:0] running;
  assign running[0] = '0;
  generate
    for (i = 0; i < ADD; i = i + 1) begin : gen_add
      logic signed [BITS:0] pixel;
      assign pixel = {(SIGNED != 0) & line_q[i*BITS+BITS-1], line_q[i*BITS+:BITS]};
      assign running[i+1] = running[i] + SUM_W'(pixel);
    end
  endgenerate
  assign step_sum = running[ADD];
  assign base     = (step_q != '0) ? sum_q : ((y_q == '0) ? '0 : stored);

  fsq_ram_lut #(
      .WIDTH (SUM_W),
      .DEPTH (CHANNELS),
      .ADDR_W(CW)
  ) u_sums (
      .clk,
      .we_i   (state_q == STORE),
      .waddr_i(ch_q),
      .wdata_i(sum_q),
      .raddr_i(ch_q),
      .rdata_o(stored)
  );

  // ---- division
  logic [SUM_W-1:0] magnitude;
  logic negative, fits;
  logic [REM_W-1:0] rem_q, rem_left;
  logic [QUOTIENT-1:0] quo_q;
  logic signed [Q_W-1:0] rounded, value, clipped;
  assign negative  = sum_q[SUM_W-1];
  assign magnitude = negative ? -sum_q : sum_q;
  assign fits      = rem_q >= DIVISOR;
  assign rem_left  = fits ? rem_q - DIVISOR : rem_q;
  assign rounded   = Q_W'(quo_q) + Q_W'((rem_q > DIVISOR) || (rem_q == DIVISOR && quo_q[0]));
  assign value     = negative ? -rounded : rounded;
  always_comb begin
    clipped = value;
    if (value < Q_W'(LOW)) clipped = Q_W'(LOW);
    if (value > Q_W'(HIGH)) clipped = Q_W'(HIGH);
  end
  logic unused_ok;
  assign unused_ok = &{1'b0, clipped[Q_W-1:OUT_BITS], rem_left[REM_W-1]};

  always_ff @(posedge clk) begin
    if (take) line_q <= LINE'(in_data_i);
    else if (state_q == SUM) line_q <= line_q >> (ADD * BITS);
    if (state_q == SUM) sum_q <= base + step_sum;
    if (state_q == STORE) begin
      rem_q <= REM_W'(magnitude) << EXTRA;
      quo_q <= '0;
    end else if (state_q == DIVIDE) begin
      rem_q <= {rem_left[REM_W-2:0], 1'b0};
      quo_q <= QUOTIENT'({quo_q, fits});
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state_q <= WAIT;
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
        STORE: state_q <= frame_end ? DIVIDE : WAIT;
        DIVIDE: begin
          step_q <= (step_q == TW'(QUOTIENT - 1)) ? '0 : step_q + 1'b1;
          if (step_q == TW'(QUOTIENT - 1)) state_q <= SEND;
        end
        default: if (push) state_q <= WAIT;
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
      .data_i   (clipped[OUT_BITS-1:0]),
      .valid_o  (out_valid_o),
      .ready_i  (out_ready_i),
      .data_o   (out_data_o)
  );
endmodule
