"""Where a design does not fit, what would is found by planning it, and named as the command that makes it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import Capture, works

from bench.networks import random_integers
from fpga_squeeze import api, zoo
from fpga_squeeze.cli import app
from fpga_squeeze.cli.command import generate_command
from fpga_squeeze.cli.options import design_options
from fpga_squeeze.device.catalogue import Device, find_device
from fpga_squeeze.device.room import NO_SHELL, WHOLE_DEVICE, Room, Shell
from fpga_squeeze.errors import DoesNotFitError
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.flow import ways
from fpga_squeeze.flow.design import DesignOptions, Source, design
from fpga_squeeze.flow.sources import Loaded, QuantizeOptions
from fpga_squeeze.network.graph import Preprocess, Shape
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import PRESETS
from fpga_squeeze.planning.cost.estimate import Used, Way, shortages, used_by
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import engine_layers
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.planning.weight_memories import FORMATS
from fpga_squeeze.project import manifest
from fpga_squeeze.quantization.budget import coded_size

ZYNQ = find_device("XC7Z020")
BARE = Room(95, NO_SHELL)
LANES = 40


@lru_cache(maxsize=4)
def _model(density: float = 0.25) -> QModel:
    """SqueezeNet with narrow layers, three quarters of its weights zero."""
    return random_integers(zoo.squeezenet("1.1", 26, classes=200, width=2), density=density)


def _source(model: QModel) -> Source:
    """A model that needs not be read."""
    source = Source("m.onnx", QuantizeOptions())
    images = np.zeros((1, 26, 26, 3), dtype=np.uint8)
    source._made[None] = Loaded(model, manifest.Source("m.onnx", ""), images, None, calibrated=False)
    return source


@lru_cache(maxsize=16)
def _used(weights: str, products: int = 1) -> Used:
    return used_by(_plan(weights, ZYNQ, products))


def _plan(weights: Any, device: Device, products: int = 1, room: Room = BARE) -> Plan:
    return make_plan(_model(), LANES, device, None, products, weights, None, room)


def _fits(options: DesignOptions, model: QModel) -> bool:
    assert options.target
    return not shortages(used_by(options.plan(model)), options.target, options.kept_room)


# ------------------------------------------------------------------------------------------------ what fits


def test_other_weights_where_block_ram_is_short() -> None:
    coded, dense = _used("huffman").bram36, _used("dense").bram36
    small = replace(ZYNQ, ramb36=int(coded + 2))
    assert coded + 2 < dense - 20
    options = DesignOptions(lanes=LANES, device=small, room=BARE)
    assert not _fits(options, _model())
    way = ways.find_way(_source(_model()), options, [options])
    assert way == Way(weights="huffman") and _fits(options.going(way), _model())


def test_nothing_is_changed_where_nothing_has_to_be() -> None:
    options = DesignOptions(lanes=LANES, device=ZYNQ, room=BARE)
    assert ways.find_way(_source(_model()), options) == Way()
    assert str(Way()) == "a plan of its own"


def test_lanes_of_the_device_instead_of_too_many_or_too_few() -> None:
    small = replace(ZYNQ, dsp=30)
    for lanes in (90, len(engine_layers(_model())) - 1):
        options = DesignOptions(lanes=lanes, device=small, room=BARE)
        assert ways.find_way(_source(_model()), options, [options]) == Way(lanes=30)


def test_two_products_where_slices_are_short() -> None:
    """Fewer slices than engines: no number of lanes helps, and what is found has to be planned, not assumed."""
    engines = len(engine_layers(_model()))
    options = DesignOptions(device=replace(ZYNQ, dsp=engines - 1), room=BARE)
    assert ways.find_way(_source(_model()), options, [options]) is None


def test_compressed_weights_get_two_products_where_that_is_a_tenth_faster_and_fits() -> None:
    def made(lanes: int, room: Room = BARE, **given: Any) -> tuple[int, int]:
        options = DesignOptions(lanes=lanes, device=ZYNQ, room=room, **given)
        done = design(_source(_model()), options)
        told = any("two products per DSP slice" in note for note in done.notes)
        assert told == (done.plan.products_per_dsp == 2 and options.products_per_dsp is None)
        return done.plan.products_per_dsp, done.schedule.cycles_per_frame

    one, two = (
        made(30, weights="huffman", products_per_dsp=1),
        made(30, weights="huffman", products_per_dsp=2),
    )
    assert one[1] > 1.1 * two[1]
    assert made(30, weights="huffman") == two
    assert made(30) == made(30, products_per_dsp=1) != two  # dense weights: as asked for
    assert made(ZYNQ.dsp, weights="huffman") == made(ZYNQ.dsp, weights="huffman", products_per_dsp=1)


def test_one_product_where_luts_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two products per slice it goes back to one, with the weights as they were."""

    def crowded(source: Source, options: DesignOptions) -> Any:
        if options.products_per_dsp != 1:
            raise DoesNotFitError("two products take too many LUTs")
        return design(source, options)

    monkeypatch.setattr(ways, "design", crowded)
    options = DesignOptions(lanes=LANES, device=ZYNQ, products_per_dsp=2, weights="mask", room=BARE)
    assert ways.find_way(_source(_model()), options, [options]) == Way(products_per_dsp=1)


