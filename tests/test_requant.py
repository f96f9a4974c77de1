"""The requantiser of an engine: shifts and multipliers against golden's rounding, and what the plan makes of scales."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rtl_bench import TESTS, build_bench, vector

from fpga_squeeze.network.fixed_point import IntArray, round_half_even_shift
from fpga_squeeze.paths import source_files

SOURCES = ("fsq_requant.sv", "fsq_multiply.sv", "fsq_add_pairs.sv", "fsq_copy.sv")
SHIFT_CYCLES, MULTIPLY_CYCLES = 6, 11
"""From a sum at the input to its pixel."""
pytestmark = pytest.mark.slow


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

    def draw(self, rng: np.random.Generator, count: int) -> dict[str, IntArray]:
        """Sums, of which many give ties or go beyond the limits, with their channels' numbers."""
        top = 1 << (self.sum - 1)
        low_bits = rng.integers(1, self.sum, count)
        total = rng.integers(-top, top, count) >> (self.sum - low_bits)
        if self.multiply:
            scale = rng.integers(1 << (self.scale - 1), 1 << self.scale, count) >> rng.integers(0, 8, count)
            half = rng.random(count) < 0.2  # with sums that are odd these give ties
            scale[half] = 1 << min(self.right - 1, self.scale - 1)
            near = rng.random(count) < 0.8  # results that no limit cuts off
            aim = rng.uniform(-1.2, 1.2, count) * 2.0 ** (self.out + self.right) / np.maximum(scale, 1)
            total = np.where(near, np.clip(np.rint(aim), -top, top - 1).astype(np.int64), total)
            limit = (1 << (self.product - 1)) // np.maximum(scale, 1)
            total = np.clip(total, -limit, np.maximum(limit - 1, 0))
        else:
            scale = rng.integers(0, self.product - self.sum + 1, count)
        fits = 1 << min(self.acc - 1, self.sum - 1 - self.places)
        acc = np.clip((total >> self.places) + rng.integers(-9, 10, count), -fits, fits - 1)
        bias = total - (acc << self.places)
        kept = np.clip(bias, -(1 << (self.bias - 1)), (1 << (self.bias - 1)) - 1)
        low, high = (
            (-(1 << (self.out - 1)), (1 << (self.out - 1)) - 1) if self.signed else (0, (1 << self.out) - 1)
        )
        lows = rng.integers(low, (low + high) // 2, count)
        return {
            "acc": acc,
            "bias": kept,
            "scale": scale,
            "zero": rng.integers(low, high + 1, count) * int(self.zero),
            "low": np.where(rng.random(count) < 0.5, low, lows),
            "high": np.where(
                rng.random(count) < 0.5, high, rng.integers((low + high) // 2 + 1, high + 1, count)
            ),
        }

    def expected(self, data: dict[str, IntArray]) -> IntArray:
        total = (data["acc"] << self.places) + data["bias"]
        product = total * data["scale"] if self.multiply else total << data["scale"]
        steps = round_half_even_shift(product, self.right) + data["zero"]
        return np.asarray(np.clip(steps, data["low"], data["high"]) & ((1 << self.out) - 1))


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
NAMES = list(CASES)


def build(folder: Path, edits: dict[str, tuple[str, str]] | None = None) -> Path:
    """All requantisers in one program; ``edits`` replace texts in files."""
    files = source_files("rtl")
    texts = {name: files[name].read_text() for name in SOURCES}
    for old, new in (edits or {}).values():
        (file,) = [name for name, text in texts.items() if old in text]
        texts[file] = texts[file].replace(old, new, 1)
    texts["requant_bench.sv"] = (TESTS / "rtl" / "requant_bench.sv").read_text()
    cases = CASES.values()
    parameters = {
        "COUNT": len(CASES),
        "ACC_BITS": vector(c.acc for c in cases),
        "BIAS_BITS": vector(c.bias for c in cases),
        "PLACES": vector(c.places for c in cases),
        "MULTIPLY": vector(c.multiply for c in cases),
        "SCALE_W": vector(c.scale for c in cases),
        "SUM_W": vector(c.sum for c in cases),
        "PRODUCT_W": vector(c.product for c in cases),
        "RIGHT": vector(c.right for c in cases),
        "ADD_ZERO": vector(int(c.zero) for c in cases),
        "OUT_BITS": vector(c.out for c in cases),
    }
    return build_bench(folder, "requant_bench", texts, "requant_bench.cpp", parameters)


def wrong(program: Path, name: str, count: int = 20_000) -> int:
    """Pixels that are not as golden rounds them."""
    case, folder = CASES[name], program.parent
    data = case.draw(np.random.default_rng(len(name)), count)
    limits = (data["low"] & 0xFFFFFFFF) | (data["high"] << 32)
    rows = np.stack([data["acc"], data["bias"], data["scale"], data["zero"], limits], axis=1)
    (folder / "in.bin").write_bytes(rows.astype("<i8").tobytes())
    latency = MULTIPLY_CYCLES if case.multiply else SHIFT_CYCLES
    numbers = [str(NAMES.index(name)), str(latency)]
    subprocess.run([str(program), str(folder / "in.bin"), str(folder / "out.bin"), *numbers], check=True)
    expected = case.expected(data)
    assert len(np.unique(expected)) > 10
    got = np.frombuffer((folder / "out.bin").read_bytes(), "<i8")
    return int((got != expected).sum())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("requant"))


@pytest.mark.parametrize("name", NAMES)
def test_requantiser(name: str, bench: Path) -> None:
    assert wrong(bench, name) == 0


def test_broken_multipliers_are_seen(tmp_path: Path) -> None:
    """Of the scale one digit is lost in LUTs, one piece lies a place too high in a slice."""
    edits = {"lut": ("digit = 2'", "digit = {2{g != k}} & 2'"), "dsp": ("k * SCALE_P)", "k * (SCALE_P + 1))")}
    program = build(tmp_path, edits)
    found = {name: wrong(program, name) for name in NAMES}
    assert all((number > 0) == ("shift" not in name) for name, number in found.items()), found


def test_broken_rounding_is_seen(tmp_path: Path) -> None:
    """A tie that is always rounded up, a zero point whose lowest bit is lost."""
    edits = {
        "tie": ("t[RIGHT-1] & (sticky | t[RIGHT])", "t[RIGHT-1] & (1'b1 | sticky)"),
        "zero": ("{Q_W'(zero_i), up_q}", "{Q_W'(zero_i) & ~Q_W'(1), up_q}"),
    }
    program = build(tmp_path, edits)
    found = {name: wrong(program, name) for name in NAMES}
    assert all(found.values()), found
    assert found["lut"] > 2 * found["shift"]
