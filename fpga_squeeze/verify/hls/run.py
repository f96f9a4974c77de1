"""A project under an HLS tool: kernel by kernel or whole, the results typed and set beside our own RTL's."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from typing_extensions import assert_never

from ...datasets.images import ImageArray
from ...emit.hls_dialect import Dialect, find_dialect
from ...errors import FpgaSqueezeError
from ...planning.cost.estimate import Estimate
from ...project.project import Project
from ...project.results import RESULT, keep_result
from ..cache import locked
from ..synthesis import Resources, synthesise, totals
from .bambu import DEVICES, SCRIPTS, run_bambu
from .job import Job, OnStep
from .mapping import map_verilog
from .results import Area, HlsRun, KernelRun, Ours
from .tools import TOOL_NAMES, check_path, find_bambu, find_vitis
from .tops import WHOLE, Top, find_tops, write_sources, write_words
from .vitis import SOLUTION, run_vitis


def choose_tool(project: Project, wanted: str | None) -> Dialect:
    """The tool of the project's dialect; raises FpgaSqueezeError for another one."""
    dialect = project.manifest.dialect
    name = wanted or dialect
    if name not in TOOL_NAMES:
        raise FpgaSqueezeError(f"unknown HLS tool {name}; choose {' or '.join(TOOL_NAMES)}")
    if name != dialect:
        raise FpgaSqueezeError(
            f"{project.path}: its HLS C++ is for {TOOL_NAMES[dialect]}; generate it again with field dialect {name}"
        )
    return find_dialect(name)


def _find(tool: Dialect) -> None:
    """Raises FpgaSqueezeError where the tool is not there, before any work is done for it."""
    match tool:
        case "bambu":
            find_bambu()
        case "vitis":
            find_vitis()
        case _:
            assert_never(tool)


def _area(cells: Resources) -> Area:
    return Area(
        luts=cells.luts + cells.lut_memory,
        flip_flops=cells.flip_flops,
        dsp=cells.dsp,
        bram18=2 * cells.ramb36 + cells.ramb18,
        uram=cells.uram,
    )


def _ours(top: Top, numbers: Estimate, mapped: Mapping[str, Resources]) -> Ours:
    """Our RTL of the same kernel: planned cycles; cells as Yosys mapped them where that was done, else as estimated."""
    if top.name == WHOLE:
        total = sum(mapped.values(), Resources()) if mapped else None
        area = Area(
            luts=numbers.luts,
            dsp=numbers.dsp,
            bram18=2 * numbers.ramb36 + numbers.ramb18,
            uram=numbers.uram,
        )
        return Ours(numbers.latency_cycles, _area(total) if total else area)
    cells = mapped.get(top.name)
    for kernel in numbers.kernels:
        if kernel.name == top.name:
            luts = kernel.luts + kernel.lutram_luts + kernel.shift_luts
            area = Area(luts, None, kernel.dsp, 2 * kernel.ramb36 + kernel.ramb18, kernel.uram)
            return Ours(kernel.cycles, _area(cells) if cells else area)
    return Ours(top.frame_words, _area(cells) if cells else Area())


def _run_top(tool: Dialect, job: Job, ours: Ours) -> tuple[KernelRun, str]:
    """One top under the tool; also the tool's version."""
    match tool:
        case "bambu":
            bambu = run_bambu(job)
            return KernelRun(
                name=job.top.name,
                verdict=bambu.verdict,
                cycles=max(bambu.cycles),
                estimated=None,
                area=bambu.area,
                mapped=None,
                timing=None,
                loops=(),
                ours=ours,
                synthesis_seconds=round(bambu.synthesis_seconds, 1),
                simulation_seconds=round(bambu.simulation_seconds, 1),
                log=str(bambu.log),
            ), bambu.version
        case "vitis":
            vitis = run_vitis(job)
            latency = vitis.cosimulation.latency
            return KernelRun(
                name=job.top.name,
                verdict=vitis.verdict,
                cycles=latency[1] if latency else None,
                estimated=vitis.synthesis.latency,
                area=vitis.synthesis.area,
                mapped=None,
                timing=vitis.synthesis.timing,
                loops=vitis.loops,
                ours=ours,
                synthesis_seconds=round(vitis.synthesis_seconds, 1),
                simulation_seconds=round(vitis.simulation_seconds, 1),
                log=str(vitis.log),
            ), vitis.synthesis.version
        case _:
            assert_never(tool)


def _verilog(tool: Dialect, job: Job) -> tuple[list[Path], str]:
    """The Verilog that the tool wrote, in one folder with the contents of its memories, and the top module."""
    match tool:
        case "bambu":
            [script] = job.work.glob(SCRIPTS)
            return sorted(job.work.glob("*.v")), script.stem.removeprefix("simulate_")
        case "vitis":
            return sorted((job.work / SOLUTION / "syn" / "verilog").glob("*.v")), job.top.function
        case _:
            assert_never(tool)


def _device(tool: Dialect, project: Project) -> str:
    match tool:
        case "bambu":
            return DEVICES[project.device.family if project.device else "zynq-7000"]
        case "vitis":
            return project.manifest.part
        case _:
            assert_never(tool)


def verify_hls(
    project: Project,
    tool: str | None,
    kernel: str | None,
    images: ImageArray,
    with_yosys: bool = False,
    on_step: OnStep | None = None,
) -> HlsRun:
    """Run an HLS tool over every kernel, or over the one called ``kernel`` (WHOLE: the whole design), on ``images``.

    Works in ``build/hls/<tool>/<kernel>`` of the project, anew each time; the result is kept
    (:mod:`~...project.results`) once all has run, and an older one is removed before. ``with_yosys`` maps the Verilog
    of the tool and ours with Yosys. Raises FpgaSqueezeError where the tool is missing or fails.
    """
    name = choose_tool(project, tool)
    tops = find_tops(project.plan, kernel)
    build = project.build("hls") / name
    check_path(build)
    _find(name)
    kept = project.run("hls") / RESULT
    device = _device(name, project)
    clock_ns = 1000 / project.manifest.clock_mhz
    numbers = project.estimate()
    step = on_step or (lambda _text: None)
    family = project.device.family if project.device else "zynq-7000"
    parts = synthesise(project.rtl, project.build("synth"), family, on_step) if with_yosys else {}
    mapped = totals(parts)
    try:
        with locked(build):
            kept.unlink(missing_ok=True)
            words = build / "fsq_words"
            shutil.rmtree(words, ignore_errors=True)
            step("golden's words")
            write_words(project.plan, images, words)
            runs = []
            version = ""
            for top in tops:
                work = build / top.name
                shutil.rmtree(work, ignore_errors=True)
                files = write_sources(top, project.hls, name, work / "src")
                job = Job(top, work, tuple(files), words, len(images), device, clock_ns, step)
                run, version = _run_top(name, job, _ours(top, numbers, mapped))
                if with_yosys:
                    job.step("map with Yosys")
                    run = replace(run, mapped=_area(map_verilog(*_verilog(name, job), family)))
                runs.append(run)
            result = HlsRun(name, version, device, clock_ns, len(images), tuple(runs))
            given = {"tool": tool, "kernel": kernel, "frames": len(images), "yosys": with_yosys}
            keep_result(project, "hls", given, result.to_json())
    except OSError as error:
        raise FpgaSqueezeError(f"{error.filename or build}: {error.strerror or error}") from error
    return result
