"""How well the planner spends a lane budget: ``python -m bench.planner``.

Cycles come from the exact schedule, which cosimulation confirms cycle for cycle.

lanes used   useful multiplications / (lanes x cycles per frame)
budget used  the same over the whole budget
weights      weight bits / bits of the block RAMs that hold them
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.planning.weight_memories import rom_bits

from .networks import squeezenet

NETWORKS = (("1.1", 224), ("1.0", 227), ("1.0", 224))
BUDGETS = (55, 110, 220, 440, 900, 1800, 2520)


def main() -> None:
    """Print one row per network and budget."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    budgets = parser.parse_args().budgets
    table = Table(title="planner", box=None, header_style="bold")
    for heading in (
        "network",
        "budget",
        "lanes",
        "cycles per frame",
        "lanes used",
        "budget used",
        "FPS at 200 MHz (planned)",
    ):
        table.add_column(heading, justify="right")
    table.add_column("weights", justify="right")
    table.add_column("RAMB36", justify="right")
    for version, size in NETWORKS:
        model = squeezenet(version, size)
        for budget in budgets:
            plan = plan_for_lanes(model, budget)
            cycles = schedule(plan).cycles_per_frame
            held = sum(rom_bits(engine.weights) for engine in plan.engines)
            blocks = sum(m.ramb36 + m.ramb18 / 2 for kernel in plan.kernels for m in kernel.memories)
            table.add_row(
                f"v{version} {size}",
                f"{budget}",
                f"{plan.lanes}",
                f"{cycles:,}",
                f"{plan.macs / plan.lanes / cycles:.1%}",
                f"{plan.macs / budget / cycles:.1%}",
                f"{200e6 / cycles:,.0f}",
                f"{plan.weight_bits / held:.1%}",
                f"{blocks:.1f}",
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
