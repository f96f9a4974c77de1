"""What the verbs found of a design, in words and widths: a part of the page for each result that the project keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...project.results import Kept, Kind
from ...verify.hls.tools import TOOL_NAMES
from ...verify.synthesis import CELLS
from ..trace import shown_snr
from .numbers import Report
from .words import count, percent, width

Shown = dict[str, object]
WHAT: Mapping[Kind, str] = {"csim": "HLS C++ against golden", "cosim": "RTL against golden"}
AREA = {"LUTs": "luts", "flip-flops": "flip_flops", "DSP": "dsp", "RAMB18": "bram18"}
"""Fields of what an HLS tool counts."""


def when(kept: Kept) -> str:
    """2026-11-26T07:38:34+00:00 as people write it."""
    return kept.when[:16].replace("T", " ") + " UTC"


def badge(kept: Kept, good: bool, text: str) -> dict[str, object]:
    """What came out, and whether it is of the design as it is."""
    if not kept.current:
        text = f"of an older design: {text}; run {kept.kind} again"
    return {"good": good and kept.current, "verdict": text, "when": when(kept)}


# ----------------------------------------------------------------------------------------- csim, cosim


def simulated(report: Report, kind: Kind) -> Shown:
    """A simulation: what came out, whether of this design, or that it did not run."""
    kept = report.result(kind)
    if kept is None:
        return {"kind": kind, "what": WHAT[kind], "ran": False}
    result = kept.result
    wrong = result["mismatches"]
    rows = [("frames", f"{result['frames']:,}"), ("values compared", f"{result['values_compared']:,}")]
    if result.get("terms_compared"):
        rows.append(("weights at the lanes compared", f"{result['terms_compared']:,}"))
    rows.append(("mismatches", f"{wrong:,}"))
    stopped = result.get("error")
    if kind == "cosim":
        rows += _measured(result)
    return {
        "kind": kind,
        "what": WHAT[kind],
        "ran": True,
        "rows": rows,
        "stopped": stopped or "",
        **badge(kept, not wrong and not stopped, "all equal" if not wrong else f"{wrong:,} values differ"),
    }


def _measured(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name, key in (("cycles per frame", "cycles_per_frame"), ("latency, cycles", "latency_cycles")):
        measured, planned = result[key], result[f"planned_{key}"]
        if measured is None:
            text = f"planned {planned:,}; not measured with one frame"
        elif result["stalls"]:
            text = f"{measured:,} with random stalls (seed {result['stalls']}), planned {planned:,} without"
        else:
            text = f"measured {measured:,}, planned {planned:,}"
        rows.append((name, text))
    for name, key in (("last frame", "shell_frame_cycles"), ("job", "shell_job_cycles")):
        if result.get(key):
            rows.append((f"{name}, cycles by the shell", f"{result[key]:,}"))
    return rows


# ------------------------------------------------------------------------------------ evaluate and trace


def accuracy(report: Report) -> Shown | None:
    """Accuracy of golden and of the float network, and where they part; None: evaluate did not run."""
    kept = report.result("evaluate")
    if kept is None:
        return None
    frames, golden, other = kept.result["frames"], kept.result["golden"], kept.result["float"]
    rows = [_score(golden)] + ([_score(other)] if other else [])
    differ = None
    if golden.get("agreement_count") is not None:
        number = frames - golden["agreement_count"]
        share = percent(number, frames)
        differ = (
            f"{number:,} of {frames:,} images ({share}) get another first class than from {other['runner']}."
        )
    left = kept.result["excluded"]
    return {
        "current": kept.current,
        "rows": rows,
        "differ": differ,
        "frames": f"{frames:,}",
        "left": f"{left:,} images it was calibrated on were left out." if left else "",
        "images": kept.given.get("images") or "",
        "when": when(kept),
    }


def _score(score: Mapping[str, Any]) -> Shown:
    return {
        "runner": score["runner"],
        "top1": f"{score['top1']:.2f} %",
        "top1_count": f"{score['top1_count']:,}",
        "top5": f"{score['top5']:.2f} %",
        "top5_count": f"{score['top5_count']:,}",
        "width": width(float(score["top1"]), 100),
    }


def traced(report: Report) -> Shown | None:
    """Where accuracy is lost, tensor by tensor; None: trace did not run."""
    kept = report.result("trace")
    if kept is None:
        return None
    result, worst = kept.result, kept.result["worst"]
    tensors = result["tensors"]
    most = max((t[key] or 0.0 for t in tensors for key in ("own_snr_db", "snr_db")), default=0.0)
    lost = {t["layer"]: shown_snr(t["own_snr_db"]) for t in tensors}
    where = ", ".join(f"{layer} ({lost[layer]})" for layer in worst)
    return {
        "current": kept.current,
        "when": when(kept),
        "images": kept.given.get("images") or "",
        "frames": f"{result['frames']:,}",
        "text": (f"Most is lost by {where}. " if worst else "Nothing is lost. ")
        + f"Both networks give {result['same_top1']:,} of {result['frames']:,} images the same first class.",
        "rows": [
            {
                "tensor": t["layer"],
                "worst": t["layer"] in worst,
                "type": f"{'' if t['signed'] else 'u'}int{t['bits']}",
                "range": " to ".join(f"{end:.4g}" for end in t["float_range"]),
                "largest": percent(t["largest_of_type"], 1),
                "clipped": f"{100 * t['clipped'] / t['values']:.3f} %" if t["clipped"] else "",
                "own": lost[t["layer"]],
                "own_width": _loudness(t["own_snr_db"], most),
                "snr": shown_snr(t["snr_db"]),
                "snr_width": _loudness(t["snr_db"], most),
            }
            for t in tensors
        ],
    }


def _loudness(snr: float | None, most: float) -> str:
    """Width of a bar: the whole where there is no noise."""
    return "100%" if snr is None else width(max(0.0, snr), most)


# ----------------------------------------------------------------------------------------------- synth


def mapped(report: Report) -> Shown | None:
    """What Yosys maps beside the estimate, by kernel and by part of the accelerator; None: synth did not run."""
    kept = report.result("synth")
    if kept is None:
        return None
    result = kept.result
    total = {"name": "total", **result["total"]}
    names = {name: key for name, key in CELLS.items() if key != "uram" or total["mapped"]["uram"]}
    rows = [
        {
            "name": row["name"],
            "cells": [_pair(row["estimate"][key], row["mapped"][key]) for key in names.values()],
            "flip_flops": count(row["mapped"]["flip_flops"]),
        }
        for row in [*result["kernels"], total]
    ]
    wrong = [*result["differences"], *(f"too little of {short['resource']}" for short in result["short"])]
    parts = result["luts_by_part"]
    every, most = sum(parts.values()), max(parts.values(), default=0)
    fits = f"; fits {result['device']} as mapped" if result["fits"] else ""
    return {
        "names": list(names),
        "rows": rows,
        "parts": [
            {"name": name, "luts": f"{luts:,}", "share": percent(luts, every), "width": width(luts, most)}
            for name, luts in parts.items()
        ],
        "wrong": wrong,
        **badge(
            kept,
            not wrong,
            "not as estimated" if wrong else f"block RAM, DSP slices and LUT RAM as estimated in every kernel{fits}",
        ),
    }  # fmt: skip


def _pair(first: int | None, second: int | None) -> str:
    """Empty where there is neither."""
    if not first and not second:
        return ""
    return " / ".join("-" if value is None else f"{value:,}" for value in (first, second))


# -------------------------------------------------------------------------------------------------- hls


def by_tool(report: Report) -> Shown | None:
    """RTL of an HLS tool beside ours; None: hls did not run."""
    kept = report.result("hls")
    if kept is None:
        return None
    result, wrong = kept.result, kept.result["mismatches"]
    rows = []
    for kernel in result["kernels"]:
        theirs, ours = kernel["mapped"] or kernel["area"], kernel["ours"]
        rows.append(
            {
                "name": kernel["name"],
                "compared": f"{kernel['verdict']['values']:,}",
                "differ": count(kernel["verdict"]["mismatches"]),
                "cycles": _pair(kernel["cycles"], ours["cycles"]),
                "cells": [_pair(theirs[key], ours["area"][key]) for key in AREA.values()],
            }
        )
    tool = TOOL_NAMES[result["tool"]]
    equal = f"all {result['values_compared']:,} values equal"
    differ = f"{wrong:,} of {result['values_compared']:,} values differ"
    return {
        "tool": f"{tool} {result['version']}",
        "names": list(AREA),
        "rows": rows,
        "frames": f"{result['frames']:,}",
        "where": f"{result['device']}, clock {result['clock_ns']:g} ns",
        "problems": result["problems"],
        **badge(kept, result["equal"] and not result["problems"], equal if not wrong else differ),
    }


# ---------------------------------------------------------------------------------------------- timing


def timed(report: Report) -> Shown | None:
    """Slowest paths by kernel; None: timing did not run over the whole design."""
    kept = report.result("timing")
    if kept is None:
        return None
    result = kept.result
    period = 1000 / result["clock_mhz"]
    rows = [_timed(kernel["name"], kernel, kernel["paths"], period) for kernel in result["kernels"]]
    if result["between"]:
        first = result["between"][0]
        deepest = max(path["levels"] for path in result["between"])
        rows.append(_timed("between kernels", first | {"most_levels": deepest}, result["between"], period))
    slowest = max(rows, key=lambda row: float(str(row["delay"])))
    asked = f"{'meets' if result['met'] else 'misses'} {result['clock_mhz']:g} MHz"
    return {
        "rows": rows,
        "slowest": slowest["name"],
        "where": f"{result['device']}, {result['speed']['name']}",
        "period": f"{period:.2f}",
        **badge(kept, result["met"], f"{result['fmax_mhz']:.1f} MHz, {asked}"),
    }


def _timed(name: str, found: Mapping[str, Any], paths: list[Mapping[str, Any]], period: float) -> Shown:
    """A row: of a kernel, or of the paths between them."""
    worst = paths[0] if paths else None
    signals = [worst[end]["signal"] for end in ("start", "end")] if worst else []
    return {
        "name": name,
        "levels": found["levels"],
        "most": found["most_levels"],
        "delay": f"{found['delay_ns']:.2f}",
        "slack": f"{found['slack_ns']:.2f}",
        "fmax": f"{1000 / found['delay_ns']:.1f}" if found["delay_ns"] else "",
        "bars": [(1, width(worst["logic_ns"], period)), (2, width(worst["route_ns"], period))] if worst else [],
        "path": " to ".join(signals),
    }  # fmt: skip
