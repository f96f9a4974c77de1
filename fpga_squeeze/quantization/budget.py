"""A budget of coded bits, shared out among the weights: coarse steps where they cost the network least.

What a layer's weights take as codes follows from how often each integer occurs, hence from the step of
its channels' binary points. Every layer pays the same rate for a bit, in nats of divergence per bit: at the best
division no bit would do more good elsewhere (Y. Shoham, A. Gersho, Efficient bit allocation for an arbitrary set of
quantizers, IEEE Trans. ASSP 36, 1988). Layers get their rate one after the other, so that what one of them
spends beyond its estimate is saved by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..coding.terms import layer_stream
from ..errors import FpgaSqueezeError
from ..network.fixed_point import IntArray, int_range
from ..network.graph import Conv, FloatArray
from .rounding import Fracs, Price, coarsest, nearest

PARTS = 16
"""Rates between two at which channels choose their binary points anew: in between, part of them have done so."""
RATES = np.geomspace(1e-12, 1e-2, 200 * PARTS + 1)
"""Rates to choose from, in nats of divergence per coded bit."""
COARSER = 4
"""Binary points tried per layer: from the finest at which nothing saturates to so many steps below the coarsest."""
SPREAD = 2
"""A channel's binary point lies at most so far from its layer's median, or where large weights need it: the shifter
stays small."""
CHOICE_ROUNDS = 12
"""Rounds in which channels choose their binary points by the code that follows from the last choice."""
OVERSPENT = 1.02
"""A layer takes at most so many times the bits estimated for it: those that follow would have to save them."""
ESTIMATE_SHARE = 0.25
"""Share of the budget for which the estimate is trusted, before what layers really took is."""

LAST_GAIN = 4.0
"""Weight of the last layers' errors: those of other layers are partly made up for by the layers that follow."""


def code_bits(ints: FloatArray | IntArray | npt.NDArray[np.int8], bits: int) -> FloatArray:
    """Bits of each value -2^(bits-1) .. in an ideal code for ``ints`` [O, P], zeros included, float64 [2^bits].

    Zeros are part of it as the runs are: between independent weights, runs and values together take as much.
    """
    low, high = int_range(bits, True)
    values = ints.astype(np.int64).reshape(-1) - low
    count = np.bincount(values, minlength=high - low + 1) + 0.5
    return np.asarray(-np.log2(count / count.sum()))


def coded_size(weight: IntArray) -> int:
    """Bits of the coded streams (``huffman``) of weights [O, I, Kh, Kw], one output channel at a time."""
    return layer_stream(weight, 1, "huffman").bits


