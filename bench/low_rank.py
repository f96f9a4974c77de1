"""What low ranks and pruning take of a device, each by the planner: ``python -m bench.low_rank``.

SqueezeNet v1.0 at 227 with random weights: cycles depend on shapes and on how many weights are not zero. Random weights
have longer codes than trained ones, so that bits compare with each other alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from fpga_squeeze import zoo
from fpga_squeeze.compression.factorise import factorise, with_factors
from fpga_squeeze.compression.ranks import macs
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.network.graph import Conv, FloatModel
from fpga_squeeze.planning.cost.estimate import estimate
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.planning.weight_memories import WeightFormat

from .networks import random_integers

DEVICES = (("xc7z045", 1), ("xc7z020", 2))
"""Names, and products per DSP slice."""


def half(conv: Conv) -> int:
    """The rank at which both convolutions multiply half as often as the one."""
    rows, columns = len(conv.bias), int(conv.weight[0].size)
    return max(1, rows * columns // (2 * (rows + columns)))


def of_rank(model: FloatModel, rank: Callable[[Conv], int], suffix: str) -> FloatModel:
    """The convolutions whose name ends so at a low rank."""
    return with_factors(model, [factorise(c, rank(c)) for c in model.convs if c.name.endswith(suffix)])


def main() -> None:
    """Print cycles, bits and memory of every variant, dense and coded."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    model = zoo.squeezenet("1.0", 227)
    narrow = of_rank(model, lambda _: 256, "conv10")
    variants: list[tuple[str, FloatModel, float, tuple[WeightFormat, ...]]] = [
        ("as it is", model, 1.0, ("dense", "huffman")),
        ("conv10 of rank 256", narrow, 1.0, ("dense", "huffman")),
        ("conv10 of rank 128", of_rank(model, lambda _: 128, "conv10"), 1.0, ("dense", "huffman")),
        ("3x3 halved by rank", of_rank(model, half, "expand3x3"), 1.0, ("dense", "huffman")),
        ("density 75 %", model, 0.75, ("huffman",)),
        ("density 50 %", model, 0.5, ("huffman",)),
        ("conv10 of rank 256, density 50 %", narrow, 0.5, ("huffman",)),
        ("density 33 %", model, 0.33, ("huffman",)),
    ]
    print("| device | network | weights | multiplications | cycles per frame | weight bits | RAMB36 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, products in DEVICES:
        device = find_device(name)
        for what, network, density, formats in variants:
            for weights in formats:
                plan = make_plan(
                    random_integers(network, density=density),
                    None,
                    device,
                    products_per_dsp=products,
                    weights=weights,
                )
                numbers = estimate(plan, device, device.planned_clock, timed := schedule(plan))
                print(
                    f"| {device.name} | {what} | {weights} | {macs(network) / 1e6:.1f} M | {timed.cycles_per_frame:,} "
                    f"| {plan.weight_bits:,} | {numbers.bram36:g} of {device.ramb36} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
