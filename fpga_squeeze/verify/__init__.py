"""Proofs beyond golden: checks of emitted sources that need no tool, and HLS tools on a whole project."""
