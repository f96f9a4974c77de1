"""The steps of compression in their order, each with the network it leaves and what that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import FpgaSqueezeError
from ..network.graph import Concat, FloatModel
from .factorise import Factors, factorise, full_rank, with_factors
from .inputs import Inputs
from .prune import prune_model
from .sharing import Coded, as_shared, share, uniform
from .sizes import LayerSize, dense_float, huffman, plain_codes, sparse_float

EVERY_LAYER = ""
"""Key of an option that is given for all layers."""
TRAINED = "trained on"
"""Name of a step behind which weights are others, but not their zeros and codes."""
LARGEST = 3
"""Longest side of the kernels that are factorised without being named: larger ones gain little where they read an
image."""


@dataclass(frozen=True)
class CompressOptions:
    """What to do to a network; by default nothing, which still tells what it takes.

    ranks          rank, or below 1 a share of the full rank, by layer name or for EVERY_LAYER (those up to 3x3)
    densities      share of weights to keep, by layer name or for EVERY_LAYER
    max_loss       instead of densities: images in percent that may change their first class, on calibration images
    codebook_bits  share weights among 2**bits - 1 values per layer, found by k-means
    code_bits      or make them integers of so many bits times a power of two
    per_channel    one binary point per output channel instead of one per layer, with ``code_bits``
    rank_loss      instead of ranks: as max_loss, for low ranks alone, before anything is pruned
    rank_macs      instead of ranks: multiplications of the network that low ranks may leave, in percent
    """

    ranks: Mapping[str, float] = field(default_factory=dict)
    densities: Mapping[str, float] = field(default_factory=dict)
    max_loss: float | None = None
    codebook_bits: int | None = None
    code_bits: int | None = None
    per_channel: bool = False
    rank_loss: float | None = None
    rank_macs: float | None = None

    @property
    def finds_ranks(self) -> bool:
        """Whether ranks are to be found on calibration images."""
        return self.rank_loss is not None or self.rank_macs is not None

    def check(self) -> None:
        """Raise FpgaSqueezeError for numbers out of range and options that exclude each other."""
        for name, value in self.densities.items():
            if not 0 < value <= 1:
                raise FpgaSqueezeError(
                    f"field densities {_text(name, value)}: give a share above 0, at most 1"
                )
        for name, loss in (("max_loss", self.max_loss), ("rank_loss", self.rank_loss)):
            if loss is not None and not 0 <= loss < 100:
                raise FpgaSqueezeError(f"field {name} {loss:g}: give percent of the images, 0 to 100")
        if self.rank_macs is not None and not 0 < self.rank_macs <= 100:
            raise FpgaSqueezeError(
                f"field rank_macs {self.rank_macs:g}: give percent of the network's multiplications, up to 100"
            )
        if self.max_loss is not None and self.densities:
            raise FpgaSqueezeError(
                "field densities and field max_loss both say how much to prune; give one of them"
            )
        ways = ("ranks", bool(self.ranks)), ("rank_loss", self.rank_loss), ("rank_macs", self.rank_macs)
        given = [f"field {name}" for name, value in ways if value is not None and value is not False]
        if len(given) > 1:
            raise FpgaSqueezeError(f"{' and '.join(given)} all say how low ranks are to be; give one of them")
        if self.codebook_bits is not None and self.code_bits is not None:
            raise FpgaSqueezeError(
                "field codebook_bits and field code_bits both say how weights are shared; give one of them"
            )
        for name, bits, low in (("codebook_bits", self.codebook_bits, 1), ("code_bits", self.code_bits, 2)):
            if bits is not None and not low <= bits <= 8:
                raise FpgaSqueezeError(f"field {name} {bits}: give {low} to 8 bits")
        if self.per_channel and self.code_bits is None:
            raise FpgaSqueezeError("field per_channel places binary points; give field code_bits with it")


@dataclass(frozen=True, eq=False)
class Step:
    """One row of the table: what was done, the network after it, and its size layer by layer."""

    name: str
    model: FloatModel
    layers: tuple[LayerSize, ...]

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def nonzero(self) -> int:
        return sum(layer.nonzero for layer in self.layers)

    @property
    def weight_bits(self) -> int:
        """Bits of the weights alone."""
        return sum(layer.weight_bits for layer in self.layers)

    @property
    def bytes(self) -> int:
        """All that a decoder needs: weights, tables and biases."""
        return -(-sum(layer.bits for layer in self.layers) // 8)

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "weights": self.weights,
            "nonzero": self.nonzero,
            "weight_bits": self.weight_bits,
            "bytes": self.bytes,
            "layers": [vars(layer) for layer in self.layers],
        }


def _text(name: str, value: float) -> str:
    return f"{name}={value:g}" if name else f"{value:g}"


def modules(model: FloatModel) -> dict[str, list[str]]:
    """The convolutions that each Concat joins, and those that only these read: of a Fire module all three."""
    convs, readers = {conv.name for conv in model.convs}, model.readers
    out = {}
    for layer in model.layers:
        if not isinstance(layer, Concat):
            continue
        joined = {name for name in layer.inputs if name in convs}
        before = {
            name for name in convs if readers[name] and all(reader.name in joined for reader in readers[name])
        }
        inside = [conv.name for conv in model.convs if conv.name in joined | before]
        if inside:
            out[layer.name] = inside
    return out


def by_layer(
    model: FloatModel, field_name: str, given: Mapping[str, float], largest: int | None = None
) -> dict[str, float]:
    """``given`` for each convolution it means, in network order: those named, or in a module named by its Concat, else
    all whose kernel has no side above ``largest``. Raises FpgaSqueezeError for a name the model does not have."""
    convs = {conv.name: conv for conv in model.convs}
    groups = modules(model)
    out: dict[str, float] = {}
    if EVERY_LAYER in given:
        kept = [name for name, conv in convs.items() if largest is None or max(conv.kernel) <= largest]
        out = dict.fromkeys(kept, given[EVERY_LAYER])
    for chosen in (groups, convs):  # a layer's own number counts more than its module's
        for name, value in given.items():
            if name == EVERY_LAYER or name not in chosen:
                continue
            for each in groups[name] if chosen is groups else [name]:
                out[each] = value
    unknown = next((n for n in given if n and n not in convs and n not in groups), None)
    if unknown is not None:
        inside = {each for group in groups.values() for each in group}
        known = ", ".join(
            layer.name
            for layer in model.layers
            if layer.name in groups or layer.name in convs.keys() - inside
        )
        raise FpgaSqueezeError(
            f"field {field_name} {_text(unknown, given[unknown])}: {model.source or model.name} has no such layer; "
            f"it has {known}{_inside(groups)}"
        )
    return {name: out[name] for name in convs if name in out}


def _inside(groups: Mapping[str, list[str]]) -> str:
    """What the layers in the first module are called, to go behind a list of names."""
    for name, inside in groups.items():
        return f", and in {name} {', '.join(inside)}"
    return ""


def wanted_ranks(model: FloatModel, ranks: Mapping[str, float]) -> dict[str, int]:
    """The rank of each layer that ``ranks`` means, in network order."""
    convs, out = {conv.name: conv for conv in model.convs}, {}
    for name, rank in by_layer(model, "ranks", ranks, LARGEST).items():
        most = full_rank(convs[name])
        wanted = max(1, round(rank * most)) if 0 < rank < 1 else rank
        if wanted != int(wanted) or not 1 <= wanted <= most:
            raise FpgaSqueezeError(
                f"field ranks {name}={rank:g}: give a whole number from 1 to {most}, or a share of that below 1"
            )
        out[name] = int(wanted)
    return out


def find_factors(
    model: FloatModel, ranks: Mapping[str, int], inputs: Mapping[str, Inputs] | None = None
) -> list[Factors]:
    """The layers in ``ranks`` as two each, weighed by their ``inputs`` where these are known."""
    return [
        factorise(conv, ranks[conv.name], inputs[conv.name] if inputs is not None else None)
        for conv in model.convs
        if conv.name in ranks
    ]


def read_step(model: FloatModel) -> Step:
    """The network as it came, every weight in 32 bits."""
    return Step("float32", model, tuple(map(dense_float, model.convs)))


def rank_step(model: FloatModel, factors: list[Factors]) -> Step:
    """The network with factorised layers."""
    after = with_factors(model, factors)
    return Step(_rank_name(factors), after, tuple(map(dense_float, after.convs)))


def _rank_name(factors: list[Factors]) -> str:
    if len(factors) == 1:
        return f"{factors[0].original.name} of rank {factors[0].rank}"
    return f"{len(factors)} layers of low rank"


def prune_step(model: FloatModel, densities: Mapping[str, float]) -> Step:
    """The network with its smallest weights left out, and zeros skipped."""
    shares = by_layer(model, "densities", densities)
    after = prune_model(model, shares) if shares else model
    return Step(
        "pruned, zero runs" if densities else "zero runs", after, tuple(map(sparse_float, after.convs))
    )


def code_layers(model: FloatModel, options: CompressOptions) -> list[Coded] | None:
    """Each layer's weights as codes, made or found; None where none were asked for and a layer has too many values."""
    out: list[Coded] = []
    for conv in model.convs:
        if options.codebook_bits is not None:
            coded: Coded | None = share(conv, options.codebook_bits)
        elif options.code_bits is not None:
            coded = uniform(conv, options.code_bits, options.per_channel)
        else:
            coded = as_shared(conv)
        if coded is None:
            return None
        out.append(coded)
    return out


