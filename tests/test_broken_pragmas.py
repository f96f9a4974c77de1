"""A broken pragma is caught, of every directive and of every kind of rule, with a message that helps."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from pragma_helpers import COMPILER, changed

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.verify import pragma_grammar as grammar
from fpga_squeeze.verify.pragmas import Violation, check_unit, read_source

pytestmark = pytest.mark.skipif(not COMPILER, reason="no C++ compiler")


# ------------------------------------------------------------------------------------------- broken ones are caught


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


def insert(hls_sources: dict[str, Path], dialect: str, place: str, pragma: str) -> list[Violation]:
    """The violations of one file on the line of ``pragma``, put into it."""
    file, around = PLACES[place]
    path = hls_sources[dialect] / file

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
def test_legal_pragma(dialect: str, directive: str, hls_sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    assert insert(hls_sources, dialect, place, line(directive, options)) == []


@pytest.mark.parametrize(("dialect", "directive"), EVERY)
def test_unknown_option(dialect: str, directive: str, hls_sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    row = grammar.DIALECTS[dialect].directive(directive)
    assert row
    for extra in ("colour=1", "colour"):
        found = insert(hls_sources, dialect, place, line(directive, [*options, extra]))
        refused(found, PLACES[place][0], directive, "unknown option colour", re.escape(row.spelled()))


@pytest.mark.parametrize(("dialect", "directive"), EVERY)
def test_missing_option(dialect: str, directive: str, hls_sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    row = grammar.DIALECTS[dialect].directive(directive)
    assert row
    for option in row.options:
        if option.required:
            fewer = [o for o in options if not o.lower().startswith(option.name)]
            assert len(fewer) == len(options) - 1
            found = insert(hls_sources, dialect, place, line(directive, fewer))
            refused(found, PLACES[place][0], directive, f"option {option.name} is missing", option.name)


@pytest.mark.parametrize(("dialect", "directive"), [e for e in EVERY if LEGAL[e][1]])
def test_option_twice(dialect: str, directive: str, hls_sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    found = insert(hls_sources, dialect, place, line(directive, [*options, options[0]]))
    refused(found, PLACES[place][0], directive, "option .* stands twice")


NAMES = [e for e in EVERY if any(o.startswith(("variable=", "port=")) for o in LEGAL[e][1])]


@pytest.mark.parametrize(("dialect", "directive"), NAMES)
def test_name_that_is_not_there(dialect: str, directive: str, hls_sources: dict[str, Path]) -> None:
    place, options = LEGAL[dialect, directive]
    wrong = [re.sub(r"^(variable|port)=.*", r"\1=nothing", o) for o in options]
    found = insert(hls_sources, dialect, place, line(directive, wrong))
    reason = "is no port of this function" if place == "top" else "is not declared in scope"
    refused(
        found,
        PLACES[place][0],
        directive,
        f"nothing {reason}",
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
def test_wrong_place(dialect: str, directive: str, place: str, hls_sources: dict[str, Path]) -> None:
    row = grammar.DIALECTS[dialect].directive(directive)
    assert row
    found = insert(hls_sources, dialect, place, line(directive, LEGAL[dialect, directive][1]))
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
def test_broken_for_vitis(
    place: str, pragma: str, what: str, allowed: str, hls_sources: dict[str, Path]
) -> None:
    found = insert(hls_sources, "vitis", place, f"#pragma HLS {pragma}")
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
def test_broken_for_bambu(
    place: str, pragma: str, what: str, allowed: str, hls_sources: dict[str, Path]
) -> None:
    found = insert(hls_sources, "bambu", place, f"#pragma HLS {pragma}")
    refused(found, PLACES[place][0], pragma.split()[0], what, allowed)


@pytest.mark.parametrize("directive", ["interface", "dataflow", "pipeline", "inline"])
def test_function_pragma_from_a_macro(directive: str, hls_sources: dict[str, Path]) -> None:
    """Bambu looks for the file of a pragma to find its function; one from a macro has none."""
    place, options = LEGAL["bambu", directive]
    pragma = line(directive, options).removeprefix("#pragma ")
    found = insert(hls_sources, "bambu", place, f'_Pragma("{pragma}")')
    refused(found, PLACES[place][0], directive, "it comes from a macro", "a line of its own in the source")


def test_loop_pragma_from_a_macro(hls_sources: dict[str, Path]) -> None:
    assert insert(hls_sources, "bambu", "above loop", '_Pragma("HLS unroll")') == []
    assert insert(hls_sources, "bambu", "above loop", '_Pragma("nounroll")') == []
    found = insert(hls_sources, "bambu", "loop", '_Pragma("nounroll")')
    refused(found, "pool10.cpp", "nounroll", "it stands in a loop", "directly above a loop")
    found = insert(hls_sources, "vitis", "above loop", '_Pragma("nounroll")')
    refused(found, "pool10.cpp", "nounroll", "unknown directive", "unroll")


def test_macro_that_replaces_a_keyword(hls_sources: dict[str, Path]) -> None:
    """The parameter ``port`` of this macro stands for the option's name, too."""
    macro = "#define FSQ_BAD_AXIS(port, words) FSQ_PRAGMA(HLS interface mode = axis port = port)"
    with changed(
        hls_sources["vitis"] / "fsq_pragmas.hpp",
        lambda text: re.sub(r"\n#endif\s*$", f"\n{macro}\n#endif\n", text),
    ):
        found = insert(hls_sources, "vitis", "top", "FSQ_BAD_AXIS(s_axis, 1)")
    refused(found, "fsq_top.cpp", "interface", "unknown option s_axis", "port=parameter of the function")


