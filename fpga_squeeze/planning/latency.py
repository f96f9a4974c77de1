"""Lengths of the RTL's pipelines in cycles: plan, parameters and schedule read them here."""

READ_LATENCY = 5
"""From the issue of a term to its pixels at the lanes (fsq_line_buffer, fsq_lane_pixels)."""
SUM_LATENCY = READ_LATENCY + 3
"""From the issue of a term to the sum with it (fsq_mac_array)."""
READ_END, WRITE_START = 3, 2
"""From the issue of a term, and from the taking of a word, until a memory has its address (fsq_line_bank)."""
RELEASE_LATENCY = READ_END - WRITE_START + 1
"""From the last term of a row group until its slots can be taken (fsq_row_cursor, fsq_line_writer)."""
ROW_VISIBLE = 2
"""From the taking of a row's last word until the row counts (fsq_line_writer, fsq_row_gate)."""
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
VISIBLE = 1
"""Until a pushed word and a popped place are seen."""
