"""The picture of a study: its designs with their front, what decides, slices, and how sensitive the layers are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from ..emit.render import render
from .canvas import Axis, Canvas, colour, number
from .importance import importances
from .objectives import Objective, front_of
from .outcome import Layers, Trial
from .report import columns_of, row_of
from .study import Exploration, shown

WIDTH = 1080
LEFT, RIGHT = 90, 940
CHART, STRIP = 460, 44
"""Height of the chart, and of the strip below it for designs that do not fit."""
SLICE_W, SLICE_H, SLICES_ACROSS = 250, 120, 3
MOST_CHOICES = 9
"""Choices shown in slices, those that decide most first."""
CHARACTER = 7
"""Pixels that a character of small text takes."""


def axes_of(objectives: Sequence[Objective]) -> tuple[Objective, Objective, Objective | None]:
    """(across, up, as colour): accuracy stands up, the first of the others across."""
    up = next((o for o in objectives if o.accuracy), objectives[min(1, len(objectives) - 1)])
    rest = [o for o in objectives if o != up] or [up]
    return rest[0], up, rest[1] if len(rest) > 1 else None


def draw(study: Exploration) -> str:
    """The picture as SVG text, light and dark."""
    canvas = Canvas(WIDTH)
    title = f"{study.identity.get('model', 'study')}: {len(study.trials)} trials"
    y = _chart(canvas, study, title)
    y = _decides(canvas, study, y + 30)
    y = _slices(canvas, study, y + 30)
    if study.layers:
        y = _heat(canvas, study.layers, y + 40)
    canvas.height = int(y) + 24
    return render("explore/picture.svg.j2", canvas.context(title))


def page(study: Exploration) -> str:
    """One HTML file with the picture and the table of the front; nothing else is fetched."""
    states = [t.state for t in study.trials]
    counts = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))
    return render(
        "explore/page.html.j2",
        {
            "title": f"{study.identity.get('model', 'study')}: a front of {len(study.front)} designs",
            "about": f"{shown(study.storage)}: {counts}.",
            "picture": Markup(draw(study)),
            "columns": columns_of(study),
            "rows": [row_of(study, trial) for trial in study.front],
        },
    )


def _value(trial: Trial, objective: Objective) -> float | None:
    if trial.outcome is None:
        return None
    return trial.outcome.numbers.get(objective.name)


def _tip(trial: Trial) -> str:
    lines = [f"trial {trial.number}: {trial.state}"]
    if trial.outcome:
        lines += [f"{name} {number(value)}" for name, value in trial.outcome.numbers.items()]
        lines += trial.outcome.reasons
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in trial.params.items())])


def _chart(canvas: Canvas, study: Exploration, title: str) -> float:
    """Designs by their numbers; gives where the next part may start."""
    across, up, shade = axes_of(study.objectives)
    fitting = [
        t for t in study.trials if t.fits and _value(t, across) is not None and _value(t, up) is not None
    ]
    others = [t for t in study.trials if t.outcome and t.outcome.reasons and _value(t, across) is not None]
    canvas.text(LEFT - 60, 30, title, "head")
    top, bottom = 56, 56 + CHART
    xs = [_x for t in (*fitting, *others) if (_x := _value(t, across)) is not None]
    x = Axis.around(xs, LEFT, RIGHT)
    y = Axis.around([v for t in fitting if (v := _value(t, up)) is not None], bottom, top)
    canvas.frame(x, y, across.title, up.title, 8)
    shades = [v for t in fitting if shade and (v := _value(t, shade)) is not None]
    low, high = min(shades, default=0.0), max(shades, default=1.0)
    if shade:
        canvas.scale(RIGHT + 62, top + 20, bottom - 20, low, high, shade.title)
    on_front = {t.number for t in study.front}
    at = {t.number: (x(_value(t, across) or 0.0), y(_value(t, up) or 0.0)) for t in fitting}
    flat = [{o.name: t.outcome.numbers[o.name] for o in (across, up)} for t in study.front if t.outcome]
    line = sorted(at[study.front[n].number] for n in front_of(flat, (across, up)))
    canvas.path(line, "joined") if len(line) > 1 else None
    for trial in sorted(fitting, key=lambda t: t.number in on_front):
        value = _value(trial, shade) if shade else None
        fill = colour(0.5 if value is None or high == low else (value - low) / (high - low))
        px, py = at[trial.number]
        if trial.state == "cut short":
            canvas.circle(px, py, 3.5, "short", _tip(trial), "none", fill)
        else:
            ring = trial.number in on_front
            canvas.circle(px, py, 6.5 if ring else 4.5, "front" if ring else "done", _tip(trial), fill)
    strip = bottom + 58
    if others:
        canvas.text(LEFT - 6, strip - 2, "does not fit,", "small", "end")
        canvas.text(LEFT - 6, strip + 11, "beyond limits", "small", "end")
        for trial in others:
            px = x(_value(trial, across) or 0.0)
            py = strip + (trial.number % 5 - 2) * 6
            canvas.cross(px, py, 3.5, "grey")
            canvas.circle(px, py, 5, "short", _tip(trial), "transparent")
    unknown = sum(bool(t.outcome and t.outcome.reasons) for t in study.trials) - len(others)
    legend = (
        "ringed: on the front; line: most accurate at each speed; hollow: cut short, judged on some images"
    )
    if unknown:
        legend += f"; {unknown} more do not fit, with no numbers to place them by"
    canvas.text(LEFT, strip + STRIP - 6, legend, "small")
    return strip + STRIP


def _decides(canvas: Canvas, study: Exploration, y: float) -> float:
    """Bars: how much each choice decides of each objective."""
    shares = {o: importances(study.trials, o) for o in study.objectives}
    names = sorted(
        {n for s in shares.values() for n in s}, key=lambda n: -max(s.get(n, 0) for s in shares.values())
    )
    if not names:
        return y - 30
    canvas.text(30, y, "What decides: share of each choice in making an objective good (PED-ANOVA)", "head")
    room = (WIDTH - 200) / len(study.objectives)
    for column, (objective, share) in enumerate(shares.items()):
        left = 170 + column * room
        canvas.text(left, y + 24, objective.title, "text")
        for row, name in enumerate(names):
            value = share.get(name, 0.0)
            top = y + 34 + row * 18
            canvas.rect(left, top, max(1.0, value * (room - 70)), 12, "bar", f"{name}: {value:.3f}")
            canvas.text(left + max(1.0, value * (room - 70)) + 5, top + 10, f"{100 * value:.0f} %", "small")
    for row, name in enumerate(names):
        canvas.text(160, y + 44 + row * 18, name, "small", "end")
    return y + 40 + 18 * len(names)


def _key(value: Any) -> tuple[str, Any]:
    return ("" if isinstance(value, int | float) else "x", value)


def _slices(canvas: Canvas, study: Exploration, y: float) -> float:
    """Small charts: the objectives of all designs that fit over one choice each; a line through the best ones."""
    across, up, _ = axes_of(study.objectives)
    judged = [
        t for t in study.trials if t.fits and t.outcome and {across.name, up.name} <= set(t.outcome.numbers)
    ]
    share = {n: v for o in (across, up) for n, v in importances(judged, o).items()}
    share = {n: max(v, *(importances(judged, o).get(n, 0.0) for o in (across, up))) for n, v in share.items()}
    names = sorted(share, key=lambda n: -share[n])[:MOST_CHOICES]
    if not names:
        return y - 30
    canvas.text(
        30,
        y,
        "Slices: all designs that fit over one choice each; the line joins the best of each value",
        "head",
    )
    for objective in dict.fromkeys((up, across)):
        canvas.text(30, y + 26, objective.title, "text")
        y += 36
        for place, name in enumerate(names):
            column, row = place % SLICES_ACROSS, place // SLICES_ACROSS
            left = LEFT + column * (SLICE_W + 80)
            top = y + row * (SLICE_H + 56)
            _slice(canvas, judged, name, objective, left, top)
        y += (SLICE_H + 56) * math.ceil(len(names) / SLICES_ACROSS) + 10
    return y - 10


def label_step(labels: Sequence[str], width: float) -> int:
    """Every how manieth of ``labels``, side by side in ``width`` pixels, is written so that none touches the next."""
    needed = sum(len(label) * CHARACTER + CHARACTER for label in labels)
    return max(1, math.ceil(needed / width))


def _slice(
    canvas: Canvas, trials: Sequence[Trial], name: str, objective: Objective, left: float, top: float
) -> None:
    values = sorted({t.params[name] for t in trials if name in t.params}, key=_key)
    x = Axis(-0.6, len(values) - 0.4, left, left + SLICE_W)
    numbers = [v for t in trials if (v := _value(t, objective)) is not None]
    y = Axis.around(numbers, top + SLICE_H, top)
    bottom = top + SLICE_H
    step = label_step([str(value) for value in values], SLICE_W)
    for n, value in enumerate(values):
        if n % step == 0:
            canvas.text(x(n), bottom + 15, str(value), "small", "middle")
    canvas.path([(left, top), (left, bottom), (left + SLICE_W, bottom)], "axis")
    for value in (y.low + (y.high - y.low) * 0.08, y.high - (y.high - y.low) * 0.08):
        canvas.text(left - 5, y(value) + 4, number(float(f"{value:.3g}")), "small", "end")
    canvas.text(left + SLICE_W / 2, bottom + 31, name, "text", "middle")
    best: dict[int, float] = {}
    for trial in trials:
        value = _value(trial, objective)
        if value is None or name not in trial.params:
            continue
        n = values.index(trial.params[name])
        spread = ((trial.number * 7) % 11 - 5) / 28
        canvas.circle(x(n + spread), y(value), 2.6, "dot", _tip(trial))
        if trial.state == "done":
            better = max if objective.larger else min
            best[n] = better(best.get(n, value), value)
    if len(best) > 1:
        canvas.path([(x(n), y(best[n])) for n in sorted(best)], "best")


def _heat(canvas: Canvas, layers: Layers, y: float) -> float:
    """A field: one row per layer, the darker the less."""
    title, columns, rows = layers
    canvas.text(30, y, title, "head")
    numbers = [v for row in rows.values() for v in row if v > 0]
    low, high = math.log10(min(numbers, default=1.0)), math.log10(max(numbers, default=10.0))
    wide, tall, left, top = min(62, 700 / len(columns)), 17, 200, y + 34
    for n, name in enumerate(columns):
        canvas.text(left + (n + 0.5) * wide, top - 6, name, "small", "middle")
    for r, (layer, row) in enumerate(rows.items()):
        canvas.text(left - 8, top + r * tall + 12, layer, "small", "end")
        for n, value in enumerate(row):
            share = (math.log10(max(value, 10**low)) - low) / ((high - low) or 1.0)
            tip = f"{layer}, {columns[n]}: {value:.3g}"
            canvas.rect(left + n * wide, top + r * tall, wide, tall, "cell", tip, colour(share))
    bottom = top + tall * len(rows)
    far = left + wide * len(columns) + 50
    canvas.scale(far, top, max(bottom, top + 120), low, high, "log10 of it")
    return max(bottom, top + 120)
