"""What the verbs print: tables on stdout, progress on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from typing_extensions import assert_never

from ..api import CosimRun, Evaluation, QuantizeOptions, Run, Synthesis
from ..device.catalogue import DEVICES
from ..device.room import WHOLE_DEVICE
from ..network.integers import QModel
from ..planning.cost.estimate import Estimate
from .flags import with_flags

WIDTH = 110
PLAIN_LINES = 10
LARGEST = max(device.ramb36 for device in DEVICES)
MOST_NAMED = 5
"""Kernels named where memory is short."""


def show(table: Table) -> None:
    """Print a table under its title: as wide as the terminal, or WIDTH columns and no trailing blanks in a file."""
    say(str(table.title))
    table.title = None
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    plain = Console(width=WIDTH, highlight=False, color_system=None)
    with plain.capture() as text:
        plain.print(table)
    print("\n".join(line.rstrip() for line in text.get().splitlines()))


def say(text: str) -> None:
    """A line for the user on stdout."""
    print(text)


def print_note(text: str) -> None:
    """What the user should know, in the words of the command line."""
    say(f"note: {with_flags(text)}")


def print_json(value: Mapping[str, object]) -> None:
    print(json.dumps(value, indent=2))


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Progress on stderr: a live line on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda text: print(f"  {with_flags(text)}", file=sys.stderr, flush=True)
        return
    with Console(stderr=True).status("starting") as status:
        yield lambda text: status.update(with_flags(text))


@contextlib.contextmanager
def progress(unit: str = "frames") -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """(on_step, on_progress) on stderr: a bar on a terminal, elsewhere a plain line every tenth of the way."""
    if not sys.stderr.isatty():
        lines = 0

        def report(done: int, total: int) -> None:
            nonlocal lines
            if done * PLAIN_LINES // total > lines:
                lines = done * PLAIN_LINES // total
                print(f"  {done} of {total} {unit}", file=sys.stderr, flush=True)

        yield lambda text: print(f"  {text}", file=sys.stderr, flush=True), report
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield (
            lambda text: bar.update(task, description=text),
            lambda done, total: bar.update(task, completed=done, total=total),
        )


def print_calibration(options: QuantizeOptions, model: QModel) -> None:
    """Which images were drawn, where some were: the first and last of them, and where all names stand."""
    names = model.calibration
    if options.calibration_count is None or not names:
        return
    some = list(names) if len(names) <= 4 else [*names[:2], "...", names[-1]]
    say(
        f"calibrated on {len(names)} images drawn with seed {options.seed}: {', '.join(some)} "
        "(all names are in the model's metadata)"
    )


def print_evaluation(result: Evaluation) -> None:
    """One row for golden, one for what it is compared with, in percent and counts, and the agreement."""
    other = result.float_score.runner if result.float_score else "float"
    agreement = f"same top-1 as {other.partition(' ')[0]}"
    columns = dict.fromkeys(("top-1", "top-5", agreement, "frames per second"), "right")
    table = new_table(f"evaluate: {result.frames:,} images", {"": "left"} | columns)

    def share(count: int | None) -> str:
        return "" if count is None else f"{100 * count / result.frames:.2f} % ({count:,})"

    for score, agreed in ((result.float_score, None), (result.golden_score, result.agreement_count)):
        if score:
            speed = f"{score.frames_per_second:,.1f}"
            table.add_row(
                score.runner, share(score.top1_count), share(score.top5_count), share(agreed), speed
            )
    show(table)
    if result.excluded:
        say(f"left out: {result.excluded} of the {result.calibration} images it was calibrated on")


def new_table(title: str, columns: Mapping[str, str]) -> Table:
    """A table with ``columns``: header and alignment."""
    table = Table(title=title, box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for name, side in columns.items():
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=True)
    return table


def print_run(run: Run) -> None:
    """One row per kernel, the verdict, and the cycles of a cosimulation."""
    match run.kind:
        case "csim":
            what = "HLS C++ against golden"
        case "cosim":
            what = "RTL against golden"
        case _:
            assert_never(run.kind)
    result = run.comparison
    frames = f"{result.frames} frame{'s' if result.frames != 1 else ''}"
    table = new_table(
        f"{run.kind}: {what}, {frames}", {"kernel": "left", "values compared": "right", "mismatches": "right"}
    )
    for kernel in result.kernels:
        style = "red" if kernel.mismatches else None
        table.add_row(kernel.name, f"{kernel.values_compared:,}", f"{kernel.mismatches:,}", style=style)
    table.add_section()
    wrong = result.mismatches - result.weight_mismatches
    table.add_row("total", f"{result.values_compared:,}", f"{wrong:,}", style="bold")
    if result.weights:
        table.add_row("weights at the lanes", f"{result.terms_compared:,}", f"{result.weight_mismatches:,}")
    show(table)
    if isinstance(run, CosimRun):
        _print_cycles(run)
    if result.first:
        say(str(result.first))
    if run.equal:
        weights = f", and {result.terms_compared:,} terms of weights" if result.weights else ""
        say(f"{run.kind}: all {result.values_compared:,} values equal{weights}")
    else:
        weights = f", and {result.weight_mismatches:,} terms of weights" if result.weight_mismatches else ""
        say(f"{run.kind}: {wrong:,} of {result.values_compared:,} values differ{weights}")


def _print_cycles(run: CosimRun) -> None:
    cycles = run.cycles
    stalled = f", with random stalls (seed {cycles.stalls})" if cycles.stalls else ""
    table = new_table(f"cycles{stalled}", {"": "left", "planned": "right", "measured": "right"})
    rows = (
        ("cycles per frame", cycles.planned_cycles_per_frame, cycles.cycles_per_frame),
        ("latency, cycles", cycles.planned_latency_cycles, cycles.latency_cycles),
    )
    for name, planned, measured in rows:
        table.add_row(name, f"{planned:,}", "-" if measured is None else f"{measured:,}")
    show(table)
    if cycles.shell_job_cycles is not None:
        say(
            f"through the shell: {run.comparison.frames} frames in {cycles.shell_job_cycles:,} cycles, from start to "
            f"logits in memory; the last in {cycles.shell_frame_cycles:,}"
        )
    if run.fps:
        say(f"{run.fps:,.1f} frames per second at {run.clock}")
    if cycles.error:
        say(f"the simulation stopped: {cycles.error}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def print_estimate(numbers: Estimate) -> None:
    """A row per kernel, the totals, and what the device has."""
    on = f" on {numbers.device} ({numbers.part})" if numbers.device else ""
    columns = {"kernel": "left", "kind": "left", "k,r,c": "left"}
    ultra = bool(numbers.uram or (numbers.available or {}).get("uram"))
    headings = ["lanes", "DSP", "weight\nbits", "RAMB36", "RAMB18", "LUTRAM\nbits", "cycles", "lanes\nused"]
    if ultra:
        headings.insert(5, "URAM")
    columns |= dict.fromkeys(headings, "right")
    table = new_table(f"estimate{on} at {numbers.clock}", columns)
    for k in numbers.kernels:
        folding = ",".join(map(str, k.folding)) if k.folding else ""
        cells = [k.lanes, k.dsp, k.weight_bits, k.ramb36, k.ramb18]
        cells += [k.uram, k.lutram_bits, k.cycles] if ultra else [k.lutram_bits, k.cycles]
        table.add_row(
            k.name, k.kind, folding, *(f"{v:,}" if v else "" for v in cells), _percent(k.lane_efficiency)
        )
    table.add_section()
    totals = [
        numbers.lanes,
        numbers.dsp,
        numbers.weight_bits,
        numbers.ramb36,
        numbers.ramb18,
        *((numbers.uram,) if ultra else ()),
        numbers.lutram_bits,
    ]
    sums = [f"{v:,}" for v in (*totals, numbers.cycles_per_frame)]
    table.add_row("total", "", "", *sums, _percent(numbers.lane_efficiency), style="bold")
    if numbers.available:
        have = numbers.available
        table.add_row(
            "device",
            "",
            "",
            "",
            f"{have['dsp']:,}",
            "",
            f"{have['ramb36']:,}",
            "",
            *((f"{have['uram']:,}",) if ultra else ()),
            f"{have['lutram_bits']:,}",
            "",
            "",
        )
    show(table)
    say(
        f"{numbers.fps:,.1f} frames per second at {numbers.clock}: {numbers.cycles_per_frame:,} cycles per frame, "
        f"latency {numbers.latency_cycles:,} cycles = {numbers.latency_ms:.3f} ms"
    )
    say(
        f"block RAM: {numbers.bram36:g} RAMB36 (two RAMB18 are one); weights fill "
        f"{_percent(numbers.weight_efficiency)} of theirs"
    )
    say(
        f"LUTs, estimated: {numbers.luts:,}, of which {numbers.lut_memory:,} are memory "
        f"({numbers.lutram_luts:,} distributed RAM, the others shift registers)"
    )
    shell = numbers.room.shell
    if shell.own_luts:
        say(
            f"shell {shell.kind}: {shell.own_luts:,} LUTs more, as Yosys maps it; {shell.luts - shell.own_luts:,} are "
            "allowed for the interconnect of the processing system"
        )
    if numbers.products_per_dsp > 1:
        say(
            f"{numbers.products_per_dsp} products per DSP: {numbers.lanes:,} lanes in {numbers.dsp:,} DSP slices"
        )
        for k in filter(lambda k: k.products_reason, numbers.kernels):
            say(f"one product per DSP in {k.name}: {k.products_reason}")
    if multipliers := sum(k.multipliers for k in numbers.kernels):
        bits, slices = (
            max(k.multiplier_bits for k in numbers.kernels),
            sum(k.multiplier_dsp for k in numbers.kernels),
        )
        place = f"{slices:,} DSP slices" if slices else "LUTs"
        say(f"scales that are no powers of two: {multipliers} multipliers by up to {bits} bits, in {place}")
    if numbers.fits:
        say(f"fits {numbers.device}{'' if numbers.room == WHOLE_DEVICE else f' ({numbers.room})'}")
    for warning in numbers.warnings:
        say(f"warning: {warning}")
    for shortage in numbers.short:
        say(f"does not fit {numbers.device}: {shortage}")
    if numbers.available and numbers.parameter_bram36 > numbers.available["ramb36"]:
        largest = sorted(numbers.kernels, key=lambda kernel: -kernel.parameter_bram36)[:MOST_NAMED]
        names = ", ".join(f"{kernel.name} {kernel.parameter_bram36:g}" for kernel in largest)
        say(f"weights, biases and shifts alone need {numbers.parameter_bram36:g} RAMB36: {names}, ...")
    for note in numbers.notes:
        print_note(note)


def print_way_out(numbers: Estimate, command: str | None) -> None:
    """Where a design does not fit: the ``command`` that does, or that none was found."""
    if command:
        say(f"fits: {command}")
        if numbers.fits_with and numbers.fits_with.weight_budget:
            print_note("fewer coded bits cost accuracy; evaluate tells how much")
    elif numbers.short:
        say("nothing that was tried fits: formats of the weights, products per DSP, lanes, room, coded bits")
        if numbers.available and numbers.parameter_bram36 > numbers.available["ramb36"]:
            home = numbers.parameters_fit_on
            known = f"{home} is the smallest known" if home else f"the largest known has {LARGEST:,}"
            say(f"a device with more RAMB36, or fewer bits per weight, can help; {known}")


def print_synthesis(result: Synthesis) -> None:
    """A row per kernel: what was estimated, and, behind a slash, what Yosys maps; totals and what the device has."""
    ultra = ["URAM"] if result.estimate.uram or result.total.uram else []
    headings = ["logic LUTs", "LUT RAM", "shift\nregisters", "RAMB36", "RAMB18", *ultra, "DSP"]
    columns = {"kernel": "left"} | dict.fromkeys([*headings, "flip-flops\nYosys"], "right")
    table = new_table("synth: estimate / Yosys", columns)

    def cells(pairs: Mapping[str, tuple[int, int]], flip_flops: int) -> list[str]:
        return [*(f"{estimate:,} / {mapped:,}" for estimate, mapped in pairs.values()), f"{flip_flops:,}"]

    for row in result.rows:
        table.add_row(row.name, *cells(row.pairs(bool(ultra)), row.mapped.flip_flops))
    table.add_section()
    total = result.total_row
    table.add_row("total", *cells(total.pairs(bool(ultra)), total.mapped.flip_flops), style="bold")
    show(table)
    mapped = total.mapped
    estimate = total.estimate
    say(
        f"LUTs: {estimate.all_luts:,} estimated, {mapped.luts + mapped.lut_memory:,} mapped; of these as memory "
        f"{estimate.lut_memory:,} estimated, {mapped.lut_memory:,} mapped"
    )
    if device := result.device:
        say(
            f"{device.name} has {device.luts:,} LUTs ({device.lut_memory:,} usable as memory), "
            f"{device.ramb36:,} RAMB36, {device.dsp:,} DSP slices"
        )
        for shortage in result.short:
            say(f"does not fit {device.name}: {shortage}")
        if not result.short:
            say(f"fits {device.name} as mapped by Yosys")
        for warning in result.warnings:
            say(f"warning: {warning}")
    for text in result.differences:
        say(f"not as estimated: {text}")
    if not result.differences:
        say("block RAM, DSP slices and LUT RAM are as estimated in every kernel")
