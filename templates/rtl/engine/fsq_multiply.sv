// A sum times a scale, one product per cycle, six cycles long: rows of additions in LUTs, or DSP slices.
//
// In LUTs: two bits of the scale choose 0, 1, 2 or 3 times the sum, so that a row of additions takes one LUT per bit; two
// rows lie behind each other, in the next cycle one or two more, then three levels of a tree. In DSP slices: the scale in pieces of 17 bits at most for the
// narrow input of a slice, the sum in pieces for the wide one.
module fsq_multiply #(
    parameter SUM_W     = 24,  // bits of a sum
    parameter SCALE_W   = 26,  // bits of a scale
    parameter PRODUCT_W = 48,  // bits that hold every product
    parameter WIDE      = 1    // 1: in LUTs; else in DSP slices whose wide input has so many bits, signed
) (
    input  logic                        clk,       // clock
    input  logic signed [    SUM_W-1:0] sum_i,     // sum
    input  logic        [  SCALE_W-1:0] scale_i,   // scale, not negative
    output logic signed [PRODUCT_W-1:0] product_o  // product, six cycles later
);
  genvar g, k;
  generate
    if (WIDE == 1) begin : gen_lut
      localparam DIGITS = (SCALE_W + 1) / 2;  // of the scale, to the base of four
      localparam CHAIN = (DIGITS > 24) ? (DIGITS + 7) / 8 : 3;  // rows behind each other: at most eight groups of them
      localparam GROUPS = (DIGITS + CHAIN - 1) / CHAIN;
      localparam ROW = SUM_W + 2;
      localparam SHIFT = 2 * CHAIN;
      localparam PART = SUM_W + SHIFT;
      // in the first two rows, and in those of the next cycle
      logic signed [SUM_W-1:0] sum_q, sum_late_q;
      logic signed [ROW-1:0] triple_q, triple_late_q;
      logic [2*GROUPS*CHAIN-1:0] scale_q, scale_late;
      logic [GROUPS*PART-1:0] parts, parts_q;
      always_ff @(posedge clk) begin
        sum_q    <= sum_i;
        triple_q <= ROW'(sum_i) + (ROW'(sum_i) <<< 1);
        scale_q  <= (2 * GROUPS * CHAIN)'(scale_i);
        parts_q  <= parts;
        sum_late_q    <= sum_q;
        triple_late_q <= triple_q;
      end
      fsq_copy #(  // registers that only follow each other would become slow shift registers
          .WIDTH(2 * GROUPS * CHAIN)
      ) u_scale (
          .clk,
          .d_i(scale_q),
          .q_o(scale_late)
      );
      for (g = 0; g < GROUPS; g = g + 1) begin : gen_group
        for (k = 0; k < CHAIN; k = k + 1) begin : gen_row
          localparam LATE = k > 1;
          logic [1:0] digit;
          logic signed [SUM_W-1:0] once;
          logic signed [ROW-1:0] thrice, row, above;  // the row; it and what lies above those before it
          assign once = LATE ? sum_late_q : sum_q;
          assign thrice = LATE ? triple_late_q : triple_q;
          assign digit = 2'((LATE ? scale_late : scale_q) >> 2 * (g * CHAIN + k));
          assign row = digit[1] ? (digit[0] ? thrice : ROW'(once) <<< 1) : (digit[0] ? ROW'(once) : '0);
          if (k == 0) begin : gen_first
            assign above = row;
          end else if (k == 2) begin : gen_late
            logic signed [ROW-1:0] before_q;
            always_ff @(posedge clk) before_q <= gen_row[k-1].above;
            assign above = (before_q >>> 2) + row;
          end else begin : gen_next
            assign above = (gen_row[k-1].above >>> 2) + row;
          end
          if (k == CHAIN - 1) begin : gen_last
            assign parts[g*PART+2*k+:ROW] = above;
          end else if (k < 2) begin : gen_early
            logic [1:0] low_q;
            always_ff @(posedge clk) low_q <= above[1:0];
            assign parts[g*PART+2*k+:2] = low_q;
          end else begin : gen_low
            assign parts[g*PART+2*k+:2] = above[1:0];
          end
        end
      end
      // the three levels: a sum of two parts has the bits of both
      localparam TWO = (GROUPS + 1) / 2;
      localparam FOUR = (TWO + 1) / 2;
      localparam TWO_W = (SUM_W + 2 * SHIFT < PRODUCT_W) ? SUM_W + 2 * SHIFT : PRODUCT_W;
      localparam FOUR_W = (SUM_W + 4 * SHIFT < PRODUCT_W) ? SUM_W + 4 * SHIFT : PRODUCT_W;
      logic [TWO*TWO_W-1:0] twos;
      logic [FOUR*FOUR_W-1:0] fours;
      fsq_add_pairs #(
          .COUNT(GROUPS),
          .IN_W (PART),
          .SHIFT(SHIFT),
          .OUT_W(TWO_W)
      ) u_twos (
          .clk,
          .parts_i(parts_q),
          .sums_o (twos)
      );
      fsq_add_pairs #(
          .COUNT(TWO),
          .IN_W (TWO_W),
          .SHIFT(2 * SHIFT),
          .OUT_W(FOUR_W)
      ) u_fours (
          .clk,
          .parts_i(twos),
          .sums_o (fours)
      );
      fsq_add_pairs #(
          .COUNT(FOUR),
          .IN_W (FOUR_W),
          .SHIFT(4 * SHIFT),
          .OUT_W(PRODUCT_W)
      ) u_product (
          .clk,
          .parts_i(fours),
          .sums_o (product_o)
      );
    end else begin : gen_dsp
      localparam SUMS = (SUM_W + WIDE - 3) / (WIDE - 1);  // pieces of the sum, the highest one signed
      localparam SCALES = (SCALE_W + 16) / 17;  // pieces of the scale
      localparam SUM_P = (SUM_W - 1 + SUMS - 1) / SUMS;  // bits of a piece
      localparam SCALE_P = (SCALE_W + SCALES - 1) / SCALES;
      localparam A_W = SUM_P + 1;
      localparam B_W = SCALE_P + 1;
      logic signed [SUMS*SUM_P:0] sum;
      logic [SCALES*SCALE_P-1:0] scale;
      logic signed [PRODUCT_W-1:0] products[0:SUMS-1][0:SCALES-1];
      logic signed [PRODUCT_W-1:0] halves[0:SUMS-1][0:1];
      logic signed [PRODUCT_W-1:0] halves_q[0:SUMS-1][0:1];
      logic signed [PRODUCT_W-1:0] columns_q[0:SUMS-1];
      logic signed [PRODUCT_W-1:0] product;
      assign sum   = (SUMS * SUM_P + 1)'(sum_i);
      assign scale = (SCALES * SCALE_P)'(scale_i);
      for (g = 0; g < SUMS; g = g + 1) begin : gen_sum
        for (k = 0; k < SCALES; k = k + 1) begin : gen_scale
          logic signed [A_W-1:0] a_q;
          logic signed [B_W-1:0] b_q;
          logic signed [A_W+B_W-1:0] m_q, p_q;
          always_ff @(posedge clk) begin
            a_q <= {(g == SUMS - 1) & sum[SUMS*SUM_P], sum[g*SUM_P+:SUM_P]};
            b_q <= {1'b0, scale[k*SCALE_P+:SCALE_P]};
            m_q <= a_q * b_q;
            p_q <= m_q;
          end
          assign products[g][k] = PRODUCT_W'(p_q) <<< (g * SUM_P + k * SCALE_P);
        end
      end
      integer i, n;
      always_comb begin
        product = '0;
        for (i = 0; i < SUMS; i = i + 1) begin
          halves[i][0] = '0;
          halves[i][1] = '0;
          for (n = 0; n < SCALES; n = n + 1) halves[i][n/2] = halves[i][n/2] + products[i][n];
          product = product + columns_q[i];
        end
      end
      always_ff @(posedge clk) begin
        for (int j = 0; j < SUMS; j = j + 1) begin
          halves_q[j][0] <= halves[j][0];
          halves_q[j][1] <= halves[j][1];
          columns_q[j] <= halves_q[j][0] + halves_q[j][1];
        end
      end
      fsq_copy #(
          .WIDTH(PRODUCT_W)
      ) u_product (
          .clk,
          .d_i(product),
          .q_o(product_o)
      );
    end
  endgenerate
endmodule
