"""Trials are real designs: their numbers are those of the quantiser, the planner and golden, and come out again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_equality import differences

from fpga_squeeze import api
from fpga_squeeze.cli import main
from fpga_squeeze.datasets.images import embedded_accuracy_set
from fpga_squeeze.errors import DoesNotFitError, FpgaSqueezeError
from fpga_squeeze.explore import accelerators, judging, levels
from fpga_squeeze.explore.accelerators import Accelerators, ExploreOptions
from fpga_squeeze.explore.objectives import beyond, hoped
from fpga_squeeze.explore.outcome import Outcome
from fpga_squeeze.explore.study import OUTCOME, Exploration, open_study
from fpga_squeeze.network import golden

optuna = pytest.importorskip("optuna", reason="optuna, the extra explore, is not installed")
OPTIONS = ExploreOptions(devices=("XC7Z007S", "XC7Z020"), objectives=("fps", "agreement", "top1", "bram36"))
TRIALS = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a cache of its own for what the tests compute."""
    return tmp_path_factory.mktemp("explore")


@pytest.fixture(scope="module")
def done(folder: Path) -> Exploration:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSQ_CACHE", str(folder / "cache"))
        patch.setattr(levels, "SCAN_IMAGES", 2)
        return api.explore(OPTIONS, api.SearchOptions(str(folder / "s.log"), TRIALS, "random", 1, 3))


