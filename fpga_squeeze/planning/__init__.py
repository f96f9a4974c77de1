"""The plan of an accelerator: kernels, weight memories, the exact schedule."""
