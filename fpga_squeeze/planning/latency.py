"""Lengths of the RTL's pipelines in cycles: plan, parameters and schedule read them here."""

READ_LATENCY = 2
"""From the issue of a term to its pixels at the lanes (fsq_line_buffer)."""
SUM_LATENCY = READ_LATENCY + 3
"""From the issue of a term to the sum with it (fsq_mac_array)."""
RELEASE_LATENCY = READ_LATENCY + 2
"""From the last term of a row group until its slots can be taken (fsq_row_cursor, fsq_line_writer)."""
CHOICE_LATENCY = 1
"""Of a drain: from the sums of a pass to those of its first beat (fsq_drain)."""
SHIFT_LATENCY = 5
"""From the sums of a beat to its pixels where sums are shifted (fsq_drain, fsq_requant)."""
DRAIN_LATENCY = SUM_LATENCY + CHOICE_LATENCY + SHIFT_LATENCY
"""From the last term of a pass to the push of its first beat where sums are shifted."""
MULTIPLY_LATENCY = 4
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
"""Until a pushed word, a popped place and a finished row are seen."""
