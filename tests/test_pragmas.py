"""Every pragma of the emitted HLS C++ is one that the tool takes, where it takes it; broken ones are caught."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import HEADER, random_foldings
from random_models import random_qmodel
from test_compressed import pruned

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.graph import FloatModel
from fpga_squeeze.images import embedded_calibration, embedded_model_path
from fpga_squeeze.planning.folding import build_plan, engine_layers, plan_for_lanes
from fpga_squeeze.planning.packing import Multipliers
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.weights import WeightFormat
from fpga_squeeze.quantize import quantize
from fpga_squeeze.simulate import tools
from fpga_squeeze.verify import pragma_grammar as grammar
from fpga_squeeze.verify.cpp_reader import read
from fpga_squeeze.verify.dataflow import check_dataflow
from fpga_squeeze.verify.pragmas import Violation, check_folder, check_unit, read_source


def no_compiler() -> str:
    try:
        tools.find_compiler()
    except FpgaSqueezeError as error:
        return str(error)
    return ""


pytestmark = pytest.mark.skipif(bool(no_compiler()), reason=no_compiler() or "-")

DIALECTS = tuple(grammar.DIALECTS)
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


def check_sources(plan: Plan, dialect: str, folder: Path) -> Counter[str]:
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
    dialect: str, weights: WeightFormat, products: int, seed: int, tmp_path: Path
) -> None:
    seen = check_sources(random_case(seed, weights, products), dialect, tmp_path)
    assert USED[dialect] - {"dependence"} <= set(seen)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_digits(dialect: str, tmp_path: Path) -> None:
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
def test_dataflow_is_canonical(dialect: str, tmp_path: Path) -> None:
    for i, plan in enumerate((digits(), random_case(4, "huffman", 1))):
        emit_hls(plan, tmp_path / str(i), HEADER, dialect)
        unit = read_source(tmp_path / str(i) / "fsq_top.cpp")
        assert sum("HLS dataflow" in p.text for p in unit.pragmas) == 1
        assert [str(v) for v in check_dataflow(unit)] == []


# ------------------------------------------------------------------------------------------- broken ones are caught


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small design in both dialects."""
    rng = np.random.default_rng(21)
    model = random_qmodel(rng, min_size=8, max_size=9, max_fires=1, weight_bits=(8,), activation_bits=8)
    plan = build_plan(model, random_foldings(rng, model))
    folders = {}
    for dialect in DIALECTS:
        folders[dialect] = tmp_path_factory.mktemp(dialect)
        emit_hls(plan, folders[dialect], HEADER, dialect)
    return folders


LOOP = "    for (int i = 0; i < 4; ++i) {{\n{0}\n    }}"
PLACES = {
    "top": ("fsq_top.cpp", "{0}"),
    "kernel": ("pool10.cpp", "{0}"),
    "loop": ("pool10.cpp", LOOP),
    "pipelined loop": ("pool10.cpp", LOOP.replace("{0}", "#pragma HLS pipeline\n{0}")),
    "while": ("pool10.cpp", "    int i = 0;\n    while (i < 4) {{\n{0}\n        ++i;\n    }}"),
    "late in loop": ("pool10.cpp", LOOP.replace("{0}", "        int a = i;\n{0}")),
    "above loop": ("pool10.cpp", "{0}\n" + LOOP.replace("{0}", "        int a = i;")),
    "block": ("pool10.cpp", "    if (true) {{\n{0}\n    }}"),
    "template": (
        "pool10.cpp",
        "}}\ntemplate <int N> void helper(int& x) {{\n{0}\n    x = N;\n}}\nvoid rest() {{\n    int sums;",
    ),
    "file": ("pool10.cpp", "}}\n{0}\nvoid rest() {{\n    int sums;"),
    "above function": ("pool10.cpp", "}}\n{0}\nvoid rest() {{\n    int sums;"),
}
"""File and text around a pragma, put after the first line of the body of fsq_top or of kernels::pool10."""
ANCHOR = {"fsq_top.cpp": r"void fsq_top\([^{]*\{\n", "pool10.cpp": r" sums;[^\n]*\n"}
MARK = "/*here*/"


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[str]:
    """A file of the sources with its text changed, for a while."""
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)
    try:
        yield after
    finally:
        path.write_text(before)


