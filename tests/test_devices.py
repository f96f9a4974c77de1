"""The device catalogue and its lookup."""

from __future__ import annotations

import pytest

from fpga_squeeze.device.catalogue import DEFAULT_DEVICE, DEVICES, Device, find_device
from fpga_squeeze.device.clock import Clock
from fpga_squeeze.errors import FpgaSqueezeError

ZYNQ = ["XC7Z010", "XC7Z020", "XC7Z030", "XC7Z045", "ZU3EG", "ZU5EV", "ZU7EV", "ZU9EG"]
ARTIX = ["XC7A35T", "XC7A100T", "XC7A200T"]


@pytest.mark.parametrize("name", [*ZYNQ, *ARTIX])
def test_finds_names_in_any_case(name: str) -> None:
    assert find_device(name) is find_device(name.lower()) is find_device(f" {name} ")
    assert find_device(name).name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("KV260", "K26"),
        ("pynq-z2", "XC7Z020"),
        ("ZC706", "XC7Z045"),
        ("zcu 102", "ZU9EG"),
        ("xczu9eg", "ZU9EG"),
        ("xc7z020clg484-1", "XC7Z020"),
        ("xczu7ev-ffvf1517-1-i", "ZU7EV"),
        ("7a100t", "XC7A100T"),
        ("XCZU5EV-SFVC784-1-E", "ZU5EV"),
    ],
)
def test_finds_boards_and_part_numbers(text: str, name: str) -> None:
    assert find_device(text).name == name


@pytest.mark.parametrize("name", ["XC7Z021", "", "zu", "virtex", "xc7z0200", "xc7z020clg"])
def test_unknown_device_lists_the_known(name: str) -> None:
    with pytest.raises(FpgaSqueezeError, match=r"unknown device .*XC7Z020.*ZU9EG"):
        find_device(name)


def test_default_device_is_known() -> None:
    assert find_device(DEFAULT_DEVICE) in DEVICES


def test_every_spelling_is_unique() -> None:
    spellings = [text.lower() for d in DEVICES for text in (d.name, d.part, *d.aliases)]
    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_numbers_are_plausible(device: Device) -> None:
    assert 0 < device.lut_memory < device.luts
    assert device.ramb36 > 0
    assert device.dsp > 0
    assert device.source.startswith("DS")
    assert device.planned_clock in (Clock(100.0, "planned"), Clock(200.0, "planned"))


def test_kria_holds_a_zu5ev() -> None:
    som, chip = find_device("KV260"), find_device("ZU5EV")
    assert (som.ramb36, som.dsp, som.luts, som.uram) == (chip.ramb36, chip.dsp, chip.luts, chip.uram)
