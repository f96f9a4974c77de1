"""What an estimate costs: ``python -m bench.schedule``, seconds of processor time.

estimate   the plan for a device, its schedule and its cost, in a process that has planned nothing before; the model
           is there already
next one   the same for one DSP slice less, in the same process, as a search over designs does it
schedule   of a plan that was scheduled before
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from multiprocessing import get_context

from rich.console import Console
from rich.table import Table

from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.cost.estimate import Estimate, estimate
from fpga_squeeze.planning.cost.placement import fits
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.planner import cycles_without_limit, make_plan
from fpga_squeeze.planning.timing import schedule

from .networks import squeezenet

NETWORKS = (("1.0", 227), ("1.1", 224))
TARGETS = (("xc7z045", 1), ("xc7z045", 2), ("zu9eg", 1), ("zu9eg", 2))
REPEATED = 10


@dataclass(frozen=True)
class Case:
    """A network on a device."""

    version: str
    size: int
    device: str
    products: int


@dataclass(frozen=True)
class Measured:
    """Seconds of processor time, and what the estimate says."""

    first: float
    following: float
    schedule: float
    cycles: int
    latency: int


def _estimate(model: QModel, case: Case, lanes: int | None) -> tuple[Plan, Estimate]:
    """As ``fpga-squeeze estimate`` does it once it has read the model."""
    device = find_device(case.device)
    plan = make_plan(model, lanes, device, products_per_dsp=case.products)
    timed = schedule(plan)
    if fits(plan, device):
        cycles_without_limit(plan)
    return plan, estimate(plan, device, device.planned_clock, timed)


def measure(case: Case) -> Measured:
    """Measure a case; caches are those of this process."""
    model = squeezenet(case.version, case.size)
    times = [time.process_time()]
    plan, numbers = _estimate(model, case, None)
    times.append(time.process_time())
    _estimate(model, case, plan.lane_budget - 1)
    times.append(time.process_time())
    for _ in range(REPEATED):
        schedule(plan)
    times.append(time.process_time())
    return Measured(
        times[1] - times[0],
        times[2] - times[1],
        (times[3] - times[2]) / REPEATED,
        numbers.cycles_per_frame,
        numbers.latency_cycles,
    )


def main() -> None:
    """Print one row per network, device and number of products per DSP slice."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    cases = [Case(*network, *target) for network in NETWORKS for target in TARGETS]
    table = Table(title="an estimate, seconds of processor time", box=None, header_style="bold")
    for heading in ("network", "device", "products per DSP"):
        table.add_column(heading)
    for heading in ("cycles per frame", "latency, cycles", "estimate", "next one", "schedule"):
        table.add_column(heading, justify="right")
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for case, got in zip(cases, pool.imap(measure, cases, chunksize=1), strict=True):
            table.add_row(
                f"v{case.version} at {case.size}",
                case.device.upper(),
                f"{case.products}",
                f"{got.cycles:,}",
                f"{got.latency:,}",
                f"{got.first:.2f}",
                f"{got.following:.2f}",
                f"{got.schedule:.3f}",
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