@pytest.mark.slow
def test_room_is_given_up_before_nothing() -> None:
    wide = Room(95, Shell(ZYNQ.luts, 0))
    options = DesignOptions(lanes=LANES, device=ZYNQ, room=wide)
    way = ways.find_way(_source(_model()), options, [options])
    assert way is not None and way.room == WHOLE_DEVICE
    assert str(way).endswith("field lut_ceiling 95, field shell 0,0")


def test_foldings_by_hand_are_let_go() -> None:
    options = DesignOptions(lanes=LANES, device=ZYNQ, foldings={"conv1": Folding(1, 1, 32)})
    assert not _fits(options, _model())
    way = ways.find_way(_source(_model()), options, [options])
    assert way == Way(without_foldings=True) and str(way) == "no field foldings"


def test_a_way_is_one_only_if_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt is judged: where none passes there is no way, however many plans were made."""
    monkeypatch.setattr(ways, "shortages", lambda *_: ("short of something",))
    planned: list[DesignOptions] = []

    def counted(source: Source, options: DesignOptions) -> Any:
        planned.append(options)
        return design(source, options)

    monkeypatch.setattr(ways, "design", counted)
    options = DesignOptions(lanes=LANES, device=ZYNQ, room=BARE)
    assert ways.find_way(_source(_model()), options, [options]) is None
    assert len(planned) == len({str(one) for one in planned}) >= 6 and options not in planned


@pytest.mark.slow
def test_fewer_coded_bits_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A float model can be quantised again; it is read once for each budget, and the first that fits is named."""
    read: list[int | None] = []
    size = sum(coded_size(conv.weight) for conv in _model().convs)

    def load(model: object, options: QuantizeOptions, on_step: object) -> Loaded:
        read.append(options.weight_budget)
        coarse = options.weight_budget is not None and options.weight_budget < 0.6 * size
        return replace(_source(_model(0.1 if coarse else 0.25)).loaded(), calibrated=True)

    monkeypatch.setattr("fpga_squeeze.flow.design.load", load)
    small = replace(ZYNQ, ramb36=19)
    options = DesignOptions(lanes=LANES, device=small, weights="huffman", room=BARE)
    source = Source("m.onnx", options.quantize)
    way = ways.find_way(source, options, [options])
    assert way == Way(weights="huffman", weight_budget=int(0.55 * size))
    assert str(way) == f"field weights huffman, field weight_budget {int(0.55 * size)}"
    assert read == [None, *(int(share * size) for share in (0.855, 0.7, 0.55))]
    assert not shortages(used_by(design(source, options.going(way)).plan), small, BARE)
    # what is quantised already stays as it is
    assert ways.find_way(_source(_model()), options, [options]) is None


# ------------------------------------------------------------------------------------------------- auto


@pytest.mark.parametrize("blocks", [140, 60, 40])
def test_auto_takes_the_fastest_that_fits(blocks: int) -> None:
    device = replace(ZYNQ, ramb36=blocks)
    fitting = []
    for weights in FORMATS:
        plan = _plan(weights, device)
        if not shortages(used_by(plan), device, BARE):
            fitting.append((schedule(plan).cycles_per_frame, used_by(plan).luts))
    found = _plan("auto", device)
    assert fitting and not shortages(used_by(found), device, BARE)
    assert (schedule(found).cycles_per_frame, used_by(found).luts) <= min(fitting)


@pytest.mark.slow
def test_auto_without_zeros_stays_dense() -> None:
    """Decoders cost LUTs and gain nothing where no weight is zero."""
    model = random_integers(zoo.squeezenet("1.1", 40, classes=20, width=8))
    plan = make_plan(model, LANES, ZYNQ, weights="auto")
    dense = make_plan(model, LANES, ZYNQ)
    assert used_by(plan).luts <= used_by(dense).luts
    assert schedule(plan).cycles_per_frame <= schedule(dense).cycles_per_frame


# ------------------------------------------------------------------------------------------------ commands


