"""What lies below the command line speaks of fields, as its callers in Python give them; here they become options."""

from __future__ import annotations

import re

FLAGS = {
    "activation_bits": "--activation-bits",
    "bgr": "--bgr",
    "calibration": "--calibration",
    "calibration_count": "--calibration-count",
    "clock_mhz": "--clock-mhz",
    "code_bits": "--bits",
    "codebook_bits": "--codebook",
    "densities": "--density",
    "device": "--device",
    "dialect": "--hls-dialect",
    "exclude_calibration": "--exclude-calibration",
    "float_model": "--float",
    "foldings": "--folding",
    "force": "--force",
    "formats": "--weights",
    "frames": "--frames",
    "images": "--images",
    "input_shape": "--input-shape",
    "labels": "--labels",
    "lanes": "--lanes",
    "lut_ceiling": "--lut-ceiling",
    "max_loss": "--max-loss",
    "mean": "--mean",
    "output": "-o",
    "output_tensor": "--output-tensor",
    "per_channel": "--per-channel",
    "preprocess": "--preprocess",
    "products_per_dsp": "--products-per-dsp",
    "rank_loss": "--rank-loss",
    "rank_macs": "--rank-macs",
    "ranks": "--rank",
    "seed": "--seed",
    "shell": "--shell",
    "skip": "--skip",
    "stalls": "--stalls",
    "std": "--std",
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
