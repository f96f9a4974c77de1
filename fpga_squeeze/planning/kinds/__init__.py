"""Kinds of kernels without lanes: for each its plan, its cost, how it passes words on, and the rules it keeps."""
