"""Studies: samplers, fronts, what is kept when a process is killed, and what is refused; pictures and tables."""

from __future__ import annotations

import csv
import json
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explore_work import Toy

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.explore import drawing, report, study
from fpga_squeeze.explore.importance import importances
from fpga_squeeze.explore.objectives import KNOWN, beats, front_of, hypervolume, objectives_of
from fpga_squeeze.explore.outcome import Outcome
from fpga_squeeze.explore.samplers import SAMPLERS, sampler_of
from fpga_squeeze.explore.search import search
from fpga_squeeze.explore.study import OUTCOME, SearchOptions, read_study

pytest.importorskip("optuna", reason="optuna, the extra explore, is not installed")
TRIES = 150


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "study.log")


def options(storage: str, trials: int, sampler: str = "random") -> SearchOptions:
    return SearchOptions(storage, trials, sampler, 1, 0)


# --------------------------------------------------------------------------------------------- fronts


def test_a_front_is_what_nothing_beats() -> None:
    rng = np.random.default_rng(1)
    objectives = objectives_of(("fps", "agreement", "bram36"))
    designs = [
        dict(zip(("fps", "agreement", "bram36"), map(float, rng.integers(0, 6, 3)), strict=True))
        for _ in range(60)
    ]
    kept = [designs[n] for n in front_of(designs, objectives)]
    assert 1 < len(kept) < 30
    assert not any(beats(a, b, objectives) for a in designs for b in kept)
    for one in designs:
        assert one in kept or any(beats(other, one, objectives) for other in kept)


@pytest.mark.parametrize(
    "names", [("fps", "bram36"), ("fps", "agreement", "bram36"), ("fps", "top1", "luts", "dsp")]
)
def test_the_hypervolume_is_that_of_a_count_of_cells(names: tuple[str, ...]) -> None:
    rng, objectives, side = np.random.default_rng(len(names)), objectives_of(names), 6
    reference = {o.name: 0.0 if o.larger else float(side) for o in objectives}
    designs = [{name: float(rng.integers(0, side + 1)) for name in names} for _ in range(8)]
    cells = 0
    for cell in np.ndindex(*(side for _ in names)):
        corner = {o.name: c + 1.0 if o.larger else float(c) for o, c in zip(objectives, cell, strict=True)}
        cells += any(d == corner or beats(d, corner, objectives) for d in designs)
    assert hypervolume(designs, objectives, reference) == pytest.approx(cells)


def test_objectives_are_refused_by_name() -> None:
    for names, word in ((("fps", "speed"), "speed"), (("fps", "fps"), "twice"), ((), "at least one")):
        with pytest.raises(FpgaSqueezeError, match=word):
            objectives_of(names)


# --------------------------------------------------------------------------------------------- searches


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_runs_its_trials(sampler: str, file: str) -> None:
    found = search(Toy(), options(file, 30, sampler))
    assert len(found.trials) == (30 if sampler != "grid" else 2 + 6)
    assert {t.state for t in found.trials} <= {"done", "cut short", "does not fit"}
    assert found.front and all(t.state == "done" for t in found.front)
    if sampler == "grid":
        chosen = {(t.params["x"], t.params["c"]) for t in found.trials[2:]}
        assert chosen == {(x, c) for x in (0, 1, 2) for c in "ab"}


