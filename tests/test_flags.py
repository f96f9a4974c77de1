"""Errors say the field below the command line, and the option on it."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import click
import pytest
from test_cli import fails

import fpga_squeeze
from fpga_squeeze import FpgaSqueezeError, api
from fpga_squeeze.cli import app
from fpga_squeeze.cli.flags import FLAGS, with_flags
from fpga_squeeze.network.graph import Preprocess

PACKAGE = Path(fpga_squeeze.__file__).parent
TOOLS = (
    "verify/cosim.py",
    "verify/tools.py",
    "verify/hls/bambu.py",
    "verify/hls/mapping.py",
    "verify/hls/tools.py",
    "verify/timing/route.py",
)
"""Where options are those of other programs."""
OPTIONS = (
    api.DesignOptions,
    api.QuantizeOptions,
    api.CompressOptions,
    api.ExploreOptions,
    api.FineTune,
    api.Numbers,
    api.Room,
    api.SearchOptions,
    Preprocess,
)
Capture = pytest.CaptureFixture[str]


def texts(path: Path) -> list[str]:
    """Every string of a file but its docstrings."""
    tree = ast.parse(path.read_text())
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    ]


BELOW = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in ("cli", "demo.py", "_resources")
]


def test_nothing_below_the_command_line_names_an_option() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in BELOW
        if path.relative_to(PACKAGE).as_posix() not in TOOLS
        for text in texts(path)
        if re.search(r"--[a-z]|(?:^|\s)-o\b", text)
    ]
    assert found == []


def test_every_field_named_has_an_option() -> None:
    named = {name for path in BELOW for text in texts(path) for name in re.findall(r"\bfield (\w+)", text)}
    assert named - {"of"} <= set(FLAGS)


def test_every_field_and_option_is_there() -> None:
    known = {f.name for kind in OPTIONS for f in fields(kind)}
    verbs = (api.compress, api.cosim, api.csim, api.download, api.evaluate, api.generate)
    for verb in (*verbs, api.build_network, api.explore, api.explore_networks, api.generate_trial):
        known |= set(inspect.signature(verb).parameters)
    assert set(FLAGS) <= known
    flags = {
        flag
        for command in app.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for flag in parameter.opts
    }
    assert set(FLAGS.values()) <= flags


def test_both_texts(capsys: Capture, tmp_path: Path) -> None:
    with pytest.raises(FpgaSqueezeError, match=r"^field max_loss 300: give percent"):
        api.compress(options=api.CompressOptions(max_loss=300))
    assert "error: --max-loss 300: give percent" in fails(capsys, 2, "compress", "--max-loss", 300)
    options = api.QuantizeOptions(weight_budget=-5)
    with pytest.raises(FpgaSqueezeError, match=r"^field weight_budget -5: give the bits"):
        api.quantize(None, tmp_path / "q.onnx", options)
    given = ("generate", "--weight-budget", -5, "-o", tmp_path / "p")
    assert "error: --weight-budget -5: give the bits" in fails(capsys, 2, *given)
    assert "error: --folding fire99: no such engine" in fails(
        capsys, 2, "estimate", "--folding", "fire99=1,1,1"
    )


def test_only_whole_names_are_replaced() -> None:
    assert with_flags("field codebook_bits and field code_bits: no whole field of bits, field weightsx") == (
        "--codebook and --bits: no whole field of bits, field weightsx"
    )
