"""What a search is for: the numbers of a design that are to be large or small, and which designs no other beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import FpgaSqueezeError

Numbers = Mapping[str, float]
"""Numbers of a design by name."""
WORST = 1e12
"""Stands for a number to be small that is not known."""
DOUBT = 2.0
"""Standard deviations by which accuracy on some images may turn out better on all."""


@dataclass(frozen=True)
class Objective:
    """A number of a design by name, ``larger`` or smaller of which is better; ``title`` with its unit for people.

    ``accuracy``: it is measured on images, and so known to a margin until all of them have been seen.
    """

    name: str
    title: str
    larger: bool
    accuracy: bool = False

    @property
    def worst(self) -> float:
        """What a design counts whose number is not known."""
        return 0.0 if self.larger else WORST


KNOWN = {
    objective.name: objective
    for objective in (
        Objective("fps", "frames per second", True),
        Objective("agreement", "same first class as float, %", True, accuracy=True),
        Objective("top1", "top-1, %", True, accuracy=True),
        Objective("bram36", "block RAM, RAMB36", False),
        Objective("luts", "LUTs", False),
        Objective("dsp", "DSP slices", False),
        Objective("cycles", "cycles per frame", False),
        Objective("latency_ms", "latency, ms", False),
        Objective("weight_bits", "bits of the weights", False),
    )
}
"""The objectives there are."""


def objectives_of(names: Sequence[str], known: Mapping[str, Objective] = KNOWN) -> tuple[Objective, ...]:
    """The objectives so named; raises FpgaSqueezeError for none, a name there is not, or one given twice."""
    for name in names:
        if name not in known:
            raise FpgaSqueezeError(f"field objectives {name!r}: there are {', '.join(known)}")
        if names.count(name) > 1:
            raise FpgaSqueezeError(f"field objectives: {name} is given twice; give it once")
    if not names:
        raise FpgaSqueezeError(f"field objectives: give at least one of {', '.join(known)}")
    return tuple(known[name] for name in names)


def check_limits(given: Numbers) -> None:
    """Raise FpgaSqueezeError for a name there is not, or a limit below 0."""
    for name, limit in given.items():
        if name not in KNOWN:
            raise FpgaSqueezeError(f"field limits {name!r}: there are {', '.join(KNOWN)}")
        if not 0 <= limit < WORST:
            raise FpgaSqueezeError(f"field limits {name}={limit:g}: give a number of 0 or more")


def beyond(numbers: Numbers, limits: Numbers) -> tuple[tuple[str, ...], float]:
    """(why a design is no use, how far it is beyond the limits relative to them) for those of ``numbers`` that have
    one: the least of what is to be large, the most of what is to be small."""
    reasons, excess = [], 0.0
    for name in limits.keys() & numbers.keys():
        value, limit, larger = numbers[name], limits[name], KNOWN[name].larger
        if value < limit if larger else value > limit:
            shown = f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
            reasons.append(f"{name} {shown} is {'below' if larger else 'above'} the limit of {limit:,g}")
            excess = max(excess, abs(value - limit) / max(limit, 1e-9))
    return tuple(sorted(reasons)), excess


def hoped(measured: Numbers, seen: int, total: int) -> dict[str, float]:
    """What shares in percent of ``seen`` images may be on all of them, as good as DOUBT standard deviations allow.

    The deviation is that of a sample drawn without putting back; a count of one more and one less keeps it from zero.
    """
    out = {}
    for name, share in measured.items():
        p = (share / 100 * seen + 1) / (seen + 2)
        deviation = 100 * (p * (1 - p) / seen * (total - seen) / max(total - 1, 1)) ** 0.5
        out[name] = min(100.0, share + DOUBT * deviation)
    return out


def beats(a: Numbers, b: Numbers, objectives: Sequence[Objective]) -> bool:
    """Whether ``a`` is as good as ``b`` everywhere and better somewhere."""
    better = False
    for objective in objectives:
        x, y = a[objective.name], b[objective.name]
        if x != y:
            if (x > y) != objective.larger:
                return False
            better = True
    return better


def front_of(designs: Sequence[Numbers], objectives: Sequence[Objective]) -> list[int]:
    """Places of the designs that none of the others beats; of several with the same numbers the first."""
    names = [objective.name for objective in objectives]
    seen: set[tuple[float, ...]] = set()
    out = []
    for place, one in enumerate(designs):
        key = tuple(one[name] for name in names)
        if key not in seen and not any(beats(other, one, objectives) for other in designs):
            out.append(place)
            seen.add(key)
    return out


def hypervolume(designs: Sequence[Numbers], objectives: Sequence[Objective], reference: Numbers) -> float:
    """Volume between ``reference`` and the front of ``designs``, each side in units of the reference's own distance
    to ``best`` being left to the caller: the numbers are taken as they are (E. Zitzler, L. Thiele, 1998).

    Designs that are no better than the reference somewhere count nothing.
    """
    signs = [-1.0 if o.larger else 1.0 for o in objectives]
    corner = tuple(s * reference[o.name] for s, o in zip(signs, objectives, strict=True))
    points = {tuple(s * d[o.name] for s, o in zip(signs, objectives, strict=True)) for d in designs}
    return _volume([p for p in points if all(x < c for x, c in zip(p, corner, strict=True))], corner)


def _volume(points: list[tuple[float, ...]], corner: tuple[float, ...]) -> float:
    """Volume that ``points`` dominate below ``corner``, slice by slice along the last side."""
    if not points:
        return 0.0
    if len(corner) == 1:
        return corner[0] - min(p[0] for p in points)
    total, ordered = 0.0, sorted(points, key=lambda p: p[-1])
    for n, point in enumerate(ordered):
        upper = ordered[n + 1][-1] if n + 1 < len(ordered) else corner[-1]
        if upper > point[-1]:
            below = _undominated({p[:-1] for p in ordered[: n + 1]})
            total += (upper - point[-1]) * _volume(below, corner[:-1])
    return total


def _undominated(points: set[tuple[float, ...]]) -> list[tuple[float, ...]]:
    def worse(p: tuple[float, ...]) -> bool:
        return any(q != p and all(a <= b for a, b in zip(q, p, strict=True)) for q in points)

    return [p for p in points if not worse(p)]
