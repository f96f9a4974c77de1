"""What an HLS tool gets: one kernel under a top of its own, or the whole design, with our bench and golden's words."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ...datasets.images import ImageArray
from ...emit.hls_dialect import Dialect, top_pragmas
from ...emit.render import write
from ...emit.words import frame_beats, write_test_data
from ...errors import FpgaSqueezeError
from ...network.golden import run as run_golden
from ...paths import resource_dir
from ...planning.engine import EnginePlan
from ...planning.plan import KernelPlan, Plan
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
    """A stream port: its C++ type, bits of a word and words per frame; a beat is one of AXI4-Stream."""

    type: str
    bits: int
    words: int
    is_beat: bool = False


@dataclass(frozen=True)
class Top:
    """A function that a tool turns into RTL.

    name        kernel, LOGITS or WHOLE
    function    the C++ function; call is what it calls, and sources are the generated files that it needs
    feed_depth  FIFO of the terms in front of an engine with compressed weights, else None
    input_file, expected_file   names of the files of words; the tensor that comes out has ``channels``, ``height`` and
                ``width``, in groups of ``rows`` rows, with pixels of ``pixel_bits`` bits
    """

    name: str
    function: str
    call: str
    sources: tuple[str, ...]
    source: Port
    output: Port
    feed_depth: int | None
    input_file: str
    expected_file: str
    channels: int
    height: int
    width: int
    rows: int
    pixel_bits: int
    is_signed: bool

    @property
    def is_whole(self) -> bool:
        return self.name == WHOLE

    @property
    def frame_words(self) -> int:
        """Words that come out per frame."""
        return self.channels * self.height

    @property
    def frame_values(self) -> int:
        """Pixels that come out per frame."""
        return self.frame_words * self.width


def _beats_in(plan: Plan) -> Port:
    shape = plan.model.input.shape
    return Port("fsq_beat_in", 64, -(-shape.channels * shape.height * shape.width // 8), True)


def _words(kernel: KernelPlan) -> Port:
    stream = kernel.output
    return Port(f"{kernel.name}_word", stream.word_bits, stream.words)


def _kernel_top(plan: Plan, index: int) -> Top:
    kernel = plan.kernels[index]
    before = plan.kernels[index - 1] if index else None
    stream, shape = kernel.output, kernel.output.type.shape
    fed = isinstance(kernel, EnginePlan) and isinstance(kernel.weights, CompressedWeights)
    return Top(
        name=kernel.name,
        function=KERNEL_TOP,
        call=f"kernels::{kernel.name}_kernel",
        sources=(f"{kernel.name}.cpp",),
        source=_words(before) if before else _beats_in(plan),
        output=_words(kernel),
        feed_depth=SYMBOL_QUEUE if fed else None,
        input_file=f"{before.name}.bin" if before else "images.bin",
        expected_file=f"{kernel.name}.bin",
        channels=shape.channels,
        height=shape.height,
        width=shape.width,
        rows=stream.rows,
        pixel_bits=stream.type.bits,
        is_signed=stream.type.signed,
    )


def _logits_top(plan: Plan, whole: bool) -> Top:
    last = plan.kernels[-1]
    classes = plan.model.output.shape.channels
    return Top(
        name=WHOLE if whole else LOGITS,
        function="fsq_top" if whole else KERNEL_TOP,
        call="fsq_top" if whole else "output",
        sources=tuple(f"{k.name}.cpp" for k in plan.kernels) + ("fsq_top.cpp",) if whole else (),
        source=_beats_in(plan) if whole else _words(last),
        output=Port("fsq_beat_out", 32, classes, True),
        feed_depth=None,
        input_file="images.bin" if whole else f"{last.name}.bin",
        expected_file="logits.bin",
        channels=classes,
        height=1,
        width=1,
        rows=1,
        pixel_bits=32,
        is_signed=last.output.type.signed,
    )


def all_tops(plan: Plan) -> list[Top]:
    """A top per kernel in the order of the chain, and the stage that sends the logits."""
    return [*(_kernel_top(plan, i) for i in range(len(plan.kernels))), _logits_top(plan, False)]


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
    files = [folder / name for name in top.sources]
    for file in files:
        shutil.copyfile(hls / file.name, file)
    ports = {"in": top.source.words, "out": top.output.words}
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
    assert frame_beats(images) == _beats_in(plan).words
