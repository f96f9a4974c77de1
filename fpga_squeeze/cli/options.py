"""Options that several verbs share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ..api import QuantizeOptions
from ..errors import FpgaSqueezeError
from ..graph import Preprocess
from ..planning.plan import Folding
from ..project import parse_folding
from ..reference import PRESETS

Command = TypeVar("Command", bound=Callable[..., Any])

NUMBER_LISTS = ("--mean", "--std")
_NUMBERS = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(,[-+.\deE]+)*,?")
IMAGES = "one image, a folder, a zip, or .npy uint8 [N, H, W, C] (RGB where C = 3)"

lanes = click.option("--lanes", type=int, metavar="N", help="DSP slices to spend on lanes.")
device = click.option(
    "--device", metavar="NAME", help="Device or board to plan for; XC7Z020 without --lanes."
)
products_per_dsp = click.option(
    "--products-per-dsp",
    type=int,
    metavar="1|2",
    help="Products of a DSP slice per cycle; 2 packs two pixels that share a weight, where widths allow it.",
)
clock = click.option(
    "--clock-mhz",
    type=float,
    metavar="F",
    help="Clock in MHz; 100 for 7 series, 200 for UltraScale+ if left out.",
)
images = click.option("--images", metavar="PATH", help=f"Images to run: {IMAGES}; else the project's own.")
frames = click.option(
    "--frames", type=int, metavar="N", help="Frames to run; images are repeated if there are fewer."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to stdout.")
foldings = click.option(
    "--folding",
    "foldings",
    multiple=True,
    metavar="NAME=K,R,C",
    help="Folding of one engine; may be repeated.",
)
output_file = click.option("-o", "--output", required=True, metavar="FILE", help="File to write.")
model = click.argument("model", required=False)
target = click.argument("target", required=False, metavar="[DIR_OR_MODEL]")
project = click.argument("project", metavar="DIR")

_QUANTIZE = (
    click.option("--calibration", metavar="IMAGES", help=f"Images to quantise a float model with: {IMAGES}."),
    click.option(
        "--calibration-count",
        type=int,
        metavar="N",
        help="Use N of these images, chosen at random by --seed.",
    ),
    click.option(
        "--seed", type=int, default=0, show_default=True, metavar="S", help="Seed of --calibration-count."
    ),
    click.option("--preprocess", metavar="NAME", help="none (default), caffe or torchvision."),
    click.option(
        "--mean",
        multiple=True,
        metavar="NUMBERS",
        help="Mean per channel in pixel units, in the model's order: 104,117,123.",
    ),
    click.option(
        "--std", multiple=True, metavar="NUMBERS", help="Standard deviation per channel, in pixel units."
    ),
    click.option("--bgr", is_flag=True, help="The model takes blue, green, red."),
    click.option("--weight-bits", type=int, default=8, show_default=True, help="Bits of a weight, 2 to 8."),
    click.option(
        "--activation-bits", type=int, default=8, show_default=True, help="Bits of an activation, 2 to 8."
    ),
)


def quantizing(command: Command) -> Command:
    """Add the options that say how a float model is quantised; :func:`quantize_options` reads them."""
    for option in reversed(_QUANTIZE):
        command = option(command)
    return command


def join_numbers(arguments: Sequence[str]) -> list[str]:
    """``--mean 104 117 123`` as ``--mean=104,117,123``: numbers after these options belong to them."""
    out: list[str] = []
    collecting = False
    for text in arguments:
        if collecting and _NUMBERS.fullmatch(text):
            out[-1] += ("=" if out[-1] in NUMBER_LISTS else ",") + text.rstrip(",")
            continue
        collecting = text.partition("=")[0] in NUMBER_LISTS
        out.append(text)
    return out


def _numbers(option: str, given: Sequence[str]) -> tuple[float, ...]:
    words = [word for text in given for word in re.split(r"[,\s]+", text.strip()) if word]
    try:
        return tuple(float(word) for word in words)
    except ValueError as error:
        raise FpgaSqueezeError(
            f"{option} {' '.join(words)}: give numbers, for example {option} 104,117,123"
        ) from error


def quantize_options(given: dict[str, Any]) -> QuantizeOptions:
    """Typed options from what :func:`quantizing` added; raises FpgaSqueezeError where they contradict each other."""
    name = given["preprocess"]
    own = bool(given["mean"] or given["std"] or given["bgr"])
    if name is not None and name not in PRESETS:
        raise FpgaSqueezeError(f"--preprocess {name}: there are {', '.join(PRESETS)}")
    if name not in (None, "none") and own:
        raise FpgaSqueezeError(
            f"--preprocess {name} brings its own --mean, --std and --bgr; give one or the other"
        )
    pre = PRESETS[name or "none"]
    if own:
        pre = Preprocess(_numbers("--mean", given["mean"]), _numbers("--std", given["std"]), given["bgr"])
    return QuantizeOptions(
        given["calibration"],
        pre,
        given["weight_bits"],
        given["activation_bits"],
        given["calibration_count"],
        given["seed"],
    )


def folding_options(given: Sequence[str]) -> dict[str, Folding]:
    """``("fire2=1,2,3",)`` as foldings by name."""
    out = {}
    for text in given:
        name, equals, numbers = text.partition("=")
        if not equals or not name:
            raise FpgaSqueezeError(f"--folding {text}: give NAME=K,R,C, for example fire2=1,2,4")
        out[name] = parse_folding(numbers)
    return out
