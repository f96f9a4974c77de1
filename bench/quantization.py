"""What each step of quantisation is worth: agreement with the float network, in counts.

    python -m bench.quantization --model squeezenet.onnx --images images.zip --labels labels.csv

64 of the images calibrate, those that ``--calibration-count 64 --seed S`` draws; the others are reported. Options are
chosen on the 64 alone: with ``--choose`` each half of them is quantised on and the other half looked at. The labels
file has the columns ``file`` and ``label``. Results for SqueezeNet v1.0 stand in bench/README.md.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from fpga_squeeze.datasets.images import load_images
from fpga_squeeze.flow.sources import choose
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import FloatModel
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.quantization.method import Method
from fpga_squeeze.quantization.quantize import PRESETS, float_logits, quantize

METHODS = {
    "nearest": Method(balance=None, learned=False),
    "real-step": Method(balance=0.0, learned=False),
    "channels": Method(learned=False),
    "learned": Method(balance=None, correction=0.0),
    "channels+learned": Method(correction=0.0),
    "default": Method(),
    "balance 0.35": Method(balance=0.35),
    "balance 0.65": Method(balance=0.65),
    "correction 0.25": Method(correction=0.25),
    "correction 1": Method(correction=1.0),
}
CALIBRATION = 64


def counts(model: QModel, images: np.ndarray, labels: np.ndarray, want: np.ndarray) -> tuple[int, int, float]:
    """(same top-1 as float, top-1 right, mean KL divergence from float)."""
    logits = golden.run(model, images, keep=False)["logits"] * 2.0**-model.output.frac
    top = logits.argmax(1)
    p, q = log_softmax(want), log_softmax(logits)
    divergence = float((np.exp(p) * (p - q)).sum(1).mean())
    return int((top == want.argmax(1)).sum()), int((top == labels).sum()), divergence


def log_softmax(x: np.ndarray) -> np.ndarray:
    y = x - x.max(1, keepdims=True)
    return np.asarray(y - np.log(np.exp(y).sum(1, keepdims=True)))


def read_labels(path: Path, names: list[str]) -> np.ndarray:
    with path.open(newline="") as file:
        labels = {row["file"]: int(row["label"]) for row in csv.DictReader(file)}
    return np.array([labels[n] if n in labels else labels[Path(n).name] for n in names])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--labels", required=True, type=Path)
    parser.add_argument("--preprocess", choices=sorted(PRESETS), default="caffe")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--choose", action="store_true", help="halves of the calibration images only")
    args = parser.parse_args()
    model = read_model(args.model)
    if not isinstance(model, FloatModel):
        parser.error(f"{args.model} is quantised already")
    images, names = load_images(args.images, model.input_shape)
    labels, preprocess = read_labels(args.labels, names), PRESETS[args.preprocess]
    drawn = set(choose(names, CALIBRATION, args.seed))
    inside = np.array([name in drawn for name in names])
    chosen, rest = np.flatnonzero(inside), np.flatnonzero(~inside)
    if args.choose:
        halves = chosen[::2], chosen[1::2]
        runs = [halves, halves[::-1]]
    else:
        runs = [(chosen, rest)]
    seen = np.concatenate([np.concatenate(run) for run in runs])
    want = np.zeros((len(images), model.output_shape.channels))
    used = np.unique(seen)
    want[used] = float_logits(model, images[used], preprocess)
    shown = np.concatenate([run[1] for run in runs])
    right = int((want[shown].argmax(1) == labels[shown]).sum())
    print(f"{len(shown)} images, float top-1 {right}")
    print("| method | agreement | top-1 | KL x 1000 | agreement, top-1 on its own images | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in args.methods:
        rows, own, seconds = [], [], 0.0
        for learn, look in runs:
            start = time.perf_counter()
            q = quantize(model, images[learn], preprocess, method=METHODS[name])
            seconds += time.perf_counter() - start
            rows.append(counts(q, images[look], labels[look], want[look]))
            own.append(counts(q, images[learn], labels[learn], want[learn]))
        same, top, divergence = (sum(row[i] for row in rows) for i in range(3))
        kept = f"{sum(r[0] for r in own)}, {sum(r[1] for r in own)}"
        kl = 1000 * divergence / len(rows)
        print(f"| {name} | {same} | {top} | {kl:.2f} | {kept} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
