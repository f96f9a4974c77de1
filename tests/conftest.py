"""Settings of all tests."""

from __future__ import annotations

from hypothesis import settings

# how long an example takes depends on the machine and what else runs on it
settings.register_profile("fpga_squeeze", deadline=None)
settings.load_profile("fpga_squeeze")
