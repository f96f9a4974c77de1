"""The seed of every test that draws its cases: the same at every run, unless FSQ_SEED says otherwise.

``FSQ_SEED=n`` takes another one, ``FSQ_SEED=fresh`` a new one at every run (``make fuzz``). Property-based tests
follow: they try the same examples at every run, or those of the seed given. The seed stands at the head of a run, and
at its end where something failed.
"""

from __future__ import annotations

import os
import secrets

import numpy as np

VARIABLE = "FSQ_SEED"
FIXED = 7000


def _seed() -> int:
    if os.environ.get(VARIABLE) == "fresh":
        # the processes that pytest starts to share its work inherit the number
        os.environ[VARIABLE] = str(secrets.randbelow(1 << 30))
    return int(os.environ.get(VARIABLE, FIXED))


SEED = _seed()
GIVEN = SEED != FIXED
"""Whether the seed is another one than at the merge gate."""


def seeds(count: int) -> list[int]:
    """``count`` seeds that follow from SEED."""
    return [int(s) for s in np.random.SeedSequence(SEED).generate_state(count)]
