"""From a plan to files: HLS C++, RTL, words."""
