"""The choices of an accelerator: what the planner cannot know by itself.

Widths are common ones with a difference for each group of layers. Sparsity is a level for each group: every layer of
it loses as many of its smallest weights as it can while that alone changes the network's output by no more than the
level's divergence (:mod:`..compression.densities`), so that insensitive layers lose more, and networks that were pruned
before lose less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compression.densities import densities
from ..compression.steps import modules
from ..network.graph import FloatArray, FloatModel

WEIGHT_BITS, ACTIVATION_BITS = (4, 8), (5, 8)
LEAST_BITS, MOST_BITS = 2, 8
DIFFERENCE = 1
"""Bits that a group of layers may have more or less."""
PRUNING = tuple(range(9))
"""Levels: 0 prunes nothing, each further one allows twice the divergence of the one before."""
BUDGETS = tuple(range(60, 101))
"""Coded bits, in percent of what the weights take when each is rounded to its nearest integer; 100: any number."""
OWN_BUDGET = 87
"""What ``generate`` takes by itself where memory is short, in whole percent of the nearest integers' bits."""
FORMATS = ("huffman", "mask", "sparse", "dense")


@dataclass(frozen=True)
class Variable:
    """A choice among ``values``; ``number``: they are whole numbers, ``step`` apart, and near ones are alike."""

    name: str
    values: tuple[Any, ...]
    number: bool = False

    def draw(self, trial: Any) -> Any:
        """What optuna's ``trial`` chooses."""
        if len(self.values) == 1:
            return self.values[0]
        if self.number:
            step = self.values[1] - self.values[0]
            return trial.suggest_int(self.name, self.values[0], self.values[-1], step=step)
        return trial.suggest_categorical(self.name, list(self.values))


def layer_groups(model: FloatModel) -> dict[str, tuple[str, ...]]:
    """Convolutions by group: the first, the last, and two halves of the modules and layers between them."""
    inside = {name: module for module, names in modules(model).items() for name in names}
    units: dict[str, list[str]] = {}
    for conv in model.convs:
        units.setdefault(inside.get(conv.name, conv.name), []).append(conv.name)
    if len(units) < 4:
        return {name: tuple(convs) for name, convs in units.items()}
    first, *middle, last = units
    half = (len(middle) + 1) // 2
    parts = {
        first: [first],
        _span(middle[:half]): middle[:half],
        _span(middle[half:]): middle[half:],
        last: [last],
    }
    return {name: tuple(conv for unit in some for conv in units[unit]) for name, some in parts.items()}


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}"


