"""The one exception a user's mistake raises; the command line turns it into one line and exit code 2."""

from __future__ import annotations


class FpgaSqueezeError(Exception):
    """Bad input, or a missing tool: the text names the file, node or value and says what to do."""


class DoesNotFitError(FpgaSqueezeError):
    """The network does not fit the device or the lane budget: what is short, and by how much (exit code 1).

    way  what to ask for otherwise so that it fits (a :class:`.planning.cost.estimate.Way`), where that was found
    """

    def __init__(self, text: str, way: object = None) -> None:
        super().__init__(text)
        self.way = way
