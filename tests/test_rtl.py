"""The RTL files alone, and designs of any widths: lint."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from designs import RtlDesign, random_foldings
from random_graphs import random_graph_qmodel
from random_models import random_qmodel

from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.network.graph import IMAGE, AvgPool, Conv, FloatModel, Shape
from fpga_squeeze.paths import resource_dir, source_files
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.weight_memories import FORMATS
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.tools import find_verilator

RTL = resource_dir("templates") / "rtl"
LINT = ("--lint-only", "-Wall", "--no-timing", "lint_waivers.vlt", "--top-module")
FILES = source_files("rtl")
MODULES = [Path(name).stem for name in FILES]
TEMPLATES = sorted((resource_dir("templates") / "generated" / "rtl").glob("*.sv.j2"))
DECLARATION = re.compile(r"\s*(parameter|input|output|inout)\b")
SEARCH = [part for path in sorted({p.parent for p in FILES.values()}) for part in ("-y", str(path))]


@pytest.mark.parametrize("module", MODULES)
def test_module_lints_alone(module: str) -> None:
    done = find_verilator().run([*LINT, module, *SEARCH, str(FILES[f"{module}.sv"])], RTL)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_design_lints(seed: int, tmp_path: Path) -> None:
    """Widths that no default has: maps of one pixel, single channels, every weight format."""
    rng = np.random.default_rng(seed)
    model = random_qmodel(rng)
    foldings = random_foldings(rng, model)
    formats = [FORMATS[i] for i in rng.integers(len(FORMATS), size=len(foldings))]
    design = RtlDesign.emit(model, foldings, tmp_path, Multipliers(1 + seed % 2), formats, rng)
    done = find_verilator().run([*LINT, "fsq_cosim_top", "-f", "files.f", "fsq_cosim_top.sv"], design.rtl)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_graph_lints(seed: int, tmp_path: Path) -> None:
    """Forks, stores, joins, windows, and engines of any stages."""
    rng = np.random.default_rng(seed)
    model = random_graph_qmodel(rng)
    foldings = random_foldings(rng, model)
    formats = [FORMATS[i] for i in rng.integers(len(FORMATS), size=len(foldings))]
    design = RtlDesign.emit(model, foldings, tmp_path, Multipliers(1 + seed % 2), formats, rng)
    done = find_verilator().run([*LINT, "fsq_cosim_top", "-f", "files.f", "fsq_cosim_top.sv"], design.rtl)
    assert done.returncode == 0, done.stderr


def test_rows_of_many_wide_channels_lint(tmp_path: Path) -> None:
    """An average in front of the last convolution: 750 channels of 12 bits, one pixel each."""
    conv = Conv("conv1", (IMAGE,), np.ones((750, 1, 1, 1)), np.zeros(750), 1, (0, 0, 0, 0), True)
    pool = AvgPool("pool", ("conv1",), (4, 4), 1, (0, 0, 0, 0))
    last = Conv("conv2", ("pool",), np.ones((3, 750, 1, 1)), np.zeros(3), 1, (0, 0, 0, 0), False)
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1), dtype=np.uint8)
    model = quantize(FloatModel("wide", Shape(1, 4, 4), (conv, pool, last)), images)
    assert model.layers[1].output.bits == 12
    design = RtlDesign.emit(model, [Folding(1, 1, 1)] * 2, tmp_path)
    done = find_verilator().run([*LINT, "fsq_cosim_top", "-f", "files.f", "fsq_cosim_top.sv"], design.rtl)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("signed", [0, 1])
def test_average_of_one_pixel_lints(signed: int) -> None:
    """The sum is then no wider than a pixel."""
    sizes = {"HEIGHT": 1, "WIDTH": 1, "COUNT": 1, "BITS": 9, "SIGNED": signed, "SUM_W": 10 - signed}
    given = [f"-G{name}={value}" for name, value in sizes.items()]
    done = find_verilator().run([*LINT, "fsq_avg_pool", *given, *SEARCH, str(FILES["fsq_avg_pool.sv"])], RTL)
    assert done.returncode == 0, done.stderr


def test_lint_sees_a_width_error(tmp_path: Path) -> None:
    """The lint can fail: a counter one bit too narrow."""
    text = FILES["fsq_output.sv"].read_text()
    (tmp_path / "fsq_output.sv").write_text(text.replace("class_q + 1'b1", "class_q + 2'b1"))
    done = find_verilator().run(
        ["--lint-only", "-Wall", "--top-module", "fsq_output", "fsq_output.sv"], tmp_path
    )
    assert done.returncode != 0


def test_every_waiver_has_a_reason() -> None:
    lines = (RTL / "lint_waivers.vlt").read_text().splitlines()
    for before, line in zip(lines, lines[1:], strict=False):
        if line.startswith("lint_off"):
            assert before.startswith("//"), line
    for path in FILES.values():
        assert "lint_off" not in path.read_text(), f"{path.name}: waivers belong into lint_waivers.vlt"


def bare_declarations(text: str) -> list[str]:
    """Parameters and ports of the modules of a file without a comment on their line."""
    found = [line for line in text.splitlines() if DECLARATION.match(line)]
    assert found
    return [line for line in found if not re.search(r"//\s*\w", line)]


@pytest.mark.parametrize("path", [*FILES.values(), *TEMPLATES], ids=lambda path: path.name)
def test_every_declaration_has_a_comment(path: Path) -> None:
    text = path.read_text()
    for name in re.findall(r'{% include "rtl/(.*)" %}', text):
        text += (path.parent / name).read_text()
    assert bare_declarations(text) == []


def test_declaration_without_comment_is_seen() -> None:
    """The check can fail: a parameter, a port, and a template's port with a name that Jinja fills in."""
    text = FILES["fsq_output.sv"].read_text()
    for name in ("CLASSES", "in_ready_o"):
        broken = re.sub(rf"^(.*\b{name}\b[^/\n]*)//.*", r"\1", text, count=1, flags=re.M)
        assert len(bare_declarations(broken)) == 1
    empty = text.replace("// clock", "//")
    assert len(bare_declarations(empty)) == 1
    assert bare_declarations("    output logic tap_{{ kernel.name }}_fire,\n") != []


def test_file_name_is_module_name() -> None:
    for path in FILES.values():
        assert re.findall(r"^module (\w+)", path.read_text(), re.M) == [path.stem]
        assert len(path.read_text().splitlines()) <= 500
