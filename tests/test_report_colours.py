"""Colours of the page are told apart by every reader, and from the page."""

from __future__ import annotations

import itertools

import numpy as np

from fpga_squeeze.flow.report import palette

DICHROMACY = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.01182, 0.04294, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.3039),
    ),
    "none": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""Linear RGB as it is seen: Machado, Oliveira and Fernandes (2009), severity 1."""
APART = 14
"""CIELAB distance of two colours that are told apart beside each other; about 2 can just be seen."""


def _linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _contrast(a: str, b: str) -> float:
    """WCAG 2: from 1 to 21."""
    low, high = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ _linear(c)) + 0.05 for c in (a, b))
    return high / low


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x = to_xyz @ np.clip(linear, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def faults(page_colour: str, colours: tuple[str, ...]) -> list[str]:
    """Colours that are too like the page, and pairs that some reader takes for one."""
    out = [colour for colour in colours if _contrast(colour, page_colour) < 3]
    for eye, matrix in DICHROMACY.items():
        seen = {colour: _lab(np.array(matrix) @ _linear(colour)) for colour in colours}
        for a, b in itertools.combinations(colours, 2):
            if np.linalg.norm(seen[a] - seen[b]) < APART:
                out.append(f"{eye}: {a} and {b}")
    return out


def test_colours_hold_for_every_reader() -> None:
    for scheme, colours in palette.SERIES.items():
        assert faults(palette.PAGE[scheme], colours) == []
    assert faults("#ffffff", ("#ffee88",)) == ["#ffee88"]
    red_and_green = faults("#ffffff", ("#a05000", "#507000"))
    assert any(fault.startswith("deuteranopia") for fault in red_and_green)
