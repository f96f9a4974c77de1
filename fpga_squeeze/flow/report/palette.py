"""Colours of the page, light and dark: apart from each other for readers who lack a kind of cone, too.

``tests/test_report.py`` holds them to that: every colour against its page (WCAG's contrast of 3:1 for figures), every
two of a figure against each other as protanopes, deuteranopes and tritanopes see them.
"""

from __future__ import annotations

from collections.abc import Mapping

PAGE = {"light": "#ffffff", "dark": "#15191e"}
SERIES: Mapping[str, tuple[str, str, str, str]] = {
    "light": ("#2166ac", "#c96f00", "#5b9f7f", "#6b1d5c"),
    "dark": ("#5aa7ee", "#ffb83d", "#2f9c7c", "#f5b8dd"),
}
STAGES: Mapping[str, tuple[int, str]] = {
    "kept": (4, "squeeze: rows stay in the engine"),
    "point": (2, "1x1 convolution"),
    "window": (1, "larger convolution"),
    "other": (3, "input, pools, joins"),
}
"""Of the timeline: number of the colour, from 1, and what it stands for."""
PURPOSES: Mapping[str, tuple[int, str]] = {
    "weights": (1, "weights"),
    "table": (2, "biases and scales"),
    "rows": (3, "rows of pixels"),
    "kept": (4, "a pool's row"),
    "store": (4, "rows that wait for another way"),
}
"""Of block RAM, by the purpose of a memory."""
