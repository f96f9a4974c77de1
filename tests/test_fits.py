"""What of a device a design may take: ceilings, a shell's room, and a search that keeps to them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_cli import Capture, fails, works

from bench.networks import random_integers, squeezenet
from fpga_squeeze import api, zoo
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.room import DEFAULT_ROOM, NO_SHELL, WHOLE_DEVICE, Room, Shell
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.flow.design import DesignOptions
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.cost.estimate import Used, crowding, shortages, used_by
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search import frugal
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.project.project import load_project
from fpga_squeeze.verify.synthesis import Resources, Synthesis

ZYNQ = find_device("XC7Z020")


def _luts(luts: int) -> Used:
    return Used(bram36=10, uram=0, dsp=10, lut_memory=100, luts=luts)


def test_room_of_a_device() -> None:
    left = DEFAULT_ROOM.of(ZYNQ)
    assert (left.luts, left.ramb36) == (42_720, 137)  # 85 % of 53,200 less 2,500; 140 less 3
    assert replace(left, luts=ZYNQ.luts, ramb36=ZYNQ.ramb36) == ZYNQ
    assert WHOLE_DEVICE.of(ZYNQ) == replace(ZYNQ, luts=50_540)
    tiny = Room(10, Shell(9_999, 999)).of(ZYNQ)
    assert (tiny.luts, tiny.ramb36) == (0, 0)


@pytest.mark.parametrize(
    ("luts", "room", "short"),
    [
        (42_720, DEFAULT_ROOM, ""),
        (42_721, DEFAULT_ROOM, "80.3 % of the device's 53,200; 85 % less 2,500 for a shell are 42,720, short by 1"),
        (50_540, WHOLE_DEVICE, ""),
        (
            50_541,
            WHOLE_DEVICE,
            "95.0 % of the device's 53,200, which will not route; 95 % are 50,540, short by 1",
        ),
        (47_000, Room(88.5, NO_SHELL), ""),
        (60_000, Room(20, NO_SHELL), "112.8 % of the device's 53,200, which will not route; 20 % are 10,640, "
         "short by 49,360"),
    ],
)  # fmt: skip
def test_luts_beyond_the_ceiling(luts: int, room: Room, short: str) -> None:
    found = [str(one) for one in shortages(_luts(luts), ZYNQ, room)]
    assert found == ([f"LUTs: needs {luts:,}, {short}"] if short else [])


def test_block_ram_of_the_shell() -> None:
    assert shortages(replace(_luts(1), bram36=137), ZYNQ, DEFAULT_ROOM) == ()
    (short,) = shortages(replace(_luts(1), bram36=137.5), ZYNQ, DEFAULT_ROOM)
    assert str(short) == (
        "RAMB36 (a RAMB18 is half of one): needs 137.5, the device has 140 less 3 for a shell, short by 0.5"
    )
    assert shortages(replace(_luts(1), bram36=140), ZYNQ) == ()


@pytest.mark.parametrize(
    ("luts", "room", "share"),
    [(45_220, WHOLE_DEVICE, ""), (45_221, WHOLE_DEVICE, "85.0"), (50_540, WHOLE_DEVICE, "95.0"),
     (50_541, WHOLE_DEVICE, ""), (43_000, Room(95), "85.5")],
)  # fmt: skip
def test_warning_above_the_usual_ceiling(luts: int, room: Room, share: str) -> None:
    taken = luts + room.shell.luts
    text = f"LUTs: {taken:,} are {share} % of the device's 53,200; above 85 % a placer may not close timing"
    assert crowding(_luts(luts), ZYNQ, room) == ((text,) if share else ())


def test_synthesis_warns_and_refuses_as_the_estimate() -> None:
    numbers = api.estimate(options=DesignOptions(lanes=16))
    crowded, full = (Synthesis(numbers, {"image": Resources(luts=luts)}, ZYNQ) for luts in (46_000, 51_000))
    assert not crowded.short and "86.5 %" in crowded.warnings[0] and crowded.to_json()["fits"] is True
    assert not full.warnings and "will not route" in str(full.short[0]) and full.to_json()["fits"] is False


@pytest.mark.slow
def test_search_keeps_to_the_ceiling() -> None:
    """Where the fastest plan takes more LUTs than it may, a slower one is found that does not."""
    model = squeezenet("1.1", 64)
    device = find_device("XC7Z045")
    free = make_plan(model, 200, device, room=WHOLE_DEVICE)
    luts = used_by(free).luts
    ceiling = 100 * (luts - 1000) / device.luts
    kept = make_plan(model, 200, device, room=Room(ceiling, NO_SHELL))
    assert not shortages(used_by(kept), device, Room(ceiling, NO_SHELL))
    assert used_by(kept).luts <= luts - 1000 < luts
    assert schedule(kept).cycles_per_frame >= schedule(free).cycles_per_frame
    blocks = used_by(free).bram36
    beside = Room(95, Shell(0, device.ramb36 - int(blocks) + 1))
    assert used_by(make_plan(model, 200, device, room=beside)).bram36 < blocks


def test_hopeless_searches_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the slowest plans miss a device by far no faster one is tried; where they nearly fit, all are."""
    model, built = random_integers(zoo.squeezenet("1.1", 26, classes=20, width=8)), []

    def counted(*arguments: Any, **fields: Any) -> Plan:
        built.append(arguments)
        return build_plan(*arguments, **fields)

    monkeypatch.setattr(frugal, "build_plan", counted)
    small = replace(ZYNQ, luts=2000)
    short = make_plan(model, 60, small, room=WHOLE_DEVICE)
    assert 1 <= len(built) <= 4 and shortages(used_by(short), small)
    monkeypatch.setattr(frugal, "HOPELESS", 1e9)
    assert make_plan(model, 60, small, room=WHOLE_DEVICE) == short and len(built) > 6


