"""The search for an accelerator: a network as it is, quantised, planned and judged in many ways.

Each trial runs the real quantiser, the real planner and golden's integers. What a step depends on is its key: what was
done once, by whichever trial or process, is read from the cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..compression.densities import KEPT
from ..compression.prune import prune_model
from ..datasets.images import ImageArray, embedded_model_path, list_images
from ..device.block_ram import RAMB36_BITS
from ..device.catalogue import find_device
from ..device.clock import Clock
from ..device.room import DEFAULT_ROOM, Room
from ..errors import DoesNotFitError, FpgaSqueezeError
from ..export.qdq import write_qdq
from ..flow.design import DesignOptions
from ..flow.sources import DEFAULTS, QuantizeOptions, calibration_images, is_embedded, quantized, read
from ..network.graph import FloatArray, FloatModel, Preprocess, Shape
from ..network.integers import QModel
from ..network.parallel import cores
from ..paths import files_key, write_whole
from ..planning.cost.estimate import Estimate
from ..planning.plan import Plan
from ..planning.timing import schedule
from ..quantization.budget import coded_size
from ..quantization.rounding import coarsest, nearest
from .cache import Cache, value_key, version
from .judging import Judge, Judged, judged_images
from .levels import SCAN_BITS, first_level, pruned_classes, sensitivities
from .objectives import KNOWN, Numbers, Objective, beyond, check_limits, hoped, objectives_of
from .outcome import Layers, Outcome
from .space import BUDGETS, Point, Space, layer_groups
from .study import OPTIONS, OnStep, Promising

LIMITS = {"agreement": 50.0}
"""What is asked of a design where nothing is said: a network that is wrong more often than right is of no use, and the
search of such networks would never end."""
SUBSET, GROWTH = 16, 4
"""Images on which a design is judged first; in all so many times as many follow, until it is clear or there are no
more."""
PRUNED = 32
"""Images on which a float network is looked at whose weights were pruned, before it is quantised."""
CALIBRATED = 32
"""Images drawn to quantise with where none are given for it."""


@dataclass(frozen=True)
class ExploreOptions:
    """What is searched.

    model         a float model's file; None: the embedded one
    devices       by name
    images        to judge on, ``labels`` their classes (a CSV); None: those of the embedded model
    objectives    by name: fps, agreement, top1, bram36, luts, dsp, cycles, latency_ms, weight_bits
    limits        by name: the least that a number has to be that is to be large, the most of one that is to be small;
                  a design beyond one counts as one that does not fit
    clocks        in MHz to choose from; empty: those planned for the devices
    room          how much of a device a plan may fill
    quantize      calibration and preprocessing; widths, budget and densities are chosen
    """

    model: str | Path | None = None
    devices: tuple[str, ...] = ("XC7Z020",)
    images: str | Path | None = None
    labels: str | Path | None = None
    objectives: tuple[str, ...] = ("fps", "agreement", "bram36")
    limits: Mapping[str, float] = field(default_factory=lambda: dict(LIMITS))
    clocks: tuple[float, ...] = ()
    room: Room = DEFAULT_ROOM
    quantize: QuantizeOptions = DEFAULTS

    @property
    def path(self) -> Path:
        return embedded_model_path() if self.model is None else Path(self.model)

    def to_json(self) -> str:
        """Everything that a design can be made from again, but for the model and the images themselves."""
        out = asdict(self)
        for name in ("model", "images", "labels"):
            out[name] = None if out[name] is None else str(Path(out[name]).resolve())
        calibration = out["quantize"]["calibration"]
        out["quantize"]["calibration"] = None if calibration is None else str(Path(calibration).resolve())
        return json.dumps(out)


Short = tuple[tuple[str, ...], float]
"""Why a design is none, and how far it is from one, relative to what there is."""


@dataclass(frozen=True, eq=False)
class Made:
    """A design: its integers, its plan and what that costs; ``digest`` of the integers."""

    model: QModel
    plan: Plan
    estimate: Estimate
    digest: str


@dataclass(eq=False)
class Accelerators:
    """The work of a search for an accelerator; ``threads`` of each process that runs it."""

    options: ExploreOptions
    threads: int = field(default_factory=cores)

    @classmethod
    def for_jobs(cls, options: ExploreOptions, jobs: int) -> Accelerators:
        """For so many processes, which share the cores. Without calibration images some of those to judge on are."""
        asked = options.quantize
        if asked.calibration is None and options.images is not None:
            shape = cls(options).float_model.input_shape
            count = min(asked.calibration_count or CALIBRATED, len(list_images(options.images, shape)) // 2)
            options = replace(
                options, quantize=replace(asked, calibration=options.images, calibration_count=max(1, count))
            )
        return cls(options, max(1, cores() // jobs))

    def prepare(self, on_step: OnStep | None = None) -> None:
        """Everything that all trials need, before processes start: images, the float network's classes, sensitivity."""
        self.identity()
        if on_step:
            on_step(f"float network on {len(self.judged.pixels):,} images")
        self.judged  # noqa: B018
        self.first_level  # noqa: B018

    def __getstate__(self) -> dict[str, Any]:
        return {"options": self.options, "threads": self.threads}

    # ------------------------------------------------------------------------------------ what is searched

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        found = objectives_of(self.options.objectives)
        check_limits(self.options.limits)
        if (
            any(o.name == "top1" for o in found)
            and self.options.images is not None
            and self.options.labels is None
        ):
            raise FpgaSqueezeError("field objectives top1: needs field labels")
        return found

    @cached_property
    def cache(self) -> Cache:
        return Cache()

    @cached_property
    def float_model(self) -> FloatModel:
        source = read(self.options.model, self.options.quantize)
        if not isinstance(source, FloatModel):
            raise FpgaSqueezeError(
                f"{self.options.path}: is quantised already; explore searches widths of a float model"
            )
        return source

    @cached_property
    def space(self) -> Space:
        names = tuple(dict.fromkeys(find_device(name).name for name in self.options.devices))
        return Space(names, self.options.clocks or (0.0,), layer_groups(self.float_model))

    def grid(self) -> Mapping[str, Sequence[Any]]:
        return self.space.grid()

    def seeds(self) -> Sequence[Mapping[str, Any]]:
        return self.space.seeds()

    @cached_property
    def _model_key(self) -> str:
        return files_key(self.options.path)

    @cached_property
    def _calibration_key(self) -> str:
        given = self.options.quantize
        where = "embedded" if given.calibration is None else files_key(given.calibration)
        return value_key(
            (
                where,
                given.calibration_count,
                given.seed,
                given.preprocess,
                given.input_shape,
                given.output_tensor,
            )
        )

    def identity(self) -> Mapping[str, str]:
        """What the numbers of a study depend on."""
        given = self.options
        self.objectives, self.space  # noqa: B018  (raise before a study is made)
        asked = given.quantize
        files = [given.images and files_key(given.images)[:12], given.labels and files_key(given.labels)[:12]]
        return {
            "version": version(),
            "model": f"{given.path.name} (sha256 {self._model_key[:12]})",
            "devices": ",".join(self.space.devices),
            "clocks": ",".join(f"{c:g}" for c in self.space.clocks),
            "limits": ",".join(f"{name}={limit:g}" for name, limit in sorted(given.limits.items())),
            "room": str(given.room),
            "calibration": self._calibration_key[:12]
            + f" ({asked.calibration_count or 'all'} images, seed {asked.seed})",
            "images": " ".join(f or "none" for f in files),
            OPTIONS: given.to_json(),
        }

    # ------------------------------------------------------------------------------------ what is computed once

    @cached_property
    def _calibration(self) -> tuple[ImageArray, list[str]]:
        images, names, _ = calibration_images(self.options.model, self.float_model, self.options.quantize)
        return images, names

    @property
    def calibration_images(self) -> ImageArray:
        """uint8 [N, H, W, C] on which designs are quantised."""
        return self._calibration[0]

    @cached_property
    def found(self) -> dict[str, FloatArray]:
        """Divergence of the output by layer and share of weights kept."""
        return {name: np.array(row) for name, row in self._sensitivity["kept"].items()}

    @cached_property
    def first_level(self) -> float:
        """Divergence that a layer may cause by itself at level 1 of pruning."""
        images, pre = self.calibration_images, self.options.quantize.preprocess
        key = self._model_key + self._calibration_key
        with threadpool_limits(1, user_api="blas"):
            return float(
                self.cache.json(
                    "first level", key, lambda: first_level(self.float_model, self.found, images, pre)
                )
            )

    @cached_property
    def _sensitivity(self) -> Any:
        images, pre = self.calibration_images, self.options.quantize.preprocess
        key = self._model_key + self._calibration_key
        with threadpool_limits(1, user_api="blas"):
            return self.cache.json("sensitivity", key, lambda: sensitivities(self.float_model, images, pre))

    def layers(self) -> Layers:
        """Divergence of the output when a layer alone keeps fewer weights, or narrower ones."""
        heads = [f"{100 * kept:.0f} %" for kept in KEPT] + [f"{bits} bits" for bits in SCAN_BITS]
        both = self._sensitivity
        title = "Sensitivity: divergence of the output, in nats, when one layer alone keeps fewer or narrower weights"
        return (
            title,
            tuple(heads),
            {name: [*both["kept"][name], *both["bits"][name]] for name in both["kept"]},
        )

    @cached_property
    def judged(self) -> Judged:
        given = self.options
        if given.images is None and not is_embedded(given.model):
            raise FpgaSqueezeError("field images: give images to judge designs on")
        names = self._calibration[1] if given.quantize.calibration is not None else []
        return judged_images(
            self.float_model, given.quantize.preprocess, given.images, given.labels, names, self.cache
        )

    # ------------------------------------------------------------------------------------ one design

    def quantize_options(self, point: Point) -> QuantizeOptions:
        """How the integers of ``point`` are made."""
        pruned = any(point.pruning.values())
        level = self.first_level if pruned else 0.0
        kept = point.densities(self.float_model, self.space.groups, self.found, level) if pruned else {}
        made = replace(
            self.options.quantize,
            weight_bits=point.weight_bits,
            activation_bits=point.activation_bits,
            layer_weight_bits=point.layer_weight_bits,
            layer_activation_bits=point.layer_activation_bits,
            densities=kept,
        )
        if point.budget >= BUDGETS[-1] or point.weights == "dense":
            return made
        return replace(made, weight_budget=int(point.budget / 100 * self._nearest_bits(made)))

    def _nearest_bits(self, options: QuantizeOptions) -> int:
        """Coded bits of the weights when each is rounded to its nearest integer."""
        model = prune_model(self.float_model, options.densities)
        total = 0
        for conv in model.convs:
            bits = options.layer_weight_bits.get(conv.name, options.weight_bits)
            flat = conv.weight.reshape(len(conv.weight), -1)
            ints = nearest(flat, coarsest(flat, bits), bits).reshape(conv.weight.shape)
            total += coded_size(ints.astype(np.int64))
        return total

    def quantised(self, options: QuantizeOptions) -> tuple[QModel, str]:
        """(the integers, their digest), from the cache if they were made before.

        On one thread of BLAS: with another number of them its sums, and so the integers, might be others.
        """
        key = value_key((self._model_key, self._calibration_key, replace(options, calibration=None)))
        path, note = (self.cache.path("quantised", key, suffix) for suffix in (".onnx", ".json"))
        try:
            kept = json.loads(note.read_text(encoding="utf-8"))
            model = read(path)
            if isinstance(model, QModel) and digest_of(model) == kept["digest"]:
                return replace(model, notes=tuple(kept["notes"])), kept["digest"]
        except (OSError, ValueError, FpgaSqueezeError):
            pass
        with threadpool_limits(1, user_api="blas"):
            model, _ = quantized(self.options.model, options, None)
        digest = digest_of(model)
        write_qdq(model, path)
        write_whole(
            note, lambda file: file.write(json.dumps({"digest": digest, "notes": model.notes}).encode())
        )
        return model, digest

    def design_options(self, point: Point) -> DesignOptions:
        """``point`` as options of a design."""
        return DesignOptions(
            device=point.device,
            room=self.options.room,
            clock_mhz=point.clock_mhz,
            products_per_dsp=point.products,
            weights=point.weights,
            quantize=self.quantize_options(point),
        )

    def make(self, point: Point) -> Made:
        """The design of ``point``, in full; raises DoesNotFitError or FpgaSqueezeError where there is none."""
        options = self.design_options(point)
        model, digest = self.quantised(options.quantize)
        plan = options.plan(model)
        return Made(model, plan, options.estimate(plan, schedule(plan)), digest)

    # ------------------------------------------------------------------------------------ a trial

    def evaluate(self, trial: Any, promising: Promising) -> Outcome:
        """:class:`.study.Work`: quantise, plan, and judge if it fits, on some images first."""
        point = self.space.draw(trial)
        options = self.design_options(point)
        early = [one for one in (self.weights_alone(point), self.pruned_alone(options.quantize)) if one]
        facts = {"design": point.describe(1.0), "clock": str(self._clock(point))}
        if early:
            return self._short(early, {}, 0, facts)
        model, digest = self.quantised(options.quantize)
        key = value_key(
            (digest, point.device, point.clock_mhz, point.products, point.weights, self.options.room)
        )
        planned = self.cache.json("plan", key, lambda: self._planned(options, model))
        kept = _nonzero(model) / _nonzero(self.float_model)
        facts |= {
            "design": point.describe(min(1.0, round(kept, 3))),
            "clock": planned["clock"],
            "digest": digest,
        }
        numbers, limits = planned["numbers"], self.options.limits
        early = [(tuple(planned["reasons"]), planned["excess"]), beyond(numbers, limits)]
        early = [one for one in early if one[0]]
        if early and not self._limits_accuracy:
            return self._short(early, numbers, 0, facts)
        judge = Judge(model, digest, self.judged, self.cache, self.threads)
        total = len(self.judged.pixels)
        seen = min(SUBSET, total)
        while True:
            measured = self.judged.counts(judge.classes(seen))
            best = hoped(measured, seen, total)
            if beyond(best, limits)[0]:
                early.append(beyond(measured, limits))
            if early:
                return self._short(early, numbers | measured, seen, facts)
            if seen == total:
                return Outcome(numbers | measured, complete=True, images=seen, facts=facts)
            if not promising(numbers | best):
                return Outcome(numbers | measured, complete=False, images=seen, facts=facts)
            seen = min(GROWTH * seen, total)

    def _short(
        self, short: Sequence[Short], numbers: Numbers, seen: int, facts: Mapping[str, Any]
    ) -> Outcome:
        """What does not fit, or is beyond limits: all that is known to be amiss adds up, so that a sampler does not
        take what was not looked at for good."""
        reasons = tuple(reason for one, _ in short for reason in one)
        complete = seen == len(self.judged.pixels)
        return Outcome(numbers, reasons, sum(excess for _, excess in short), complete, seen, facts)

    @property
    def _limits_accuracy(self) -> bool:
        return any(KNOWN[name].accuracy for name in self.options.limits)

    def weights_alone(self, point: Point) -> Short | None:
        """Why dense weights are too large for any block RAM of the device, which needs no quantiser; None: they may
        fit. Engines store their layers at the width of the widest: this is the least that they take."""
        device = find_device(point.device)
        if point.weights != "dense":
            return None
        bits = sum(
            conv.weight.size * point.layer_weight_bits.get(conv.name, point.weight_bits)
            for conv in self.float_model.convs
        )
        room = self.options.room.of(device).ramb36 * RAMB36_BITS
        if bits <= room:
            return None
        reason = f"dense weights alone take {bits:,} bits of block RAM, {device.name} has room for {room:,}"
        return (reason,), bits / max(room, 1) - 1

    def pruned_alone(self, options: QuantizeOptions) -> Short | None:
        """Why a float network is surely beyond a limit of accuracy once it is pruned, which integers do not mend; None:
        it may be within, or nothing is pruned.

        Where hardly any class is right, how unlikely the right ones are still tells which network is nearer.
        """
        seen = min(PRUNED, len(self.judged.pixels))
        if not options.densities or not self._limits_accuracy:
            return None

        key = value_key((self._model_key, self.judged.key, options.preprocess, seen, options.densities))
        found = self.cache.json(
            "pruned float",
            key,
            lambda: pruned_classes(
                self.float_model,
                options.densities,
                self.judged.pixels[:seen],
                self.judged.wanted[:seen],
                options.preprocess,
            ),
        )
        measured = self.judged.counts(np.array(found["classes"], dtype=np.int64))
        if not beyond(hoped(measured, seen, len(self.judged.pixels)), self.options.limits)[0]:
            return None
        reasons, far = beyond(measured, self.options.limits)
        return tuple(f"pruned, not yet quantised: {one}" for one in reasons), far + found["unlikely"]

    def _clock(self, point: Point) -> Clock:
        return DesignOptions(device=point.device, clock_mhz=point.clock_mhz).clock(find_device(point.device))

    def _planned(self, options: DesignOptions, model: QModel) -> dict[str, Any]:
        """Numbers of the plan, or why there is none, ready for JSON."""
        clock = options.clock(options.target)
        try:
            plan = options.plan(model)
        except DoesNotFitError as error:
            return {"numbers": {}, "reasons": [str(error)], "excess": 1.0, "clock": str(clock)}
        made = options.estimate(plan, schedule(plan))
        return {
            "numbers": numbers_of(made),
            "reasons": [str(one) for one in made.short],
            "excess": excess_of(made),
            "clock": str(clock),
        }


