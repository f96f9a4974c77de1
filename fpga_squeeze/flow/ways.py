"""Where a design does not fit: what to ask for otherwise, tried until a plan does.

What costs least comes first: other formats of the weights, then another number of products per DSP slice, fewer
lanes, room given up, and last fewer coded bits, which cost accuracy. Every attempt is planned in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..device.catalogue import Device
from ..errors import DoesNotFitError, FpgaSqueezeError
from ..planning.cost.estimate import Way, shortages, used_by
from ..quantization.budget import coded_size
from .design import Design, DesignOptions, Source, design, holds

FEWER_LANES = 4
"""Part of the lanes to try: down to a quarter of the speed a search goes by itself."""
BUDGET_SHARES = (0.7, 0.55)
"""Shares of the coded bits to try, below the one that :mod:`.design` takes by itself (bench/README.md has what these
cost in accuracy)."""


def find_way(source: Source, options: DesignOptions, tried: Sequence[DesignOptions] = ()) -> Way | None:
    """The first change of ``options``, or none, with which the model fits their device; None where none does.

    ``tried``: what is known not to fit.
    """
    device, tried = options.target, list(tried)
    if device is None:
        return None
    for way in _ways(source, options, device):
        asked = options.going(way)
        if asked in tried:
            continue
        tried.append(asked)
        if source.on_step:
            source.on_step(f"does not fit; trying {way}")
        try:
            made = design(source, asked)
        except DoesNotFitError:
            continue
        except FpgaSqueezeError:  # streams that wait for each other
            continue
        if not shortages(used_by(made.plan), device, asked.kept_room):
            return _named(way, made)
    return None


def _ways(source: Source, options: DesignOptions, device: Device) -> Iterator[Way]:
    """What to try, in order."""
    lanes = options.lanes or device.dsp
    same = Way(lanes=device.dsp if lanes > device.dsp else None, without_foldings=bool(options.foldings))
    coded = replace(same, weights="huffman")
    other = 1 if options.products_per_dsp == 2 else 2
    yield from (same, coded, replace(same, weights="auto"))
    yield from (replace(one, products_per_dsp=other) for one in (same, coded))
    yield replace(
        same, weights="auto", products_per_dsp=1, lanes=max(1, min(lanes, device.dsp) // FEWER_LANES)
    )
    if lanes < device.dsp:
        yield from (replace(one, lanes=device.dsp) for one in (same, coded))
    yield from (replace(one, room=options.kept_room.whole) for one in (same, coded))
    loaded = source.loaded(options.quantize.weight_budget)
    if loaded.calibrated:
        size = sum(coded_size(conv.weight) for conv in loaded.model.convs)
        for share in BUDGET_SHARES:
            if holds(options.kept_room.of(device), int(share * size)):
                yield replace(coded, weight_budget=int(share * size))


def _named(way: Way, made: Design) -> Way:
    """``way`` with the format that ``auto`` came to, where all engines have the same."""
    formats = {engine.weights.format for engine in made.plan.engines}
    return replace(way, weights=formats.pop()) if way.weights == "auto" and len(formats) == 1 else way
