"""A search of networks that trains nothing: what tests run, in a process of their own, too.

python network_work.py FOLDER TRIALS SECONDS    runs it, waiting so many seconds in each round of training
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_squeeze import api
from fpga_squeeze.datasets.classes import Labelled
from fpga_squeeze.explore import networks
from fpga_squeeze.explore.search import search
from fpga_squeeze.explore.study import SearchOptions
from fpga_squeeze.network.graph import FloatModel
from fpga_squeeze.training.loop import Trained, TrainOptions


def stand_in(patch: pytest.MonkeyPatch, wait: float = 0.0) -> dict[str, Any]:
    """In place of training what changes nothing; ``right`` of what is given back is the share of images that the float
    network is said to get right after each round."""
    told: dict[str, Any] = {"epochs": [], "right": [0.5, 0.6, 0.7]}

    def train(model: FloatModel, data: Labelled, val: Labelled, options: TrainOptions, pre: Any) -> Trained:
        told["epochs"].append(options.epochs)
        told["preprocess"] = pre
        time.sleep(wait)
        return Trained(model, 1, 0.5, 3, len(val))

    def correct(model: FloatModel, data: Labelled, pre: Any) -> int:
        return int(round(told["right"][len(told["epochs"]) - 1] * len(data)))

    patch.setattr(networks, "need_torch", lambda: None)
    patch.setattr(networks, "train", train)
    patch.setattr(networks, "moved", lambda images, moves, seed: np.roll(images, seed + 1, axis=2))
    patch.setattr(networks, "correct", correct)
    patch.setattr(networks, "fresh", lambda model, images, pre: model)
    patch.setattr(networks, "COPIES", 1)
    return told


def run(patch: pytest.MonkeyPatch, folder: Path, trials: int, wait: float) -> api.Exploration:
    """A study ``folder``/study.log, its networks in ``folder``/networks; no image is run."""
    stand_in(patch, wait)["right"] = [0.5] * 1000
    patch.setattr(networks, "right_classes", lambda model, data: len(data) // 2)
    patch.setattr(networks, "SEEDS", networks.SEEDS[-1:])
    work = networks.NetworkSearch(
        "digits", str(folder / "networks"), api.DesignOptions(device="XC7Z020"), epochs=8
    )
    work.check()
    return search(work, SearchOptions(str(folder / "study.log"), trials, "random", 1, 0))


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patched:
        run(patched, Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
