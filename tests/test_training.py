"""Networks trained: torch computes what the reference computes; zeros and codes are kept; what is learned is right."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_cli import fails, works

from fpga_squeeze import api
from fpga_squeeze.compression.prune import prune_model
from fpga_squeeze.compression.sharing import share
from fpga_squeeze.datasets.classes import Labelled, read_dataset
from fpga_squeeze.datasets.digits import digits, to_pixels
from fpga_squeeze.datasets.images import embedded_calibration, embedded_model_path
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import FloatModel, Preprocess, Shape
from fpga_squeeze.network.reference import PRESETS, float_logits
from fpga_squeeze.training.loop import TrainOptions, correct, fresh, moved, train
from fpga_squeeze.training.network import Network, keeps, own_codes, tied_values
from fpga_squeeze.zoo import Numbers, inception_net, squeezenet, squeezenet_of, squeezenext

Capture = pytest.CaptureFixture[str]


def refused(capsys: Capture, message: str, *arguments: object) -> None:
    assert re.search(message, fails(capsys, 2, *arguments))


torch_here = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not here: pip install 'fpga-squeeze[torch]'"
)
STILL = TrainOptions(epochs=1, dropout=0.0, moves=(0.0, 0.0, 0.0))


def embedded() -> FloatModel:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    return model


def few(count: int = 64) -> tuple[Labelled, Labelled]:
    data = read_dataset("digits")
    return tuple(Labelled(part.images[:count], part.labels[:count]) for part in (data.train, data.val))  # type: ignore


# ------------------------------------------------------------------------------------------------ data sets


def test_embedded_digits_are_those_of_the_model() -> None:
    data = read_dataset("digits")
    assert [len(part) for part in (data.train, data.val, data.test)] == [1257, 180, 360]
    assert data.shape == Shape(1, 32, 32) and len(data.classes) == 10
    assert all(np.bincount(part.labels).min() >= 16 for part in (data.train, data.val, data.test))
    train = {image.tobytes() for image in data.train.images}
    assert all(image.tobytes() in train for image in embedded_calibration())  # pixel for pixel
    assert not any(image.tobytes() in train for image in data.test.images)
    assert to_pixels(np.full((1, 8, 8), 16)).min() == 255
    with pytest.raises(FpgaSqueezeError, match="digits: has images of 1x32x32, not 3x32x32"):
        read_dataset("digits", Shape(3, 32, 32))


def folder_of(path: Path, counts: dict[str, int]) -> Path:
    images, _ = digits("val")
    number = 0
    for name, count in counts.items():
        (path / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(images[number % 180, ..., 0]).save(path / name / f"{i}.png")
            number += 1
    return path


def test_folder_of_class_folders(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", {"cat": 20, "ant": 10})
    data = read_dataset(path)
    assert data.classes == ("ant", "cat") and data.shape == Shape(1, 32, 32)
    assert [np.bincount(p.labels).tolist() for p in (data.train, data.val, data.test)] == [
        [7, 14],
        [1, 2],
        [2, 4],
    ]
    every = np.concatenate([p.images for p in (data.train, data.val, data.test)])
    assert len({image.tobytes() for image in every}) == 30
    assert read_dataset(path).digest == data.digest != read_dataset("digits").digest
    numbers = read_dataset(folder_of(tmp_path / "numbers", {"10": 3, "9": 4}))
    assert numbers.classes == ("9", "10") and np.bincount(numbers.train.labels).tolist() == [2, 1]
    damaged = folder_of(tmp_path / "damaged", {"a": 3, "b": 3})
    (damaged / "b" / "1.png").write_bytes(b"no image")
    for where, message in (
        (damaged, "b: 1.png: is no image file"),
        (
            tmp_path / "none",
            "no such folder; give a folder that holds a folder of images per class, or digits",
        ),
        (folder_of(tmp_path / "one", {"a": 3}), "holds one folder of images"),
        (folder_of(tmp_path / "two", {"a": 3, "b": 2}), "two/?.*b.* holds 2 images|b: holds 2 images"),
        (folder_of(tmp_path / "empty", {"a": 3, "b": 0}), "holds no images"),
    ):
        with pytest.raises(FpgaSqueezeError, match=message):
            read_dataset(where)
    with pytest.raises(FpgaSqueezeError, match="is 32x32"):
        read_dataset(path, Shape(1, 16, 16))


# --------------------------------------------------------------------------------------------- zeros and codes


def test_what_keeps_means() -> None:
    weight = np.array([[0.0, 2.0], [3.0, 2.0]])
    codes = np.array([[0, 1], [2, 1]])
    assert keeps(codes, weight) and keeps(own_codes(weight), weight)
    assert own_codes(weight).tolist() == [[0, 1], [2, 3]]
    assert tied_values(weight, codes).tolist() == [2.0, 3.0]
    assert not keeps(codes, np.array([[1e-9, 2.0], [3.0, 2.0]]))  # a mask that was not kept
    assert not keeps(codes, np.array([[0.0, 2.0], [3.0, 2.1]]))  # two weights of one code


def test_what_finetune_is_refused_for(capsys: Capture, tmp_path: Path) -> None:
    refused(
        capsys,
        "--finetune trains pruned or shared weights on; give --density",
        "compress",
        "--finetune",
        "digits",
    )
    refused(capsys, "--epochs says how long --finetune trains", "compress", "--epochs", 3, "--density", 0.5)
    for how, message in (
        (api.FineTune("digits", 0), "field epochs 0"),
        (api.FineTune("digits", rate=2.0), "learning rate 2"),
    ):
        with pytest.raises(FpgaSqueezeError, match=message):
            api.compress(options=api.CompressOptions(densities={"": 0.5}), finetune=how)


NETWORKS: dict[str, Callable[[], FloatModel]] = {
    "embedded": embedded,
    "bypass": lambda: squeezenet("1.0", 40, 5, "complex", width=8),
    "inception": lambda: inception_net(40, 5, width=8),
    "squeezenext": lambda: squeezenext(48, 5, (2, 1, 2, 1), width=4),
}


@torch_here
@pytest.mark.parametrize("name", NETWORKS)
def test_torch_computes_what_the_reference_computes(name: str) -> None:
    model = NETWORKS[name]()
    s = model.input_shape
    images = np.random.default_rng(0).integers(0, 256, (3, s.height, s.width, s.channels), dtype=np.uint8)
    around = np.arange(s.channels, dtype=np.float64) + 1
    first = replace(model.convs[0], pad_value=around, pads=(1, 0, 2, 1), ceiling=2.0)
    changed = model.with_convs({first.name: first})
    for net, pre in (
        (model, Preprocess()),
        (changed, PRESETS["caffe"] if s.channels == 3 else Preprocess((9.0,), (5.0,))),
    ):
        if net.name == "inception":
            continue
        try:
            want = float_logits(net, images, pre)
        except FpgaSqueezeError:
            continue  # the other padding gives maps that no longer meet
        mine = Network(net, pre)
        got = mine.logits(mine.pixels(images)).detach().numpy()
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * np.ptp(want))
        np.testing.assert_allclose(
            float_logits(mine.trained(), images, pre), want, rtol=1e-3, atol=1e-4 * np.ptp(want)
        )


def gradients(net: Network, data: Labelled) -> dict[str, Any]:
    """Of the loss, by layer."""
    loss = net.torch.nn.functional.cross_entropy(
        net.logits(net.pixels(data.images)), net.torch.from_numpy(data.labels)
    )
    loss.backward()
    return {name: values.grad.numpy() for name, values in net.values.items()}


def shared_model() -> tuple[FloatModel, dict[str, Any]]:
    """The embedded model pruned and with 15 values per layer; and its codes."""
    model = embedded()
    pruned = prune_model(model, {c.name: 0.4 for c in model.convs})
    coded = [share(conv, 4) for conv in pruned.convs]
    return pruned.with_convs({c.conv.name: c.conv for c in coded}), {c.conv.name: c.codes for c in coded}


def summed(codes: Any, dense: Any) -> Any:
    return np.bincount(codes.reshape(-1), dense.reshape(-1))[1:]


@torch_here
def test_gradient_of_a_centroid_is_the_sum_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model, codes = shared_model()
    data, _ = few(16)
    dense = gradients(Network(model, Preprocess()), data)  # every weight by itself

    def equal() -> bool:
        tied = gradients(Network(model, Preprocess(), codes), data)
        return all(
            np.allclose(
                tied[name], summed(codes[name], dense[name]), rtol=1e-3, atol=1e-4 * np.abs(dense[name]).max()
            )
            for name in codes
        )

    assert equal()
    right = Network.weight

    def not_summed(self: Network, name: str) -> Any:
        """Only the first weight of each code hands its gradient on."""
        weight, tied = right(self, name), self.ties.get(name)
        if tied is None:
            return weight
        first = np.zeros(tied.size, dtype=bool)
        first[np.unique(tied, return_index=True)[1]] = True
        return self.torch.where(self.torch.from_numpy(first.reshape(tied.shape)), weight, weight.detach())

    monkeypatch.setattr(Network, "weight", not_summed)
    assert not equal()


@torch_here
def test_zeros_and_codes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model, codes = shared_model()
    data, val = few()

    def kept() -> bool:
        """Both in what comes out, and in what was trained: the loss told is that of the network given back."""
        done = train(model, data, val, STILL, ties=codes)
        assert done.epoch == 1 and not np.array_equal(done.model.convs[3].weight, model.convs[3].weight)
        logits = float_logits(done.model, val.images)
        shifted = logits - logits.max(axis=1, keepdims=True)
        loss = (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(val)), val.labels]).mean()
        same = all(keeps(codes[c.name], c.weight) for c in done.model.convs)
        return same and bool(np.isclose(loss, done.loss, rtol=1e-3))

    assert kept()
    right = Network.weight

    def mask_lost(self: Network, name: str) -> Any:
        """Zeros of a layer get the number of its first code."""
        tied = self.ties.get(name)
        return right(self, name) if tied is None else self.values[name][(self._codes[name] - 1).clamp(min=0)]

    monkeypatch.setattr(Network, "weight", mask_lost)
    assert not kept()


@torch_here
def test_training_repeats_and_learns() -> None:
    data, val = few(256)
    start = fresh(
        squeezenet_of(Numbers(16, 8, sr=0.25, fires=2, stem=8, version="1.1"), Shape(1, 32, 32), 10),
        data.images,
    )
    options = replace(STILL, epochs=6, dropout=0.1, moves=(5.0, 5.0, 3.0))
    torch = importlib.import_module("torch")
    before, made = torch.get_num_threads(), []
    for threads in (1, 3):  # so many are there, and are left as they were; a small network takes one
        torch.set_num_threads(threads)
        made.append(train(start, data, val, options))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    one, two = made
    for a, b in zip(one.model.convs, two.model.convs, strict=True):
        assert np.array_equal(a.weight, b.weight) and np.array_equal(a.bias, b.bias)
    assert correct(one.model, val) == one.correct > correct(start, val) + 10
    other = train(start, data, val, replace(options, seed=1))
    assert other.loss != one.loss
    pictures = moved(val.images, (10.0, 10.0, 5.0), 3)
    assert pictures.shape == val.images.shape and pictures.dtype == np.uint8
    assert not np.array_equal(pictures, val.images)
    assert np.array_equal(moved(val.images, (0.0, 0.0, 0.0), 3), val.images)


@torch_here
def test_compress_finetune(capsys: Capture, tmp_path: Path) -> None:
    images, labels = digits("test")
    np.save(tmp_path / "t.npy", images[:60])
    (tmp_path / "t.csv").write_text(
        "file,label\n" + "".join(f"t[{i}],{n}\n" for i, n in enumerate(labels[:60]))
    )
    out = tmp_path / "s.onnx"
    work = [
        "compress",
        "--density",
        0.2,
        "--codebook",
        3,
        "--images",
        tmp_path / "t.npy",
        "--labels",
        tmp_path / "t.csv",
    ]
    plain = json.loads(works(capsys, *work, "--json"))
    tuned = json.loads(works(capsys, *work, "--finetune", "digits", "--epochs", 4, "-o", out, "--json"))
    names = ["float32", "pruned, zero runs", "trained on", "3-bit codebook", "trained on", "Huffman"]
    assert [s["name"] for s in tuned["steps"]] == names
    pruned, after, _, shared, last = tuned["steps"][1:]
    assert pruned["accuracy"] == plain["steps"][1]["accuracy"]
    assert after["nonzero"] == pruned["nonzero"] == shared["nonzero"] == last["nonzero"]
    assert last["accuracy"]["top1_count"] > plain["steps"][-1]["accuracy"]["top1_count"] + 10
    model = read_model(out)
    assert isinstance(model, FloatModel)
    assert all(len(np.unique(c.weight[c.weight != 0])) <= 7 for c in model.convs)
    assert sum(int(np.count_nonzero(c.weight)) for c in model.convs) == last["nonzero"]
    # integers of bits: biases alone go on
    done = api.compress(
        options=api.CompressOptions(code_bits=5),
        finetune=api.FineTune("digits", 1),
        output=tmp_path / "b.onnx",
    )
    before, behind = (step.model for step in done.steps[-3:-1])
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(before.convs, behind.convs, strict=True))
    with pytest.raises(FpgaSqueezeError, match="holds 2 classes, .* tells 10 apart"):
        api.compress(
            options=api.CompressOptions(densities={"": 0.5}),
            finetune=api.FineTune(folder_of(tmp_path / "set", {"a": 3, "b": 3})),
        )
