"""A bench around one module of the RTL between streams, and times of words as its header promises them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import numpy.typing as npt

from fpga_squeeze.paths import resource_dir
from fpga_squeeze.verify.tools import compile_objects, find_compiler, find_verilator, link

Pixels = npt.NDArray[np.int64]
"""Row words, int64 [words, pixels]."""
Times = list[int]

RTL = resource_dir("templates") / "rtl"


@dataclass(frozen=True)
class Port:
    """A stream of row words: pixels of a word, bits of a pixel."""

    width: int
    bits: int
    signed: bool = False

    @property
    def word_bits(self) -> int:
        return self.width * self.bits

    def pack(self, words: Pixels) -> bytes:
        planes = ((words[:, :, None] >> np.arange(self.bits)) & 1).astype(np.uint8)
        return np.packbits(planes.reshape(len(words), -1), axis=1, bitorder="little").tobytes()

    def unpack(self, raw: bytes) -> Pixels:
        size = (self.word_bits + 7) // 8
        rows = np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)
        planes = np.unpackbits(rows, axis=1, bitorder="little")[:, : self.word_bits]
        planes = planes.reshape(len(rows), self.width, self.bits)
        pixels: Pixels = (planes.astype(np.int64) << np.arange(self.bits)).sum(axis=2)
        return pixels - ((pixels >> (self.bits - 1)) << self.bits) if self.signed else pixels

    def random(self, rng: np.random.Generator, words: int) -> Pixels:
        """Words, many of whose pixels are extreme."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        high = low + (1 << self.bits) - 1
        pixels = rng.integers(low, high + 1, (words, self.width))
        ends = rng.choice((low, high), (words, self.width))
        out: Pixels = np.where(rng.random((words, self.width)) < 0.2, ends, pixels)
        return out


@dataclass
class Run:
    """What a bench saw: words of every output, and the cycles in which words moved."""

    words: list[Pixels]
    taken: list[Times]
    sent: list[Times]


@dataclass
class Bench:
    """The program around one parameterisation of a module."""

    program: Path
    inputs: Sequence[Port]
    outputs: Sequence[Port]

    def run(
        self, words: Sequence[Pixels], counts: Sequence[int], seed: int = 0, source: int = 1, sink: int = 1
    ) -> Run:
        """``counts`` words are awaited at each output; see stream_bench.cpp for seed and periods."""
        folder = self.program.parent
        command = [str(self.program), str(seed), str(source), str(sink), str(len(self.inputs))]
        for i, (port, sent) in enumerate(zip(self.inputs, words, strict=True)):
            command.append(str(port.word_bits))
            (folder / f"in{i}.bin").write_bytes(port.pack(sent))
        command.append(str(len(self.outputs)))
        for port, count in zip(self.outputs, counts, strict=True):
            command += [str(port.word_bits), str(count)]
        done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

        def cycles(name: str) -> Times:
            return [int(t) for t in np.fromfile(folder / f"{name}_cycles.bin", dtype="<u8")]

        return Run(
            [port.unpack((folder / f"out{i}.bin").read_bytes()) for i, port in enumerate(self.outputs)],
            [cycles(f"in{i}") for i in range(len(self.inputs))],
            [cycles(f"out{i}") for i in range(len(self.outputs))],
        )


@cache
def _runtime() -> tuple[list[str], list[Path]]:
    """Compiler flags, and Verilator's own runtime, compiled once."""
    include = find_verilator().include_dir()
    flags = ["-std=gnu++17", "-O1", f"-I{include}", f"-I{include / 'vltstd'}"]
    sources = [include / "verilated.cpp", include / "verilated_threads.cpp"]
    return flags, compile_objects(find_compiler(), sources, flags, Path(mkdtemp()))


Edit = tuple[str, str, str]
"""File, old text, new text: a change that a test must see."""


def build_bench(
    folder: Path,
    module: str,
    parameters: Mapping[str, object],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    edit: Edit | None = None,
) -> Bench:
    """Build the bench of ``module``; with ``edit`` of a broken one."""
    flags, runtime = _runtime()
    folder.mkdir(parents=True)
    search = [part for path in sorted(RTL.iterdir()) if path.is_dir() for part in ("-y", str(path))]
    if edit:
        file, old, new = edit
        text = next(RTL.rglob(file)).read_text()
        assert text.count(old) == 1, f"{file} holds {text.count(old)} times {old!r}"
        (folder / file).write_text(text.replace(old, new))
        search = ["-y", ".", *search]
    source = module + ".sv"
    top = source if edit and edit[0] == source else str(next(RTL.rglob(source)))
    given = [f"-G{name}={value}" for name, value in parameters.items()]
    done = find_verilator().run(
        ["--cc", "-Wall", "--no-timing", "--top-module", module, *given, *search, top], folder
    )
    assert done.returncode == 0, done.stderr
    # one file, so that the headers are read once
    model = folder / "obj_dir"
    sources = [*sorted(model.glob("*.cpp")), Path(__file__).with_suffix(".cpp")]
    (folder / "all.cpp").write_text("".join(f'#include "{source}"\n' for source in sources))
    defines = [f"-DFSQ_TOP=V{module}", f'-DFSQ_HEADER="V{module}.h"', f"-I{model}"]
    objects = compile_objects(find_compiler(), [folder / "all.cpp"], [*flags, *defines], folder)
    link(find_compiler(), [*objects, *runtime], ("-pthread",), folder / "bench")
    return Bench(folder / "bench", inputs, outputs)


