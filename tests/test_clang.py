"""Every C++ source that is emitted, read by clang, the front end of HLS tools: pragmas on, not one diagnostic.

libclang comes from PyPI without clang's own headers; those of the machine's C++ compiler serve.
"""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csim_helpers import HEADER, needs_ac, needs_tools, random_foldings, replaced
from pruned_models import pruned
from random_models import random_qmodel

from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS, Dialect
from fpga_squeeze.paths import resource_dir
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import engine_layers
from fpga_squeeze.planning.weight_memories import WeightFormat
from fpga_squeeze.verify.tools import find_ac_headers, find_compiler, find_hls_headers

cindex = pytest.importorskip("clang.cindex", reason="libclang is not here: it is in the test extras")

STRICT = (
    "-std=c++14",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-pragmas",  # clang knows no `#pragma HLS`; the tools add them
)


@functools.cache
def system_headers() -> tuple[str, ...]:
    """``-isystem`` flags for the C++ and C headers of the machine's compiler."""
    command = [find_compiler(), "-E", "-x", "c++", "-v", "-"]
    lines = subprocess.run(command, input="", text=True, capture_output=True, check=True).stderr.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("#include <...> search starts here"))
    folders = [line.strip() for line in lines[start + 1 : lines.index("End of search list.")]]
    return ("-nostdinc", *(flag for folder in folders for flag in ("-isystem", folder)))


def parse(file: Path, flags: tuple[str, ...], options: int = 0) -> Any:
    arguments = [*STRICT, *system_headers(), *flags]
    return cindex.Index.create().parse(str(file), args=arguments, options=options)


def diagnostics(file: Path, *flags: str) -> list[str]:
    """What clang says of ``file``, one line each: ``name:line: message``."""
    return [
        f"{Path(d.location.file.name).name if d.location.file else '-'}:{d.location.line}: {d.spelling}"
        for d in parse(file, flags).diagnostics
    ]


def vendor_headers() -> tuple[str, ...]:
    """Flags for the HLS headers."""
    return ("-isystem", str(find_hls_headers()))


def parsed_headers(folder: Path) -> tuple[str, ...]:
    """The same, parsed once for all sources of ``folder``: half the time of a source."""
    header = folder / "vendor.hpp"
    names = ('"fsq_widths.hpp"', "<ap_int.h>", "<hls_stream.h>")
    header.write_text("".join(f"#include {name}\n" for name in names))
    unit = parse(header, ("-x", "c++-header", *vendor_headers()), cindex.TranslationUnit.PARSE_INCOMPLETE)
    unit.save(str(header.with_suffix(".pch")))
    return ("-include-pch", str(header.with_suffix(".pch")), *vendor_headers())


def random_case(seed: int, weights: WeightFormat, products: int) -> Plan:
    """A plan of a random model, every engine's weights in one format."""
    rng = np.random.default_rng(seed)
    model = random_qmodel(rng, max_fires=1, signed_probability=0.3)
    if weights != "dense":
        model = pruned(rng, model)
    formats = [weights] * len(engine_layers(model))
    return build_plan(model, random_foldings(rng, model), multipliers=Multipliers(products), formats=formats)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("weights", ["dense", "huffman"])
@pytest.mark.parametrize("products", [1, 2])
def test_no_diagnostics(dialect: Dialect, weights: WeightFormat, products: int, tmp_path: Path) -> None:
    plan = random_case(31 + products, weights, products)
    assert all(e.weights.format == weights for e in plan.engines)
    assert any(e.products_per_dsp == products for e in plan.engines)
    emit_hls(plan, tmp_path, HEADER, dialect)
    sources = sorted(tmp_path.glob("*.cpp"))
    assert {f"{k.name}.cpp" for k in plan.kernels} | {"fsq_top.cpp"} == {file.name for file in sources}
    vendor = parsed_headers(tmp_path)
    for source in sources:
        assert diagnostics(source, *vendor) == []
    bench = tmp_path / "tb" / "csim_main.cpp"
    assert diagnostics(bench, *vendor, "-DFSQ_CSIM", "-I", str(tmp_path)) == []


@needs_ac
@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_diagnostics_with_ac_integers(dialect: Dialect, tmp_path: Path) -> None:
    """Stricter integers, and beats that are the vendor's ap_axiu."""
    emit_hls(random_case(33, "huffman", 2), tmp_path, HEADER, dialect)
    headers = ("-I", str(resource_dir("sim") / "ac_types"), "-isystem", str(find_ac_headers()))
    for source in sorted(tmp_path.glob("*.cpp")):
        assert diagnostics(source, *headers) == []


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "acc[c][r][l] = before + product;",
            "acc[c][r][l] = before + product",
            "expected ';' after expression",
        ),
        (
            "acc[c][r][l] = before + product;",
            "const int spare = l; acc[c][r][l] = product;",
            "unused variable",
        ),
        ("* Pairs<P>::COUNT) {", "* Pairs<P>::COUNT); {", "empty body"),
    ],
    ids=["semicolon", "unused", "empty"],
)
def test_broken_source_is_seen(old: str, new: str, message: str, tmp_path: Path) -> None:
    emit_hls(random_case(32, "dense", 1), tmp_path, HEADER)
    header = tmp_path / "fsq_lanes.hpp"
    line = header.read_text().split(old)[0].count("\n") + 1
    header.write_text(replaced(old, new)(header.read_text()))
    found = diagnostics(tmp_path / "conv10.cpp", *vendor_headers())
    assert any(text.startswith(f"fsq_lanes.hpp:{line}: ") and message in text for text in found), found