def edited(hls_sources: dict[str, Path], file: str, old: str, new: str, source: str) -> list[Violation]:
    """The violations of ``source`` with a macro or a header changed."""
    folder = hls_sources["vitis"]
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
def test_broken_macro(old: str, new: str, directive: str, what: str, hls_sources: dict[str, Path]) -> None:
    found = edited(hls_sources, "fsq_pragmas.hpp", old, new, "conv10.cpp")
    assert any(v.directive == f"#pragma HLS {directive}" and re.search(what, v.what) for v in found), found


def test_variable_of_another_scope(hls_sources: dict[str, Path]) -> None:
    """A renamed variable, and one that is declared in an inner block, or only after the pragma."""
    engine = "fsq_conv_engine.hpp"
    found = edited(hls_sources, engine, "FSQ_REGISTERS(weights)", "FSQ_REGISTERS(weight)", "conv10.cpp")
    assert [v.what for v in found] == ["variable = weight is not declared in scope"]
    for name in ("pixels", "later"):
        body = f"    FSQ_REGISTERS({name})\n    {{ int pixels[4]; }}\n    int later[4];\n"
        found = edited(
            hls_sources, "pool10.cpp", "    fsq::avg_pool<", body + "    fsq::avg_pool<", "pool10.cpp"
        )
        assert [v.what for v in found] == [f"variable = {name} is not declared in scope"]


def test_array_of_another_file(hls_sources: dict[str, Path]) -> None:
    found = edited(hls_sources, "conv10.cpp", "FSQ_ROM_BRAM(conv10_", "FSQ_ROM_BRAM(conv1_", "conv10.cpp")
    assert found and all("is not declared in scope" in v.what for v in found)


def test_pragma_inside_a_statement(hls_sources: dict[str, Path]) -> None:
    for pragma in ("int a[2] = {{1,\n{0}\n2}};", "a = 1 +\n{0}\n2;", "}} }}\n{0}\n"):
        place = {"inside": ("pool10.cpp", pragma)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(PLACES, "inside", place["inside"])
            found = insert(hls_sources, "vitis", "inside", "#pragma HLS inline")
        assert [v.what for v in found] == ["it stands inside a declaration or a statement"]


def test_preprocessor_that_fails(hls_sources: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(hls_sources["vitis"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "fsq_drain.hpp").unlink()
    with pytest.raises(FpgaSqueezeError, match="the preprocessor failed.*fsq_drain.hpp"):
        read_source(tmp_path / "conv10.cpp")
