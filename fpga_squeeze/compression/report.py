"""The rows of SqueezeNet's paper (F. Iandola et al., arXiv:1602.07360, table 2) with our bytes beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..coding.terms import find_terms
from ..frontend import is_deep_compression
from ..frontend.deep_compression import MAX_RUN, stored_bytes
from ..network.graph import FloatModel
from .sharing import CODEBOOK_BITS
from .steps import CompressOptions, Step, code_layers, code_steps, read_step

MEGABYTE = 1_000_000
PAPER_SOURCE = "arXiv:1602.07360, table 2"


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper: network, method with its bits per weight, size, times smaller than AlexNet."""

    network: str
    method: str
    megabytes: float
    times: int


ALEXNET = PaperRow("AlexNet", "32 bit", 240.0, 1)
FLOAT = PaperRow("SqueezeNet", "32 bit", 4.8, 50)
EIGHT = PaperRow("SqueezeNet", "8 bit", 0.66, 363)
SIX = PaperRow("SqueezeNet", "6 bit", 0.47, 510)


@dataclass(frozen=True, eq=False)
class ReportRow:
    """A row of the paper and what a real model takes.

    ours    how its bytes were counted; empty where the paper's number stands alone
    bytes   of weights, tables and biases
    step    the network those bytes are of, to be run for its accuracy
    """

    paper: PaperRow
    ours: str = ""
    bytes: int | None = None
    step: Step | None = None

    @property
    def times(self) -> float | None:
        """How many times smaller than the paper's AlexNet."""
        return None if self.bytes is None else ALEXNET.megabytes * MEGABYTE / self.bytes

    def to_json(self) -> dict[str, object]:
        return {"paper": vars(self.paper), "ours": self.ours, "bytes": self.bytes, "times": self.times}


def report(model: FloatModel, path: Path | None) -> list[ReportRow]:
    """The paper's rows beside ``model``, which was read from ``path``."""
    plain = read_step(model)
    rows = [ReportRow(ALEXNET), ReportRow(FLOAT, "float32", plain.bytes, plain)]
    if path is not None and path.is_file() and is_deep_compression(path):
        rows.append(ReportRow(EIGHT, "the file itself", path.stat().st_size, plain))
    else:
        stored = deep_compression_bytes(model)
        if stored is not None:
            rows.append(ReportRow(EIGHT, "Deep Compression's format", stored, plain))
    for paper, bits in ((EIGHT, 8), (SIX, 6)):
        coded = code_layers(model, CompressOptions(code_bits=bits))
        assert coded is not None  # integers can be made of any weights
        step = code_steps(model, coded, "")[-1]
        rows.append(ReportRow(paper, f"{bits}-bit integers, Huffman", step.bytes, step))
    return rows


def deep_compression_bytes(model: FloatModel) -> int | None:
    """Bytes of ``model`` in the format of :mod:`fpga_squeeze.frontend.deep_compression`.

    None where a layer has more values than its codebook.
    """
    total = 0
    for conv in model.convs:
        if len(np.setdiff1d(conv.weight, [0.0])) >= 1 << CODEBOOK_BITS:
            return None
        flat = (conv.weight != 0).astype(np.int64).reshape(1, -1, 1, 1)
        symbols = len(find_terms(flat, 1, MAX_RUN).run)
        total += 4 + stored_bytes(len(conv.bias), symbols)
    return total
