"""Checks of emitted sources that need neither an HLS tool nor a simulator."""
