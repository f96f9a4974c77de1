"""What an HLS tool gets: one kernel under a top of its own, or the whole design, with our bench and golden's words."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ...datasets.images import ImageArray
from ...emit.hls import BAMBU_FIFOS, port_names
from ...emit.hls_dialect import Dialect, top_pragmas
from ...emit.render import write
from ...emit.words import write_test_data
from ...errors import FpgaSqueezeError
from ...network.golden import run as run_golden
from ...paths import resource_dir
from ...planning.engine import EnginePlan
from ...planning.plan import KernelPlan, Plan
from ...planning.streams import Stream, frame_beats
from ...planning.weight_memories import SYMBOL_QUEUE, CompressedWeights

WHOLE = "fsq_top"
"""Name of the whole design, images in and logits out."""
LOGITS = "logits"
"""Name of the stage that sends the last kernel's words as beats."""
BENCH = "fsq_hls_bench.cpp"
"""Our bench beside the sources: what starts with fsq_ is the name of no kernel."""
KERNEL_TOP = "fsq_kernel_top"


@dataclass(frozen=True)
class Port:
    """A stream port: its name and C++ type, bits of a word and words per frame; a beat is one of AXI4-Stream.

    file  name of the file of its words
    """

    name: str
    type: str
    bits: int
    words: int
    file: str
    is_beat: bool = False


@dataclass(frozen=True)
class OutPort(Port):
    """A port and the tensor that comes out of it, in groups of ``rows`` rows, with pixels of ``pixel_bits`` bits."""

    stream: str = ""
    channels: int = 1
    height: int = 1
    width: int = 1
    rows: int = 1
    pixel_bits: int = 1
    is_signed: bool = False

    @property
    def values(self) -> int:
        """Pixels per frame."""
        return self.words * self.width


@dataclass(frozen=True)
class Top:
    """A function that a tool turns into RTL.

    name        kernel, LOGITS or WHOLE
    function    the C++ function; call is what it calls, and sources are the generated files that it needs
    feed_depth  FIFO of the terms in front of an engine with compressed weights, else None
    """

    name: str
    function: str
    call: str
    sources: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[OutPort, ...]
    feed_depth: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.name == WHOLE

    @property
    def ports(self) -> tuple[Port, ...]:
        """All, in the order of the function's parameters."""
        return (*self.inputs, *self.outputs)

    @property
    def frame_words(self) -> int:
        """Words that come out per frame."""
        return sum(port.words for port in self.outputs)

    @property
    def frame_values(self) -> int:
        """Pixels that come out per frame."""
        return sum(port.values for port in self.outputs)


def _beats_in(plan: Plan) -> Port:
    return Port("in", "fsq_beat_in", 64, frame_beats(plan.model.input.shape.size), "images.bin", True)


def _words_in(stream: Stream, name: str) -> Port:
    return Port(name, f"{stream.name}_word", stream.word_bits, stream.words, f"{stream.name}.bin")


def _words_out(stream: Stream, name: str) -> OutPort:
    shape = stream.type.shape
    return OutPort(
        name,
        f"{stream.name}_word",
        stream.word_bits,
        stream.words,
        f"{stream.name}.bin",
        stream=stream.name,
        channels=shape.channels,
        height=shape.height,
        width=shape.width,
        rows=stream.rows,
        pixel_bits=stream.type.bits,
        is_signed=stream.type.signed,
    )


def _kernel_top(plan: Plan, kernel: KernelPlan) -> Top:
    inputs, outputs = kernel.inputs, kernel.outputs
    fed = isinstance(kernel, EnginePlan) and isinstance(kernel.weights, CompressedWeights)
    words = [_words_in(s, name) for s, name in zip(inputs, port_names("in", len(inputs)), strict=True)]
    return Top(
        name=kernel.name,
        function=KERNEL_TOP,
        call=f"kernels::{kernel.name}_kernel",
        sources=(f"{kernel.name}.cpp",),
        inputs=tuple(words) or (_beats_in(plan),),
        outputs=tuple(
            _words_out(s, name) for s, name in zip(outputs, port_names("out", len(outputs)), strict=True)
        ),
        feed_depth=SYMBOL_QUEUE if fed else None,
    )


def _logits_top(plan: Plan, whole: bool) -> Top:
    classes = plan.model.output.shape.channels
    return Top(
        name=WHOLE if whole else LOGITS,
        function="fsq_top" if whole else KERNEL_TOP,
        call="fsq_top" if whole else "output",
        sources=(*(f"{k.name}.cpp" for k in plan.kernels), "fsq_top.cpp") if whole else (),
        inputs=(_beats_in(plan) if whole else _words_in(plan.output, "in"),),
        outputs=(
            OutPort(
                "out",
                "fsq_beat_out",
                32,
                classes,
                "logits.bin",
                True,
                stream=LOGITS,
                channels=classes,
                pixel_bits=32,
                is_signed=plan.output.type.signed,
            ),
        ),
    )


def all_tops(plan: Plan) -> list[Top]:
    """A top per kernel in the order of the plan, and the stage that sends the logits."""
    return [*(_kernel_top(plan, kernel) for kernel in plan.kernels), _logits_top(plan, False)]


def find_tops(plan: Plan, name: str | None) -> list[Top]:
    """The top called ``name``, WHOLE for the whole design; None: all kernels one by one. Raises FpgaSqueezeError."""
    tops = all_tops(plan)
    if name is None:
        return tops
    found = [top for top in [*tops, _logits_top(plan, True)] if top.name == name]
    if not found:
        names = ", ".join(top.name for top in tops)
        raise FpgaSqueezeError(
            f"no kernel {name!r} here; choose one of {names}, or {WHOLE} for the whole design"
        )
    return found


def write_sources(top: Top, hls: Path, dialect: Dialect, folder: Path) -> list[Path]:
    """Copy what ``top`` needs of the HLS C++ in ``hls`` into ``folder``, with its own file and our bench.

    Returns the design's C++ files; the bench is ``folder / BENCH``. One flat folder: tools that build the sources again
    for their simulation take nothing else.
    """
    folder.mkdir(parents=True)
    for header in sorted(hls.glob("*.hpp")):
        shutil.copyfile(header, folder / header.name)
    if top.is_whole and (hls / BAMBU_FIFOS).is_file():
        shutil.copyfile(hls / BAMBU_FIFOS, folder / BAMBU_FIFOS)
    files = [folder / name for name in top.sources]
    for file in files:
        shutil.copyfile(hls / file.name, file)
    ports = {port.name: port.words for port in top.ports}
    context: dict[str, object] = {"top": top, "pragmas": top_pragmas(dialect, ports)}
    if not top.is_whole:
        files.append(folder / f"{top.function}.cpp")
        write(files[-1], "verify/kernel_top.cpp.j2", context)
    write(folder / "fsq_bench_top.hpp", "verify/fsq_bench_top.hpp.j2", context)
    shutil.copyfile(resource_dir("sim") / BENCH.removeprefix("fsq_"), folder / BENCH)
    return files


def write_words(plan: Plan, images: ImageArray, folder: Path) -> None:
    """Write the words of every stream for ``images``, and the logits, as golden has them."""
    write_test_data(plan, run_golden(plan.model, images), images, folder)
    assert frame_beats(images[0].size) == _beats_in(plan).words