@dataclass(eq=False)
class _Layer:
    """A convolution with the cost and the integers of every channel's weights at each candidate binary point."""

    conv: Conv
    sensitivity: FloatArray
    bits: int

    def __post_init__(self) -> None:
        self.weight = self.conv.weight.reshape(len(self.conv.bias), -1)
        busy = np.asarray(self.weight.any(axis=1))
        own = coarsest(self.weight, self.bits)
        base = own[busy] if busy.any() else np.zeros(1, dtype=np.int32)
        self.fracs = np.arange(int(base.min()) - COARSER, int(base.max()) + 1, dtype=np.int32)
        self.busy, self.unsaturated = busy, own - self.fracs[0]
        ints = [nearest(self.weight, np.full(len(busy), f, np.int32), self.bits) for f in self.fracs]
        self.cost = np.stack(
            [
                self.sensitivity * np.square(np.ldexp(q, -f) - self.weight).sum(axis=1)
                for q, f in zip(ints, self.fracs, strict=True)
            ]
        )
        self.ints = np.stack([q.astype(np.int8) for q in ints])
        self._nodes: dict[int, IntArray] = {}
        self._chosen: dict[int, tuple[Fracs, int]] = {}

    def choose(self, rate: int) -> tuple[Fracs, int]:
        """(binary points, estimated bits) at the rate of that number.

        Channels of a layer share a code, so they like to change their steps at the same rate; a budget in between is
        used by letting some of them change before the others, those first that lose least.
        """
        if rate not in self._chosen:
            node, part = divmod(rate, PARTS)
            at = self._node(node)
            if part and (changed := np.flatnonzero(at != self._node(node + 1))).size:
                later = self._node(node + 1)[changed]
                worse = self.cost[later, changed] - self.cost[at[changed], changed]
                worse /= np.maximum((self.weight[changed] != 0).sum(axis=1), 1)
                first = np.argsort(worse, kind="stable")[: len(changed) * part // PARTS]
                at = at.copy()
                at[changed[first]] = later[first]
            ints = self.ints[at, np.arange(len(at))].reshape(self.conv.weight.shape)
            self._chosen[rate] = self.fracs[at], coded_size(ints.astype(np.int64))
        return self._chosen[rate]

    def within(self, limit: float) -> Callable[[int], bool]:
        """Whether the bits at a rate stay within ``limit``."""
        return lambda rate: self.choose(rate)[1] <= limit

    def _node(self, node: int) -> IntArray:
        """Place of each channel's binary point in ``fracs`` at the rate of number ``node * PARTS``."""
        if node not in self._nodes:
            self._nodes[node] = self._choose(float(RATES[node * PARTS]))
        return self._nodes[node]

    def _choose(self, rate: float) -> IntArray:
        low = int_range(self.bits, True)[0]
        totals = []
        values = self.ints.astype(np.int64) - low
        for q, cost in zip(values, self.cost, strict=True):
            code = code_bits(q + low, self.bits)
            totals.append(float(cost.sum() + rate * code[q].sum()))
        at = np.full(len(self.weight), int(np.argmin(totals)))
        rows = np.arange(len(at))
        for _ in range(CHOICE_ROUNDS):
            code = code_bits(self.ints[at, rows], self.bits)
            size = np.stack([code[q].sum(axis=1) for q in values])
            best = np.argmin(self.cost + rate * size, axis=0)
            middle = int(np.median(best[self.busy])) if self.busy.any() else 0
            lowest = np.minimum(middle - SPREAD, self.unsaturated)
            best = np.where(self.busy, np.clip(best, lowest, middle + SPREAD), middle)
            if np.array_equal(best, at):
                break
            at = best
        return at


def _lowest(first: int, fits: Callable[[int], bool]) -> int:
    """Number of the lowest rate from ``first`` on that fits, or of the highest there is."""
    low, high = first, len(RATES) - 1
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low


class WeightBudget:
    """Shares ``total`` coded bits out among convolutions that are quantised in network order.

    sensitivity   per convolution by name [O]: nats of divergence per squared error of a weight
    bits          width of its weights, by name
    last          names of the convolutions behind which there is no other
    """

    def __init__(
        self,
        convs: Sequence[Conv],
        sensitivity: Mapping[str, FloatArray],
        total: int,
        bits: Mapping[str, int],
        last: Collection[str],
    ) -> None:
        self.total, self.left = total, total
        self._waiting = {
            conv.name: _Layer(
                conv, (LAST_GAIN if conv.name in last else 1.0) * sensitivity[conv.name], bits[conv.name]
            )
            for conv in convs
        }
        self._estimated = self._spent = ESTIMATE_SHARE * total
        self._foretold = self._share = self._size_seen = 0.0

    def rates(self, name: str) -> Iterator[int]:
        """Numbers of the rates at which to quantise the next layer, rising until what it takes can be spent."""
        layer = self._waiting[name]
        rate = _lowest(0, lambda rate: self._size(rate) <= self.left)
        last = len(self._waiting) == 1
        self._foretold = layer.choose(rate)[1]
        self._share = self.left if last else OVERSPENT * self._foretold * self._spent / self._estimated
        while rate < len(RATES) - 1:
            yield rate
            rate = _lowest(rate + 1, layer.within(layer.choose(rate)[1] * self._share / self._size_seen))
        if not last:
            self._share = np.inf
        yield len(RATES) - 1

    def _size(self, rate: int) -> float:
        estimate = sum(layer.choose(rate)[1] for layer in self._waiting.values())
        return estimate * self._spent / self._estimated

    def fracs(self, name: str, rate: int) -> Fracs:
        """Binary points of a layer's channels."""
        return np.array(self._waiting[name].choose(rate)[0])

    def price(self, name: str, rate: int, ints: FloatArray, gram: FloatArray) -> Price:
        """What the values of weights cost, in units of the error of a channel's sums with inputs of ``gram``."""
        layer = self._waiting[name]
        per_error = layer.sensitivity / float(np.diag(gram).mean())
        return Price(RATES[rate] / np.maximum(per_error, np.finfo(float).tiny), code_bits(ints, layer.bits))

    def spend(self, name: str, weight: IntArray) -> bool:
        """Take the weights' bits from the budget; False where they are more than the layer's share."""
        self._size_seen = size = coded_size(weight)
        if size > self._share:
            return False
        self.left -= size
        self._spent += size
        self._estimated += self._foretold
        del self._waiting[name]
        return True

    def refuse(self, weight: IntArray) -> FpgaSqueezeError:
        """What to tell where even ``weight``, the last layer at the highest rate, is too large for what is left."""
        reached = self.total - self.left + coded_size(weight)
        return FpgaSqueezeError(
            f"field weight_budget {self.total}: the weights still take {reached} bits; give at least that many"
        )
