"""The Deep-Compression file: read value for value, and every damage reported in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from deep_compression_file import StoredLayer, encode, random_file, write
from model_equality import differences
from seeds import SEED
from test_cli import fails, works

from fpga_squeeze import FpgaSqueezeError
from fpga_squeeze.compression.report import deep_compression_bytes
from fpga_squeeze.datasets.images import load_images
from fpga_squeeze.frontend import read_model
from fpga_squeeze.frontend.deep_compression import CONVS, HEADER, is_deep_compression
from fpga_squeeze.network.graph import AvgPool, Concat, Conv, FloatModel, MaxPool
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import PRESETS, float_logits

REAL = Path(__file__).resolve().parents[2] / "shared" / "models"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def layers() -> list[StoredLayer]:
    return random_file(SEED)


@pytest.fixture(scope="module")
def data(layers: list[StoredLayer]) -> bytes:
    return encode(layers)


def real(name: str) -> Path:
    if not (REAL / name).is_file():
        pytest.skip(f"{name} is not at ../shared/models")
    return REAL / name


def read(path: Path) -> FloatModel:
    model = read_model(path)
    assert isinstance(model, FloatModel)
    return model


def refused(path: Path, data: bytes, pattern: str) -> None:
    """Reading ``data`` fails in one line that names the file and matches ``pattern``."""
    path.write_bytes(data)
    with pytest.raises(FpgaSqueezeError) as caught:
        read_model(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 300 and text.startswith(f"{path}: "), text
    assert re.search(pattern, text), text


# ---------------------------------------------------------------------------------------------- what it reads


def test_weights_are_those_of_the_symbols(tmp_path: Path, layers: list[StoredLayer]) -> None:
    model = read(write(tmp_path / "some_net.net", layers))
    assert model.name == "some_net" and model.source == str(tmp_path / "some_net.net")
    assert [c.name for c in model.convs] == [s.name for s in CONVS]
    for conv, stored, layer in zip(model.convs, CONVS, layers, strict=True):
        assert np.array_equal(conv.weight, layer.weight(stored)) and np.array_equal(conv.bias, layer.bias)
        assert conv.relu and conv.weight.dtype == np.float64
    pools = [layer for layer in model.layers if isinstance(layer, MaxPool)]
    assert all(pool.ceil and (pool.kernel, pool.stride) == ((3, 3), 2) for pool in pools)
    assert [str(s) for s in model.shapes().values()][-2:] == ["1000x15x15", "1000x1x1"]
    size = (tmp_path / "some_net.net").stat().st_size
    fewer = sum(int(np.count_nonzero(c.weight) == 0) for c in model.convs)  # an empty layer cannot be stored
    assert fewer or deep_compression_bytes(model) == size


def test_another_code_is_another_weight(tmp_path: Path, layers: list[StoredLayer]) -> None:
    bent = bent_layer(layers, 7)
    bent[7].codes[0] = bent[7].codes[0] % 255 + 1
    a, b = (read(write(tmp_path / "a.net", x)).convs for x in (layers, bent))
    assert [x.name for x, y in zip(a, b, strict=True) if differences(x, y)] == [CONVS[7].name]


def test_known_by_ending_or_by_size(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(data)
    assert is_deep_compression(path) and len(read(path).convs) == len(CONVS)
    path.write_bytes(data[:-1])
    assert not is_deep_compression(path)
    assert is_deep_compression(tmp_path / "none.NET") and not is_deep_compression(tmp_path / "none.onnx")


def test_the_released_file_equals_its_onnx() -> None:
    stored = read(real("compressed_SqueezeNet.net"))
    decoded = read(real("squeezenet_v1.0_deep_compression.onnx"))
    assert stored.input_shape == decoded.input_shape
    assert not differences(stored.layers, decoded.layers)
    assert sum(int(np.count_nonzero(c.weight)) for c in stored.convs) == 415_921
    assert deep_compression_bytes(decoded) == real("compressed_SqueezeNet.net").stat().st_size


@pytest.mark.slow
def test_every_verb_takes_it(capsys: Capture, tmp_path: Path) -> None:
    net, images = real("compressed_SqueezeNet.net"), real("imagenet_800_227.zip")
    labels = real("imagenet_800_labels.csv")
    calibration = ["--preprocess", "caffe", "--calibration", images, "--calibration-count", 3]
    works(capsys, "quantize", net, *calibration, "-o", tmp_path / "q.onnx")
    model, source = read_model(tmp_path / "q.onnx"), read(net)
    assert isinstance(model, QModel)
    # pruned weights stay zero through equalisation and learned rounding; conv1 reads R, G, B
    first = source.convs[0].weight[:, ::-1]
    for conv, weight in zip(model.convs, [first, *(c.weight for c in source.convs[1:])], strict=True):
        assert not conv.weight[weight == 0].any()
        assert np.count_nonzero(conv.weight) > 0.9 * np.count_nonzero(weight)
    base = ["evaluate", tmp_path / "q.onnx", "--images", images, "--labels", labels, "--frames", 20, "--json"]
    out = json.loads(works(capsys, *base, "--float", net))["float"]
    decoded = json.loads(works(capsys, *base, "--float", real("squeezenet_v1.0_deep_compression.onnx")))
    assert out["runner"] == "float (onnxruntime)"
    assert (out["top1_count"], out["top5_count"]) == tuple(
        decoded["float"][k] for k in ("top1_count", "top5_count")
    )
    pixels, _ = load_images(images, source.input_shape, 2)
    assert float_logits(source, pixels, PRESETS["caffe"]).std() > 1
    works(capsys, "generate", net, *calibration, "-o", tmp_path / "p", "--device", "ZU9EG")


# ---------------------------------------------------------------------------------------------- what it refuses


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(FpgaSqueezeError, match="none.net: no such file"):
        read_model(tmp_path / "none.net")
    (tmp_path / "folder.net").mkdir()
    with pytest.raises(FpgaSqueezeError, match="is a folder"):
        read_model(tmp_path / "folder.net")


def test_cut_short_and_too_long(tmp_path: Path, data: bytes, layers: list[StoredLayer]) -> None:
    path = tmp_path / "a.net"
    refused(path, b"", "0 bytes are too few .* get the file again")
    refused(path, data[: HEADER - 1], "header has 104")
    refused(path, data[:HEADER], f"layer conv1: the file ends at byte 104 of {len(data)}")
    end = HEADER
    for stored, layer in zip(CONVS, layers, strict=True):
        end += len(layer.encode())
        refused(
            path, data[: end - 1], f"layer {stored.name}: the file ends .*, 1 bytes before the layer does"
        )
    refused(path, data + b"\0", "1 bytes follow its last layer, conv10")


@pytest.mark.parametrize("count", [0, 14_113, 2**32 - 1])
def test_impossible_counts(tmp_path: Path, layers: list[StoredLayer], count: int) -> None:
    counts = [count, *(len(x.codes) for x in layers[1:])]
    refused(
        tmp_path / "a.net",
        encode(layers, counts),
        f"layer conv1: says it stores {count} symbols, it has 14112",
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["codebook", "bias"])
def test_nan_and_infinity(tmp_path: Path, layers: list[StoredLayer], what: str, value: float) -> None:
    bent = bent_layer(layers, 4)
    getattr(bent[4], what)[9] = value
    refused(
        tmp_path / "a.net",
        encode(bent),
        f"layer fire3_squeeze1x1: its {what} holds NaN or infinity at 9; .*again",
    )


def bent_layer(layers: list[StoredLayer], at: int) -> list[StoredLayer]:
    """A copy of ``layers`` whose layer ``at`` may be changed."""
    old = layers[at]
    own = StoredLayer(old.codebook.copy(), old.bias.copy(), old.codes.copy(), old.runs.copy())
    return [*layers[:at], own, *layers[at + 1 :]]


def test_first_entry_is_zero(tmp_path: Path, layers: list[StoredLayer]) -> None:
    bent = bent_layer(layers, 25)
    bent[25].codebook[0] = 0.5
    refused(
        tmp_path / "a.net", encode(bent), "layer conv10: entry 0 of its codebook is 0.5, it stands for zero"
    )


def test_runs_lead_out_of_the_layer(tmp_path: Path, layers: list[StoredLayer]) -> None:
    bent = bent_layer(layers, 2)
    bent[2].codes, bent[2].runs = np.ones(65, dtype=int), np.full(65, 15)  # 65 * 16 of 1024 weights
    refused(
        tmp_path / "a.net",
        encode(bent),
        "layer fire2_expand1x1: symbol 64 of 65 would set weight 1039 of 1024",
    )
    bent[2].codes, bent[2].runs = bent[2].codes[:64], bent[2].runs[:64]
    assert read(write(tmp_path / "a.net", bent)).convs[2].weight.reshape(-1)[1023] != 0


def test_half_byte_behind_the_runs(tmp_path: Path, layers: list[StoredLayer]) -> None:
    bent = bent_layer(layers, 25)
    bent[25].codes, bent[25].runs = bent[25].codes[:9], bent[25].runs[:9]
    good = encode(bent)
    bad = good[:-1] + bytes([good[-1] | 0x30])
    refused(tmp_path / "a.net", bad, "layer conv10: the half byte behind its last run is not zero")


def test_on_the_command_line(capsys: Capture, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.net"
    path.write_bytes(data[:-7])
    assert "layer conv10" in fails(
        capsys, 2, "quantize", path, "--calibration", tmp_path, "-o", tmp_path / "q.onnx"
    )
    assert "layer conv10" in fails(capsys, 2, "compress", path, "-o", tmp_path / "c.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["a.net"]


@pytest.mark.fuzz
@pytest.mark.parametrize("source", ["random", "real"])
def test_fuzz(tmp_path: Path, data: bytes, source: str) -> None:
    """Whatever happens to the bytes, the file is read or refused in one line."""
    if source == "real":
        data = real("compressed_SqueezeNet.net").read_bytes()
    path = tmp_path / "a.net"
    rng = np.random.default_rng(SEED)
    outcomes = []
    for turn in range(120):
        bent, kind = bytearray(data), turn % 3
        if kind == 0:
            bent = bent[: rng.integers(len(data))]
        elif kind == 1:  # one bit of the header: the counts no longer give the size
            bent[rng.integers(HEADER)] ^= 1 << int(rng.integers(8))
        else:
            for at in rng.integers(0, len(data), 3):
                bent[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(bent))
        try:
            model = read(path)
        except FpgaSqueezeError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            outcomes.append(kind)
        else:
            assert all(np.isfinite(c.weight).all() for c in model.convs)
    assert outcomes.count(0) == outcomes.count(1) == 40  # cut files and bent headers are always seen


def test_layers_are_typed(tmp_path: Path, layers: list[StoredLayer]) -> None:
    model = read(write(tmp_path / "a.net", layers))
    fire = "C C C C"
    kinds = ["".join(c for c in type(layer).__name__ if c.isupper()) for layer in model.layers]
    assert " ".join(kinds) == " ".join(
        ["C MP", fire, fire, fire, "MP", fire, fire, fire, fire, "MP", fire, "C AP"]
    )
    assert isinstance(model.layers[0], Conv) and isinstance(model.layers[5], Concat)
    assert isinstance(model.layers[-1], AvgPool)
