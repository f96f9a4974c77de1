"""What the verb timing prints."""

from __future__ import annotations

from ..api import Routed, Timing
from ..verify.timing.results import Path
from .output import new_table, say, show

MOST_SIGNALS = 4
"""Signals named on the way of a path."""


def print_timing(result: Timing) -> None:
    """A row per kernel, then its slowest paths and widest nets, then the paths between kernels and the clock of all."""
    columns = {"kernel": "left"} | dict.fromkeys(
        ("levels", "most\nlevels", "carry\nhops", "logic ns", "wires ns", "slack ns", "Fmax MHz"), "right"
    )
    table = new_table(
        f"timing: {result.device.name} ({result.speed.name}), {result.clock_mhz:g} MHz asked for", columns
    )
    for kernel in result.kernels:
        slowest = kernel.paths[0] if kernel.paths else None
        parts = (
            (slowest.carries, f"{slowest.logic_ns:.2f}", f"{slowest.route_ns:.2f}")
            if slowest
            else ("", "", "")
        )
        fmax = f"{kernel.fmax_mhz:.1f}" if kernel.fmax_mhz else ""
        slack = f"{result.slack_ns(kernel.delay_ns):.2f}"
        table.add_row(kernel.name, str(kernel.levels), str(kernel.most_levels), *map(str, parts), slack, fmax)
    show(table)
    for kernel in result.kernels:
        if kernel.paths:
            say(f"{kernel.name}: slowest paths")
            _print_paths(result, kernel.paths)
            nets = ", ".join(f"{one.net.word} {one.loads:,}" for one in kernel.fan_outs)
            say(f"  widest nets: {nets}")
    if result.between:
        say("between kernels, and from and to ports: slowest paths")
        _print_paths(result, result.between)
    if result.fmax_mhz:
        verdict = f"{'meets' if result.met else 'misses'} {result.clock_mhz:g} MHz"
        say(f"Fmax {result.fmax_mhz:.1f} MHz estimated, slowest kernel {result.slowest.name}; {verdict}")


def _print_paths(result: Timing, paths: tuple[Path, ...]) -> None:
    for path in paths:
        ways = list(dict.fromkeys(point.word for point in path.through if point.word != path.end.word))
        way = "".join(f"{word} -> " for word in ways[-MOST_SIGNALS:])
        modules = " to ".join(dict.fromkeys(point.module for point in (path.start, path.end) if point.module))
        port = f".{path.port}" if path.port not in ("", "D") else ""
        say(
            f"  {path.delay_ns:.2f} ns, slack {result.slack_ns(path.delay_ns):.2f}, {path.levels} levels: "
            f"{path.start.signal} -> {way}{path.end.signal}{port}" + (f" ({modules})" if modules else "")
        )


def print_routed(routed: Routed) -> None:
    """The clock that a router reached, its longest path, and what it used."""
    what = routed.kernel or "the whole design"
    say(f"routed by {routed.tool} on {routed.part}: {what}, Fmax {routed.fmax_mhz:.1f} MHz")
    if routed.start:
        parts = f"{routed.logic_ns:.2f} ns logic + {routed.route_ns:.2f} ns wires"
        say(f"  longest path {parts}: {routed.start} -> {routed.end}")
    say("  uses " + ", ".join(f"{name} {used:,} of {most:,}" for name, (used, most) in routed.use.items()))