def code_steps(
    model: FloatModel, coded: Sequence[Coded], name: str, trained: Sequence[Coded] | None = None
) -> list[Step]:
    """The network with shared weights, as plain codes and as Huffman codes; ``trained`` on between the two."""
    last = coded if trained is None else trained
    after = _with_codes(model, coded)
    steps = [Step(name, after, tuple(map(plain_codes, coded)))]
    if trained is not None:
        after = _with_codes(model, trained)
        steps.append(Step(TRAINED, after, tuple(map(plain_codes, trained))))
    return [*steps, Step("Huffman", after, tuple(map(huffman, last)))]


def _with_codes(model: FloatModel, coded: Sequence[Coded]) -> FloatModel:
    """``model`` with coded layers; itself where these are its own."""
    if all(a.conv is b for a, b in zip(coded, model.convs, strict=True)):
        return model
    return model.with_convs({layer.conv.name: layer.conv for layer in coded})


def trained_step(after: FloatModel) -> Step:
    """The pruned network after its weights were trained on."""
    return Step(TRAINED, after, tuple(map(sparse_float, after.convs)))


def code_name(options: CompressOptions) -> str:
    """What the step that shares weights is called."""
    if options.codebook_bits is not None:
        return f"{options.codebook_bits}-bit codebook"
    if options.code_bits is not None:
        return f"{options.code_bits}-bit integers"
    return "its shared values"
