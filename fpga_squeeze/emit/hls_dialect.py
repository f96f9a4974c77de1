"""Dialects of HLS C++: how a tool wants the pragmas of a top level spelled. Those of the kernels are macros, one header
``fsq_pragmas_<dialect>.hpp`` each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from typing_extensions import assert_never

from ..errors import FpgaSqueezeError

Dialect = Literal["vitis", "bambu"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)


def find_dialect(name: str) -> Dialect:
    """The dialect called ``name``; raises FpgaSqueezeError where there is none."""
    for dialect in DIALECTS:
        if name == dialect:
            return dialect
    raise FpgaSqueezeError(f"unknown HLS dialect {name}; choose {' or '.join(DIALECTS)}")


def top_pragmas(dialect: Dialect, ports: Mapping[str, int]) -> list[str]:
    """Pragmas of a top level, each what follows ``#pragma HLS``, for AXI4-Stream ``ports`` and their words per call.

    They are written out in the source, because not every tool takes the pragmas of a function from a macro. Sources:
    UG1399, pragma HLS interface and pragma HLS dataflow; for Bambu its documentation of interface pragmas.
    """
    match dialect:
        case "vitis":
            streams = [f"interface mode=axis port={name}" for name in ports]
            return [*streams, "interface mode=ap_ctrl_chain port=return", "dataflow"]
        case "bambu":
            streams = [f"interface port={name} mode=axis depth={words}" for name, words in ports.items()]
            return [*streams, "dataflow"]
        case _:
            assert_never(dialect)
