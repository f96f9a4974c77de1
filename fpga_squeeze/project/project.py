"""A generated project on disk: written whole or not at all, and read back into the plan it was made from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..datasets.images import ImageArray
from ..device.block_ram import Style
from ..device.catalogue import DEFAULT_DEVICE, Device, find_device
from ..device.dsp_packing import Multipliers
from ..emit.hls_dialect import Dialect, find_dialect
from ..emit.render import write
from ..emit.rtl import emit_rtl
from ..errors import FpgaSqueezeError
from ..network import golden
from ..network.graph import Preprocess, QConv, QFire, QModel
from ..paths import resource_dir
from ..planning.cost.estimate import Estimate, estimate
from ..planning.cost.placement import styles, with_styles
from ..planning.plan import EnginePlan, Folding, Plan
from ..planning.search.folding import build_plan
from ..planning.timing import schedule
from ..planning.weight_memories import WeightFormat, weight_format

FORMAT = "fpga-squeeze project"
VERSION = 1
MANIFEST, MODEL, IMAGES, README = "manifest.json", "model.onnx", "images.npz", "README.md"
BENCH_FRAMES = 2
"""Test images that the HLS test bench carries with every kernel's golden words."""
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """Where the model came from: ``name`` of the file, its SHA-256, and what the test images are."""

    name: str
    sha256: str
    images: str = "given by the user"

    @classmethod
    def of_file(cls, path: Path, images: str = "given by the user") -> Source:
        return cls(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), images)


@dataclass(frozen=True)
class Manifest:
    """``manifest.json``: how the project was made, enough to rebuild its plan from ``model.onnx``.

    foldings    "k,r,c" per engine name, in network order
    weights     format of the weights per engine name
    multipliers products per DSP slice that were asked for, and the kind of slice
    memories    where every row buffer lies: "lut", "block" or "ultra"
    estimate    totals of the estimate at generation time, for reading; commands compute them anew
    files       every generated file, relative to the project
    """

    model: str
    source: Source
    input: tuple[int, int, int]
    lane_budget: int
    foldings: dict[str, str]
    weights: dict[str, WeightFormat]
    multipliers: Multipliers
    memories: dict[str, Style]
    device: str | None
    part: str
    clock_mhz: float
    dialect: Dialect
    preprocess: Preprocess
    notes: tuple[str, ...]
    estimate: dict[str, object] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    generator: str = f"fpga-squeeze {__version__}"

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises ValueError, KeyError or TypeError for anything but a manifest of this version."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError("no manifest of an fpga-squeeze project")
        if data.get("version") != VERSION:
            raise ValueError(f"has version {data.get('version')}, this program reads version {VERSION}")
        # projects made before there was a choice
        for key in ("multipliers", "memories"):
            data.setdefault(key, {})
        data.setdefault("weights", dict.fromkeys(data["foldings"], "dense"))
        given = {f.name: data[f.name] for f in fields(cls)}
        pre = given["preprocess"]
        given["source"] = Source(**given["source"])
        given["multipliers"] = Multipliers(**given["multipliers"])
        given["preprocess"] = Preprocess(tuple(pre["mean"]), tuple(pre["std"]), bool(pre["bgr"]))
        given |= {key: tuple(given[key]) for key in ("input", "notes", "files")}
        for key in ("foldings", "memories"):
            given[key] = {str(k): str(v) for k, v in given[key].items()}
        given["dialect"] = find_dialect(str(given["dialect"]))
        given["weights"] = {str(k): weight_format(str(v)) for k, v in given["weights"].items()}
        given |= {"lane_budget": int(given["lane_budget"]), "clock_mhz": float(given["clock_mhz"])}
        return cls(**given)


