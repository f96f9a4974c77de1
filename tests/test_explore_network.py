"""explore --network: rounds of training, who goes on, what is kept of a trial, what is refused. In place of training
stands what gives a network as it is; tests/test_training.py has the real one."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network_work import run, stand_in
from test_cli import fails, works

from fpga_squeeze import api, load_project
from fpga_squeeze.cli.command import trial_command
from fpga_squeeze.device.room import Room, Shell
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.explore.accelerators import digest_of
from fpga_squeeze.explore.networks import CHOICES, GAIN, SEEDS, NetworkSearch
from fpga_squeeze.explore.objectives import KNOWN, Numbers
from fpga_squeeze.explore.study import read_study
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import FloatModel, Preprocess
from fpga_squeeze.network.integers import QModel

Capture = pytest.CaptureFixture[str]


ENDED = ("done", "cut short", "does not fit")


class Choices:
    """A trial that takes the choices given."""

    number = 7

    def __init__(self, **chosen: Any) -> None:
        self.chosen = {**SEEDS[2], **chosen}

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        assert self.chosen[name] in choices and list(CHOICES[name]) == choices
        return self.chosen[name]


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return stand_in(monkeypatch)


def work(tmp_path: Path, **more: Any) -> NetworkSearch:
    made = NetworkSearch(
        "digits", str(tmp_path / "nets"), api.DesignOptions(device="XC7Z020"), epochs=16, **more
    )
    made.check()
    return made


def test_a_network_to_its_end(untrained: dict[str, Any], tmp_path: Path) -> None:
    search, asked = work(tmp_path), list[Numbers]()

    def promising(numbers: Numbers) -> bool:
        asked.append(numbers)
        return True

    done = search.evaluate(Choices(), promising)
    assert untrained["epochs"] == [2, 4, 10]
    assert [round(n["top1"], 6) for n in asked] == [100, 50 + GAIN[0], 60 + GAIN[1]]
    assert done.complete and not done.reasons and done.images == 360
    integers, plain = (read_model(tmp_path / "nets" / f"trial7{end}.onnx") for end in ("", "_float"))
    assert isinstance(integers, QModel) and isinstance(plain, FloatModel)
    val = search.data.val
    both = np.concatenate([val.images, np.roll(val.images, 1, axis=2)])
    found = golden.run(integers, both, keep=False)["logits"].argmax(axis=1)
    assert done.numbers["top1"] == 100 * (found == np.tile(val.labels, 2)).mean()
    # its design, made as any other, is what the trial says
    numbers = api.estimate(done.facts["file"], api.DesignOptions(device="XC7Z020"))
    assert (numbers.fps, numbers.luts, numbers.bram36) == tuple(
        done.numbers[n] for n in ("fps", "luts", "bram36")
    )
    assert done.facts["test_images"] == 360 and done.facts["rounds"] == 3


def test_who_does_not_go_on(untrained: dict[str, Any], tmp_path: Path) -> None:
    search = work(tmp_path)
    slow = search.evaluate(Choices(), lambda numbers: False)
    assert untrained["epochs"] == [] and not slow.complete and slow.numbers["fps"] > 0
    cut = search.evaluate(Choices(), lambda numbers: numbers["top1"] > 50 + GAIN[0] + 1)
    assert untrained["epochs"] == [2] and not cut.complete and cut.numbers["top1"] == 50
    assert cut.numbers["fps"] == slow.numbers["fps"] and not list((tmp_path / "nets").iterdir())
    assert search.evaluate(Choices(stem=24, base_e=48), lambda n: False).numbers["fps"] < slow.numbers["fps"]


def test_what_does_not_fit_has_its_reasons(untrained: dict[str, Any], tmp_path: Path) -> None:
    room = Room(6.0, Shell(0, 0))
    search = NetworkSearch(
        "digits", str(tmp_path / "n"), api.DesignOptions(device="XC7Z020", room=room), epochs=16
    )
    outcome = search.evaluate(Choices(), lambda numbers: True)
    assert "LUTs: needs" in outcome.reasons[0] and outcome.excess > 1 and untrained["epochs"] == []


def test_beyond_a_limit_nothing_is_trained_on(untrained: dict[str, Any], tmp_path: Path) -> None:
    speed = work(tmp_path).evaluate(Choices(), lambda numbers: False).numbers["fps"]
    slow = work(tmp_path, limits={"fps": speed + 1}).evaluate(Choices(), lambda numbers: True)
    assert untrained["epochs"] == [] and "fps" in slow.reasons[0] and slow.excess > 0
    low = work(tmp_path, limits={"fps": speed, "top1": 50 + GAIN[0] + 1}).evaluate(Choices(), lambda n: True)
    assert untrained["epochs"] == [2] and "top1 50 is below the limit" in low.reasons[0]
    untrained["epochs"].clear()
    end = work(tmp_path, limits={"fps": speed, "top1": 50 + GAIN[0]}).evaluate(Choices(), lambda n: True)
    assert untrained["epochs"] == [2, 4, 10] and "top1" in end.reasons[0]  # of the integers, which guess


def test_preprocessing_is_that_of_training(untrained: dict[str, Any], tmp_path: Path) -> None:
    pre = Preprocess((9.0,), (5.0,))
    design = api.DesignOptions(device="XC7Z020", quantize=api.QuantizeOptions(preprocess=pre))
    search = NetworkSearch("digits", str(tmp_path), design, epochs=16)
    search.evaluate(Choices(), lambda numbers: True)
    assert untrained["preprocess"] == pre and search.identity() != work(tmp_path).identity()


def test_refused(untrained: dict[str, Any], tmp_path: Path, capsys: Capture) -> None:
    for more, message in (
        ({"names": ("fps", "agreement")}, "agreement is with a given network"),
        ({"limits": {"agreement": 90.0}}, "agreement is with a given network"),
        ({"limits": {"speed": 90.0}}, "field limits 'speed'"),
        (
            {"design": api.DesignOptions(quantize=api.QuantizeOptions(calibration="images"))},
            "networks are quantised on the images they are trained on",
        ),
        ({"version": "3"}, "version 3"),
        ({"epochs": 3}, "field epochs 3: give at least 8"),
    ):
        with pytest.raises(FpgaSqueezeError, match=message):
            NetworkSearch(**{"dataset": "digits", "folder": str(tmp_path / "n"), **more}).check()  # type: ignore
    one, other = work(tmp_path), work(tmp_path, seed=1)
    assert one.identity() != other.identity() and one.identity() == work(tmp_path).identity()
    study = tmp_path / "s.log"
    for more_words, message in (
        (["--network", "digits", "--device", "XC7Z020,XC7Z045"], "--network searches for one --device"),
        (["--network", "digits", "--labels", "l.csv"], "leave MODEL, --images and --labels out"),
        (["--epochs", 9], "--folder and --epochs are for --network"),
    ):
        line = fails(capsys, 2, "explore", "--storage", study, *more_words)
        assert re.search(message, line)


@pytest.mark.slow
def test_the_verb(untrained: dict[str, Any], tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("optuna", reason="optuna, the extra explore, is not installed")
    untrained["right"] = [0.5] * 100
    study, page = tmp_path / "s.log", tmp_path / "s.html"
    words = ["explore", "--network", "digits", "--storage", study, "--folder", tmp_path / "n", "--trials", 2]
    words += ["--sampler", "random", "--sampler-seed", 0, "--epochs", 8]
    text = works(capsys, *words, "-o", page)
    assert f"next: fpga-squeeze generate --from-study {study} --trial " in text and " of 360 " in text
    assert "by which networks were chosen" in text and "held out" in page.read_text()
    told = json.loads(works(capsys, *words, "--json"))
    assert sum(t["state"] == "done" for t in told["trials"]) == 2 and told["trials"][0]["params"] == dict(
        SEEDS[0]
    )
    # a trial's design: its integers, its plan, images held out, and the command that makes it again
    made = tmp_path / "p"
    command = ["generate", "--from-study", str(study), "--trial", "0", "-o", str(made)]
    works(capsys, *command)
    project, trial = load_project(made), told["trials"][0]
    assert project.manifest.command == shlex.join(["fpga-squeeze", *command])
    numbers = project.estimate()
    assert (numbers.fps, numbers.cycles_per_frame) == (trial["fps"], trial["cycles"])
    assert project.labels is not None and len(np.unique(project.labels)) > 5
    moved_to = tmp_path / "elsewhere.onnx"
    kept, other = (tmp_path / "n" / f"trial{n}.onnx" for n in (0, 1))
    kept.rename(moved_to)
    for where, message in (
        ((), "is not there"),
        ((other,), "says .* the design has"),
        ((tmp_path / "n" / "trial1_float.onnx",), "is a float model"),
    ):
        line = fails(capsys, 2, "generate", *where, "--from-study", study, "--trial", 0, "-o", made)
        assert re.search(message, line)
    works(capsys, "generate", moved_to, "--from-study", study, "--trial", 0, "-o", made)
    assert str(moved_to) in load_project(made).manifest.command


def test_the_command_of_a_trial_tells_no_password() -> None:
    command = trial_command("mysql://me:secret@host/study", 3, None, "my images", ["-o", "p"])
    words = ["--from-study", "mysql://me@host/study", "--trial", "3", "--calibration", "my images", "-o", "p"]
    assert shlex.split(command) == ["fpga-squeeze", "generate", *words]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_lost_when_the_process_is_ended(
    how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials that ended stay as they are, with their networks; the one at work is tried again."""
    pytest.importorskip("optuna", reason="optuna, the extra explore, is not installed")
    study, program = str(tmp_path / "study.log"), str(Path(__file__).with_name("network_work.py"))
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, program, str(tmp_path), "50", "0.3"], cwd=root, env=os.environ | {"PYTHONPATH": root}
    )

    def at_work() -> bool:
        try:
            trials = read_study(study, KNOWN).trials
        except FpgaSqueezeError:
            return False
        return any(t.state in ENDED for t in trials) and any(
            t.state == "running" and len(t.params) == len(CHOICES) for t in trials
        )

    deadline = time.monotonic() + 120
    while not at_work() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait() != 0
    before = [t for t in read_study(study, KNOWN).trials if t.state in ENDED]
    assert 0 < len(before) < 50
    after = run(monkeypatch, tmp_path, len(before) + 2, 0.0)
    assert list(after.trials[: len(before)]) == before
    ended = [t for t in after.trials if t.state in ENDED]
    assert len(ended) == len(before) + 2 and not any(t.state in ("running", "waiting") for t in after.trials)
    failed = [t for t in after.trials if t.state == "failed"]
    assert len(failed) <= 1  # none where it was just done with a trial
    assert all(any(one.params.items() <= t.params.items() for t in ended) for one in failed)
    for trial in ended:
        if trial.outcome and trial.state == "done":
            model = read_model(trial.outcome.facts["file"])
            assert isinstance(model, QModel) and digest_of(model) == trial.outcome.facts["digest"]
