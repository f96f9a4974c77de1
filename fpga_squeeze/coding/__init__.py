"""Lossless coding of weights: bit packing, prefix codes, terms and their streams."""
