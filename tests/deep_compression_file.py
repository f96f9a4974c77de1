"""Writes Deep-Compression files for tests: random sparse weights, or bytes bent on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_squeeze.frontend.deep_compression import CONVS, ENTRIES, HEADER, MAX_RUN, StoredConv


@dataclass
class StoredLayer:
    """What the file holds of one layer: codebook [256], bias [O], codes and runs [symbols]."""

    codebook: np.ndarray
    bias: np.ndarray
    codes: np.ndarray
    runs: np.ndarray

    def encode(self) -> bytes:
        runs = np.append(self.runs, np.zeros(len(self.runs) % 2)).astype(np.uint8)
        packed = runs[0::2] | runs[1::2] << 4
        return b"".join(
            [
                self.codebook.astype("<f4").tobytes(),
                self.bias.astype("<f4").tobytes(),
                self.codes.astype(np.uint8).tobytes(),
                packed.tobytes(),
            ]
        )

    def weight(self, stored: StoredConv) -> np.ndarray:
        """The weights it stands for, symbol by symbol as the format says."""
        out, place = np.zeros(stored.weights), -1
        for code, run in zip(self.codes, self.runs, strict=True):
            place += int(run) + 1
            out[place] = self.codebook[code]
        return out.reshape(stored.shape)


def random_layer(rng: np.random.Generator, stored: StoredConv, density: float) -> StoredLayer:
    codebook = np.concatenate([[0.0], rng.normal(0, 0.1, ENTRIES - 1)]).astype(np.float32).astype(np.float64)
    bias = rng.normal(0, 0.1, stored.shape[0]).astype(np.float32).astype(np.float64)
    codes, runs = [], []
    gaps = np.diff(np.flatnonzero(rng.random(stored.weights) < density), prepend=-1) - 1
    for gap in gaps if len(gaps) else [0]:
        while gap > MAX_RUN:
            codes.append(0)
            runs.append(MAX_RUN)
            gap -= MAX_RUN + 1
        codes.append(int(rng.integers(1, ENTRIES)))
        runs.append(gap)
    return StoredLayer(codebook, bias, np.array(codes), np.array(runs))


def random_file(seed: int) -> list[StoredLayer]:
    """Layers of random density, a few of them nearly empty."""
    rng = np.random.default_rng(seed)
    return [random_layer(rng, stored, rng.choice([0.001, 0.1, 0.3])) for stored in CONVS]


def encode(layers: list[StoredLayer], counts: list[int] | None = None) -> bytes:
    """The bytes of the file; ``counts`` replaces what its header says."""
    head = np.array([len(x.codes) for x in layers] if counts is None else counts, dtype="<u4").tobytes()
    assert len(head) == HEADER
    return head + b"".join(layer.encode() for layer in layers)


def write(path: Path, layers: list[StoredLayer]) -> Path:
    path.write_bytes(encode(layers))
    return path
