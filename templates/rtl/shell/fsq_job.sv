// Runs a job: starts reader and writer, counts frames and cycles, and ends the job where something goes wrong or it is
// told to. Then no burst is started any more, answers to those under way are awaited, and all is emptied: FIFOs of the
// shell and every kernel. The next job starts as after a reset.
module fsq_job #(
    parameter CLEAR_LOG = 4  // cycles for which kernels are held in reset, as a power of two
) (
    input  logic        clk,             // clock
    input  logic        rst_n,           // synchronous reset, active low
    input  logic        start_i,         // a job is to start
    input  logic        reset_i,         // all is to be emptied
    input  logic        askew_i,         // an address is not a multiple of 8
    input  logic [31:0] frames_i,        // frames of a job
    input  logic        quiet_i,         // no answer of the memory is awaited
    input  logic        sent_i,          // all pixels have been sent on
    input  logic        frame_end_i,     // the logits of a frame are in memory
    input  logic        length_i,        // a frame of wrong length
    input  logic        read_error_i,    // the memory answered a read with an error
    input  logic        write_error_i,   // the memory answered a write with an error
    input  logic        beyond_i,        // a job runs beyond the last address
    output logic        load_o,          // reader and writer start
    output logic        more_o,          // a frame follows the one that is written
    output logic        stop_o,          // no further burst
    output logic        core_rst_n_o,    // reset of the kernels, and of reader and writer, active low
    output logic        busy_o,          // a job runs, or kernels are emptied
    output logic        emptying_o,      // kernels are emptied, or will be
    output logic        done_o,          // a job has come to its end
    output logic        ended_o,         // in this cycle
    output logic [ 5:0] errors_o,        // errors of this cycle: length, overrun, read, write, address, reset
    output logic [31:0] frames_done_o,   // frames that are done
    output logic [31:0] frame_cycles_o,  // cycles of the last one
    output logic [31:0] job_cycles_o     // cycles of all of them
);
  logic run, stop, clear;  // what the registers take
  logic run_q, stop_q, clear_q, load_q, more_q, core_rst_n_q, done_q, ended_q;
  logic busy_q, emptying_q;  // one of the first three; of the two behind run_q: so that no path starts with their sum
  logic none_q, all_q;  // a job of no frames; all are done
  logic begins, fails, empties, ends;
  logic [5:0] errors_q;
  logic [CLEAR_LOG-1:0] hold_q;
  logic [31:0] left_q, done_count_q, clock_q, frame_clock_q, frame_cycles_q, job_cycles_q;
  assign load_o         = load_q;
  assign more_o         = more_q;
  assign stop_o         = emptying_q;  // clear_q as well: the reset comes a cycle later
  assign core_rst_n_o   = core_rst_n_q;
  assign busy_o         = busy_q;
  assign emptying_o     = emptying_q;
  assign done_o         = done_q;
  assign ended_o        = ended_q;
  assign errors_o       = errors_q;
  assign frames_done_o  = done_count_q;
  assign frame_cycles_o = frame_cycles_q;
  assign job_cycles_o   = job_cycles_q;

  // reader and writer are loaded a cycle behind the start, and quiet until then
  assign begins  = start_i && !busy_q && !reset_i;
  assign fails   = run_q && (length_i || read_error_i || write_error_i || beyond_i);
  assign empties = stop_q && quiet_i && !load_q;
  assign ends    = run_q && all_q && sent_i && quiet_i && !load_q;
  assign run     = run_q ? !(fails || reset_i || ends) : begins && !askew_i;
  assign stop    = stop_q ? !empties : fails || (reset_i && !clear_q);
  assign clear   = clear_q ? hold_q != '0 : empties;
  always_ff @(posedge clk) begin
    none_q <= frames_i == '0;
    more_q <= left_q != 32'd1;
    if (begins) left_q <= frames_i;
    else if (frame_end_i) left_q <= left_q - 1'b1;
    if (begins || frame_end_i) frame_clock_q <= 32'd1;
    else frame_clock_q <= frame_clock_q + 1'b1;
    if (begins) clock_q <= 32'd1;
    else clock_q <= clock_q + 1'b1;
    if (!rst_n) begin
      run_q          <= 1'b0;
      stop_q         <= 1'b0;
      clear_q        <= 1'b0;
      busy_q         <= 1'b0;
      emptying_q     <= 1'b0;
      load_q         <= 1'b0;
      core_rst_n_q   <= 1'b0;
      done_q         <= 1'b0;
      ended_q        <= 1'b0;
      all_q          <= 1'b0;
      errors_q       <= '0;
      hold_q         <= '0;
      done_count_q   <= '0;
      frame_cycles_q <= '0;
      job_cycles_q   <= '0;
    end else begin
      run_q        <= run;
      load_q       <= begins && !askew_i && !none_q;
      stop_q       <= stop;
      clear_q      <= clear;
      busy_q       <= run || stop || clear;
      emptying_q   <= stop || clear;
      hold_q       <= clear_q ? hold_q - 1'b1 : '1;
      core_rst_n_q <= !clear_q;
      all_q        <= begins ? none_q : all_q || (frame_end_i && !more_q);
      ended_q      <= ends && !fails && !reset_i;
      done_q       <= (ends && !fails && !reset_i) || (done_q && !begins);
      errors_q     <= {
        run_q && reset_i,
        (begins && askew_i) || (run_q && beyond_i),
        run_q && write_error_i,
        run_q && read_error_i,
        start_i && busy_q,
        run_q && length_i
      };
      if (begins) begin
        done_count_q   <= '0;
        frame_cycles_q <= '0;
        job_cycles_q   <= '0;
      end else if (run_q && frame_end_i) begin
        done_count_q   <= done_count_q + 1'b1;
        frame_cycles_q <= frame_clock_q;
        job_cycles_q   <= clock_q;
      end
    end
  end
endmodule
