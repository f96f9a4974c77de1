"""Lengths of the RTL's pipelines in cycles: plan, parameters and schedule read them here."""

READ_LATENCY = 2
"""From the issue of a term to its pixels at the lanes (fsq_line_buffer)."""
SUM_LATENCY = READ_LATENCY + 4
"""From the last term of a pass to its sums in the registers in which they wait for the drain (fsq_mac_array)."""
RELEASE_LATENCY = READ_LATENCY + 2
"""From the last term of a row group until its slots can be taken (fsq_row_cursor, fsq_line_writer)."""
CHOICE_LATENCY = 2
"""Of a drain: from the sums of a pass to those of its first beat (fsq_beat_sums)."""
TABLE_READ = 1
"""From the number of an entry of the table to its bias and scale; at most CHOICE_LATENCY (fsq_drain)."""
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
VISIBLE = 1
"""Until a pushed word, a popped place and a finished row are seen."""
