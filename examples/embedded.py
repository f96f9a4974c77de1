"""The embedded digits network: a design for 64 lanes, its HLS C++ run on real images, its cost on three devices.

python examples/embedded.py [FOLDER]
"""

from __future__ import annotations

import sys

from fpga_squeeze import api


def main(folder: str) -> None:
    """Generate into ``folder``, run the C++, estimate."""
    project = api.generate(output=folder, options=api.DesignOptions(lanes=64))
    for engine in project.plan.engines:
        print(f"{engine.name}: k,r,c = {engine.folding}, {engine.lanes} lanes")

    run = api.csim(project.path, frames=4)
    print(f"csim: {run.comparison.values_compared:,} values compared, {run.mismatches} mismatches")

    for device in ("XC7Z010", "XC7Z020", "KV260"):
        numbers = api.estimate(project.path, api.DesignOptions(device=device))
        fits = "fits" if numbers.fits else "does not fit"
        print(f"{device}: {fits}, {numbers.bram36:g} RAMB36, {numbers.dsp} DSP, {numbers.fps:,.0f} frames/s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "digits")