@pytest.fixture(autouse=True)
def _cached(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSQ_CACHE", str(folder / "cache"))
    monkeypatch.setattr(levels, "SCAN_IMAGES", 2)


def fitting(study: Exploration) -> list[api.Trial]:
    return [t for t in study.trials if t.state == "done"]


@pytest.mark.slow
def test_trials_are_judged_in_full_or_told_why_not(done: Exploration) -> None:
    assert len(done.trials) == TRIALS and done.front
    for trial in done.trials:
        assert trial.outcome is not None
        match trial.state:
            case "done":
                assert trial.outcome.images == 360
            case "cut short":
                assert trial.outcome.images in (16, 64, 256)
            case _:
                assert trial.outcome.reasons and trial.outcome.excess > 0 and trial.outcome.images <= 256


@pytest.mark.slow
def test_a_trial_has_the_numbers_of_the_design_that_generate_makes_of_it(
    done: Exploration, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = max(fitting(done), key=lambda t: t.number)
    kept = api.generate_trial(done.storage, trial.number, tmp_path / "kept")
    monkeypatch.setenv("FSQ_CACHE", str(tmp_path / "empty"))  # everything is computed anew
    anew = api.generate_trial(done.storage, trial.number, tmp_path / "anew")
    assert not differences(kept.model, anew.model)
    numbers = anew.estimate()
    assert trial.outcome is not None
    told = trial.outcome.numbers
    assert (told["fps"], told["cycles"], told["bram36"]) == (
        numbers.fps,
        numbers.cycles_per_frame,
        numbers.bram36,
    )
    assert (told["luts"], told["dsp"], told["latency_ms"]) == (numbers.luts, numbers.dsp, numbers.latency_ms)
    images, labels = embedded_accuracy_set()
    classes = golden.run(anew.model, images, keep=False)["logits"].argmax(axis=1)
    assert told["top1"] == 100 * float((classes == labels).mean())


@pytest.mark.slow
def test_what_the_user_would_ask_for_is_tried_first(done: Exploration) -> None:
    """The first trial of a device is the design of generate with the same options, bit for bit."""
    trial = next(t for t in done.trials if t.params["device"] == "XC7Z020" and t.params["weights"] == "dense")
    options = api.DesignOptions(device="XC7Z020", weights="dense", products_per_dsp=2)
    numbers = api.estimate(None, options)
    assert trial.outcome is not None
    assert trial.outcome.numbers["cycles"] == numbers.cycles_per_frame
    assert trial.outcome.numbers["bram36"] == numbers.bram36


def test_what_does_not_fit_has_its_reasons_and_no_project(done: Exploration, tmp_path: Path) -> None:
    work = Accelerators(replace(OPTIONS, devices=("XC7Z007S",), room=api.Room(5.0)))
    point = work.space.point({"weights": "dense"})
    planned = work._planned(work.design_options(point), work.quantised(work.quantize_options(point))[0])
    assert planned["excess"] > 0 and any("LUTs" in reason for reason in planned["reasons"])
    study = open_study(Accelerators(OPTIONS), done.storage, TRIALS)
    trial = study.ask()
    work.space.draw(trial)
    outcome = Outcome(planned["numbers"], tuple(planned["reasons"]), planned["excess"], False)
    trial.set_user_attr(OUTCOME, outcome.to_json())
    study.tell(trial, [0.0, 0.0, 0.0, 1e12])
    with pytest.raises(DoesNotFitError, match="LUTs"):
        api.generate_trial(done.storage, trial.number, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_dense_weights_that_no_block_ram_holds_need_no_quantiser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is told so does not fit when it is planned in full."""
    work = Accelerators(replace(OPTIONS, room=api.Room(85.0, api.Shell(2500, 49))))
    point = work.space.point({"weights": "dense", "weight bits": 8, "device": "XC7Z007S"})
    told = work.weights_alone(point)
    assert told is not None and told[1] > 0 and "dense weights alone" in told[0][0]
    planned = work._planned(work.design_options(point), work.quantised(work.quantize_options(point))[0])
    assert any("RAMB36" in reason for reason in planned["reasons"])
    assert work.weights_alone(replace(point, weights="mask")) is None
    assert Accelerators(OPTIONS).weights_alone(point) is None


def test_a_float_network_that_pruning_ruined_is_not_quantised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it lacks in accuracy and in memory adds up; what integers could not be told from is left to them."""
    work = Accelerators(
        replace(OPTIONS, limits={"agreement": 99.0}, room=api.Room(85.0, api.Shell(2500, 49)))
    )
    params = {f"pruning, {name}": 8 for name in work.space.groups} | {"device": "XC7Z007S"}
    told = work.pruned_alone(work.quantize_options(work.space.point(params)))
    worse = Accelerators(replace(work.options, limits={"agreement": 100.0}))
    far = worse.pruned_alone(worse.quantize_options(worse.space.point(params)))
    assert told is not None and "pruned, not yet quantised: agreement" in told[0][0]
    assert far is not None and far[1] > 0
    assert work.pruned_alone(work.quantize_options(work.space.point({}))) is None
    monkeypatch.setattr(Accelerators, "quantised", lambda *_: pytest.fail("quantised"))
    dense = params | {"weights": "dense", "weight bits": 8}
    outcome = worse.evaluate(optuna.trial.FixedTrial(worse.space.plain() | dense), lambda _: True)
    large = worse.weights_alone(worse.space.point(dense))
    assert large is not None and outcome.excess == large[1] + far[1] and len(outcome.reasons) == 2


def test_a_design_beyond_a_limit_is_one_that_does_not_fit(done: Exploration) -> None:
    trial = fitting(done)[0]
    assert trial.outcome is not None
    numbers = trial.outcome.numbers
    again = optuna.trial.FixedTrial(dict(trial.params))

    def judged(**limits: float) -> Outcome:
        return Accelerators(replace(OPTIONS, limits=limits)).evaluate(again, lambda _: True)

    assert (
        judged()
        == judged(fps=numbers["fps"], bram36=numbers["bram36"], top1=numbers["top1"])
        == trial.outcome
    )
    slow = judged(fps=2 * numbers["fps"])
    assert slow.excess == 0.5 and slow.images == 0 and "fps" in slow.reasons[0] and "below" in slow.reasons[0]
    large = judged(bram36=numbers["bram36"] / 2)
    assert large.excess == 1.0 and "above" in large.reasons[0]
    # what is surely wrong on some images is not run on all of them
    wrong = beyond({"agreement": 12.5}, {"agreement": 50.0})
    assert wrong == (("agreement 12.5 is below the limit of 50",), 0.75)
    with pytest.raises(FpgaSqueezeError, match="field limits 'speed'"):
        Accelerators(replace(OPTIONS, limits={"speed": 1.0})).identity()


@pytest.mark.slow
def test_a_study_that_was_changed_is_refused(done: Exploration, tmp_path: Path) -> None:
    trial = fitting(done)[0]
    assert trial.outcome is not None
    lines = Path(done.storage).read_text(encoding="utf-8")
    changes = {
        "cycles": (
            json.dumps(trial.outcome.numbers["cycles"]),
            json.dumps(trial.outcome.numbers["cycles"] + 1),
        ),
        "digest": (trial.outcome.facts["digest"], "0" * 64),
    }
    for name, (old, new) in changes.items():
        assert old in lines
        other = tmp_path / f"{name}.log"
        other.write_text(lines.replace(old, new), encoding="utf-8")
        with pytest.raises(FpgaSqueezeError, match=f"says {name}"):
            api.generate_trial(str(other), trial.number, tmp_path / "p")
    for name, old, new in (
        ("version", '"0.1.0', '"0.0.9'),
        ("model", "digits_squeezenet", "digits_squeezenot"),
    ):
        other = tmp_path / f"{name}.log"
        assert old in lines
        other.write_text(lines.replace(old, new), encoding="utf-8")
        with pytest.raises(FpgaSqueezeError, match=f"another {name}"):
            api.generate_trial(str(other), trial.number, tmp_path / "p")
        with pytest.raises(FpgaSqueezeError, match=f"another {name}"):
            api.explore(OPTIONS, api.SearchOptions(str(other), TRIALS + 1))


def test_a_study_of_other_options_is_refused(done: Exploration) -> None:
    asked = api.SearchOptions(done.storage, TRIALS + 1)
    for what, options in (
        ("devices", replace(OPTIONS, devices=("XC7Z020",))),
        ("room", replace(OPTIONS, room=api.Room(50.0))),
        ("calibration", replace(OPTIONS, quantize=api.QuantizeOptions(seed=1))),
        ("limits", replace(OPTIONS, limits={"agreement": 60.0})),
        ("clocks", replace(OPTIONS, clocks=(120.0,))),
        ("objectives", replace(OPTIONS, objectives=("fps",))),
    ):
        with pytest.raises(FpgaSqueezeError, match=f"another {what}"):
            api.explore(options, asked)


def test_nothing_is_computed_twice(done: Exploration, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Accelerators(OPTIONS)
    trial = fitting(done)[0]
    point = work.space.point(trial.params)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(accelerators, "quantized", never)
    model, digest = work.quantised(work.quantize_options(point))
    monkeypatch.setattr(judging, "integer_runner", never)
    judge = judging.Judge(model, digest, work.judged, work.cache)
    assert trial.outcome is not None
    assert work.judged.counts(judge.classes(360))["agreement"] == trial.outcome.numbers["agreement"]
    with pytest.raises(AssertionError, match="computed again"):
        work.quantised(replace(work.quantize_options(point), weight_bits=7))


def test_onnxruntime_is_held_against_golden(done: Exploration, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    work = Accelerators(OPTIONS)
    model, _ = work.quantised(work.quantize_options(work.space.point({})))
    images = work.judged.pixels[:8]
    wanted = golden.run(model, images, keep=False)["logits"]
    fast = judging.integer_runner(model, images)
    assert np.array_equal(fast(images), wanted * model.output.scale)
    monkeypatch.setattr(judging, "onnx_runner", lambda *_: lambda x: 0 * wanted[: len(x)])
    assert np.array_equal(judging.integer_runner(model, images)(images), wanted)


def test_hope_is_at_least_what_was_seen_and_all_images_leave_none() -> None:
    for share in (0.0, 50.0, 100.0):
        some = hoped({"agreement": share}, 64, 360)["agreement"]
        assert share <= some <= 100 and (some > share or share == 100)
        assert hoped({"agreement": share}, 360, 360)["agreement"] == share


def test_widths_of_layers_are_kept_to() -> None:
    work = Accelerators(OPTIONS)
    first, *_, last = work.space.groups
    point = work.space.point({"weight bits": 6, f"weight bits, {first}": -1, f"activation bits, {last}": -1})
    options = work.quantize_options(point)
    model, _ = work.quantised(options)
    bits = {conv.name: conv.weight_bits for conv in model.convs}
    assert {bits[name] for name in work.space.groups[first]} == {5}
    assert {b for name, b in bits.items() if name not in work.space.groups[first]} == {6}
    for conv in model.convs:
        assert int(np.abs(conv.weight).max()) < 1 << (conv.weight_bits - 1) or conv.weight.min() == -(
            1 << (conv.weight_bits - 1)
        )
    with pytest.raises(FpgaSqueezeError, match="no such layer"):
        work.quantised(replace(options, layer_weight_bits={"conv99": 5}))


def test_layers_lose_what_their_group_allows() -> None:
    work = Accelerators(OPTIONS)
    used = {conv.name: int(np.count_nonzero(conv.weight)) for conv in work.float_model.convs}
    before = 1.0
    for level in (1, 4, 8):
        every = work.space.point({f"pruning, {name}": level for name in work.space.groups})
        densities = work.quantize_options(every).densities
        for conv in work.float_model.convs:
            kept = densities[conv.name] * conv.weight.size / used[conv.name]
            # of its divergence among those that were looked at: 90 %, 80 %, ...
            place = round(10 - 10 * kept)
            assert place == 0 or work.found[conv.name][place - 1] <= work.first_level * 2 ** (level - 1)
        share = sum(densities[c.name] * c.weight.size for c in work.float_model.convs) / sum(used.values())
        assert share < before
        before = share
    group = list(work.space.groups)[1]
    model, _ = work.quantised(work.quantize_options(work.space.point({f"pruning, {group}": 7})))
    for layer in model.convs:
        less = int(np.count_nonzero(layer.weight)) < 0.9 * used[layer.name]
        assert not less or layer.name in work.space.groups[group]


def test_the_command_line_prints_the_front_and_goes_on(
    done: Exploration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["explore", "--device", "XC7Z007S,XC7Z020", "--objective", "fps,agreement,top1,bram36"]
    command += ["--storage", done.storage, "--trials", str(TRIALS)]
    assert main([*command, "-o", str(tmp_path / "a.html")]) == 0
    out = capsys.readouterr().out
    assert "explore: digits_squeezenet.onnx" in out and "next: fpga-squeeze generate --from-study" in out
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["front"] == [t.number for t in done.front]
    for wrong, word in (
        (["explore", "--storage", done.storage, "--device", "XC9"], "unknown device"),
        (["explore", "--storage", done.storage, "-o", "a.png"], "ends in"),
        (["explore", "--storage", done.storage, "--clock-mhz", "fast"], "--clock-mhz fast"),
        (["generate", "--from-study", done.storage], "go together"),
        (["generate", "--from-study", done.storage, "--trial", "1", "--lanes", "9"], "settled by its trial"),
        (["generate", "--from-study", done.storage, "--trial", "99"], "--trial 99"),
        ([*command, "--sampler", "best"], "--sampler 'best'"),
    ):
        assert main(wrong) == 2
        told = capsys.readouterr().err
        assert told.count("error:") == 1 and word in told.splitlines()[-1], told
