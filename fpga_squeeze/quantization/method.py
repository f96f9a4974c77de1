"""How a network is quantised: the steps that can be taken one by one, to see what each is worth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """The default is what measured best; other settings serve the measurement.

    balance     exponent between one real step for a whole tensor (0) and one per channel that just holds its
                peak (1); None keeps the powers of two of the network as it came. Finer steps for weak
                channels cost their consumer's weights range, and clip images more excited than those
                calibrated on: half way loses least
    learned     round weights by the error of the layer's sums; otherwise each to its nearest integer
    correction  how much of the errors that its inputs already carry a layer's weights make up for: nothing
                (0) to all (1), which fits noise; without ``learned`` nothing
    """

    balance: float | None = 0.5
    learned: bool = True
    correction: float = 0.5


DEFAULT = Method()