@dataclass(frozen=True, eq=False)
class Project:
    """A project folder with the model, plan and test images read from it."""

    path: Path
    model: QModel
    plan: Plan
    manifest: Manifest
    images: ImageArray
    labels: Labels | None

    @property
    def hls(self) -> Path:
        """Folder of the HLS C++."""
        return self.path.resolve() / "hls"

    @property
    def rtl(self) -> Path:
        """Folder of the SystemVerilog."""
        return self.path.resolve() / "rtl"

    def build(self, kind: str) -> Path:
        """Folder in which the simulation ``kind`` (csim or cosim) is compiled."""
        return self.path.resolve() / "build" / kind

    def run(self, kind: str) -> Path:
        """Folder of the last run of ``kind``: its images and the words it recorded."""
        return self.path.resolve() / "run" / kind

    @property
    def device(self) -> Device | None:
        return find_device(self.manifest.device) if self.manifest.device else None

    def estimate(self, device: Device | None = None, clock_mhz: float | None = None) -> Estimate:
        """Estimate of the project's plan, on its own device and clock unless others are given."""
        return estimate(
            self.plan, device or self.device, clock_mhz or self.manifest.clock_mhz, schedule(self.plan)
        )


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


def is_project(path: Path) -> bool:
    """Whether ``path`` is a folder with a readable manifest of any version."""
    try:
        data = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("format") == FORMAT


# ------------------------------------------------------------------------------------------------- writing


