"""Emitted HLS C++ to check and to break, read as an HLS tool sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from csim_helpers import HEADER, random_foldings
from random_models import random_qmodel

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.verify import tools


def _have_compiler() -> bool:
    try:
        tools.find_compiler()
    except FpgaSqueezeError:
        return False
    return True


COMPILER = _have_compiler()


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[str]:
    """A file of the sources with its text changed, for a while."""
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)
    try:
        yield after
    finally:
        path.write_text(before)


def emit_small(folder: Path) -> dict[str, Path]:
    """The sources of a small design, one folder per dialect."""
    rng = np.random.default_rng(21)
    model = random_qmodel(rng, min_size=8, max_size=9, max_fires=1, weight_bits=(8,), activation_bits=8)
    plan = build_plan(model, random_foldings(rng, model))
    for dialect in DIALECTS:
        emit_hls(plan, folder / dialect, HEADER, dialect)
    return {dialect: folder / dialect for dialect in DIALECTS}
