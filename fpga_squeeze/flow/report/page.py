"""The page: what the template shows, in words and widths; every number comes from a :class:`~.numbers.Report`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from ...device.room import WHOLE_DEVICE
from ...emit.render import render
from ...planning.cost.estimate import KernelEstimate
from . import graph, histograms, memories, results, timeline
from .numbers import Report
from .palette import PAGE, PURPOSES, SERIES, STAGES
from .words import count, percent, width


def page(report: Report, commands: Sequence[str] = ()) -> str:
    """The page as HTML text that asks for nothing else; ``commands`` make the design and its results again."""
    numbers = report.estimate
    context: dict[str, object] = {
        "report": report,
        "manifest": report.manifest,
        "title": f"{report.manifest.model} on {numbers.device or 'no device in particular'}",
        "page": PAGE,
        "series": SERIES,
        "headlines": _headlines(report),
        "verdict": _verdict(report),
        "graphs": [
            (name, Markup(graph.draw(report, count)))
            for name, count in (("wide", graph.WIDE), ("narrow", graph.NARROW))
        ],
        "slowest": _slowest(report),
        "cycles": _cycles(report),
        "timeline": Markup(timeline.draw(report)),
        "stages": _legend(STAGES, {key for kernel in report.kernels for key in kernel.stages}),
        "maps": memories.maps(report),
        "purposes": _legend(PURPOSES, {memory.purpose for memory in report.memories if memory.tiles}),
        "blocks": _blocks(report),
        "distributed": _distributed(report),
        "device": _device(report),
        "shares": _shares(report),
        "weights": _weights(report),
        "mapped": results.mapped(report),
        "runs": [results.simulated(report, kind) for kind in ("csim", "cosim")],
        "hls": results.by_tool(report),
        "accuracy": results.accuracy(report),
        "traced": results.traced(report),
        "timed": results.timed(report),
        "clocks": _clocks(report),
        "commands": list(commands) or [report.manifest.command] * bool(report.manifest.command),
    }
    return render("report/page.html.j2", context)


def _legend(known: Mapping[str, tuple[int, str]], used: Iterable[str]) -> list[tuple[int, str]]:
    """Colours, by number, and what they stand for."""
    found = set(used)
    colours: dict[int, list[str]] = {}
    for key, (colour, meaning) in known.items():
        if key in found:
            colours.setdefault(colour, []).append(meaning)
    return [(colour, ", ".join(meanings)) for colour, meanings in colours.items()]


def _headlines(report: Report) -> list[tuple[str, str, str]]:
    """(number, what it is, a remark)."""
    n = report.estimate
    have = n.available or {}
    out = [
        (f"{n.fps:,.1f}", "frames per second", f"at {n.clock}"),
        (f"{n.cycles_per_frame:,}", "cycles per frame", f"slowest: {report.slowest.kernel}"),
        (f"{n.latency_ms:,.3f} ms", "latency", f"{n.latency_cycles:,} cycles"),
        (f"{n.dsp:,}", "DSP slices", f"of {have['dsp']:,}" if have else f"{n.lanes:,} lanes"),
        (f"{n.bram36:,g}", "RAMB36", f"of {have['ramb36']:,}" if have else "two RAMB18 are one"),
        (f"{n.luts:,}", "LUTs, estimated", f"of {have['luts']:,}" if have else ""),
    ]
    kept = report.result("evaluate")
    if kept:
        golden = kept.result["golden"]
        old = "" if kept.current else ", of an older design"
        out.append(
            (
                f"{golden['top1']:.2f} %",
                "top-1",
                f"{golden['top1_count']:,} of {kept.result['frames']:,} images{old}",
            )
        )
    return out


def _verdict(report: Report) -> list[tuple[str, str]]:
    """(kind of remark, text)."""
    n = report.estimate
    out = []
    if n.fits:
        room = "" if n.room == WHOLE_DEVICE else f" ({n.room})"
        out.append(("good", f"Fits {n.device}{room}."))
    out += [("bad", f"Does not fit {n.device}: {shortage}.") for shortage in n.short]
    return out + [("note", note) for note in dict.fromkeys([*report.manifest.notes, *n.warnings])]


def _slowest(report: Report) -> str:
    """Who is slowest, and by how much."""
    first, *others = sorted(report.occupancy, key=lambda one: -one.work)
    interval = report.estimate.cycles_per_frame
    text = f"{first.kernel} is slowest: {first.work:,} cycles per frame"
    if others:
        second = others[0]
        more = first.work - second.work
        if more:
            text += f", {more:,} ({percent(more, second.work)}) more than the next, {second.kernel}"
        else:
            text += f", as many as {second.kernel}"
    text += f". Frames follow each other every {interval:,} cycles"
    wait = interval - first.work
    return text + (
        f", {wait:,} more than that: kernels wait for each other." if wait else ", as fast as it allows."
    )


def _cycles(report: Report) -> list[dict[str, object]]:
    interval, slowest = report.estimate.cycles_per_frame, report.slowest
    costs = {cost.name: cost for cost in report.estimate.kernels}
    rows: list[dict[str, object]] = []
    for one in report.occupancy:
        cost = costs[one.kernel]
        bars = [(1, width(one.work, interval))] + ([(2, width(one.held, interval))] if one.held else [])
        rows.append(
            {
                "name": one.kernel,
                "kind": cost.kind.replace("_", " "),
                "folding": ",".join(map(str, cost.folding)) if cost.folding else "",
                "lanes": count(cost.lanes),
                "used": percent(cost.lane_efficiency, 1) if cost.lane_efficiency else "",
                "cycles": f"{one.work:,}",
                "share": percent(one.work, interval),
                "held": f"{one.held:,}" if one.held else "",
                "idle": f"{one.idle:,}",
                "less": f"{slowest.work - one.work:,}" if one is not slowest else "slowest",
                "slowest": one is slowest,
                "bars": bars,
            }
        )
    return rows


def _blocks(report: Report) -> list[dict[str, object]]:
    """A row for every memory."""
    return [
        {
            "name": memory.name,
            "kernel": memory.kernel,
            "purpose": PURPOSES[memory.purpose][1] if memory.purpose in PURPOSES else memory.purpose,
            "size": f"{memory.depth:,} x {memory.width:,}"
            + (f", {memory.copies} banks" if memory.copies > 1 else ""),
            "blocks": memories.blocks_of(memory) if memory.tiles else f"{memory.lutram_luts:,} LUTs",
            "fill": f"{100 * memory.fill:.1f} %" if memory.fill is not None else "",
        }
        for memory in report.memories
        if memory.tiles or memory.lutram_luts
    ]


def _distributed(report: Report) -> str:
    n = report.estimate
    inside = sum(memory.payload_bits for memory in report.memories if memory.tiles)
    blocks = f"{n.ramb36:,} RAMB36 and {n.ramb18:,} RAMB18"
    if n.uram:
        blocks += f" and {n.uram:,} URAM288"
    weights = f"; weights fill {percent(n.weight_efficiency, 1)} of theirs" if n.weight_efficiency else ""
    return (
        f"{blocks} hold {inside:,} bits{weights}. {n.lutram_bits:,} bits more lie in distributed RAM "
        f"({n.lutram_luts:,} LUTs)."
    )


def _device(report: Report) -> list[dict[str, object]]:
    """What of the device the design takes."""
    n = report.estimate
    if not n.available:
        return []
    have, shell = n.available, n.room.shell
    rows = [
        ("DSP slices", n.dsp, have["dsp"], 0),
        ("RAMB36", n.bram36, have["ramb36"], shell.ramb36),
        ("LUTs", n.luts, have["luts"], shell.luts),
        ("LUTs used as memory", n.lut_memory, have["lut_memory"], 0),
        ("UltraRAM", n.uram, have["uram"], 0),
    ]
    return [
        {
            "name": name,
            "used": f"{used:,g}" if isinstance(used, float) else f"{used:,}",
            "of": f"{whole:,}",
            "share": percent(used, whole),
            "width": width(used, whole),
            "shell": f"{kept:,}" if kept else "",
        }
        for name, used, whole, kept in rows
        if whole
    ]


def _all_luts(cost: KernelEstimate) -> int:
    return cost.luts + cost.lutram_luts + cost.shift_luts


def _shares(report: Report) -> list[dict[str, object]]:
    """DSP slices and LUTs of every kernel; bars are of the largest, shares of the device, or of the design."""
    n = report.estimate
    have = n.available or {"dsp": n.dsp, "luts": n.luts}
    most_dsp, most_luts = max(k.dsp for k in n.kernels), max(map(_all_luts, n.kernels))
    return [
        {
            "name": k.name,
            "dsp": count(k.dsp),
            "dsp_share": percent(k.dsp, have["dsp"]) if k.dsp else "",
            "dsp_bars": [(1, width(k.dsp - k.multiplier_dsp, most_dsp)), (2, width(k.multiplier_dsp, most_dsp))],
            "luts": f"{_all_luts(k):,}",
            "logic": count(k.luts),
            "memory": count(k.lutram_luts),
            "shift": count(k.shift_luts),
            "luts_share": percent(_all_luts(k), have["luts"]),
            "luts_bars": [
                (number, width(luts, most_luts))
                for number, luts in enumerate((k.luts, k.lutram_luts, k.shift_luts), 1)
            ],
        }
        for k in n.kernels
    ]  # fmt: skip


def _weights(report: Report) -> list[dict[str, object]]:
    layers = {layer.name: layer for layer in report.layers}
    out: list[dict[str, object]] = []
    for place, use in enumerate(report.weights):
        layer = layers[use.layer]
        assert layer.weights is not None
        scale = dict.fromkeys(f"{value:.4g}" for value in layer.weights.scale)
        out.append(
            {
                "layer": use.layer,
                "kernel": use.kernel,
                "kind": layer.kind,
                "weights": f"int{use.bits}, {use.format}",
                "scale": " to ".join(scale),
                "range": f"{use.low} to {use.low + len(use.counts) - 1}",
                "total": f"{use.total:,}",
                "zeros": percent(use.zeros, use.total),
                "type": layer.type,
                "rounding": layer.rounding,
                "picture": Markup(histograms.draw(place, use)),
            }
        )
    return out


ORIGINS = {
    "asked for": "asked for when the design was made, or now; no claim",
    "planned": "what the catalogue assumes for the family; no claim",
    "estimated by timing": "static timing of what Yosys maps, before placement, of this very design",
    "routed": "placed and routed by nextpnr, this very design",
}


def _clocks(report: Report) -> list[dict[str, object]]:
    """Every clock that is known, what it rests on, and frames per second with it; the first one is used above."""
    cycles = report.estimate.cycles_per_frame
    return [
        {
            "mhz": f"{clock.mhz:.1f}",
            "origin": clock.origin,
            "rests": ORIGINS[clock.origin],
            "fps": f"{clock.fps(cycles):,.1f}",
            "used": clock == report.estimate.clock,
        }
        for clock in report.clocks
    ]
