"""A project on disk: written whole or not at all, read back to the same plan."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_equality import differences

from fpga_squeeze import api, load_project
from fpga_squeeze.datasets.images import embedded_images
from fpga_squeeze.device.room import Room, Shell
from fpga_squeeze.device.shell import ShellKind
from fpga_squeeze.errors import DoesNotFitError, FpgaSqueezeError
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.project.manifest import MANIFEST, is_project, parse_folding
from fpga_squeeze.project.project import Project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return api.generate(output=tmp_path_factory.mktemp("made") / "p", options=api.DesignOptions(lanes=40))


@pytest.fixture
def copy(made: Project, tmp_path: Path) -> Path:
    shutil.copytree(made.path, tmp_path / "p")
    return tmp_path / "p"


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_reads_back_the_same_model_and_plan(made: Project) -> None:
    again = load_project(made.path)
    assert differences(made.model, again.model) == []
    assert differences(made.plan.kernels, again.plan.kernels) == []
    assert again.plan.lane_budget == made.plan.lane_budget == 40
    assert differences(made.manifest, again.manifest) == []
    images, labels = embedded_images()
    assert np.array_equal(again.images, images)
    assert again.labels is not None
    assert np.array_equal(again.labels, labels)


def test_holds_what_its_manifest_lists(made: Project) -> None:
    assert sorted(content(made.path)) == sorted(made.manifest.files)
    for name in (
        "README.md",
        "model.onnx",
        "images.npz",
        "hls/fsq_top.cpp",
        "rtl/fsq_top.sv",
        "hls/run_hls.tcl",
    ):
        assert name in made.manifest.files
    readme = (made.path / "README.md").read_text()
    for engine in made.plan.engines:
        assert f"| {engine.name} |" in readme


@pytest.mark.parametrize("kind", ["stream", "dma", "dma128"])
def test_has_the_drivers_of_its_ports(made: Project, tmp_path: Path, kind: ShellKind) -> None:
    if kind != "stream":
        options = api.DesignOptions(lanes=40, room=Room(shell=Shell.of(kind)))
        made = api.generate(output=tmp_path / "p", options=options)
    files = {name for name in made.manifest.files if name.startswith("drivers/")}
    python = {f"drivers/python/{name}.py" for name in ("accelerator", "fsq_common", "fsq_network")}
    readme = (made.path / "README.md").read_text()
    told: dict[str, Any] = {}
    exec((made.path / "drivers/python/fsq_network.py").read_text(), told)
    assert (told["HEIGHT"], told["WIDTH"], told["CHANNELS"], told["CLASSES"]) == (32, 32, 1, 10)
    assert told["CYCLES_PER_FRAME"] == made.estimate().cycles_per_frame
    assert "No board has run them" in readme and "`drivers/python/`" in readme
    if kind == "stream":
        assert files == python and "OFFSETS" not in told and "`drivers/c/`" not in readme
    else:
        assert python < files and "drivers/c/fsq_network.h" in files and "`drivers/c/`" in readme
        assert told["CONFIG"] & 0xFF == (8 if kind == "dma" else 16)


def test_the_same_input_gives_the_same_files(made: Project, tmp_path: Path) -> None:
    again = api.generate(output=tmp_path / "q", options=api.DesignOptions(lanes=40))
    first, second = content(made.path), content(again.path)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name] and not name.endswith(".npz")] == []


def test_replaces_a_project_and_nothing_else(copy: Path) -> None:
    (copy / "run").mkdir()
    api.generate(output=copy, options=api.DesignOptions(lanes=24))
    assert load_project(copy).plan.lane_budget == 24
    assert not (copy / "run").exists()
    assert [p.name for p in copy.parent.iterdir()] == [copy.name]


def test_refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("years of work")
    with pytest.raises(FpgaSqueezeError, match="field force"):
        api.generate(output=tmp_path / "work", options=api.DesignOptions(lanes=24))
    assert content(tmp_path) == {"work/thesis.txt": b"years of work"}
    api.generate(output=tmp_path / "work", options=api.DesignOptions(lanes=24), force=True)
    assert is_project(tmp_path / "work")


def test_never_replaces_a_repository_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    for name, reason in (("repo", "holds other work"), ("file", "no folder")):
        with pytest.raises(FpgaSqueezeError, match=reason):
            api.generate(output=tmp_path / name, options=api.DesignOptions(lanes=24), force=True)
    assert (tmp_path / "repo" / ".git").is_dir()
    assert (tmp_path / "file").read_text() == "x"


def test_an_error_while_writing_leaves_the_old_project(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(copy)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fpga_squeeze.project.project.emit_rtl", full)
    with pytest.raises(FpgaSqueezeError, match="No space left on device"):
        api.generate(output=copy, options=api.DesignOptions(lanes=24))
    assert content(copy) == before
    assert [p.name for p in copy.parent.iterdir()] == [copy.name]
    with pytest.raises(FpgaSqueezeError):
        api.generate(output=copy.parent / "a" / "b" / "c", options=api.DesignOptions(lanes=24))
    assert not (copy.parent / "a").exists()


@pytest.mark.slow
def test_what_does_not_fit_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(
        DoesNotFitError, match=r"does not fit XC7Z010: DSP slices: needs \d+, .* short by \d+"
    ):
        api.generate(output=tmp_path / "p", options=api.DesignOptions(device="XC7Z010", lanes=200))
    with pytest.raises(DoesNotFitError, match="short by"):
        api.generate(output=tmp_path / "p", options=api.DesignOptions(lanes=2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"format": "something else"}', "damaged"),
        ('{"format": "fpga-squeeze project", "version": 99}', "version 99"),
        ('{"format": "fpga-squeeze project", "version": 1}', "is missing"),
    ],
)
def test_damaged_manifest(copy: Path, text: str, reason: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(FpgaSqueezeError, match=reason) as caught:
        load_project(copy)
    assert "\n" not in str(caught.value)


def test_manifest_of_wrong_types(copy: Path) -> None:
    data = json.loads((copy / MANIFEST).read_text())
    for key, value in (("foldings", 3), ("lane_budget", "many"), ("source", []), ("preprocess", None)):
        (copy / MANIFEST).write_text(json.dumps(data | {key: value}))
        with pytest.raises(FpgaSqueezeError, match="damaged"):
            load_project(copy)
    (copy / MANIFEST).write_text(json.dumps(data | {"foldings": {"other": "1,1,1"}}))
    with pytest.raises(FpgaSqueezeError, match="name different layers"):
        load_project(copy)


def test_no_project_and_lost_files(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(FpgaSqueezeError, match="no project folder"):
        load_project(tmp_path / "nothing")
    with pytest.raises(FpgaSqueezeError, match=r"it has no manifest\.json"):
        load_project(tmp_path)
    (copy / "rtl" / "fsq_top.sv").unlink()
    with pytest.raises(FpgaSqueezeError, match=r"fsq_top\.sv is missing"):
        load_project(copy)


def test_damaged_images(copy: Path) -> None:
    (copy / "images.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(FpgaSqueezeError, match="cannot be read"):
        load_project(copy)


def test_folding_by_hand(tmp_path: Path) -> None:
    project = api.generate(
        output=tmp_path / "p", options=api.DesignOptions(lanes=64, foldings={"fire2": Folding(4, 2, 3)})
    )
    folding = load_project(tmp_path / "p").plan.engines[1].folding
    assert (folding.phases, folding.rows, folding.channels) == (4, 2, 3)
    assert project.manifest.foldings["fire2"] == str(folding)
    with pytest.raises(FpgaSqueezeError, match="no such engine"):
        api.generate(output=tmp_path / "q", options=api.DesignOptions(foldings={"fire99": Folding(1, 1, 1)}))
    for text in ("1,2", "a,b,c", "", "1,2,3,4,5"):
        with pytest.raises(FpgaSqueezeError, match="k,r,c"):
            parse_folding(text)
