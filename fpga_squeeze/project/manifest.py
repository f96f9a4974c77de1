"""``manifest.json``: what a project folder says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from .. import __version__
from ..device.block_ram import Style
from ..device.clock import Clock, Origin
from ..device.dsp_packing import Multipliers
from ..device.room import WHOLE_DEVICE, Room
from ..emit.hls_dialect import Dialect, find_dialect
from ..errors import FpgaSqueezeError
from ..network.graph import Preprocess
from ..paths import files_key
from ..planning.engine import Folding
from ..planning.weight_memories import WeightFormat, weight_format

FORMAT = "fpga-squeeze project"
VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Source:
    """Where the model came from: ``name`` of the file, its SHA-256, and what the test images are."""

    name: str
    sha256: str
    images: str = "given by the user"

    @classmethod
    def of_file(cls, path: Path, images: str = "given by the user") -> Source:
        return cls(path.name, files_key(path), images)


@dataclass(frozen=True)
class Manifest:
    """``manifest.json``: how the project was made, enough to rebuild its plan from ``model.onnx``.

    foldings    "k,r,c" per engine name, in network order
    weights     format of the weights per engine name
    multipliers products per DSP slice that were asked for, and the kind of slice
    memories    where every row buffer lies: "lut", "block" or "ultra"
    stores      rows of every store, where streams meet again
    together    engines that also run what stands before them
    room        how much of the device the plan may fill
    clock_mhz   the clock; ``clock_origin``: whether it was asked for or planned
    estimate    totals of the estimate at generation time, for reading; commands compute them anew
    files       every generated file, relative to the project
    command     the command line that made it; empty where a program did
    """

    model: str
    source: Source
    input: tuple[int, int, int]
    lane_budget: int
    foldings: dict[str, str]
    weights: dict[str, WeightFormat]
    multipliers: Multipliers
    memories: dict[str, Style]
    stores: dict[str, int]
    together: tuple[str, ...]
    device: str | None
    part: str
    room: Room
    clock_mhz: float
    clock_origin: Origin
    dialect: Dialect
    preprocess: Preprocess
    notes: tuple[str, ...]
    estimate: dict[str, object] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    command: str = ""
    generator: str = f"fpga-squeeze {__version__}"

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=2) + "\n"

    @property
    def clock(self) -> Clock:
        return Clock(self.clock_mhz, self.clock_origin)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises ValueError, KeyError or TypeError for anything but a manifest of this version."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError("no manifest of an fpga-squeeze project")
        if data.get("version") != VERSION:
            raise ValueError(f"has version {data.get('version')}, this program reads version {VERSION}")
        # projects made before there was a choice
        for key in ("multipliers", "memories", "stores"):
            data.setdefault(key, {})
        data.setdefault("together", [])
        data.setdefault("weights", dict.fromkeys(data["foldings"], "dense"))
        data.setdefault("room", asdict(WHOLE_DEVICE))
        data.setdefault("clock_origin", "planned")
        data.setdefault("command", "")
        given = {f.name: data[f.name] for f in fields(cls)}
        pre = given["preprocess"]
        given["source"] = Source(**given["source"])
        given["room"] = Room.from_json(given["room"])
        given["multipliers"] = Multipliers(**given["multipliers"])
        given["preprocess"] = Preprocess(tuple(pre["mean"]), tuple(pre["std"]), bool(pre["bgr"]))
        given |= {key: tuple(given[key]) for key in ("input", "notes", "files", "together")}
        for key in ("foldings", "memories"):
            given[key] = {str(k): str(v) for k, v in given[key].items()}
        given["stores"] = {str(k): int(v) for k, v in given["stores"].items()}
        given["dialect"] = find_dialect(str(given["dialect"]))
        given["weights"] = {str(k): weight_format(str(v)) for k, v in given["weights"].items()}
        given |= {"lane_budget": int(given["lane_budget"]), "clock_mhz": float(given["clock_mhz"])}
        return cls(**given)


def parse_folding(text: str) -> Folding:
    """``k,r,c`` or ``k,r,c,spare`` as a Folding; raises FpgaSqueezeError."""
    try:
        numbers = [int(part) for part in text.split(",")]
        if len(numbers) not in (3, 4):
            raise ValueError
    except ValueError as error:
        raise FpgaSqueezeError(
            f"folding {text!r}: give three whole numbers k,r,c, for example 2,1,4 (a fourth: spare row groups)"
        ) from error
    return Folding(*numbers)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a project folder; raises FpgaSqueezeError, in one line, where there is none or it is damaged."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FpgaSqueezeError(f"{folder}: is no fpga-squeeze project (it has no {MANIFEST})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FpgaSqueezeError(
            f"{folder / MANIFEST}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    try:
        return Manifest.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError, FpgaSqueezeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FpgaSqueezeError(
            f"{folder / MANIFEST}: damaged ({reason}); generate the project again"
        ) from error


def is_project(path: Path) -> bool:
    """Whether ``path`` is a folder with a readable manifest of any version."""
    try:
        data = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("format") == FORMAT
