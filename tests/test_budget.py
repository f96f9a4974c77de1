"""A budget of coded bits: kept, spent where it does good, and what its parts promise."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from random_graphs import graph_images
from test_rounding import random_model, random_target

from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_calibration, embedded_model_path
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import layer_float
from fpga_squeeze.network.walk import walk
from fpga_squeeze.quantization.budget import RATES, WeightBudget, code_bits, coded_size
from fpga_squeeze.quantization.loss_sensitivity import backward, weight_sensitivity
from fpga_squeeze.quantization.quantize import float_logits, quantize
from fpga_squeeze.quantization.rounding import Price, descend, nearest
from fpga_squeeze.zoo import squeezenet

IMAGES = 32


@lru_cache(maxsize=1)
def pruned() -> FloatModel:
    """The digits network without the smaller half of the weights of its first Fire module's 3x3 branch."""
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    conv = next(conv for conv in model.convs if conv.name == "fire2_expand3x3")
    kept = conv.weight * (np.abs(conv.weight) > np.median(np.abs(conv.weight)))
    return model.with_convs({conv.name: replace(conv, weight=kept)})


@lru_cache(maxsize=8)
def quantised(budget: int | None = None, weight_bits: int = 8) -> QModel:
    images = embedded_calibration()[:IMAGES]
    return quantize(pruned(), images, weight_bits=weight_bits, weight_budget=budget)


def size(q: QModel) -> int:
    return sum(coded_size(conv.weight) for conv in q.convs)


def error(q: QModel) -> float:
    """Root mean square error of the logits over their spread, on images not calibrated on."""
    images = embedded_accuracy_set()[0][:100]
    want = float_logits(pruned(), images)
    got = np.ldexp(golden.run(q, images, keep=False)["logits"].astype(float), -q.output.frac)
    return float(np.sqrt(np.mean((got - want) ** 2)) / want.std())


@pytest.mark.parametrize("share", [0.9, 0.75])
def test_budget_is_kept_and_used(share: float) -> None:
    total = int(share * size(quantised()))
    q = quantised(total)
    assert 0.93 * total < size(q) <= total
    for before, after in zip(pruned().convs, q.convs, strict=True):
        assert before.name == after.name and not after.weight[before.weight == 0].any()
        assert after.weight_bits == 8 and np.ptp(after.weight_frac) <= 8
    images, labels = embedded_accuracy_set()
    right = (golden.run(q, images, keep=False)["logits"].argmax(1) == labels).mean()
    assert right >= (float_logits(pruned(), images).argmax(1) == labels).mean() - 0.01


@pytest.mark.slow
@pytest.mark.parametrize("bits", [5, 6])
def test_better_than_fewer_bits_for_all(bits: int) -> None:
    plain = quantised(None, bits)
    shared = quantised(size(plain))
    print(f"{bits} bits: {size(plain)} coded, error {error(plain):.4f}; shared out: {error(shared):.4f}")
    assert size(shared) <= size(plain) < size(quantised())
    assert error(shared) < 0.9 * error(plain)


def test_a_budget_that_is_large_enough_costs_no_accuracy() -> None:
    assert error(quantised(2 * size(quantised()))) < 1.2 * error(quantised())


@pytest.mark.parametrize(
    "budget,pattern", [(0, "field weight_budget 0"), (50, "field weight_budget 50: .* still take")]
)
def test_refusals(budget: int, pattern: str) -> None:
    with pytest.raises(FpgaSqueezeError, match=pattern):
        quantize(pruned(), embedded_calibration()[:4], weight_budget=budget)


def test_bits_of_a_code_are_those_of_its_streams() -> None:
    rng = np.random.default_rng(3)
    # the last has hardly a zero, so that all are kept; a few in a hundred are skipped for their cycles, for more bits
    for scale, density in ((12, 0.15), (12, 0.4), (40, 1.0)):
        weight = np.rint(rng.laplace(scale=scale, size=(32, 64, 3, 3)).clip(-120, 120)).astype(np.int64)
        weight *= rng.random(weight.shape) < density
        low = code_bits(weight.astype(float), 8)[weight + 128].sum()
        assert 0.97 * low <= coded_size(weight) <= 1.06 * low


def test_a_price_makes_codes_shorter_and_pays() -> None:
    target = random_target(5, 12, 40, 0.3)
    frac = np.full(12, 4, dtype=np.int32)
    start = nearest(target.weight, frac, 8)
    code = code_bits(start, 8)
    sizes = []
    for per_bit in (0.0, 0.01, 0.1, 1.0, 100.0):
        price = Price(np.full(12, per_bit), code)
        out = descend(target, start, frac, 8, price)

        def cost(q: np.ndarray, per_bit: float = per_bit) -> np.ndarray:
            return np.asarray(target.error(q / 16) + per_bit * code[q.astype(int) + 128].sum(axis=1))

        assert np.all(cost(out) <= cost(start) + 1e-9 * (1 + np.abs(cost(start))))
        assert not out[target.weight == 0].any()
        sizes.append(code[out.astype(int) + 128].sum())
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0] / 2
    assert np.array_equal(
        descend(target, start, frac, 8), descend(target, start, frac, 8, Price(np.zeros(12), code))
    )


