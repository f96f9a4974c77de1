"""The requantiser of an engine: shifts and multipliers against golden's rounding, and what the plan makes of scales."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rtl_bench import build_bench

from fpga_squeeze.network.fixed_point import IntArray, round_half_even_shift
from fpga_squeeze.paths import source_files

SOURCES = ("fsq_requant.sv", "fsq_multiply.sv", "fsq_add_pairs.sv")
SHIFT_CYCLES, MULTIPLY_CYCLES = 4, 8
"""From a sum at the input to its pixel."""


@dataclass(frozen=True)
class Case:
    """Sizes of a requantiser; ``multiply`` is 0 for a shifter, 1 for LUTs, else the bits of a slice's wide input."""

    multiply: int
    acc: int
    bias: int
    scale: int
    sum: int
    product: int
    right: int
    places: int = 0
    out: int = 8
    signed: bool = False
    zero: bool = True

    @property
    def parameters(self) -> dict[str, object]:
        return {
            "ACC_BITS": self.acc,
            "BIAS_BITS": self.bias,
            "PLACES": self.places,
            "MULTIPLY": self.multiply,
            "SCALE_W": self.scale,
            "SUM_W": self.sum,
            "PRODUCT_W": self.product,
            "RIGHT": self.right,
            "ADD_ZERO": int(self.zero),
            "OUT_BITS": self.out,
            "LIMIT_W": self.out + 2,
        }

    def draw(self, rng: np.random.Generator, count: int) -> dict[str, IntArray]:
        """Sums, of which many lie at ties and at the limits, with their channels' numbers."""
        top = 1 << (self.sum - 1)
        low_bits = rng.integers(1, self.sum, count)
        total = rng.integers(-top, top, count) >> (self.sum - low_bits)
        if self.multiply:
            scale = rng.integers(0, 1 << self.scale, count) >> rng.integers(0, self.scale, count)
            exact = rng.random(count) < 0.3
            scale[exact] = 1 << rng.integers(0, self.scale, exact.sum())
            extreme = rng.random(count) < 0.02
            scale[extreme], total[extreme] = (1 << self.scale) - 1, rng.choice((-top, top - 1), extreme.sum())
            limit = (1 << (self.product - 1)) // np.maximum(scale, 1)
            total = np.clip(total, -limit, np.maximum(limit - 1, 0))
            spread = total * scale
            ties = rng.random(count) < 0.3  # half a step between two results
            ties &= np.abs(total) < (1 << max(1, min(self.product - self.right, self.sum - 1) - 1))
            scale[ties & (self.right <= self.scale)] = 1 << max(0, self.right - 1)
            assert np.all(np.abs(spread) <= 1 << (self.product - 1))
        else:
            scale = rng.integers(0, self.product - self.sum + 1, count)
        fits = 1 << min(self.acc - 1, self.sum - 1 - self.places)
        acc = np.clip((total >> self.places) + rng.integers(-9, 10, count), -fits, fits - 1)
        bias = total - (acc << self.places)
        kept = np.clip(bias, -(1 << (self.bias - 1)), (1 << (self.bias - 1)) - 1)
        low, high = (-(1 << (self.out - 1)), (1 << (self.out - 1)) - 1) if self.signed else (0, (1 << self.out) - 1)
        lows = rng.integers(low, (low + high) // 2, count)
        return {
            "acc": acc,
            "bias": kept,
            "scale": scale,
            "zero": rng.integers(low, high + 1, count) * int(self.zero),
            "low": np.where(rng.random(count) < 0.5, low, lows),
            "high": np.where(rng.random(count) < 0.5, high, rng.integers((low + high) // 2 + 1, high + 1, count)),
        }

    def expected(self, data: dict[str, IntArray]) -> IntArray:
        total = (data["acc"] << self.places) + data["bias"]
        product = total * data["scale"] if self.multiply else total << data["scale"]
        steps = round_half_even_shift(product, self.right) + data["zero"]
        return np.asarray(np.clip(steps, data["low"], data["high"]) & ((1 << self.out) - 1))


def build(case: Case, folder: Path, edits: dict[str, tuple[str, str]] | None = None) -> Path:
    files = source_files("rtl")
    texts = {name: files[name].read_text() for name in SOURCES}
    for name, (old, new) in (edits or {}).items():
        assert old in texts[name]
        texts[name] = texts[name].replace(old, new, 1)
    return build_bench(folder, "fsq_requant", texts, "requant_bench.cpp", case.parameters)


def run(program: Path, case: Case, data: dict[str, IntArray]) -> npt.NDArray[np.int64]:
    folder = program.parent
    limits = (data["low"] & 0xFFFFFFFF) | (data["high"] << 32)
    rows = np.stack([data["acc"], data["bias"], data["scale"], data["zero"], limits], axis=1)
    (folder / "in.bin").write_bytes(rows.astype("<i8").tobytes())
    latency = MULTIPLY_CYCLES if case.multiply else SHIFT_CYCLES
    bits = (case.acc, case.bias, case.scale, case.out + 2, case.out)
    arguments = [str(program), str(folder / "in.bin"), str(folder / "out.bin"), str(latency), *map(str, bits)]
    subprocess.run(arguments, check=True)
    return np.frombuffer((folder / "out.bin").read_bytes(), "<i8").astype(np.int64)


CASES = {
    "shift": Case(0, 22, 20, 3, 23, 30, 9, zero=False),
    "shift, zero point and places": Case(0, 20, 26, 2, 27, 30, 14, places=5, signed=True),
    "lut": Case(1, 22, 24, 25, 23, 46, 31),
    "lut, wide scale": Case(1, 26, 28, 34, 27, 60, 42, signed=True),
    "lut, odd sizes": Case(1, 17, 30, 7, 30, 36, 3, places=12, out=5),
    "lut, very wide scale": Case(1, 12, 12, 53, 10, 62, 50, out=12, signed=True),
    "dsp": Case(25, 22, 24, 25, 23, 46, 31),
    "dsp, two pieces of the sum": Case(25, 30, 32, 34, 28, 60, 42, signed=True),
    "dsp, wide port": Case(27, 26, 27, 18, 27, 45, 20, zero=False),
}


@pytest.mark.parametrize("name", CASES)
def test_requantiser(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    data = case.draw(np.random.default_rng(len(name)), 20_000)
    expected = case.expected(data)
    assert len(np.unique(expected)) > 10
    assert np.array_equal(run(build(case, tmp_path), case, data), expected)


BROKEN = {
    "tie rounds up": ("lut", "fsq_requant.sv", "t[RIGHT-1] & (sticky | t[RIGHT])", "t[RIGHT-1]"),
    "three times": ("lut", "fsq_multiply.sv", "ROW'(sum_i) + (ROW'(sum_i) <<< 1)", "ROW'(sum_i) <<< 1"),
    "a digit": ("lut", "fsq_multiply.sv", "scale_q[2*(g*CHAIN+k)+:2]", "scale_q[2*(g*CHAIN+k)+:2] & {2{g != 4}}"),
    "a piece": ("dsp", "fsq_multiply.sv", "g * SUM_P + k * SCALE_P", "g * SUM_P + k * SCALE_P + k"),
    "zero point": ("dsp", "fsq_requant.sv", "{Q_W'(zero_i), up}", "{Q_W'(zero_i) & ~Q_W'(1), up}"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_requantiser_is_seen(what: str, tmp_path: Path) -> None:
    name, file, old, new = BROKEN[what]
    case = CASES[name]
    data = case.draw(np.random.default_rng(1), 5_000)
    program = build(case, tmp_path, {file: (old, new)})
    assert not np.array_equal(run(program, case, data), case.expected(data))
