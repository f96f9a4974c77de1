"""Options that several verbs share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args

import click

from ..api import DEFAULTS, DesignOptions, QuantizeOptions, Room, Shell
from ..device.catalogue import PLANNED_MHZ
from ..device.room import DEFAULT_ROOM
from ..device.shell import BUS_BITS, ShellKind
from ..errors import FpgaSqueezeError
from ..network.graph import Preprocess, Shape
from ..network.reference import PRESETS
from ..planning.engine import Folding
from ..planning.weight_memories import WeightFormat, weight_format
from ..project.manifest import parse_folding

Command = TypeVar("Command", bound=Callable[..., Any])

NUMBER_LISTS = ("--mean", "--std")
_NUMBERS = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(,[-+.\deE]+)*,?")
IMAGES = "one image, a folder, a zip, or .npy uint8 [N, H, W, C] (RGB where C = 3)"

images = click.option("--images", metavar="PATH", help=f"Images to run: {IMAGES}; else the project's own.")
frames = click.option(
    "--frames", type=int, metavar="N", help="Frames to run; images are repeated if there are fewer."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to stdout.")
output_file = click.option("-o", "--output", required=True, metavar="FILE", help="File to write.")
model = click.argument("model", required=False)
target = click.argument("target", required=False, metavar="[DIR_OR_MODEL]")
project = click.argument("project", metavar="DIR")

_PREPROCESS = (
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
)
_DRAW = (
    click.option(
        "--calibration-count",
        type=int,
        metavar="N",
        help="Use N of these images, chosen at random by --seed.",
    ),
    click.option(
        "--seed", type=int, default=0, show_default=True, metavar="S", help="Seed of --calibration-count."
    ),
)
_READ = (
    click.option(
        "--input-shape", metavar="C,H,W", help="Channels, height and width of a model that leaves them free."
    ),
    click.option("--output-tensor", metavar="NAME", help="Output to read of a model that has several."),
)
_QUANTIZE = (
    *_READ,
    click.option("--calibration", metavar="IMAGES", help=f"Images to quantise a float model with: {IMAGES}."),
    *_DRAW,
    *_PREPROCESS,
    click.option("--weight-bits", type=int, default=8, show_default=True, help="Bits of a weight, 2 to 8."),
    click.option(
        "--activation-bits", type=int, default=8, show_default=True, help="Bits of an activation, 2 to 8."
    ),
    click.option(
        "--weight-budget",
        type=int,
        metavar="BITS",
        help="Bits that all weights may take with --weights huffman: steps are made coarser where it costs least. Left "
        "out, a tenth or more of speed lost for want of memory is bought back with a seventh of the bits.",
    ),
)


_ROOM = (
    click.option(
        "--lut-ceiling",
        type=float,
        metavar="PERCENT",
        help=f"LUTs of the device that design and shell may take together; {DEFAULT_ROOM.lut_ceiling:g} if left out.",
    ),
    click.option(
        "--shell",
        metavar="KIND",
        help="What feeds the design: stream (default: AXI4-Streams), dma (RTL: registers, an AXI4 master of 64 bits), "
        f"dma128. LUTS,RAMB36: streams, with other room for what feeds them than {DEFAULT_ROOM.shell}; none: no room.",
    ),
)
_COMPRESS = (
    *_READ,
    click.option("--calibration", metavar="IMAGES", help=f"Images to find ranks and densities on: {IMAGES}."),
    *_DRAW,
    *_PREPROCESS,
)


_EXPLORE = (
    *_READ,
    click.option(
        "--calibration",
        metavar="IMAGES",
        help=f"Images to quantise with: {IMAGES}; if left out 32 of --images, which are then not judged on.",
    ),
    *_DRAW,
    *_PREPROCESS,
    *_ROOM,
)


_DESIGN = (
    click.option("--lanes", type=int, metavar="N", help="DSP slices to spend on lanes."),
    click.option("--device", metavar="NAME", help="Device or board to plan for; XC7Z020 without --lanes."),
    click.option(
        "--clock-mhz",
        type=float,
        metavar="F",
        help=f"Clock in MHz; if left out {PLANNED_MHZ['zynq-7000']:g} for 7 series, "
        f"{PLANNED_MHZ['zynq-ultrascale+']:g} for UltraScale+, no more than planned.",
    ),
    *_ROOM,
    *_QUANTIZE,
    click.option(
        "--folding",
        "foldings",
        multiple=True,
        metavar="NAME=K,R,C",
        help="Folding of one engine; may be repeated.",
    ),
    click.option(
        "--products-per-dsp",
        type=int,
        metavar="1|2",
        help="Products of a DSP slice per cycle; 2 packs two pixels that share a weight, where widths allow it; "
        "left out: 1, with compressed weights whichever is faster.",
    ),
    click.option(
        "--weights",
        multiple=True,
        metavar="[NAME=]FORMAT",
        help="Weights in block RAM: dense (default), sparse, mask or huffman skip zeros, auto takes the fastest that "
        "fits the device, or the smallest without one; of one engine with NAME=. May be repeated.",
    ),
)


def designing(command: Command) -> Command:
    """Add the options that say what a design is to be like; :func:`design_options` reads them."""
    return _with(_DESIGN, command)


def quantizing(command: Command) -> Command:
    """Add the options that say how a float model is quantised; :func:`quantize_options` reads them."""
    return _with(_QUANTIZE, command)


def preprocessing(command: Command) -> Command:
    """Add the options that say what is done to a pixel; :func:`preprocess_of` reads them."""
    return _with(_PREPROCESS, command)


def reading(command: Command) -> Command:
    """Add the options that say how a model file is read; :func:`read_options` reads them."""
    return _with((*_READ, *_PREPROCESS), command)


def pruning(command: Command) -> Command:
    """Add the options that say which images densities are found on; :func:`quantize_options` reads them."""
    return _with(_COMPRESS, command)


def exploring(command: Command) -> Command:
    """Add the options that say what a search keeps to; :func:`quantize_options` and :func:`room_of` read them."""
    return _with(_EXPLORE, command)


def _with(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
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


def preprocess_of(given: Mapping[str, Any]) -> Preprocess:
    """What :func:`preprocessing` added; raises FpgaSqueezeError where it contradicts itself."""
    name = given["preprocess"]
    own = bool(given["mean"] or given["std"] or given["bgr"])
    if name is not None and name not in PRESETS:
        raise FpgaSqueezeError(f"--preprocess {name}: there are {', '.join(PRESETS)}")
    if name not in (None, "none") and own:
        raise FpgaSqueezeError(
            f"--preprocess {name} brings its own --mean, --std and --bgr; give one or the other"
        )
    if own:
        return Preprocess(_numbers("--mean", given["mean"]), _numbers("--std", given["std"]), given["bgr"])
    return PRESETS[name or "none"]


def quantize_options(given: dict[str, Any]) -> QuantizeOptions:
    """Typed options from what :func:`quantizing` added; raises FpgaSqueezeError where they contradict each other."""
    return QuantizeOptions(
        given["calibration"],
        preprocess_of(given),
        given.get("weight_bits", DEFAULTS.weight_bits),
        given.get("activation_bits", DEFAULTS.activation_bits),
        given["calibration_count"],
        given["seed"],
        given.get("weight_budget"),
        input_shape_of(given["input_shape"]),
        given["output_tensor"],
    )


def read_options(given: Mapping[str, Any]) -> QuantizeOptions:
    """Typed options from what :func:`reading` added."""
    return QuantizeOptions(
        preprocess=preprocess_of(given),
        input_shape=input_shape_of(given["input_shape"]),
        output_tensor=given["output_tensor"],
    )


def input_shape_of(given: str | None) -> Shape | None:
    """``3,224,224`` as a shape."""
    if given is None:
        return None
    sizes = given.replace("x", ",").split(",")
    if len(sizes) != 3 or not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise FpgaSqueezeError(
            f"--input-shape {given}: give channels, height and width, for example 3,224,224"
        )
    return Shape(*map(int, sizes))


def design_options(given: dict[str, Any]) -> DesignOptions:
    """Typed options from what :func:`designing` added; raises FpgaSqueezeError where they are wrong by themselves."""
    weights, formats = _weights(given["weights"])
    return DesignOptions(
        lanes=given["lanes"],
        device=given["device"],
        room=room_of(given),
        clock_mhz=given["clock_mhz"],
        foldings=_foldings(given["foldings"]),
        products_per_dsp=given["products_per_dsp"],
        weights=weights,
        formats=formats,
        quantize=quantize_options(given),
    )


def room_of(given: Mapping[str, Any]) -> Room | None:
    """What ``--lut-ceiling`` and ``--shell`` say (``3000,4``, ``dma``); None where neither is given."""
    ceiling, shell = given["lut_ceiling"], given["shell"]
    if ceiling is None and shell in (None, "stream"):
        return None
    kept = DEFAULT_ROOM.shell
    if shell in BUS_BITS:
        kept = Shell.of(shell)
    elif shell not in (None, "stream"):
        numbers = "0,0" if shell == "none" else shell
        if not re.fullmatch(r"\d+,\d+", numbers):
            kinds = ", ".join(get_args(ShellKind))
            raise FpgaSqueezeError(
                f"--shell {shell}: give one of {kinds}, or LUTS,RAMB36, for example {kept}, or none"
            )
        luts, _, blocks = numbers.partition(",")
        kept = Shell(int(luts), int(blocks))
    return Room(DEFAULT_ROOM.lut_ceiling if ceiling is None else ceiling, kept)


def _weights(
    given: Sequence[str],
) -> tuple[WeightFormat | Literal["auto"] | None, dict[str, WeightFormat]]:
    """``("huffman", "conv1=dense")`` as the format of all engines (None: not given) and those of engines by name."""
    common: WeightFormat | Literal["auto"] | None = None
    named = {}
    for text in given:
        name, equals, word = text.partition("=")
        if equals:
            named[name] = weight_format(word)
        else:
            common = "auto" if text == "auto" else weight_format(text)
    return common, named


def _foldings(given: Sequence[str]) -> dict[str, Folding]:
    """``("fire2=1,2,3",)`` as foldings by name."""
    out = {}
    for text in given:
        name, equals, numbers = text.partition("=")
        if not equals or not name:
            raise FpgaSqueezeError(f"--folding {text}: give NAME=K,R,C, for example fire2=1,2,4")
        out[name] = parse_folding(numbers)
    return out


def layer_numbers(option: str, given: Sequence[str]) -> dict[str, float]:
    """``("0.3", "conv10=0.2")`` as numbers by layer name, EVERY_LAYER for the one without a name."""
    out: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or (equals and not name):
            raise FpgaSqueezeError(f"{option} {text}: give a number, or NAME=NUMBER, for example conv10=0.2")
        if name in out:
            raise FpgaSqueezeError(
                f"{option} {text}: is given twice{f' for {name}' if name else ''}; give it once"
            )
        out[name] = value
    return out
