"""The RTL against golden, bit for bit, and against the plan, cycle for cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from designs import RtlDesign, random_foldings
from random_graphs import random_graph_qmodel
from random_models import random_images, random_qmodel
from seeds import SEED

from fpga_squeeze.datasets.images import embedded_calibration, embedded_images, embedded_model_path
from fpga_squeeze.device.dsp_packing import ONE_PRODUCT, Multipliers
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import FloatModel, Preprocess
from fpga_squeeze.network.integers import QMaxPool
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.planning.timing import simulate
from fpga_squeeze.planning.weight_memories import FORMATS, WeightFormat
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.compare import Mismatch, compare_run

FRAMES = 3


def _check(seed: int, folder: Path, most: int = 4, multipliers: Multipliers = ONE_PRODUCT) -> None:
    rng = np.random.default_rng(seed)
    model = random_qmodel(rng)
    foldings = random_foldings(rng, model, most)
    what = f"seed {seed}, foldings {[str(f) for f in foldings]}, {multipliers}"
    print(what)  # shown where anything below fails
    design = RtlDesign.emit(model, foldings, folder, multipliers, rng=rng)
    design.check(random_images(rng, model, FRAMES), what, (1, 1 + seed % 1000))


@pytest.mark.fuzz
def test_small_network(tmp_path: Path) -> None:
    _check(SEED, tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(1, 14))
def test_random_networks(number: int, tmp_path: Path) -> None:
    _check(SEED + number, tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
def test_small_network_with_two_products_per_dsp(tmp_path: Path) -> None:
    _check(SEED + 100, tmp_path, multipliers=Multipliers(2))


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(101, 109))
def test_random_networks_with_two_products_per_dsp(number: int, tmp_path: Path) -> None:
    _check(SEED + number, tmp_path, multipliers=Multipliers(2, "DSP48E2" if number % 2 else "DSP48E1"))


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "products"), [("dense", 1), ("huffman", 1), ("dense", 2)])
def test_kernel_of_5x5(weights: WeightFormat, products: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    model = random_qmodel(rng, first_kernel=5, min_size=9, max_size=14, max_fires=1)
    foldings = random_foldings(rng, model)
    formats = [weights] * len(foldings)
    design = RtlDesign.emit(model, foldings, tmp_path, Multipliers(products), formats, rng)
    design.check(random_images(rng, model, FRAMES), f"{weights}, {products} products", (5,))


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(200, 212))
def test_random_graphs(number: int, tmp_path: Path) -> None:
    """Forks, sums, concatenations, windows of any size; one or two products per slice, all formats, any kind of RAM."""
    rng = np.random.default_rng(SEED + number)
    model = random_graph_qmodel(rng)
    foldings = random_foldings(rng, model, 3)
    formats = [FORMATS[i] for i in rng.integers(0, len(FORMATS), len(foldings))]
    multipliers = Multipliers(1 + number % 2)
    what = f"seed {SEED + number}, foldings {[str(f) for f in foldings]}, {formats}, {multipliers}"
    print(what)  # shown where anything below fails
    design = RtlDesign.emit(model, foldings, tmp_path, multipliers, formats, rng)
    design.check(random_images(rng, model, FRAMES), what, (1 + number,))


def _small_design(
    folder: Path, foldings: Folding, multipliers: Multipliers = ONE_PRODUCT
) -> tuple[RtlDesign, np.ndarray]:
    """A network with a pool and a Fire module, the same at every run, with one folding everywhere."""
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        model = random_qmodel(rng)
        pools = any(isinstance(layer, QMaxPool) for layer in model.layers)
        if pools and model.convs[0].kernel == (3, 3) and model.convs[0].weight_bits >= 6:
            engines = len(graph_of(model).engines)
            try:
                design = RtlDesign.emit(model, [foldings] * engines, folder, multipliers)
            except FpgaSqueezeError:  # a folding the network does not allow: take the next one
                continue
            return design, random_images(rng, model, 2)
    raise AssertionError("no suitable random network")


def _wrong_neighbour(design: RtlDesign) -> None:
    design.edit(
        "fsq_taps.sv",
        "localparam X = m * STEP + n - PAD_LEFT;",
        "localparam X = m * STEP + ((m == 1 && n == 0) ? 1 : n) - PAD_LEFT;",
    )


def _drop_word(design: RtlDesign) -> None:
    # the words of one channel never enter the max pool's FIFO
    design.edit(
        "fsq_max_pool_steps.sv",
        "assign push       = finish && emit_q;",
        "assign push       = finish && emit_q && channel != '0;",
    )


def _wrong_table_row(design: RtlDesign) -> None:
    design.edit("fsq_drain.sv", "{addr_p, base_q + OUT_W'(chan_q)}", "{addr_p, base_q}")


def _no_wraps(design: RtlDesign) -> None:
    # a negative weight no longer counts the low sum below zero
    design.edit(
        "fsq_mac_pair.sv",
        "assign down  = ~top_q & top & negative_i;",
        "assign down  = ~top_q & top & negative_i & 1'b0;",
    )


BREAKS = {
    "wraps of a pair": (_no_wraps, "conv1"),
    "neighbour of a lane": (_wrong_neighbour, "conv1"),
    "dropped word": (_drop_word, "pool1"),
    "channel of the table": (_wrong_table_row, "conv1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BREAKS)
def test_broken_design_is_caught(what: str, tmp_path: Path) -> None:
    breaks, kernel = BREAKS[what]
    design, images = _small_design(tmp_path, Folding(2, 1, 2), Multipliers(2))
    before, timing = design.simulate(images)
    assert before.equal and timing.error is None
    breaks(design)
    after, timing = design.simulate(images, quiet_cycles=20_000)
    assert not after.equal
    assert after.mismatches > 0
    assert isinstance(after.first, Mismatch) and after.first.kernel == kernel
    assert after.first.got is None or after.first.expected != after.first.got


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[RtlDesign, np.ndarray]:
    """The embedded trained model, where every weight and shift matters to real images."""
    float_model = read_model(embedded_model_path())
    assert isinstance(float_model, FloatModel)
    model = quantize(float_model, embedded_calibration(), Preprocess())
    plan = plan_for_lanes(model, 64)
    foldings = [engine.folding for engine in plan.engines]
    return RtlDesign.emit(model, foldings, tmp_path_factory.mktemp("digits")), embedded_images()[0][:3]


@pytest.mark.slow
def test_trained_model(digits: tuple[RtlDesign, np.ndarray]) -> None:
    design, images = digits
    comparison, timing = design.simulate(images)
    assert timing.error is None and comparison.equal, comparison.first
    planned = simulate(design.plan, len(images))
    assert tuple(end - timing.first_beat for end in timing.frame_ends) == planned.outputs


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["conv1", "fire2", "fire3", "fire4", "fire5", "conv10"])
@pytest.mark.parametrize("what", ["weights", "table"])
def test_one_bit_of_a_parameter_memory_is_caught(
    what: str, kernel: str, digits: tuple[RtlDesign, np.ndarray]
) -> None:
    """One weight bit, or one step of one shift, in the memory that the simulator loads."""
    design, images = digits
    engine = next(e for e in design.plan.engines if e.name == kernel)
    # a middle bit of the first weight; the lowest bit of the first channel's shift
    bit = 4 if what == "weights" else engine.bias_bits
    path = design.rtl / "params" / f"{kernel}_{what}_c0_r0.mem"
    text = path.read_text()
    lines = text.splitlines()
    lines[0] = f"{int(lines[0], 16) ^ (1 << bit):0{len(lines[0])}x}"
    path.write_text("\n".join(lines) + "\n")
    try:
        comparison, _ = design.simulate(images)
    finally:
        path.write_text(text)
    assert comparison.mismatches > 0
    assert isinstance(comparison.first, Mismatch) and comparison.first.kernel == kernel


@pytest.mark.slow
def test_missing_word_counts_as_mismatch(tmp_path: Path) -> None:
    design, images = _small_design(tmp_path, Folding(1, 1, 1))
    comparison, _ = design.simulate(images)
    assert comparison.equal
    out = tmp_path / "run0"
    file = out / "fire2.bin"
    stream = next(stream for stream in design.plan.streams if stream.name == "fire2")
    file.write_bytes(file.read_bytes()[: -((stream.word_bits + 7) // 8)])
    short = compare_run(design.plan, out, golden.run(design.plan.model, images), images)
    assert short.mismatches == stream.type.shape.width
    assert isinstance(short.first, Mismatch) and short.first.got is None and short.first.kernel == "fire2"


@pytest.mark.slow
def test_one_cycle_too_many_is_seen(tmp_path: Path) -> None:
    """The equality of planned and measured cycles can fail: a drain that waits longer shows."""
    design, images = _small_design(tmp_path, Folding(1, 1, 2))
    design.edit(
        "fsq_sequencer.sv",
        "drain_q <= (issue && last) ? DW'(DRAIN - 2)",
        "drain_q <= (issue && last) ? DW'(DRAIN - 1)",
    )
    comparison, timing = design.simulate(images)
    assert comparison.equal and timing.error is None
    measured = tuple(end - timing.first_beat for end in timing.frame_ends)
    assert measured != simulate(design.plan, len(images)).outputs
