"""SystemVerilog from a plan: parameters and wiring; the kernels themselves are the files in templates/rtl."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..paths import resource_dir, source_files
from ..planning.constants import Vector
from ..planning.engine import EnginePlan
from ..planning.plan import KernelPlan, Plan
from ..planning.shell import ShellPlan
from ..planning.streams import Stream
from .contents import term_fields
from .parameters import NUMBER, Parameters, constant, packed, table_context, weights_context
from .render import write
from .rtl_engine import engine_parameters
from .shell import shell_context


def kernel_module(kernel: KernelPlan) -> tuple[str, Parameters]:
    """RTL module of a kernel and the parameters of its instance."""
    if isinstance(kernel, EnginePlan):
        return "fsq_engine", engine_parameters(kernel)
    return kernel.rtl.module, {name: _parameter(value) for name, value in kernel.rtl.parameters.items()}


def _parameter(value: int | Vector) -> int | str:
    """A parameter as SystemVerilog writes it."""
    if isinstance(value, int):
        return value
    return packed(value.values) if value.width == NUMBER else constant(value.values, value.width)


def _order(engine: EnginePlan) -> str:
    """The stages of a frame in the order of work, a character for each: cosim_main.cpp counts them from '0' on."""
    return "".join(chr(ord("0") + stage) for stage, _ in engine.order())


def _ports(streams: Sequence[Stream]) -> dict[str, str]:
    """What the ports of a side of a kernel are connected to: the wires of its streams, the first in the low bits."""
    wires = {}
    for end in ("valid", "ready", "data"):
        names = [f"{stream.name}_{end}" for stream in reversed(streams)]
        wires[end] = names[0] if len(names) == 1 else "{" + ", ".join(names) + "}"
    return wires


def emit_rtl(plan: Plan, folder: Path, header: dict[str, object], shell: ShellPlan | None = None) -> None:
    """Write the RTL of ``plan`` into ``folder``: kernel modules, parameter memories, top levels, cosimulation top.

    With ``shell`` the kernels stand in ``fsq_system``, which cosimulation then runs, else alone in ``fsq_top``.
    """
    params = folder / "params"
    params.mkdir(parents=True, exist_ok=True)
    for name, file in source_files("rtl").items():
        if file.parent.name == "shell" and shell is None:
            continue
        shutil.copyfile(file, folder / name)
    shutil.copyfile(resource_dir("templates") / "rtl" / "lint_waivers.vlt", folder / "lint_waivers.vlt")
    kernels = []
    for kernel in plan.kernels:
        module, parameters = kernel_module(kernel)
        kernels.append(
            {
                "name": kernel.name,
                "module": module,
                "parameters": parameters,
                "engine": isinstance(kernel, EnginePlan),
                "in": _ports(kernel.inputs) if kernel.inputs else None,
                "out": _ports(kernel.outputs),
                "type": kernel.outputs[0].type,
            }
        )
        if isinstance(kernel, EnginePlan):
            weights = weights_context(kernel, params)
            table = table_context(kernel, params)
            kernels[-1] |= {
                "table": table,
                "table_addr_w": parameters["OUT_W"],
                "unit_w": kernel.folding.channels * kernel.weight_bits,
                "term_bits": sum(bits for _, bits in term_fields(kernel, window=True)),
                "channels": kernel.folding.channels,
                "weight_bits": kernel.weight_bits,
                "stage_terms": [stage.size for stage in kernel.stages],
                "order": _order(kernel),
            }
            write(
                folder / f"{kernel.name}_params.sv",
                "rtl/params.sv.j2",
                {"header": header, "kernel": kernels[-1], "weights": weights, "table": table},
            )
    output = plan.output.type
    context = {
        "header": header,
        "kernels": kernels,
        "streams": plan.streams,
        "logits": _ports([plan.output]),
        "classes": output.shape.channels,
        "logit_bits": output.bits,
        "logit_signed": int(output.signed),
        "shell": shell_context(shell) if shell else None,
    }
    write(folder / "fsq_top.sv", "rtl/top.sv.j2", context)
    if shell:
        write(folder / "fsq_system.sv", "rtl/system.sv.j2", context)
    write(folder / "fsq_cosim_top.sv", "rtl/cosim_top.sv.j2", context)
    write(folder / "fsq_taps.h", "rtl/taps.h.j2", context)
    files = sorted(p.name for p in folder.glob("*.sv") if p.name != "fsq_cosim_top.sv")
    (folder / "files.f").write_text("\n".join(files) + "\n", encoding="ascii")