def insert(sources: dict[str, Path], dialect: str, place: str, pragma: str) -> list[Violation]:
    """The violations of one file on the line of ``pragma``, put into it."""
    file, around = PLACES[place]
    path = sources[dialect] / file

    def put(text: str) -> str:
        found = re.search(ANCHOR[file], text)
        assert found
        return text[: found.end()] + around.format(f"{MARK}\n{pragma}") + "\n" + text[found.end() :]

    with changed(path, put) as text:
        line = text[: text.index(MARK)].count("\n") + 2
        found = list(check_unit(read_source(path), grammar.DIALECTS[dialect]))
    return [v for v in found if (v.file, v.line) == (path, line)]


def refused(found: list[Violation], file: str, directive: str, what: str, allowed: str = "") -> None:
    """One violation that names file, line, directive, what is wrong and what is allowed."""
    assert len(found) == 1, [str(v) for v in found]
    text = str(found[0])
    assert re.match(rf"{re.escape(file)}:\d+: #pragma HLS {directive}: ", text), text
    assert re.search(what, found[0].what), text
    assert re.search(allowed, found[0].allowed) and f"allowed: {found[0].allowed}" in text, text


LEGAL: dict[tuple[str, str], tuple[str, list[str]]] = {
    ("vitis", "interface"): ("top", ["mode=axis", "port=s_axis"]),
    ("vitis", "dataflow"): ("kernel", []),
    ("vitis", "pipeline"): ("loop", ["II=1"]),
    ("vitis", "unroll"): ("loop", ["factor=2"]),
    ("vitis", "inline"): ("kernel", []),
    ("vitis", "array_partition"): ("kernel", ["variable=sums", "type=cyclic", "factor=2", "dim=1"]),
    ("vitis", "array_reshape"): ("kernel", ["variable=sums", "complete", "dim=1"]),
    ("vitis", "bind_storage"): ("kernel", ["variable=sums", "type=ram_2p", "impl=bram"]),
    ("vitis", "bind_op"): ("block", ["variable=sums", "op=mul", "impl=dsp"]),
    ("vitis", "stream"): ("kernel", ["variable=in", "depth=4"]),
    ("vitis", "dependence"): (
        "while",
        ["variable=sums", "type=inter", "direction=RAW", "distance=32", "dependent=true"],
    ),
    ("vitis", "loop_tripcount"): ("loop", ["min=1", "max=pool10_plan::HEIGHT"]),
    ("bambu", "interface"): ("top", ["port=s_axis", "mode=axis", "depth=8"]),
    ("bambu", "dataflow"): ("top", []),
    ("bambu", "pipeline"): ("above function", ["II=1"]),
    ("bambu", "inline"): ("kernel", ["off"]),
    ("bambu", "unroll"): ("above loop", ["factor=2"]),
}
"""A legal pragma of every directive: where it stands, and its options."""
EVERY = sorted(LEGAL)


def line(directive: str, options: list[str]) -> str:
    return " ".join(["#pragma HLS", directive, *options])


def test_every_directive_is_tried() -> None:
    assert {(d.name, row.name) for d in grammar.DIALECTS.values() for row in d.directives} == set(LEGAL)
    for dialect in grammar.DIALECTS.values():
        assert all(row.source and row.places for row in (*dialect.directives, *dialect.others))
        for row in dialect.directives:
            named = {
                n for r in row.rules for n in (r.when[0], *r.needs, *(f.split("=")[0] for f in r.forbids))
            }
            assert named <= {o.name for o in row.options}