# ---------------------------------------------------------------------------- parameters, order of words


def packed(values: Sequence[int]) -> str:
    """Integers as a vector of 32 bits each, the first in the lowest."""
    return f"{32 * len(values)}'h{sum(v << (32 * i) for i, v in enumerate(values)):x}"


def fields(values: Sequence[int], bits: int) -> str:
    """Numbers of ``bits`` each as one constant, the first in the lowest bits."""
    return f"{bits * len(values)}'h{sum(v << (bits * i) for i, v in enumerate(values)):x}"


def order(channels: int, height: int, rows: int) -> list[tuple[int, int]]:
    """(channel, row) of the words of a frame in groups of ``rows`` rows."""
    return [
        (channel, row)
        for first in range(0, height, rows)
        for channel in range(channels)
        for row in range(first, min(first + rows, height))
    ]


# ------------------------------------------------------------------------------------------------- times


def _multiple(time: int, period: int) -> int:
    """The first multiple of ``period`` that is not before ``time``."""
    return -(-time // period) * period


@dataclass
class Source:
    """An input whose words are offered in multiples of ``period``."""

    period: int
    taken: Times = field(default_factory=list)

    @property
    def offers(self) -> int:
        """First cycle in which the next word is offered."""
        return _multiple(self.taken[-1] + 1 if self.taken else 0, self.period)


@dataclass
class Sink:
    """An output whose words are taken in multiples of ``period``."""

    period: int
    sent: Times = field(default_factory=list)

    def take(self, offered: int) -> int:
        """The cycle in which a word leaves that is there from ``offered`` on."""
        self.sent.append(_multiple(max(offered, self.sent[-1] + 1 if self.sent else 0), self.period))
        return self.sent[-1]


@dataclass
class Fifo(Sink):
    """fsq_fifo at an output: a word is seen, and its place free, one cycle later."""

    depth: int = 1

    @property
    def room(self) -> int:
        """First cycle in which the next word has a place."""
        return self.sent[-self.depth] + 1 if len(self.sent) >= self.depth else 0

    def push(self, time: int) -> None:
        self.take(time + 1)


@dataclass
class Stages:
    """Stages in front of a FIFO: a word leaves one after its cycles there, when the next one is empty; the last one
    when there is room."""

    fifo: Fifo
    count: int

    def __post_init__(self) -> None:
        self.free = [0] * self.count

    @property
    def idle(self) -> int:
        """First cycle in which a word can be taken."""
        return self.free[0]

    def enter(self, time: int, cycles: Sequence[int], sends: bool = True) -> None:
        """A word that is taken at ``time``, with the cycles that it spends in each stage; it may end early."""
        for stage, spent in enumerate(cycles):
            time += spent
            if stage + 1 < len(cycles):
                time = max(time, self.free[stage + 1])
            elif sends:
                time = max(time, self.fifo.room)
                self.fifo.push(time)
            self.free[stage] = time + 1


Model = Callable[[Sequence[Source], int], Sequence[Sink]]
"""Takes words from sources until they are used up, into sinks of a period."""


def check(
    bench: Bench,
    words: Sequence[Pixels],
    expected: Sequence[Pixels],
    model: Model,
    stalls: Sequence[int] = (1, 2, 3),
) -> None:
    """Words and the cycles in which they move; then the same words under stalls."""
    counts = [len(some) for some in expected]
    for source_period, sink_period in ((1, 1), (1, 5), (7, 1), (3, 2)):
        run = bench.run(words, counts, source=source_period, sink=sink_period)
        for i, want in enumerate(expected):
            assert np.array_equal(run.words[i], want), f"output {i}"
        sources = [Source(source_period) for _ in words]
        sinks = model(sources, sink_period)
        assert run.taken == [source.taken for source in sources]
        assert run.sent == [sink.sent for sink in sinks]
    for seed in stalls:
        run = bench.run(words, counts, seed=seed)
        for i, want in enumerate(expected):
            assert np.array_equal(run.words[i], want), f"stalls {seed}, output {i}"
