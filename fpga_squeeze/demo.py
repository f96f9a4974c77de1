"""``make demo``: the whole way on the embedded model, from the trained network to both simulations, and one table.

python -m fpga_squeeze.demo [DIR]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from . import api
from .cli import main as run_cli
from .cli.output import new_table, say, show
from .datasets.images import embedded_accuracy_set, embedded_model_path
from .errors import FpgaSqueezeError
from .frontend import read_model
from .network import golden
from .network.graph import FloatModel
from .network.reference import float_logits
from .project.project import Project, load_project

COSIM_FRAMES = 8


def _step(*arguments: str) -> None:
    """Run one command of the command line and show it; leaves the demo with its exit code if that is not 0."""
    say(f"\n$ fpga-squeeze {' '.join(arguments)}")
    sys.stdout.flush()
    code = run_cli(arguments)
    if code:
        sys.exit(code)


def accuracy(project: Project) -> tuple[int, int, int]:
    """(images, correct in float, correct in integers) of the embedded model on its whole held-out set."""
    images, labels = embedded_accuracy_set()
    source = read_model(embedded_model_path())
    if not isinstance(source, FloatModel):
        raise FpgaSqueezeError(f"{embedded_model_path()}: is no float model; install fpga-squeeze again")
    in_float = float_logits(source, images).argmax(axis=1)
    in_integers = golden.run(project.model, images, keep=False)["logits"].argmax(axis=1)
    return len(images), int(np.sum(in_float == labels)), int(np.sum(in_integers == labels))


def summary(project: Project) -> bool:
    """Print the final table; whether all values were equal and the cycles those planned."""
    total, in_float, in_integers = accuracy(project)
    runs = {run.kind: run for run in api.compare(project.path)}
    csim, cosim = runs["csim"], runs["cosim"]
    assert isinstance(cosim, api.CosimRun)
    numbers, cycles = api.estimate(project.path), cosim.cycles
    table = new_table("\nfpga-squeeze demo", {"what": "left", "result": "left"})

    def compared(run: api.Run) -> str:
        c = run.comparison
        return f"{c.values_compared:,} values in {c.frames} frames, mismatches {c.mismatches:,}"

    rows = {
        "model": f"{project.model.name}, {len(project.model.convs)} convolutions, "
        f"{sum(conv.weight.size for conv in project.model.convs):,} weights",
        "accuracy, float": f"{in_float} of {total} held-out images ({100 * in_float / total:.2f} %)",
        "accuracy, int8": f"{in_integers} of {total} held-out images ({100 * in_integers / total:.2f} %)",
        "csim (HLS C++) = golden": compared(csim),
        "cosim (RTL) = golden": compared(cosim),
        "cycles per frame": f"planned {cycles.planned_cycles_per_frame:,}, measured {cycles.cycles_per_frame:,}",
        "latency in cycles": f"planned {cycles.planned_latency_cycles:,}, measured {cycles.latency_cycles:,}",
        "device": f"{numbers.device}: {'fits' if numbers.fits else 'does not fit'}",
        "block RAM": f"{numbers.ramb36} RAMB36 and {numbers.ramb18} RAMB18 = {numbers.bram36:g} of "
        f"{(numbers.available or {}).get('ramb36', 0)} RAMB36",
        "DSP": f"{numbers.dsp} of {(numbers.available or {}).get('dsp', 0)}",
        "LUT": f"{numbers.luts:,} of {(numbers.available or {}).get('luts', 0):,}, estimated",
        "frames per second": f"{numbers.fps:,.0f} at {numbers.clock}, latency {numbers.latency_ms:.3f} ms",
    }
    for name, text in rows.items():
        table.add_row(name, text)
    show(table)
    same_cycles = (cycles.cycles_per_frame, cycles.latency_cycles) == (
        cycles.planned_cycles_per_frame,
        cycles.planned_latency_cycles,
    )
    return csim.equal and cosim.equal and same_cycles


def main(arguments: list[str]) -> int:
    """Run the demo; exit code 0 when everything was equal."""
    folder = arguments[0] if arguments else str(Path("hls_out") / "demo")
    start = time.monotonic()
    _step("generate", "-o", folder)
    _step("csim", folder)
    _step("cosim", folder, "--frames", str(COSIM_FRAMES))
    _step("compare", folder)
    _step("estimate", folder)
    good = summary(load_project(folder))
    say(f"{'done' if good else 'FAILED'} in {time.monotonic() - start:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