@pytest.mark.parametrize(("dialect", "directive"), EVERY)
def test_legal_pragma(dialect: str, directive: str, sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    assert insert(sources, dialect, place, line(directive, options)) == []


@pytest.mark.parametrize(("dialect", "directive"), EVERY)
def test_unknown_option(dialect: str, directive: str, sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    row = grammar.DIALECTS[dialect].directive(directive)
    assert row
    for extra in ("colour=1", "colour"):
        found = insert(sources, dialect, place, line(directive, [*options, extra]))
        refused(found, PLACES[place][0], directive, "unknown option colour", re.escape(row.spelled()))


@pytest.mark.parametrize(("dialect", "directive"), EVERY)
def test_missing_option(dialect: str, directive: str, sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    row = grammar.DIALECTS[dialect].directive(directive)
    assert row
    for option in row.options:
        if option.required:
            fewer = [o for o in options if not o.lower().startswith(option.name)]
            assert len(fewer) == len(options) - 1
            found = insert(sources, dialect, place, line(directive, fewer))
            refused(found, PLACES[place][0], directive, f"option {option.name} is missing", option.name)


@pytest.mark.parametrize(("dialect", "directive"), [e for e in EVERY if LEGAL[e][1]])
def test_option_twice(dialect: str, directive: str, sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    found = insert(sources, dialect, place, line(directive, [*options, options[0]]))
    refused(found, PLACES[place][0], directive, "option .* stands twice")


NAMES = [e for e in EVERY if any(o.startswith(("variable=", "port=")) for o in LEGAL[e][1])]


@pytest.mark.parametrize(("dialect", "directive"), NAMES)
def test_name_that_is_not_there(dialect: str, directive: str, sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    wrong = [re.sub(r"^(variable|port)=.*", r"\1=nothing", o) for o in options]
    found = insert(sources, dialect, place, line(directive, wrong))
    told = "is no port of this function" if place == "top" else "is not declared in scope"
    refused(
        found,
        PLACES[place][0],
        directive,
        f"nothing {told}",
        "s_axis, m_axis" if place == "top" else "in scope",
    )


ELSEWHERE = {
    ("vitis", "interface"): ["kernel", "file"],
    ("vitis", "dataflow"): ["block", "file", "late in loop"],
    ("vitis", "pipeline"): ["block", "file", "late in loop"],
    ("vitis", "unroll"): ["kernel", "block", "file", "late in loop", "above loop"],
    ("vitis", "inline"): ["loop", "block", "file"],
    ("vitis", "array_partition"): ["file"],
    ("vitis", "array_reshape"): ["file"],
    ("vitis", "bind_storage"): ["file"],
    ("vitis", "bind_op"): ["file"],
    ("vitis", "stream"): ["file"],
    ("vitis", "dependence"): ["block", "file"],
    ("vitis", "loop_tripcount"): ["kernel", "block", "file", "late in loop", "above loop"],
    ("bambu", "interface"): ["kernel", "above function"],
    ("bambu", "dataflow"): ["loop", "block", "template"],
    ("bambu", "pipeline"): ["loop", "block", "template"],
    ("bambu", "inline"): ["loop", "template"],
    ("bambu", "unroll"): ["loop", "late in loop", "kernel", "file"],
}
"""Where a directive must not stand."""


@pytest.mark.parametrize(
    ("dialect", "directive", "place"), [(*k, p) for k in sorted(ELSEWHERE) for p in ELSEWHERE[k]]
)
def test_wrong_place(dialect: str, directive: str, place: str, sources: dict[str, Path]) -> None:
    row = grammar.DIALECTS[dialect].directive(directive)
    assert row
    found = insert(sources, dialect, place, line(directive, LEGAL[dialect, directive][1]))
    refused(found, PLACES[place][0], directive, "it stands in a", re.escape(row.places[0].value))


@pytest.mark.parametrize(
    ("place", "pragma", "what", "allowed"),
    [
        # directives and words
        ("kernel", "partition variable=sums", "unknown directive", "array_partition"),
        ("kernel", "array_partition", "option variable is missing", "variable"),
        ("kernel", "array_partition variable lines", "option variable has no value", "in scope"),
        ("kernel", "array_partition variable=sums half", "unknown option half", r"cyclic\|block"),
        ("kernel", "array_partition variable=sums type=half", "type = half", r"cyclic\|block\|complete"),
        ("kernel", "array_partition variable=sums , dim=1", "unexpected ,", "variable"),
        ("top", "interface mode=axi port=s_axis", "mode = axi", r"axis\|ap_ctrl_chain"),
        ("top", "interface mode=axis port=s_axis register_mode=on", "register_mode = on", r"forward\|"),
        ("loop", "pipeline style=fast", "style = fast", r"stp\|flp\|frp"),
        ("kernel", "bind_storage variable=sums type=ram_3p", "type = ram_3p", r"ram_1p\|"),
        ("kernel", "bind_storage variable=sums type=ram_2p impl=flash", "impl = flash", r"auto\|bram"),
        ("kernel", "bind_op variable=sums op=power", "op = power", r"mul\|add\|sub"),
        ("kernel", "stream variable=in type=lifo", "type = lifo", r"fifo\|pipo"),
        ("loop", "dependence variable=sums false direction=up", "direction = up", r"raw\|war\|waw"),
        # numbers
        ("loop", "pipeline II=0", "ii = 0", ">= 1"),
        ("loop", "pipeline II=1.5", "1.5 is no integer", ">= 1"),
        ("loop", "pipeline II=", "option ii has no value", ">= 1"),
        ("loop", "pipeline II", "option ii has no value", ">= 1"),
        ("loop", "pipeline II=1 +", "is no expression", ">= 1"),
        ("loop", "pipeline II=(1", "a bracket is not closed", ">= 1"),
        ("loop", "unroll factor=-2", "factor = - 2", ">= 1"),
        ("kernel", "stream variable=in depth=0", "depth = 0", ">= 1"),
        ("kernel", "array_partition variable=sums dim=-1", "dim = - 1", ">= 0"),
        ("loop", "dependence variable=sums true distance=0", "distance = 0", ">= 1"),
        # constants
        ("loop", "loop_tripcount max=i", "it is no constant", "constant expression"),
        ("loop", "loop_tripcount max=WORK", "it is not declared in scope", "constant expression"),
        ("loop", "loop_tripcount max=P::WORK", "P is no type in scope", "constant expression"),
        ("loop", "loop_tripcount max=pool10_plan::NONE", "no such constant", "constant expression"),
        ("loop", "loop_tripcount min=4 max=3", "out of order", "max"),
        # variables
        ("kernel", "array_partition variable=pool10_plan", "is not declared in scope", "an array"),
        ("kernel", "array_partition variable=in", "in is no array", "an array"),
        ("loop", "array_partition variable=i", "i is no array", "an array"),
        ("kernel", "bind_storage variable=in type=ram_2p", "in is a stream", "type"),
        ("top", "stream variable=s_axis depth=4", "s_axis is a port of the top", "in scope"),
        (
            "kernel",
            "array_partition variable=sums complete dim=3",
            "dim = 3, but sums has only 1",
            r"dim=0\.\.1",
        ),
        (
            "kernel",
            "array_reshape variable=sums complete dim=3",
            "dim = 3, but sums has only 1",
            r"dim=0\.\.1",
        ),
        # combinations
        ("top", "interface mode=axis port=return", "return is no stream", "port"),
        ("top", "interface mode=ap_ctrl_chain port=s_axis", "port = s_axis", "port=return"),
        ("top", "interface mode=ap_ctrl_chain port=return depth=4", "ap_ctrl_chain with depth", "mode"),
        ("loop", "pipeline off II=2", "off with ii", "style"),
        ("loop", "unroll off factor=2", "off with factor", "factor"),
        ("loop", "unroll skip_exit_check", "without factor", "factor"),
        ("kernel", "inline off recursive", "off with recursive", "recursive"),
        ("kernel", "array_partition variable=sums factor=2", "complete with factor", "factor"),
        ("kernel", "array_partition variable=sums cyclic", "cyclic without factor", "factor"),
        (
            "kernel",
            "bind_storage variable=sums type=ram_2p impl=srl",
            "ram_2p with impl = srl",
            r"impl=auto\|bram",
        ),
        (
            "kernel",
            "bind_storage variable=in type=fifo impl=bram_ecc",
            "fifo with impl",
            r"impl=auto\|bram\|lutram",
        ),
        ("kernel", "bind_storage variable=sums type=rom_np impl=uram", "rom_np with impl", "impl=auto"),
        ("loop", "dependence variable=sums array false", "variable with class", "class"),
        ("loop", "dependence variable=sums inter RAW true", "true without distance", "distance"),
        ("loop", "dependence variable=sums false distance=3", "false with distance", "distance"),
        ("loop", "dependence variable=sums intra true distance=3", "intra with distance", "distance"),
        ("loop", "dependence variable=sums true false", "dependent stands twice", "dependent"),
        ("pipelined loop", "dataflow", "pipeline stands in the same scope", "dataflow or pipeline"),
    ],
)
def test_broken_for_vitis(place: str, pragma: str, what: str, allowed: str, sources: dict[str, Path]) -> None:
    found = insert(sources, "vitis", place, f"#pragma HLS {pragma}")
    refused(found, PLACES[place][0], pragma.split()[0], what, allowed)


@pytest.mark.parametrize(
    ("place", "pragma", "what", "allowed"),
    [
        ("kernel", "bind_storage variable=sums type=ram_2p", "unknown directive", "interface, dataflow"),
        ("top", "interface port=s_axis mode=m_axi", "mode = m_axi", "axis"),
        ("top", "interface port=s_axis mode axis", "option mode has no value", "axis"),
        ("top", "interface port=return mode=axis", "return is no port", "s_axis, m_axis"),
        ("top", "interface port=s_axis mode=axis depth=pool10_plan::HEIGHT", "no plain number", "number"),
        ("top", "dataflow disable_start_propagation", "unknown option", "no options"),
        ("kernel", "pipeline style=flp", "style = flp", "frp"),
        ("kernel", "inline off recursive", "off with recursive", "recursive"),
        ("above loop", "unroll factor=pool10_plan::HEIGHT", "factor = .*", "number"),
        ("above loop", "unroll factor=2*2", "no plain number", "number"),
        ("above loop", "unroll off", "option off has no value", "off=true"),
        ("above loop", "unroll off=false", "off = false", "off=true"),
        ("above loop", "unroll off=true factor=2", "off with factor", "factor"),
    ],
)
def test_broken_for_bambu(place: str, pragma: str, what: str, allowed: str, sources: dict[str, Path]) -> None:
    found = insert(sources, "bambu", place, f"#pragma HLS {pragma}")
    refused(found, PLACES[place][0], pragma.split()[0], what, allowed)


@pytest.mark.parametrize("directive", ["interface", "dataflow", "pipeline", "inline"])
def test_function_pragma_from_a_macro(directive: str, sources: dict[str, Path]) -> None:
    """Bambu looks for the file of a pragma to find its function; one from a macro has none."""
    place, options = LEGAL["bambu", directive]
    pragma = line(directive, options).removeprefix("#pragma ")
    found = insert(sources, "bambu", place, f'_Pragma("{pragma}")')
    refused(found, PLACES[place][0], directive, "it comes from a macro", "a line of its own in the source")


def test_loop_pragma_from_a_macro(sources: dict[str, Path]) -> None:
    assert insert(sources, "bambu", "above loop", '_Pragma("HLS unroll")') == []
    assert insert(sources, "bambu", "above loop", '_Pragma("nounroll")') == []
    found = insert(sources, "bambu", "loop", '_Pragma("nounroll")')
    refused(found, "pool10.cpp", "nounroll", "it stands in a loop", "directly above a loop")
    found = insert(sources, "vitis", "above loop", '_Pragma("nounroll")')
    refused(found, "pool10.cpp", "nounroll", "unknown directive", "unroll")


def test_macro_that_replaces_a_keyword(sources: dict[str, Path]) -> None:
    """The parameter ``port`` of this macro stands for the option's name, too."""
    macro = "#define FSQ_BAD_AXIS(port, words) FSQ_PRAGMA(HLS interface mode = axis port = port)"
    with changed(
        sources["vitis"] / "fsq_pragmas.hpp",
        lambda text: re.sub(r"\n#endif\s*$", f"\n{macro}\n#endif\n", text),
    ):
        found = insert(sources, "vitis", "top", "FSQ_BAD_AXIS(s_axis, 1)")
    refused(found, "fsq_top.cpp", "interface", "unknown option s_axis", "port=parameter of the function")


def edited(sources: dict[str, Path], file: str, old: str, new: str, source: str) -> list[Violation]:
    """The violations of ``source`` with a macro or a header changed."""
    folder = sources["vitis"]
    with changed(folder / file, lambda text: text.replace(old, new)):
        return [
            v for v in check_unit(read_source(folder / source), grammar.VITIS) if v.file.name != "fsq_top.cpp"
        ]


@pytest.mark.parametrize(
    ("old", "new", "directive", "what"),
    [
        ("HLS unroll)", "HLS unrol)", "unrol", "unknown directive"),
        ("HLS pipeline II = ii)", "HLS pipeline II = 0)", "pipeline", "ii = 0"),
        (
            "HLS loop_tripcount min = n max = n)",
            "HLS loop_tripcount min = n)",
            "loop_tripcount",
            "max is missing",
        ),
        ("variable = name complete dim = 0)", "name complete dim = 0)", "array_partition", "unknown option"),
        (
            "variable = name complete dim = axis)",
            "variable = name complete dim = 1axis)",
            "array_reshape",
            "integer",
        ),
        ("type = rom_1p impl = bram)", "type = rom_1p impl = uram)", "bind_storage", "impl = uram"),
        ("op = mul impl = dsp)", "op = mul impl = DSP48)", "bind_op", "impl = DSP48"),
        ("complete dim = axis)", "complete dim = 10)", "array_reshape", "dim = 10, but lines has only 4"),
    ],
)
def test_broken_macro(old: str, new: str, directive: str, what: str, sources: dict[str, Path]) -> None:
    found = edited(sources, "fsq_pragmas.hpp", old, new, "conv10.cpp")
    assert any(v.directive == f"#pragma HLS {directive}" and re.search(what, v.what) for v in found), found


def test_variable_of_another_scope(sources: dict[str, Path]) -> None:
    """A renamed variable, and one that is declared in an inner block, or only after the pragma."""
    engine = "fsq_conv_engine.hpp"
    found = edited(sources, engine, "FSQ_REGISTERS(weights)", "FSQ_REGISTERS(weight)", "conv10.cpp")
    assert [v.what for v in found] == ["variable = weight is not declared in scope"]
    for name in ("pixels", "later"):
        body = f"    FSQ_REGISTERS({name})\n    {{ int pixels[4]; }}\n    int later[4];\n"
        found = edited(sources, "pool10.cpp", "    fsq::avg_pool<", body + "    fsq::avg_pool<", "pool10.cpp")
        assert [v.what for v in found] == [f"variable = {name} is not declared in scope"]


def test_array_of_another_file(sources: dict[str, Path]) -> None:
    found = edited(sources, "conv10.cpp", "FSQ_ROM_BRAM(conv10_", "FSQ_ROM_BRAM(conv1_", "conv10.cpp")
    assert found and all("is not declared in scope" in v.what for v in found)


def test_pragma_inside_a_statement(sources: dict[str, Path]) -> None:
    for pragma in ("int a[2] = {{1,\n{0}\n2}};", "a = 1 +\n{0}\n2;", "}} }}\n{0}\n"):
        place = {"inside": ("pool10.cpp", pragma)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(PLACES, "inside", place["inside"])
            found = insert(sources, "vitis", "inside", "#pragma HLS inline")
        assert [v.what for v in found] == ["it stands inside a declaration or a statement"]


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


def broken_top(sources: dict[str, Path], change: Callable[[str], str]) -> list[str]:
    path = sources["vitis"] / "fsq_top.cpp"
    with changed(path, change):
        return [str(v) for v in check_dataflow(read_source(path))]


def before_the_end(statement: str) -> Callable[[str], str]:
    return lambda text: re.sub(r"\n\}\s*$", f"\n    {statement}\n}}\n", text)


@pytest.mark.parametrize(
    ("change", "told"),
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
def test_broken_dataflow(change: Callable[[str], str], told: list[str], sources: dict[str, Path]) -> None:
    found = broken_top(sources, change)
    for text in told:
        assert any(
            re.search(text, f) and re.match(r"fsq_top\.cpp:\d+: dataflow region: ", f) for f in found
        ), found


def test_preprocessor_that_fails(sources: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(sources["vitis"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "fsq_drain.hpp").unlink()
    with pytest.raises(FpgaSqueezeError, match="the preprocessor failed.*fsq_drain.hpp"):
        read_source(tmp_path / "conv10.cpp")