def _parsed(command: str) -> tuple[str | None, DesignOptions, dict[str, Any]]:
    """Model, options and the rest of a printed command, as the command line reads it."""
    program, verb, *words = shlex.split(command)
    assert (program, verb) == ("fpga-squeeze", "generate")
    with app.commands[verb].make_context(verb, words) as context:
        given = dict(context.params)
    return given["model"], design_options(given), given


@pytest.mark.parametrize(
    "options",
    [
        DesignOptions(device="XC7Z020"),
        DesignOptions(
            lanes=33,
            device="K26",
            room=Room(77.5, Shell(1234, 5)),
            clock_mhz=133.3125,
            foldings={"fire2": Folding(1, 2, 3), "conv1": Folding(2, 1, 1, 2)},
            products_per_dsp=2,
            weights="auto",
            formats={"conv1": "dense"},
            quantize=QuantizeOptions("my images/c.zip", PRESETS["torchvision"], 6, 7, 9, 3, 100_000,
                                     Shape(3, 40, 41), "out put"),
        ),
        DesignOptions(
            device="XC7Z010",
            room=BARE,
            quantize=QuantizeOptions("c", Preprocess((-1.5, 0.1, 1 / 3), (1.0, 2.0, 4.0), bgr=True)),
        ),
        DesignOptions(device="ZU9EG", quantize=QuantizeOptions("c", PRESETS["caffe"])),
    ],
)  # fmt: skip
def test_commands_read_back(options: DesignOptions) -> None:
    way = Way(weights="huffman", lanes=55, room=BARE)
    for change in (Way(), way, replace(way, weight_budget=4711, products_per_dsp=1, without_foldings=True)):
        model, read, given = _parsed(generate_command("a b.onnx", options, change, ["-o", "p q", "--force"]))
        assert (model, given["output"], given["force"]) == ("a b.onnx", "p q", True)
        assert read == options.going(change)


def _saved(folder: Path) -> Path:
    path = folder / "m.onnx"
    write_qdq(_model(), path)
    return path


@pytest.mark.slow
def test_the_printed_command_fits(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """estimate and generate name one command, and it works."""
    from fpga_squeeze.cli import main

    model = str(_saved(tmp_path))
    small = replace(ZYNQ, name="XC7Z020", ramb36=int(_used("huffman").bram36) + 6)
    monkeypatch.setattr("fpga_squeeze.device.catalogue.DEVICES", (small,))
    given = ["--lanes", str(LANES), "--device", "xc7z020", "-o", str(tmp_path / "p")]
    command = f"fpga-squeeze generate {model} --device XC7Z020 --lanes {LANES} --weights huffman"
    assert main(["estimate", model, *given[:-2]]) == 1
    out = capsys.readouterr().out
    assert "does not fit XC7Z020: RAMB36" in out and out.splitlines()[-1] == f"fits: {command}"
    assert main(["estimate", model, *given[:-2], "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["command"] == command and data["fits_with"]["weights"] == "huffman"
    assert main(["generate", model, *given]) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert error.endswith(f"; fits: {command} -o {tmp_path / 'p'}") and not (tmp_path / "p").exists()
    works(capsys, *shlex.split(error.partition("; fits: ")[2])[1:])
    assert api.estimate(tmp_path / "p").fits
    # of a project on another device: its model, with the weights it had
    tiny = replace(small, name="XC7Z010", dsp=LANES - 10, aliases=("tiny",))
    monkeypatch.setattr("fpga_squeeze.device.catalogue.DEVICES", (small, tiny))
    assert main(["estimate", str(tmp_path / "p"), "--device", "tiny"]) == 1
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("fits: ")
    assert command == (
        f"fpga-squeeze generate {tmp_path / 'p' / 'model.onnx'} --device XC7Z010 --weights huffman"
    )
    works(capsys, *shlex.split(command)[1:], "-o", tmp_path / "t")


@pytest.mark.slow
def test_no_way(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fpga_squeeze.cli import main

    model = str(_saved(tmp_path))
    monkeypatch.setattr("fpga_squeeze.device.catalogue.DEVICES", (replace(ZYNQ, ramb36=5),))
    assert main(["estimate", model, "--lanes", "40", "--device", "xc7z020"]) == 1
    last = capsys.readouterr().out.splitlines()[-2:]
    assert last == [
        "nothing that was tried fits: formats of the weights, products per DSP, lanes, room, coded bits",
        "a device with more RAMB36, or fewer bits per weight, can help; the largest known has 912",
    ]
    with pytest.raises(DoesNotFitError) as raised:
        api.generate(model, tmp_path / "p", DesignOptions(lanes=40, device="xc7z020"))
    assert raised.value.way is None and "fits:" not in str(raised.value)
