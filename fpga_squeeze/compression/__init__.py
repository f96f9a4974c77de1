"""A float network made small: pruning, low rank, shared weights, and what is left in bits."""