def _volume(name: str, seed: int) -> float:
    """What a sampler finds of twelve widths: the more bits, the slower, larger and more accurate."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    objectives, found = objectives_of(("fps", "agreement", "bram36")), []

    def one(trial: optuna.Trial) -> list[float]:
        bits = [trial.suggest_int(f"bits {n}", 0, 4) for n in range(12)]
        form = trial.suggest_categorical("format", ["dense", "mask", "sparse"])
        lost = sum((4 - b) ** 2 * (1 + n / 6) for n, b in enumerate(bits)) + 3 * (form == "mask")
        speed = {"dense": 1.0, "mask": 1.3, "sparse": 0.8}[form]
        numbers = {
            "fps": (10 + sum(4 - b for b in bits)) * speed,
            "agreement": max(0.0, 100 - lost),
            "bram36": 20.0 + sum(bits),
        }
        found.append(numbers)
        trial.set_user_attr(OUTCOME, Outcome(numbers).to_json())
        return [numbers[o.name] for o in objectives]

    sampler = sampler_of(SearchOptions("", TRIES, name, 1), {}, seed)
    optuna.create_study(sampler=sampler, directions=["maximize", "maximize", "minimize"]).optimize(one, TRIES)
    return hypervolume(found, objectives, {"fps": 0.0, "agreement": 0.0, "bram36": 80.0})


@pytest.mark.slow
def test_samplers_that_learn_find_more_than_chance() -> None:
    by_chance = np.mean([_volume("random", seed) for seed in range(2)])
    for sampler in ("tpe", "nsga2", "annealing"):
        assert np.mean([_volume(sampler, seed) for seed in range(2)]) > 1.05 * by_chance, sampler


def test_what_does_not_fit_is_a_constraint_with_its_reason(file: str) -> None:
    found = search(Toy(), options(file, 40, "tpe"))
    unfit = [t for t in found.trials if t.state == "does not fit"]
    assert {r for t in unfit if t.outcome for r in t.outcome.reasons} <= {
        "too large",
        "thirteen: there is no such design",
    }
    assert found.trials[1] in unfit and not any(trial in found.front for trial in unfit)
    assert all(t.params["x"] <= 15 for t in found.front)
    # the sampler knows: optuna's constraints are above 0 for these alone
    behind = study.open_study(Toy(), file, 40).get_trials(deepcopy=False)
    over = [t.number for t in behind if t.system_attrs["constraints"][0] > 0]
    assert over == [t.number for t in unfit] and 0 < len(over) < 40


def test_a_model_of_the_space_keeps_clear_of_what_does_not_fit(tmp_path: Path) -> None:
    """Of those drawn by the model fewer do not fit than by chance, where 6 of 21 values of x do not: 17 of these 60."""
    unfit = 0
    for seed in range(3):
        found = search(Toy(), SearchOptions(str(tmp_path / f"{seed}.log"), 40, "tpe", 1, seed))
        unfit += sum(trial.state == "does not fit" for trial in found.trials[20:])
    assert unfit <= 12


def test_a_study_goes_on_to_the_number_of_trials_that_is_asked_for(file: str) -> None:
    first = search(Toy(), options(file, 5))
    again = search(Toy(), options(file, 9, "annealing"))
    assert len(first.trials) == 5 and len(again.trials) == 9
    assert again.trials[:5] == first.trials
    assert search(Toy(), options(file, 9)).trials == again.trials


def test_jobs_share_a_study(file: str) -> None:
    found = search(Toy(), replace(options(file, 16), jobs=2))
    ended = [t for t in found.trials if t.state != "failed"]
    assert len(ended) == 16 and all(t.outcome for t in ended)


# --------------------------------------------------------------------------------------------- killed and damaged


def start(file: str, trials: int, wait: float, jobs: int = 1) -> subprocess.Popen[bytes]:
    program = str(Path(__file__).with_name("explore_work.py"))
    command = [sys.executable, program, file, str(trials), str(wait), str(jobs)]
    return subprocess.Popen(command, cwd=Path(__file__).parent.parent, env=_environment())


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}


def running(file: str) -> bool:
    try:
        return any(t.state == "running" and t.number >= 3 for t in read_study(file, KNOWN).trials)
    except FpgaSqueezeError:
        return False


def test_a_trial_that_does_not_tell_yet_whose_it_is(file: str) -> None:
    """It is tried again where no other process can be at it, and left alone where one may."""
    search(Toy(), options(file, 3))
    optuna = study.optuna_module()
    found = optuna.load_study(study_name=study.STUDY, storage=study.open_storage(file))
    found.enqueue_trial({"x": 1, "c": "b"}, user_attrs={"again": 0})
    number = found.ask().number
    other = {"host": "elsewhere", "pid": 1, "born": "1"}
    found.set_user_attr(f"{study.WORKER}elsewhere 1 1", {study.OWNER: other})
    assert study.revive(found) == []
    gone = {"host": socket.gethostname(), "pid": 1, "born": "another"}
    found.set_user_attr(f"{study.WORKER}elsewhere 1 1", {study.OWNER: gone})
    assert study.revive(found) == [number]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_lost_when_a_process_is_ended(how: signal.Signals, file: str) -> None:
    process = start(file, 50, 0.15)
    deadline = time.monotonic() + 60
    while not running(file) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait() != 0
    before = [t for t in read_study(file, KNOWN).trials if t.outcome]
    assert 3 <= len(before) < 50
    after = search(Toy(), options(file, 12))
    assert list(after.trials[: len(before)]) == before
    failed = [t for t in after.trials if t.state == "failed"]
    ended = [t for t in after.trials if t.state in ("done", "cut short", "does not fit")]
    assert len(failed) <= 1 and len(ended) == 12, [t.state for t in after.trials]
    assert not any(t.state in ("running", "waiting") for t in after.trials)
    if failed and failed[0].params:  # its choices were tried again
        assert any(failed[0].params.items() <= t.params.items() for t in ended)


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(file: str) -> None:
    process = start(file, 2000, 0.1, jobs=2)
    deadline = time.monotonic() + 120
    while not running(file) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    time.sleep(2)
    ended = len(read_study(file, KNOWN).trials)
    time.sleep(1)
    assert 3 <= len(read_study(file, KNOWN).trials) == ended


def test_two_processes_work_on_one_study(file: str) -> None:
    workers = [start(file, 14, 0.1) for _ in range(2)]
    assert [process.wait(120) for process in workers] == [0, 0]
    found = read_study(file, KNOWN)
    assert len([t for t in found.trials if t.outcome]) == 14
    with open(file, encoding="utf-8") as lines:
        workers_seen = {json.loads(line).get("worker_id") for line in lines}
    assert len(workers_seen) >= 2


def test_a_trial_that_a_living_process_runs_is_left_alone(file: str) -> None:
    found = study.open_study(Toy(), file, 5)
    trial = found.ask()
    trial.set_user_attr(study.OWNER, study._owner())
    assert study.revive(found) == []
    trial.set_user_attr(study.OWNER, study._owner() | {"born": "1"})  # another process has its number now
    assert study.revive(found) == [trial.number]
    elsewhere = found.ask()
    elsewhere.set_user_attr(study.OWNER, study._owner() | {"host": "elsewhere"})
    elsewhere.set_user_attr(study.ALIVE, time.time() - 10)
    assert study.revive(found) == []
    elsewhere.set_user_attr(study.ALIVE, time.time() - 2 * study.SILENT)
    assert study.revive(found) == [elsewhere.number]


def test_a_line_cut_in_half_is_mended(file: str) -> None:
    before = search(Toy(), options(file, 4))
    with open(file, "ab") as out:
        out.write(b'{"op_code":6,"wor')
    after = search(Toy(), options(file, 6))
    assert after.trials[:4] == before.trials and len(after.trials) == 6


def test_other_studies_are_refused_by_name(file: str, tmp_path: Path) -> None:
    search(Toy(), options(file, 2))
    with pytest.raises(FpgaSqueezeError, match=r"study of another model: toy there, net.onnx here"):
        search(Toy(model="net.onnx"), options(file, 4))
    with pytest.raises(FpgaSqueezeError, match="another objectives: fps,bram36 there, fps here"):
        search(Toy(objectives=objectives_of(("fps",))), options(file, 4))
    assert len(read_study(file, KNOWN).trials) == 2
    text = tmp_path / "notes.txt"
    text.write_text("no study\n")
    for path, word in (
        (text, "cannot be read as a study"),
        (tmp_path, "is a folder"),
        (tmp_path / "a/b", "no folder"),
    ):
        with pytest.raises(FpgaSqueezeError, match=word):
            search(Toy(), options(str(path), 2))
    with pytest.raises(FpgaSqueezeError, match="no such study"):
        read_study(str(tmp_path / "none.log"), KNOWN)
    with pytest.raises(FpgaSqueezeError, match="field sampler 'best'"):
        search(Toy(), options(file, 4, "best"))
    with pytest.raises(FpgaSqueezeError, match="field trials 0"):
        search(Toy(), options(file, 0))


def test_a_database_that_is_not_there_is_told_in_one_line() -> None:
    with pytest.raises(FpgaSqueezeError) as told:
        search(Toy(), options("mysql+nodriver://me:secret@nowhere/x", 2))
    assert "secret" not in str(told.value) and "\n" not in str(told.value)


def test_sqlite_is_a_storage_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    found = search(Toy(), options(url, 4))
    assert len(search(Toy(), options(url, 6)).trials) == 6 and found.front
    with pytest.raises(FpgaSqueezeError, match="another model"):
        search(Toy(model="other"), options(url, 8))


# --------------------------------------------------------------------------------------------- shown


def test_what_decides_is_found(file: str) -> None:
    found = search(Toy(), options(file, 60))
    for objective in found.objectives:
        share = importances(found.trials, objective)
        assert sum(share.values()) == pytest.approx(1) and share["x"] > share["c"]
    assert importances(found.trials[:5], found.objectives[0]) == {}


def test_the_picture_shows_every_trial_with_a_number(file: str) -> None:
    found = search(Toy(), options(file, 40, "tpe"))
    picture = ET.fromstring(drawing.draw(found))
    tips = [t.text or "" for t in picture.iter("{http://www.w3.org/2000/svg}title")]
    for trial in found.trials:
        known = trial.outcome is not None and bool(trial.outcome.numbers)
        assert any(tip.startswith(f"trial {trial.number}:") for tip in tips) == known
    rings = [c for c in picture.iter("{http://www.w3.org/2000/svg}circle") if c.get("class") == "front"]
    assert len(rings) == len(found.front)
    text = drawing.page(found)
    assert drawing.draw(found) in text  # as elements, not as their text
    assert "http://www.w3.org/2000/svg" in text and "<script" not in text and text.count("http") == 1


def test_labels_of_many_values_do_not_touch() -> None:
    few, many = [str(v) for v in range(9)], [str(v) for v in range(60, 101)]
    assert drawing.label_step(few, drawing.SLICE_W) == 1
    step = drawing.label_step(many, drawing.SLICE_W)
    apart = step * drawing.SLICE_W / len(many)
    assert apart >= 2 * drawing.CHARACTER + drawing.CHARACTER / 2 and step < len(many) / 4


def test_tables_have_every_trial_with_its_reasons(file: str, tmp_path: Path) -> None:
    found = search(Toy(), options(file, 20))
    for name in ("a.csv", "a.json", "a.svg", "a.html"):
        report.save(found, tmp_path / name)
    with (tmp_path / "a.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    data = json.loads((tmp_path / "a.json").read_text())
    assert len(rows) == len(data["trials"]) == 20
    assert rows[1]["reasons"] == data["trials"][1]["reasons"] == "too large" and rows[1]["x"] == "18"
    assert [int(r["trial"]) for r in rows if r["front"] == "True"] == sorted(t.number for t in found.front)
    with pytest.raises(FpgaSqueezeError, match="ends in"):
        report.save(found, tmp_path / "a.png")


def test_an_outcome_survives_its_text() -> None:
    one = Outcome({"fps": 1 / 3}, ("too large",), 0.1, False, 7, {"digest": "x"})
    assert Outcome.from_json(one.to_json()) == one
