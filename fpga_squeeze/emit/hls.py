"""HLS C++ from a plan: parameters, weights and wiring; the kernels themselves are the headers in templates/hls."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.fixed_point import index_bits
from ..paths import resource_dir, source_files
from ..planning.engine import EnginePlan
from ..planning.kinds.fork import ForkPlan
from ..planning.kinds.image import InputPlan
from ..planning.plan import KernelPlan, Plan
from ..planning.streams import Stream, frame_beats
from .hls_dialect import DIALECTS, Dialect, top_pragmas
from .hls_engine import SETTLE, describe, engine_context
from .hls_fifos import Fifo, fifos
from .hls_memory import Context
from .hls_weights import widest_weights
from .render import write

DEFAULT_PART = "xc7z020clg400-1"
MAX_WORD_BITS = 1 << 15
"""Widest integer of the vendor's ap_int."""
BAMBU_FIFOS = "fsq_fifos.xml"
"""File for Bambu beside the sources of a graph: it takes no depth of a stream from a pragma."""
BEATS_IN, BEATS_OUT = "s_axis", "m_axis"
"""Ports of the top level."""


def _kernel(kernel: KernelPlan) -> Context:
    if isinstance(kernel, EnginePlan):
        return engine_context(kernel)
    told = kernel.hls
    return {"template": told.template, "title": told.title, "constants": told.constants, **told.tables}


def port_names(name: str, count: int) -> list[str]:
    """Parameters of a kernel's function for its ``count`` inputs or outputs."""
    return [name] if count == 1 else [f"{name}{number}" for number in range(count)]


def _wiring(kernel: KernelPlan, fed: bool) -> Context:
    """Ports of a kernel's function: their types, their names, and what they are called with; outputs come last."""
    ports = [(f"{kernel.name}_term", "terms", f"{kernel.name}_terms")] if fed else []
    if isinstance(kernel, InputPlan):
        ports.append(("fsq_beat_in", "in", BEATS_IN))
    for name, streams in (("in", kernel.inputs), ("out", kernel.outputs)):
        for port, stream in zip(port_names(name, len(streams)), streams, strict=True):
            ports.append((f"{stream.name}_word", port, f"{stream.name}_rows"))
    return {
        "ports": [{"type": type_, "name": name} for type_, name, _ in ports],
        "arguments": [argument for _, _, argument in ports],
    }


def _stream(stream: Stream, number: int, fifo: Fifo) -> Context:
    return {
        "name": stream.name,
        "number": number,
        "word_bits": stream.word_bits,
        "words": stream.words,
        "depth": fifo.depth,
        "style": fifo.style,
        "text": describe(stream.type),
    }


def _contexts(plan: Plan) -> list[Context]:
    """All kernels in order, each with the streams that it fills."""
    depths: Mapping[str, Fifo] = fifos(plan)
    kernels: list[Context] = []
    number = 0
    for kernel in plan.kernels:
        context: Context = {"feed": None} | _kernel(kernel) | {"name": kernel.name}
        context |= _wiring(kernel, context["feed"] is not None)
        context["streams"] = [
            _stream(stream, number + i, depths[stream.name]) for i, stream in enumerate(kernel.outputs)
        ]
        number += len(kernel.outputs)
        kernels.append(context)
    return kernels


def _widest(plan: Plan) -> int:
    """Bits of the widest integer of the C++: a row word, or what the weights need."""
    widest = max([s.word_bits for s in plan.streams] + [widest_weights(e) for e in plan.engines])
    if widest > MAX_WORD_BITS:
        raise FpgaSqueezeError(
            f"HLS C++ holds integers of at most {MAX_WORD_BITS} bits; this design needs {widest}: "
            "use a smaller image or fewer channels at once"
        )
    return -(-widest // 1024) * 1024


def emit_hls(
    plan: Plan,
    folder: Path,
    header: Context,
    dialect: Dialect = "vitis",
    part: str = DEFAULT_PART,
    clock_mhz: float = 100.0,
) -> None:
    """Write the HLS C++ of ``plan`` into ``folder``: kernels, top level, tool script, and a test bench in ``tb/``.

    ``header`` has ``line`` and ``plan``, which stand at the head of every generated file. ``dialect`` is the HLS tool
    that is to read it. Raises FpgaSqueezeError where C++ integers cannot hold a row word of the plan.
    """
    max_bits = _widest(plan)
    (folder / "tb").mkdir(parents=True, exist_ok=True)
    headers = source_files("hls")
    for other in DIALECTS:
        pragmas = headers.pop(f"fsq_pragmas_{other}.hpp")
        if other == dialect:
            headers["fsq_pragmas.hpp"] = pragmas
    for name, file in headers.items():
        shutil.copyfile(file, folder / name)
    shutil.copyfile(resource_dir("sim") / "csim_main.cpp", folder / "tb" / "csim_main.cpp")

    kernels = _contexts(plan)
    for context in kernels:
        write(
            folder / f"{context['name']}.cpp",
            f"hls/{context['template']}.cpp.j2",
            {"header": header, "kernel": context},
        )
    output = plan.output.type
    beats = frame_beats(plan.model.input.shape.size)
    top: Context = {
        "header": header,
        "kernels": kernels,
        "result": plan.output.name,
        "frame_beats": beats,
        "classes": output.shape.channels,
        "logit_bits": output.bits,
        "logit_signed": str(output.signed).lower(),
        "max_bits": max_bits,
        "settle": SETTLE,
        "pragmas": top_pragmas(dialect, {BEATS_IN: beats, BEATS_OUT: output.shape.channels}),
        "part": part,
        "period_ns": f"{1000 / clock_mhz:.3f}",
        "fifo_bits": max(index_bits(stream["depth"]) for kernel in kernels for stream in kernel["streams"]),
        "files": [f"{k['name']}.cpp" for k in kernels] + ["fsq_top.cpp"],
    }
    write(folder / "fsq_widths.hpp", "hls/fsq_widths.hpp.j2", top)
    write(folder / "fsq_top.hpp", "hls/fsq_top.hpp.j2", top)
    write(folder / "fsq_top.cpp", "hls/fsq_top.cpp.j2", top)
    write(folder / "tb" / "fsq_streams.hpp", "hls/fsq_streams.hpp.j2", top)
    match dialect:
        case "vitis":
            write(folder / "run_hls.tcl", "hls/run_hls.tcl.j2", top)
        case "bambu":
            if any(isinstance(kernel, ForkPlan) for kernel in plan.kernels):
                write(folder / BAMBU_FIFOS, "hls/fsq_fifos.xml.j2", top)
        case _:
            assert_never(dialect)
