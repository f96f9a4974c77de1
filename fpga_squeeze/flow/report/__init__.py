"""One page about a project: its numbers, its figures, and the same numbers under the names that FINN gives them."""