def _check_target(path: Path, force: bool) -> None:
    """Refuse a target that may not be replaced."""
    if not path.exists() and not path.is_symlink():
        return
    if path.is_symlink() or not path.is_dir():
        raise FpgaSqueezeError(f"{path}: exists and is no folder; choose another field output")
    if is_project(path) or not any(path.iterdir()):
        return
    if (path / ".git").exists() or Path.cwd().is_relative_to(path.resolve()):
        raise FpgaSqueezeError(
            f"{path}: holds other work and will not be replaced; choose another field output"
        )
    if not force:
        raise FpgaSqueezeError(
            f"{path}: is a folder of something else; choose another place, or replace it with field force"
        )


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its place at the end; on an error nothing has changed."""
    missing = [p for p in path.parents if not p.exists()]
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o777 & ~umask)
        yield part
        old = part.with_suffix(".old")
        if path.exists():
            path.rename(old)
        try:
            part.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
        missing = []
    except OSError as error:
        raise FpgaSqueezeError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if part is not None and part.exists():
            shutil.rmtree(part, ignore_errors=True)
        for folder in missing:  # innermost first
            with contextlib.suppress(OSError):
                folder.rmdir()


def create_project(
    path: str | Path,
    model: QModel,
    plan: Plan,
    images: ImageArray,
    labels: Labels | None,
    *,
    dialect: Dialect,
    device: Device | None,
    clock_mhz: float,
    source: Source,
    notes: Sequence[str] = (),
    force: bool = False,
    on_step: Callable[[str], None] | None = None,
) -> Project:
    """Write a project for ``plan`` with the test ``images`` (uint8 [N, H, W, C]) and their ``labels`` (int64 [N]).

    A project already there is replaced; any other folder is refused unless ``force``. Without a device the HLS script
    names the part of the default device. Raises FpgaSqueezeError, and then leaves everything as it was.
    """
    from ..emit.hls import emit_hls
    from ..emit.words import write_test_data
    from ..export.qdq import write_qdq

    path = Path(path)
    step = on_step or (lambda _text: None)
    _check_target(path, force)
    part = (device or find_device(DEFAULT_DEVICE)).part
    numbers = estimate(plan, device, clock_mhz, schedule(plan))
    foldings = {engine.name: str(engine.folding) for engine in plan.engines}
    header: dict[str, object] = {
        "line": f"Generated by fpga-squeeze {__version__} from {source.name}.",
        "plan": f"Model {model.name}, input {model.input.shape}, {plan.lanes} lanes in {plan.dsp} DSP slices; "
        "foldings k,r,c and weights: "
        + "; ".join(f"{e.name} {e.folding} {e.weights.format}" for e in plan.engines)
        + ".",
    }
    with _replacing(path) as folder:
        step("model")
        write_qdq(model, folder / MODEL)
        arrays: dict[str, Any] = {"images": images} | ({} if labels is None else {"labels": labels})
        np.savez_compressed(folder / IMAGES, **arrays)
        step("HLS C++")
        emit_hls(plan, folder / "hls", header, dialect, part, clock_mhz)
        bench = images[:BENCH_FRAMES]
        write_test_data(plan, golden.run(model, bench), bench, folder / "hls" / "tb" / "data")
        step("RTL")
        emit_rtl(plan, folder / "rtl", header)
        (folder / "sim").mkdir()
        for file in sorted(resource_dir("sim").glob("*.cpp")):
            shutil.copyfile(file, folder / "sim" / file.name)
        step("manifest")
        manifest = Manifest(
            model=model.name,
            source=source,
            input=(model.input.shape.channels, model.input.shape.height, model.input.shape.width),
            lane_budget=plan.lane_budget,
            foldings=foldings,
            weights={engine.name: engine.weights.format for engine in plan.engines},
            multipliers=plan.multipliers,
            memories=styles(plan),
            device=device.name if device else None,
            part=part,
            clock_mhz=clock_mhz,
            dialect=dialect,
            preprocess=model.preprocess,
            notes=(*model.notes, *notes),
            estimate=numbers.summary(),
        )
        _write_readme(folder / README, plan, manifest, numbers)
        files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        manifest = Manifest(
            **{f.name: getattr(manifest, f.name) for f in fields(manifest)} | {"files": (*files, MANIFEST)}
        )
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return Project(path, model, plan, manifest, images, labels)


def _write_readme(path: Path, plan: Plan, manifest: Manifest, numbers: Estimate) -> None:
    output = plan.model.output
    context = {
        "manifest": manifest,
        "numbers": numbers,
        "kernels": [
            {"plan": kernel, "cost": cost, "engine": isinstance(kernel, EnginePlan), "stream": kernel.output}
            for kernel, cost in zip(plan.kernels, numbers.kernels, strict=True)
        ],
        "shape": plan.model.input.shape,
        "beats": -(-int(np.prod(manifest.input)) // 8),
        "output": output,
        "classes": output.shape.channels * output.shape.height * output.shape.width,
    }
    write(path, "project/README.md.j2", context)


# ------------------------------------------------------------------------------------------------- reading


def load_project(path: str | Path) -> Project:
    """Read a project and rebuild its plan from the model's integers and the manifest's foldings.

    Raises FpgaSqueezeError, in one line, for a folder that is none, or one that was damaged.
    """
    from ..frontend import read_model

    path = Path(path)
    if not path.is_dir():
        raise FpgaSqueezeError(
            f"{path}: is no project folder; make one with generate and field output {path}"
        )
    try:
        text = (path / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FpgaSqueezeError(f"{path}: is no fpga-squeeze project (it has no {MANIFEST})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FpgaSqueezeError(
            f"{path / MANIFEST}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    try:
        manifest = Manifest.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError, FpgaSqueezeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FpgaSqueezeError(
            f"{path / MANIFEST}: damaged ({reason}); generate the project again"
        ) from error
    lost = [name for name in manifest.files if not (path / name).is_file()]
    if lost:
        raise FpgaSqueezeError(f"{path}: {lost[0]} is missing; generate the project again")
    model = read_model(path / MODEL)
    if not isinstance(model, QModel):
        raise FpgaSqueezeError(f"{path / MODEL}: is not quantised; generate the project again")
    engines = [layer.name for layer in model.layers if isinstance(layer, QConv | QFire)]
    if list(manifest.foldings) != engines:
        raise FpgaSqueezeError(
            f"{path}: {MANIFEST} and {MODEL} name different layers; generate the project again"
        )
    foldings = [parse_folding(v) for v in manifest.foldings.values()]
    formats = [manifest.weights.get(name, "dense") for name in engines]
    plan = build_plan(model, foldings, manifest.lane_budget, manifest.multipliers, formats)
    plan = with_styles(plan, manifest.memories)
    images, labels = read_images(path / IMAGES)
    return Project(path, model, plan, manifest, images, labels)


def read_images(path: Path) -> tuple[ImageArray, Labels | None]:
    """Images and labels of an ``.npz`` of ours; raises FpgaSqueezeError."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images = np.asarray(arrays["images"], dtype=np.uint8)
            return images, np.asarray(arrays["labels"], dtype=np.int64) if "labels" in arrays else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FpgaSqueezeError(f"{path}: cannot be read ({error})") from error
