"""Memory that holds a plan back: fewer bits where that helps, advice where it does not, nothing behind one's back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fpga_squeeze.coding import terms
from fpga_squeeze.device.catalogue import Device, find_device
from fpga_squeeze.device.room import WHOLE_DEVICE
from fpga_squeeze.flow.design import Design, DesignOptions, Source, design
from fpga_squeeze.flow.sources import DEFAULTS, QuantizeOptions
from fpga_squeeze.planning.cost.placement import fits
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.planning.weight_memories import WeightFormat
from fpga_squeeze.quantization.budget import coded_size


def _device(ramb36: int, lut_memory: int) -> Device:
    return replace(find_device("xc7z020"), ramb36=ramb36, lut_memory=lut_memory)


def _digits(device: Device, weights: WeightFormat = "huffman", options: QuantizeOptions = DEFAULTS) -> Design:
    return design(
        Source(None, options),
        DesignOptions(device=device, room=WHOLE_DEVICE, weights=weights, quantize=options),
    )


def _size(made: Design) -> int:
    return sum(coded_size(conv.weight) for conv in made.loaded.model.convs)


LARGE = QuantizeOptions(weight_budget=10**9)
"""A budget that binds nothing."""


def test_nothing_is_rounded_where_memory_suffices() -> None:
    made = _digits(_device(16, 1800))
    assert made.notes == () and fits(made.plan, _device(16, 1800))


@pytest.mark.slow
@pytest.mark.parametrize(("ramb36", "lut_memory"), [(10, 1000), (9, 1800)])
def test_weights_are_rounded_where_it_helps(
    ramb36: int, lut_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is faster, and, with 9 block RAMs and codes that keep a few zeros more, where nothing fits without."""
    if ramb36 == 9:
        monkeypatch.setattr(terms, "KEPT_TERMS", 1.05)
    device = _device(ramb36, lut_memory)
    made, kept = _digits(device), _digits(device, options=LARGE)
    (note,) = made.notes
    assert note.startswith("weights were rounded to") and f"{made.schedule.cycles_per_frame:,} cycles" in note
    assert _size(made) < 0.9 * _size(kept)
    assert fits(made.plan, device) and made.schedule == schedule(made.plan)
    assert not fits(kept.plan, device) or made.schedule.cycles_per_frame < kept.schedule.cycles_per_frame


@pytest.mark.slow
def test_a_budget_of_ones_own_is_left_as_it_is() -> None:
    made = _digits(_device(16, 1000), options=LARGE)
    (note,) = made.notes
    assert note.startswith("the device's memory or LUTs hold the plan back") and "field weight_budget" in note


@pytest.mark.slow
def test_dense_weights_are_not_rounded() -> None:
    """Fewer bits make codes shorter, not plain numbers; the advice is another format."""
    made = _digits(_device(10, 1400), "dense")
    assert all("rounded" not in note for note in made.notes)
    assert made.notes == () or "field weights huffman" in made.notes[0]
