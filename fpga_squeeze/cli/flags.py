"""What lies below the command line speaks of fields, as its callers in Python give them; here they become options."""

from __future__ import annotations

import re

FLAGS = {
    "activation_bits": "--activation-bits",
    "base_e": "--base-e",
    "bgr": "--bgr",
    "calibration": "--calibration",
    "calibration_count": "--calibration-count",
    "clock_mhz": "--clock-mhz",
    "clocks": "--clock-mhz",
    "code_bits": "--bits",
    "codebook_bits": "--codebook",
    "densities": "--density",
    "device": "--device",
    "devices": "--device",
    "dialect": "--hls-dialect",
    "epochs": "--epochs",
    "exclude_calibration": "--exclude-calibration",
    "finetune": "--finetune",
    "fires": "--fires",
    "float_model": "--float",
    "foldings": "--folding",
    "force": "--force",
    "formats": "--weights",
    "frames": "--frames",
    "freq": "--freq",
    "images": "--images",
    "incr_e": "--incr-e",
    "input_shape": "--input-shape",
    "jobs": "--jobs",
    "labels": "--labels",
    "lanes": "--lanes",
    "lut_ceiling": "--lut-ceiling",
    "max_loss": "--max-loss",
    "mean": "--mean",
    "objectives": "--objective",
    "output": "-o",
    "output_tensor": "--output-tensor",
    "pct3x3": "--pct3x3",
    "per_channel": "--per-channel",
    "preprocess": "--preprocess",
    "products_per_dsp": "--products-per-dsp",
    "rank_loss": "--rank-loss",
    "rank_macs": "--rank-macs",
    "ranks": "--rank",
    "sampler": "--sampler",
    "seed": "--seed",
    "shell": "--shell",
    "skip": "--skip",
    "sr": "--sr",
    "stalls": "--stalls",
    "std": "--std",
    "stem": "--stem",
    "storage": "--storage",
    "trial": "--trial",
    "trials": "--trials",
    "url": "--url",
    "weight_bits": "--weight-bits",
    "weight_budget": "--weight-budget",
    "weights": "--weights",
}
"""Option of the command line by field of the options of :mod:`fpga_squeeze.api`, or argument of its functions."""

_FIELD = re.compile(rf"\bfield ({'|'.join(FLAGS)})\b")


def with_flags(text: str) -> str:
    """``text``, an error or a note, with the option in place of every ``field NAME``."""
    return _FIELD.sub(lambda found: FLAGS[found[1]], text)
