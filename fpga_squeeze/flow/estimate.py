"""What a design costs, planned for a model or a project's own: its clock, and a way out where it does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..device.catalogue import Device
from ..device.clock import Clock
from ..errors import DoesNotFitError
from ..planning.cost.estimate import Estimate
from ..planning.cost.estimate import estimate as estimate_plan
from ..planning.timing import schedule
from ..project.project import MODEL, Project, load_project
from ..verify.timing.kept import kept_clock
from .design import Design, DesignOptions, Source, design
from .sources import DEFAULTS, OnStep, Target
from .ways import find_way


def _planned(source: Source, options: DesignOptions) -> tuple[Design, Estimate]:
    """The design for a model and what it costs, whether it fits or not.

    DoesNotFitError, where one lane per engine is too many, has a way out if there is one.
    """
    clock = options.clock(options.target)
    try:
        made = design(source, options)
    except DoesNotFitError as error:
        raise DoesNotFitError(str(error), find_way(source, options, [options])) from error
    return made, estimate_plan(made.plan, options.target, clock, made.schedule, options.kept_room)


def fitting(source: Source, options: DesignOptions) -> tuple[Design, Estimate]:
    """The design for a model and what it costs; raises DoesNotFitError, with a way out if there is one."""
    made, numbers = _planned(source, options)
    if numbers.short:
        raise DoesNotFitError(
            f"{made.loaded.model.name} does not fit {numbers.device}: {'; '.join(map(str, numbers.short))}",
            find_way(source, options, [options]),
        )
    return made, numbers


def estimate_design(target: Target, options: DesignOptions, on_step: OnStep | None) -> Estimate:
    """:func:`fpga_squeeze.api.estimate`."""
    if target is not None and Path(target).is_dir():
        return _estimate_project(load_project(target), options, on_step)
    source = Source(target, options.quantize, on_step)
    made, numbers = _planned(source, options)
    way = find_way(source, options, [options]) if numbers.short else None
    return replace(numbers, fits_with=way, notes=(*made.loaded.model.notes, *made.notes))


def _estimate_project(project: Project, options: DesignOptions, on_step: OnStep | None) -> Estimate:
    """What is there is held against all that routes unless a room is given; a new plan keeps to the project's."""
    at = project.device if options.device is None else options.target
    room, clock = options.room or project.manifest.room.whole, project_clock(project, at, options)
    plan = project.plan
    if options.plans_anew:
        room = options.room or project.manifest.room
        plan = replace(options, room=room).replan(project.plan, at)
    numbers = estimate_plan(plan, at, clock, schedule(plan), room)
    if at is None or not numbers.short:
        return numbers
    source, again = _again(project, at, options, on_step)
    way = find_way(source, again)
    if way:  # what the project has and a design does not have by itself has to be asked for
        weights, products = way.weights or again.weights, way.products_per_dsp or again.products_per_dsp
        way = replace(
            way,
            weights=None if weights == (options.weights or "dense") else weights,
            products_per_dsp=None if products == (options.products_per_dsp or 1) else products,
        )
    return replace(numbers, fits_with=way)


def _again(
    project: Project, at: Device, options: DesignOptions, on_step: OnStep | None
) -> tuple[Source, DesignOptions]:
    """The model of a project, and options to plan it on another device as it was planned."""
    formats = {engine.weights.format for engine in project.plan.engines}
    products = project.plan.products_per_dsp
    again = replace(
        options,
        device=at,
        weights=options.weights or (formats.pop() if len(formats) == 1 else "auto"),
        products_per_dsp=options.products_per_dsp or products,
        quantize=DEFAULTS,
    )
    return Source(project.path / MODEL, DEFAULTS, on_step), again


def project_clock(project: Project, at: Device | None, options: DesignOptions) -> Clock:
    """The clock asked for, now or when the project was made; else the routed or estimated one, if it is slower or none
    was asked for."""
    if options.clock_mhz is not None:
        return options.clock(at)
    given = project.manifest.clock if at == project.device else options.clock(at)
    found = None if options.plans_anew else kept_clock(project, at)
    if found is None or (given.origin == "asked for" and given.mhz <= found.mhz):
        return given
    return found
