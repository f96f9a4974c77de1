"""Engines with compressed weights: bit for bit, and cycle for cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from designs import RtlDesign, random_foldings
from pruned_models import pruned
from random_models import random_images, random_qmodel
from seeds import SEED

from fpga_squeeze.planning.search.folding import engine_layers
from fpga_squeeze.planning.weight_memories import FORMATS, WeightFormat

FRAMES = 3


def _check(seed: int, folder: Path) -> None:
    rng = np.random.default_rng(seed)
    model = pruned(rng, random_qmodel(rng))
    foldings = random_foldings(rng, model, 3)
    formats: list[WeightFormat] = [
        FORMATS[i] for i in rng.integers(0, len(FORMATS), len(engine_layers(model)))
    ]
    what = f"seed {seed}, foldings {[str(f) for f in foldings]}, {formats}"
    print(what)  # shown where anything below fails
    design = RtlDesign.emit(model, foldings, folder, formats=formats)
    design.check(random_images(rng, model, FRAMES), what, (1 + seed % 1000,))


@pytest.mark.slow
@pytest.mark.fuzz
def test_small_network(tmp_path: Path) -> None:
    _check(SEED, tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(1, 12))
def test_random_networks(number: int, tmp_path: Path) -> None:
    _check(SEED + number, tmp_path)


def _design(seed: int, folder: Path, formats: list[WeightFormat]) -> tuple[RtlDesign, np.ndarray]:
    rng = np.random.default_rng(seed)
    model = pruned(rng, random_qmodel(rng, max_fires=2))
    count = len(engine_layers(model))
    foldings = random_foldings(rng, model, 2)
    design = RtlDesign.emit(
        model, foldings, folder, formats=[formats[i % len(formats)] for i in range(count)]
    )
    return design, random_images(rng, model, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 11, 14])
def test_any_flipped_bit_of_a_weight_memory_is_caught(seed: int, tmp_path: Path) -> None:
    """Weights, runs, and the padding between segments: wherever the bit stands, and whether or not a pixel shows it.

    (But for the end of a sum that its last position ends anyway: then the terms are the same.)
    """
    design, images = _design(seed, tmp_path, ["huffman", "mask", "sparse", "dense"])
    comparison, timing = design.simulate(images)
    assert timing.error is None and comparison.equal and comparison.terms_compared > 100
    rng = np.random.default_rng(seed)
    files = [p for p in sorted((design.rtl / "params").glob("*.mem")) if "_table" not in p.name]
    assert len(files) > 4
    for file in files:
        words = file.read_text().split()
        width = next(
            t.width
            for e in design.plan.engines
            for rom in e.weights.roms
            for t in rom.tiles
            if file.name.startswith(f"{rom.name}_c")
        )
        dense = any(f"{e.name}_weights_c" in file.name for e in design.plan.engines)
        # a few bits anywhere, and the lowest bit of all, which may be padding
        places = {(0, 0), *((int(rng.integers(len(words))), int(rng.integers(width))) for _ in range(4))}
        for word, bit in places:
            if dense and word == 0:
                continue  # a dense segment has its padding in front of it, where no one looks
            broken = list(words)
            broken[word] = f"{int(words[word], 16) ^ (1 << bit):0{len(words[word])}x}"
            file.write_text("\n".join(broken) + "\n")
            comparison, timing = design.simulate(images, quiet_cycles=20_000)
            assert timing.error or comparison.weight_mismatches > 0, f"{file.name}, word {word}, bit {bit}"
            assert timing.error or str(comparison.first).startswith("first mismatch in")
        file.write_text("\n".join(words) + "\n")
