"""How many bits weights and activations take: common widths, and those of layers by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel
from .groups import Group


@dataclass(frozen=True)
class Widths:
    """Common widths ``weight`` and ``activation``; ``weights`` and ``activations`` of layers by name in their place."""

    weight: int = 8
    activation: int = 8
    weights: Mapping[str, int] = field(default_factory=dict)
    activations: Mapping[str, int] = field(default_factory=dict)

    def check(self, model: FloatModel) -> None:
        """Raise FpgaSqueezeError for widths outside 2..8, and for layers that ``model`` does not have."""
        for what, common, own in (
            ("weight", self.weight, self.weights),
            ("activation", self.activation, self.activations),
        ):
            for bits in (common, *own.values()):
                if not 2 <= bits <= 8:
                    raise FpgaSqueezeError(f"{bits} {what} bits; 2 to 8 are supported")
        convs, layers = {conv.name for conv in model.convs}, {layer.name for layer in model.layers}
        for what, given, known in (("weight", self.weights, convs), ("activation", self.activations, layers)):
            for name in given:
                if name not in known:
                    raise FpgaSqueezeError(
                        f"layer_{what}_bits {name}={given[name]}: {model.source or model.name} has no such layer"
                    )

    def of_weights(self, name: str) -> int:
        """Bits of the weights of a convolution."""
        return self.weights.get(name, self.weight)

    def of_tensors(self, group: Group) -> int:
        """Bits of the tensors of one type: the most that is given for one of them."""
        return max(
            (self.activations[name] for name in group.members if name in self.activations),
            default=self.activation,
        )