def _nonzero(model: FloatModel | QModel) -> int:
    return sum(int(np.count_nonzero(conv.weight)) for conv in model.convs)


def excess_of(made: Estimate) -> float:
    """How far a plan is from fitting, relative to what there is; 0: it fits."""
    return max((one.missing / max(one.available, 1.0) for one in made.short), default=0.0)


def numbers_of(made: Estimate) -> dict[str, float]:
    """The numbers of a plan that are objectives."""
    return {
        "fps": made.fps,
        "bram36": made.bram36,
        "luts": made.luts,
        "dsp": made.dsp,
        "cycles": made.cycles_per_frame,
        "latency_ms": made.latency_ms,
        "weight_bits": made.weight_bits,
    }


def digest_of(model: QModel) -> str:
    """Key of the integers of a network: what golden computes with, and nothing else."""
    return value_key((model.input, model.layers, model.pixels if model.pixels is not None else 0))


def options_from_json(text: str) -> ExploreOptions:
    """The inverse of :meth:`ExploreOptions.to_json`."""
    given = json.loads(text)
    asked = given["quantize"]
    pre, shape = asked["preprocess"], asked["input_shape"]
    asked["preprocess"] = Preprocess(tuple(pre["mean"]), tuple(pre["std"]), pre["bgr"])
    asked["input_shape"] = Shape(**shape) if shape else None
    given |= {name: tuple(given[name]) for name in ("devices", "objectives", "clocks")}
    return ExploreOptions(
        **given
        | {
            "quantize": QuantizeOptions(**asked),
            "room": Room.from_json(given["room"]),
        }
    )
