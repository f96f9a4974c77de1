"""What the whole network takes of a device, kernel by kernel: ``python -m bench.devices``.

SqueezeNet v1.0 and v1.1 with dense 8-bit weights on XC7Z045, ZU9EG and KV260 (too small).
Weights are random: dense ones take the same memory whatever they are.
"""

from __future__ import annotations

import argparse

from fpga_squeeze.cli.output import print_estimate
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.clock import Clock
from fpga_squeeze.planning.cost.estimate import estimate
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule

from .networks import squeezenet

NETWORKS = (("1.1", 224), ("1.0", 227))
DEVICES = ("xc7z045", "zu9eg", "kv260")
CLOCK = Clock(200.0, "planned")


def main() -> None:
    """Print an estimate for every network on every device."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", nargs="+", default=DEVICES, metavar="NAME")
    parser.add_argument("--products-per-dsp", type=int, default=1)
    options = parser.parse_args()
    for version, size in NETWORKS:
        model = squeezenet(version, size)
        for name in options.devices:
            device = find_device(name)
            plan = make_plan(model, None, device, products_per_dsp=options.products_per_dsp)
            print(f"\nSqueezeNet v{version} at {size}")
            print_estimate(estimate(plan, device, CLOCK, schedule(plan)))


if __name__ == "__main__":
    main()