LAYERS: dict[str, Layer] = {
    "1x1": Conv("c", ("x",), np.ones((5, 3, 1, 1)), np.zeros(5), 1, (0, 0, 0, 0), False),
    "3x3": Conv("c", ("x",), np.ones((5, 3, 3, 3)), np.zeros(5), 1, (1, 1, 1, 1), False),
    "7x7": Conv("c", ("x",), np.ones((5, 3, 7, 7)), np.zeros(5), 2, (2, 3, 1, 0), False),
    "1x3": Conv("c", ("x",), np.ones((5, 3, 1, 3)), np.zeros(5), 2, (0, 1, 0, 1), False),
    "max 3x3": MaxPool("p", ("x",), (3, 3), 2, (0, 0, 0, 0), True),
    "max 2x2": MaxPool("p", ("x",), (2, 2), 2, (1, 0, 0, 1), False),
    "average": AvgPool("p", ("x",), (12, 13), 1, (0, 0, 0, 0)),
    "average 3x3": AvgPool("p", ("x",), (3, 3), 2, (1, 1, 0, 1)),
    "add": Add("p", ("x", "y"), False),
    "concat": Concat("p", ("x", "y")),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_backward_is_the_transpose(kind: str) -> None:
    rng, layer = np.random.default_rng(1), LAYERS[kind]
    if isinstance(layer, Conv):
        layer = replace(layer, weight=rng.normal(size=layer.weight.shape))
    inputs = [rng.normal(size=(3, 12, 13)).astype(np.float32) for _ in layer.inputs]
    y = layer_float(layer, inputs)
    g = rng.normal(size=y.shape).astype(np.float32)
    back = backward(layer, inputs, y, g)
    assert [b.shape for b in back] == [x.shape for x in inputs]
    total = sum((x * b).sum() for x, b in zip(inputs, back, strict=True))
    np.testing.assert_allclose(total, (g * y).sum(), rtol=1e-4, atol=1e-3)


def divergence(model: FloatModel, other: FloatModel, images: np.ndarray) -> float:
    def log_softmax(x: np.ndarray) -> np.ndarray:
        x = x - x.max(axis=1, keepdims=True)
        return np.asarray(x - np.log(np.exp(x).sum(axis=1, keepdims=True)))

    p, q = (log_softmax(float_logits(m, images)) for m in (model, other))
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def test_sensitivity_foretells_the_divergence() -> None:
    """Noise on the weights of one layer of a small network: what it does, and what was foretold."""
    rng = np.random.default_rng(0)
    model = random_model(1)
    last = model.convs[-1]
    images = rng.integers(0, 256, (24, 11, 10, 3), dtype=np.uint8)
    spread = float_logits(model, images).std()
    last = replace(last, weight=last.weight / spread, bias=last.bias / spread)
    model = model.with_convs({last.name: last})
    maps = [image.transpose(2, 0, 1).astype(np.float32) for image in images]
    found = weight_sensitivity(model, maps)
    assert list(found) == [conv.name for conv in model.convs]
    again = weight_sensitivity(model, maps)
    assert all(np.array_equal(found[name], again[name]) for name in found)
    columns = np.concatenate([_at_last(model, x).reshape(9, -1) for x in maps], axis=1)
    foretold, seen = 0.0, 0.0
    for _ in range(30):
        noise = 0.02 * rng.normal(size=last.weight.shape) * np.abs(last.weight).mean()
        bias = last.bias - noise[:, :, 0, 0] @ columns.mean(axis=1)
        noisy = model.with_convs({last.name: replace(last, weight=last.weight + noise, bias=bias)})
        foretold += float((found[last.name] * np.square(noise).sum(axis=(1, 2, 3))).sum())
        seen += divergence(model, noisy, images)
    print(f"divergence {seen:.3g}, foretold {foretold:.3g}")
    assert 0.5 < seen / foretold < 2


def _at_last(model: FloatModel, x: np.ndarray) -> np.ndarray:
    at = model.convs[-1].inputs[0]
    return next(y for layer, y in walk(model.layers, {IMAGE: x}, layer_float) if layer.name == at)


@pytest.mark.slow
def test_budget_on_a_graph_that_forks_and_joins() -> None:
    rng = np.random.default_rng(2)
    model = squeezenet("1.1", 40, 5, "complex", width=8)
    images = graph_images(rng, model.input_shape, 8)
    free = size(quantize(model, images))
    q = quantize(model, images, weight_budget=int(0.7 * free))
    assert 0.6 * free < size(q) <= 0.7 * free


def test_a_sensitive_channel_gets_finer_steps() -> None:
    rng = np.random.default_rng(4)
    weight = rng.laplace(size=(8, 200, 1, 1))
    conv = Conv("c", (IMAGE,), weight, np.zeros(8), 1, (0, 0, 0, 0), True)
    sensitivity = {"c": np.array([1e-3] * 4 + [1.0] * 4)}
    budget = WeightBudget([conv], sensitivity, 8 * 200 * 6, {"c": 8}, {"c"})
    rate = next(budget.rates("c"))
    fracs = budget.fracs("c", rate)
    assert fracs[4:].min() > fracs[:4].max() and 0 < rate < len(RATES) - 1