def test_foldings_by_hand_may_take_all_that_routes() -> None:
    by_hand = {"conv1": Folding(1, 1, 1)}
    assert DesignOptions().kept_room == DEFAULT_ROOM
    assert DesignOptions(foldings=by_hand).kept_room == WHOLE_DEVICE
    assert DesignOptions(foldings=by_hand, room=Room(50)).kept_room == Room(50)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--lut-ceiling", 95.5), "--lut-ceiling 95.5: give a percentage above 0 and up to 95, above which"),
        (("--lut-ceiling", "nan"), "--lut-ceiling nan: give a percentage"),
        (("--shell", "2500"), "--shell 2500: give one of stream, dma, dma128, or LUTS,RAMB36, for example 2500,3"),
        (("--shell", "-1,3"), "--shell -1,3: give one of stream, dma, dma128, or LUTS,RAMB36"),
    ],
)  # fmt: skip
def test_rooms_that_are_none(capsys: Capture, arguments: tuple[object, ...], text: str) -> None:
    assert fails(capsys, 2, "estimate", *arguments).startswith(f"error: {text}")


def test_a_shell_below_nothing() -> None:
    with pytest.raises(FpgaSqueezeError, match=r"^field shell -1,3: a shell takes 0 or more of each"):
        Shell(-1, 3)


def test_project_records_its_room(capsys: Capture, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    works(capsys, "generate", "--lanes", 24, "--device", "xc7z020", "--lut-ceiling", 60, "-o", folder)
    project = load_project(folder)
    assert project.manifest.room == Room(60) and project.manifest.estimate["fits"] is True
    readme = (folder / "README.md").read_text()
    assert "| kept to | up to 60 % of its LUTs, 2,500 LUTs and 3 RAMB36 kept for a shell |" in readme
    # what is there is held against all that routes, unless a room is given
    assert works(capsys, "estimate", folder).splitlines()[-1] == "fits XC7Z020"
    data = json.loads(works(capsys, "estimate", folder, "--shell", "none", "--lut-ceiling", 50, "--json"))
    shell = {"luts": 0, "ramb36": 0, "kind": "stream"}
    assert data["room"] == {"lut_ceiling": 50, "shell": shell} and data["warnings"] == []
    # projects made before there was a room
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["room"], manifest["clock_origin"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    old = load_project(folder).manifest
    assert old.room == WHOLE_DEVICE and old.clock_origin == "planned"
