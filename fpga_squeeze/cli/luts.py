"""What `synth` prints of LUTs: where they are, and what a lane takes of them."""

from __future__ import annotations

from ..verify.synthesis import Synthesis
from .output import new_table, show

MOST_ENGINES = 9
"""Columns of their own, for the engines with most LUTs; the other kernels share one."""


def print_luts(result: Synthesis) -> None:
    """A row per part of the accelerator, a column per engine; lanes, LUTs per lane and use of the lanes below."""
    parts, total = result.part_luts, result.total.all_luts
    engines = sorted(result.engines, key=lambda engine: -engine.luts)[:MOST_ENGINES]
    engines = [engine for engine in result.engines if engine in engines]
    names = [engine.name for engine in engines]
    columns = {"part": "left"} | dict.fromkeys([*names, "others", "all", "%"], "right")
    table = new_table("LUTs by part, those used as memory with them", columns)

    def share(luts: int) -> str:
        return f"{100 * luts / total:.1f}" if total else ""

    def row(title: str, by_kernel: dict[str, int]) -> list[str]:
        every = sum(by_kernel.values())
        own = [by_kernel.get(name, 0) for name in names]
        return [
            title,
            *(f"{luts:,}" if luts else "" for luts in (*own, every - sum(own), every)),
            share(every),
        ]

    for part, by_kernel in parts.items():
        table.add_row(*row(part, by_kernel))
    table.add_section()
    table.add_row(*row("LUTs", {name: of.all_luts for name, of in result.mapped.items()}), style="bold")
    lanes = result.estimate.lanes
    rest = lanes - sum(engine.lanes for engine in engines)
    table.add_row(
        "lanes", *(f"{engine.lanes:,}" for engine in engines), f"{rest:,}" if rest else "", f"{lanes:,}"
    )
    each = [f"{engine.per_lane:.1f}" for engine in engines]
    table.add_row("LUTs per lane", *each, "", f"{total / lanes:.1f}" if lanes else "")
    used = result.estimate.lane_efficiency
    each = [f"{100 * engine.used:.1f}" for engine in engines]
    table.add_row("lanes used, %", *each, "", f"{100 * used:.1f}" if used is not None else "")
    show(table)
