"""The emitted HLS C++ holds only pragmas that its tool takes, and a canonical dataflow region."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import HEADER, random_foldings
from pragma_helpers import COMPILER, changed
from pruned_models import pruned
from random_models import random_qmodel

from fpga_squeeze.datasets.images import embedded_calibration, embedded_model_path
from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS, Dialect
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import FloatModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import engine_layers, plan_for_lanes
from fpga_squeeze.planning.weight_memories import WeightFormat
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.cpp_reader import read
from fpga_squeeze.verify.dataflow import check_dataflow
from fpga_squeeze.verify.pragmas import check_folder, read_source

pytestmark = pytest.mark.skipif(not COMPILER, reason="no C++ compiler")

USED = {
    "vitis": {
        "interface",
        "dataflow",
        "pipeline",
        "unroll",
        "inline",
        "array_partition",
        "array_reshape",
        "bind_storage",
        "bind_op",
        "stream",
        "dependence",
        "loop_tripcount",
    },
    "bambu": {"interface", "dataflow", "unroll"},
}
"""The directives that a design with a Fire module holds."""


# -------------------------------------------------------------------------------------------- the emitted sources


def random_case(seed: int, weights: WeightFormat, products: int) -> Plan:
    rng = np.random.default_rng(seed)
    model = pruned(rng, random_qmodel(rng, signed_probability=0.3))
    return build_plan(
        model,
        random_foldings(rng, model),
        multipliers=Multipliers(products),
        formats=[weights] * len(engine_layers(model)),
    )


@cache
def digits() -> Plan:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    return plan_for_lanes(quantize(model, embedded_calibration()[:32]), 64)


def check_sources(plan: Plan, dialect: Dialect, folder: Path) -> Counter[str]:
    """Nothing is wrong with the sources of ``plan``; returns how often each directive stands in them."""
    emit_hls(plan, folder, HEADER, dialect)
    report = check_folder(folder, dialect)
    assert not report.violations, "\n".join(map(str, report.violations))
    return report.seen


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("weights", ["dense", "huffman"])
@pytest.mark.parametrize("products", [1, 2])
@pytest.mark.parametrize(
    "seed", [1, 4, pytest.param(7, marks=pytest.mark.slow), pytest.param(12, marks=pytest.mark.slow)]
)
def test_random_designs(
    dialect: Dialect, weights: WeightFormat, products: int, seed: int, tmp_path: Path
) -> None:
    seen = check_sources(random_case(seed, weights, products), dialect, tmp_path)
    assert USED[dialect] - {"dependence"} <= set(seen)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_digits(dialect: Dialect, tmp_path: Path) -> None:
    seen = check_sources(digits(), dialect, tmp_path)
    assert all(seen[directive] > 0 for directive in USED[dialect])
    ports = re.findall(
        r"#pragma HLS interface\b.*port\s*=\s*(\w+)", "\n".join(_pragmas(tmp_path / "fsq_top.cpp"))
    )
    assert sorted(ports) == sorted(
        {"vitis": ["s_axis", "m_axis", "return"], "bambu": ["s_axis", "m_axis"]}[dialect]
    )


def _pragmas(source: Path) -> list[str]:
    return [p.text for p in read_source(source).pragmas]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dataflow_is_canonical(dialect: Dialect, tmp_path: Path) -> None:
    for i, plan in enumerate((digits(), random_case(4, "huffman", 1))):
        emit_hls(plan, tmp_path / str(i), HEADER, dialect)
        unit = read_source(tmp_path / str(i) / "fsq_top.cpp")
        assert sum("HLS dataflow" in p.text for p in unit.pragmas) == 1
        assert [str(v) for v in check_dataflow(unit)] == []


READER = """
# 1 "/design/types.hpp"
enum Stage { FIRST, SECOND = 2 };
template <class B> using rows = int[B::ROWS][2];
struct Base { int kept[3]; };
template <class P> struct Engine : Base {
    typedef rows<P> Rows;
    static constexpr int TURNS = P::ROWS > 2 ? 4 : (1 << 3);
    Rows all[5];
    explicit Engine(int n) : count(n), half{n / 2} {
#pragma HLS inline
    }
    int step(const int (&weights)[4], bool last = TURNS > 3);
    int count, half = 0;
};
#pragma HLS first
# 1 "/usr/include/other.h"
int hidden;
#pragma HLS hidden
# 1 "/design/a.cpp"
namespace kernels { namespace { const unsigned long long rom[2][2] = {{1, 2}, {3, 4}}; } }
template <class P> int Engine<P>::step(const int (&weights)[4], bool) {
    typename Engine<P>::Rows mine = {};
    a < b; x.y(3); x[2] = 1;
again:
    do {
#pragma HLS second
        for (int i = 0, j = 1; i < 4; ++i) if (i) { unsigned k = 3; hls::stream<int> s; } else j = 2;
    } while (count < 3);
#pragma HLS third
    return 0;
}
"""


def test_scope_reader() -> None:
    unit = read(READER, Path("/design"))
    assert [(p.text.split()[-1], p.file.name, p.line, p.scope.kind.value) for p in unit.pragmas] == [
        ("inline", "types.hpp", 9, "function"),
        ("first", "types.hpp", 14, "file"),
        ("second", "a.cpp", 7, "loop"),
        ("third", "a.cpp", 10, "function"),
    ]
    assert [f.name for _, f in unit.functions] == ["Engine", "step"] and unit.unread() == []
    second, third = unit.pragmas[2:]

    def rank(name: str) -> int | None:
        symbol = unit.find(name, third.scope, third.index)
        assert symbol, name
        return unit.rank(symbol, third.scope)

    names = {
        "weights": 1,
        "mine": 2,
        "kept": 1,
        "all": 3,
        "count": 0,
        "half": 0,
        "TURNS": 0,
        "FIRST": 0,
        "SECOND": 0,
    }
    assert {n: rank(n) for n in names} == names
    for unknown in ("hidden", "a", "x", "i", "j", "k", "s", "n", "again", "B", "rom"):
        assert unit.find(unknown, third.scope, third.index) is None, unknown
    assert second.first and third.scope.generic
    assert unit.find("mine", second.scope, second.index)
    assert not unit.find("mine", unit.pragmas[0].scope, second.index)


# ------------------------------------------------------------------------------------------------- dataflow regions


CALL = r" *[\w:]+\("


def broken_top(hls_sources: dict[str, Path], change: Callable[[str], str]) -> list[str]:
    path = hls_sources["vitis"] / "fsq_top.cpp"
    with changed(path, change):
        return [str(v) for v in check_dataflow(read_source(path))]


def before_the_end(statement: str) -> Callable[[str], str]:
    return lambda text: re.sub(r"\n\}\s*$", f"\n    {statement}\n}}\n", text)


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (before_the_end("if (true) { }"), ["a statement with if"]),
        (before_the_end("for (int i = 0; i < 2; ++i) { }"), ["a statement with for"]),
        (before_the_end("while (false) { }"), ["a statement with while"]),
        (before_the_end("return;"), ["a statement with return"]),
        (before_the_end("{ }"), ["a statement with block"]),
        (before_the_end("int n = 1;"), ["n is no stream"]),
        (before_the_end("image_rows.read();"), ["is no plain call"]),
        (
            before_the_end("kernels::conv10(1, image_rows);"),
            ["is no plain call|1 is no stream", "image_rows has 2 prod"],
        ),
        (
            before_the_end("fsq::output<2, 8, true>(image_rows, m_axis);"),
            ["1 producers and 2 cons", "m_axis stands in 2"],
        ),
        (before_the_end("hls::stream<int> idle;"), ["stream idle has 0 producers and 0 consumers"]),
        (
            lambda t: re.sub(rf"{CALL}s_axis, image_rows\);\n", "", t),
            ["image_rows has 0 producers", "s_axis stands in 0"],
        ),
        (
            lambda t: t.replace("(image_rows, conv1_rows)", "(conv1_rows, image_rows)"),
            ["image_rows", "conv1_rows"],
        ),
        (
            lambda t: re.sub(
                rf"({CALL}s_axis, image_rows\);\n)( *FSQ_TAP.*\n)?({CALL}image_rows, conv1_rows\);\n)",
                r"\3\1",
                t,
            ),
            ["image_rows is read before it is written"],
        ),
    ],
    ids=lambda v: "-".join(v)[:30] if isinstance(v, list) else "",
)
def test_broken_dataflow(
    change: Callable[[str], str], reasons: list[str], hls_sources: dict[str, Path]
) -> None:
    found = broken_top(hls_sources, change)
    for text in reasons:
        assert any(
            re.search(text, f) and re.match(r"fsq_top\.cpp:\d+: dataflow region: ", f) for f in found
        ), found
