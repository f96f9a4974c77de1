"""HLS tools on a generated project: their RTL against golden, kernel by kernel or whole, and what their reports say.

``tops`` writes what a tool reads, ``bambu`` and ``vitis`` run it, ``bambu_reports`` and ``vitis_reports`` read what it
leaves, ``bench`` reads the verdict, which is always that of our own bench (``sim/hls_bench.cpp``).
"""