@dataclass(frozen=True)
class Space:
    """All choices for a network on devices; ``groups`` are its layers."""

    devices: tuple[str, ...]
    clocks: tuple[float, ...]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """In the order in which they are drawn."""
        difference = tuple(range(-DIFFERENCE, DIFFERENCE + 1))
        per_group = []
        for name in self.groups:
            per_group += [
                Variable(f"weight bits, {name}", difference, True),
                Variable(f"activation bits, {name}", difference, True),
                Variable(f"pruning, {name}", PRUNING, True),
            ]
        return (
            Variable("device", self.devices),
            Variable("clock", self.clocks),
            Variable("weights", FORMATS),
            Variable("products per DSP", (1, 2), True),
            Variable("weight bits", tuple(range(WEIGHT_BITS[0], WEIGHT_BITS[1] + 1)), True),
            Variable("activation bits", tuple(range(ACTIVATION_BITS[0], ACTIVATION_BITS[1] + 1)), True),
            Variable("budget", BUDGETS, True),
            *per_group,
        )

    def draw(self, trial: Any) -> Point:
        """The choices of a trial."""
        return self.point({variable.name: variable.draw(trial) for variable in self.variables})

    def point(self, params: Mapping[str, Any]) -> Point:
        """The design that ``params`` mean; of what they leave out the only value, or the plainest."""
        plain = self.plain() | dict(params)
        return Point(
            device=plain["device"],
            clock_mhz=plain["clock"] or None,
            weights=plain["weights"],
            products=plain["products per DSP"],
            weight_bits=plain["weight bits"],
            activation_bits=plain["activation bits"],
            budget=plain["budget"],
            layer_weight_bits=self._widths(plain, "weight bits"),
            layer_activation_bits=self._widths(plain, "activation bits"),
            pruning={name: plain[f"pruning, {name}"] for name in self.groups},
        )

    def _widths(self, params: Mapping[str, Any], what: str) -> dict[str, int]:
        """Widths of layers whose group differs."""
        out: dict[str, int] = {}
        for group, convs in self.groups.items():
            bits = min(max(params[what] + params[f"{what}, {group}"], LEAST_BITS), MOST_BITS)
            if bits != params[what]:
                out |= dict.fromkeys(convs, bits)
        return out

    def plain(self) -> dict[str, Any]:
        """8 bits, nothing pruned, the first device, Huffman codes, two products per DSP slice."""
        usual = {
            "weight bits": MOST_BITS,
            "activation bits": MOST_BITS,
            "budget": BUDGETS[-1],
            "products per DSP": 2,
        }
        return {v.name: usual.get(v.name, 0 if v.number else v.values[0]) for v in self.variables}

    def seeds(self) -> list[dict[str, Any]]:
        """What a user would ask for by hand, on each device: tried first."""
        common = {name: value for name, value in self.plain().items() if self._free(name)}
        out = []
        for device in self.devices:
            for clock in self.clocks[-1:]:
                at = {k: v for k, v in {"device": device, "clock": clock}.items() if self._free(k)}
                out += [common | at, common | at | {"budget": OWN_BUDGET}, common | at | {"weights": "dense"}]
        return out

    def _free(self, name: str) -> bool:
        return any(v.name == name and len(v.values) > 1 for v in self.variables)

    def grid(self) -> dict[str, list[Any]]:
        """Few values of the choices that concern the whole network, one of the others."""
        few = {
            "device": self.devices,
            "clock": self.clocks,
            "weights": ("huffman", "dense"),
            "products per DSP": (1, 2),
            "weight bits": (4, 6, 8),
            "activation bits": (6, 8),
            "budget": (70, 85, 100),
        }
        plain = self.plain()
        return {v.name: list(few.get(v.name, (plain[v.name],))) for v in self.variables if len(v.values) > 1}


@dataclass(frozen=True)
class Point:
    """One design as chosen; levels of ``pruning`` by group, ``budget`` in percent."""

    device: str
    clock_mhz: float | None
    weights: Any
    products: int
    weight_bits: int
    activation_bits: int
    budget: int
    layer_weight_bits: Mapping[str, int]
    layer_activation_bits: Mapping[str, int]
    pruning: Mapping[str, int]

    def densities(
        self,
        model: FloatModel,
        groups: Mapping[str, Sequence[str]],
        found: Mapping[str, FloatArray],
        first: float,
    ) -> dict[str, float]:
        """Densities by layer of those that are pruned; ``found`` is what pruning each layer alone does, ``first`` how
        much of that a layer may do at level 1."""
        out: dict[str, float] = {}
        for group, convs in groups.items():
            if level := self.pruning[group]:
                chosen = densities(model, found, first * 2 ** (level - 1))
                out |= {name: chosen[name] for name in convs}
        return out

    def describe(self, kept: float) -> str:
        """The design in one line; ``kept``: the share of the network's weights that are not zero."""
        parts = [self.device, str(self.weights), f"{self.products} per DSP"]
        if self.clock_mhz:
            parts.insert(1, f"{self.clock_mhz:g} MHz")
        for what, common, own in (
            ("w", self.weight_bits, self.layer_weight_bits),
            ("a", self.activation_bits, self.layer_activation_bits),
        ):
            low, high = min((common, *own.values())), max((common, *own.values()))
            parts.append(f"{what}{low}" if low == high else f"{what}{low}-{high}")
        if self.budget < BUDGETS[-1] and self.weights != "dense":
            parts.append(f"coded {self.budget} %")
        if kept < 1:
            parts.append(f"kept {100 * kept:.0f} %")
        return ", ".join(parts)
