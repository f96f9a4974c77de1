"""Lengths of the RTL's pipelines in cycles: plan, parameters and schedule read them here."""

ISSUE_LATENCY = 1
"""From the decision to issue a term until it is issued (fsq_sequencer); the schedule counts from the decision."""
READ_LATENCY = 6
"""From the issue of a term to its pixels at the lanes (fsq_line_buffer, fsq_lane_pixels)."""
SUM_LATENCY = ISSUE_LATENCY + READ_LATENCY + 4
"""From the last term of a pass to its sums in the registers in which they wait for the drain (fsq_mac_array)."""
READ_END, WRITE_START = 3, 2
"""From the issue of a term, and from the taking of a word, until a memory has its address (fsq_line_bank)."""
RELEASE = READ_END - WRITE_START + 1
"""From the issue of the last term of a row group until its slots can be taken (fsq_row_cursor, fsq_line_writer)."""
RELEASE_LATENCY = ISSUE_LATENCY + RELEASE
"""The same from the decision to issue that term."""
ROW_VISIBLE = 2
"""From the taking of a row's last word until the row counts (fsq_line_writer, fsq_row_gate)."""
TABLE_READ = 2
"""From the number of an entry of the table to its bias and scale (fsq_rom); at most CHOICE_LATENCY (fsq_drain)."""
WORD_READ = TABLE_READ + 1
"""From the address of a word of a weight memory to the word: there is a register behind the choice among its blocks."""
SYMBOL_LATENCY = 4
"""From the decision to decode a symbol to the symbol (fsq_prefix_decoder)."""
CHOICE_LATENCY = 2
"""Of a drain: from the sums of a pass to those of its first beat (fsq_beat_sums)."""
SHIFT_LATENCY = 7
"""From the sums of a beat to the push of its word where sums are shifted (fsq_requant, fsq_row_words)."""
DRAIN_LATENCY = SUM_LATENCY + CHOICE_LATENCY + SHIFT_LATENCY
"""From the last term of a pass to the push of its first beat where sums are shifted."""
PAIR_LATENCY = 1
"""Cycles more where two lanes share a DSP slice (fsq_unpair)."""
MULTIPLY_LATENCY = 5
"""Cycles more where they are multiplied (fsq_multiply)."""
TABLE_LATENCY = 1
"""Cycles more where a stage's pixels go through a table (fsq_recode)."""
INPUT_LATENCY = 1
"""From the cycle in which a row's word may be sent until it is pushed (fsq_input)."""
OUTPUT_LATENCY, OUTPUT_TURN = 1, 2
"""At the end of the design: from taking a logit until it leaves, and until the next one is taken (fsq_output)."""
MEAN_LATENCY = 2
"""Cycles of an average beside those of its division or multiplication (fsq_mean, fsq_turns)."""


def tree_levels(values: int) -> int:
    """Cycles until so many values are one (fsq_tree)."""
    return (values - 1).bit_length()


VISIBLE = 1
"""Until a pushed word and a popped place are seen."""
