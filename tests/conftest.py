"""Settings and fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from pragma_helpers import emit_small
from seeds import GIVEN, SEED, VARIABLE

# how long an example takes depends on the machine and what else runs on it
settings.register_profile("fpga_squeeze", deadline=None, derandomize=not GIVEN)
settings.load_profile("fpga_squeeze")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if GIVEN and config.getoption("--hypothesis-seed", None) is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_report_header() -> str:
    return f"seed: {VARIABLE}={SEED}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    if exitstatus:
        terminalreporter.write_line(f"again with the same cases: {VARIABLE}={SEED}")


@pytest.fixture(scope="session")
def hls_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The HLS C++ of a small design in both dialects; who changes a file puts it back."""
    return emit_small(tmp_path_factory.mktemp("hls_sources"))
