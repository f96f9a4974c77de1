"""Settings and fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from pragma_helpers import emit_small

# how long an example takes depends on the machine and what else runs on it
settings.register_profile("fpga_squeeze", deadline=None)
settings.load_profile("fpga_squeeze")


@pytest.fixture(scope="session")
def hls_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The HLS C++ of a small design in both dialects; who changes a file puts it back."""
    return emit_small(tmp_path_factory.mktemp("hls_sources"))
