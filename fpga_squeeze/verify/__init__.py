"""Proofs and tools: what others say of a generated project, HLS tools among them."""
