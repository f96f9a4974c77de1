"""What every kernel is at and when, against the oracle, which moves every word by itself."""

from __future__ import annotations

import pytest
from schedule_oracle import word_times
from test_schedule import _random_graph_plan, _random_plan

from fpga_squeeze.planning.engine import EnginePlan
from fpga_squeeze.planning.kinds.add import AddPlan
from fpga_squeeze.planning.kinds.average import AveragePlan
from fpga_squeeze.planning.kinds.concat import ConcatPlan
from fpga_squeeze.planning.kinds.fork import ForkPlan
from fpga_squeeze.planning.kinds.image import InputPlan
from fpga_squeeze.planning.kinds.max_pool import PoolPlan
from fpga_squeeze.planning.kinds.window import WindowPlan
from fpga_squeeze.planning.latency import INPUT_LATENCY
from fpga_squeeze.planning.plan import KernelPlan, Plan
from fpga_squeeze.planning.timing import Span, simulate

FRAMES = 3


def _last_push(plan: EnginePlan, stop: int) -> int:
    """When the last word of a frame leaves an engine whose last row group of terms ends before ``stop``."""
    # words of a pass leave channel by channel, folding.rows places for each of them
    places = (plan.rests[-1] - 1) * plan.folding.rows + plan.last_rows
    return stop - 1 + plan.requant.latency + places * plan.parts - 1


def differences(plan: Plan, spans: list[Span]) -> list[str]:
    """Where first and last cycles of a kernel's spans are not those of its words."""
    _, fifos = word_times(plan, FRAMES)
    wrong: list[str] = []

    def same(kernel: KernelPlan, frame: int, what: str, told: int, true: int) -> None:
        if told != true:
            wrong.append(f"{kernel.name}, frame {frame}: {what} {told}, is {true}")

    for kernel in plan.kernels:
        out = kernel.outputs[0]
        taken = kernel.inputs[getattr(kernel, "direct", 0)] if kernel.inputs else None
        for frame in range(FRAMES):
            own = [span for span in spans if span.kernel == kernel.name and span.frame == frame]
            start, stop = min(span.start for span in own), max(span.stop for span in own)
            pushed = fifos[out.name].push[(frame + 1) * out.words - 1]
            first = fifos[taken.name].pop[frame * taken.words] if taken else 0
            match kernel:
                case InputPlan():
                    same(kernel, frame, "ends", stop + INPUT_LATENCY - 1, pushed)
                case EnginePlan():
                    same(kernel, frame, "ends", _last_push(kernel, stop), pushed)
                    for before, after in zip(own, own[1:], strict=False):
                        same(kernel, frame, "overlaps", max(0, before.stop - after.start), 0)
                    same(kernel, frame, "row groups", len(own), len(list(kernel.order())))
                case ForkPlan() | AddPlan() | ConcatPlan():
                    same(kernel, frame, "begins", start, first)
                    same(kernel, frame, "ends", stop, pushed + 1)
                case PoolPlan() | WindowPlan() | AveragePlan():
                    same(kernel, frame, "begins", start + kernel.between.hold, first)
                    # words of a row that completes no window are taken behind the last that is sent
                    last = max(pushed, fifos[kernel.input.name].pop[(frame + 1) * kernel.input.words - 1])
                    latest = last + 1 + sum(kernel.between.ends)
                    same(kernel, frame, "ends", stop, min(max(stop, pushed + 1), latest))
                case _:
                    same(kernel, frame, "begins", start, first)
    return wrong


@pytest.mark.parametrize("graphs", [False, True])
def test_spans_are_those_of_the_words(graphs: bool) -> None:
    for seed in range(5 if graphs else 20):
        plan = _random_graph_plan(seed) if graphs else _random_plan(seed)
        spans: list[Span] = []
        assert simulate(plan, FRAMES, spans).outputs == simulate(plan, FRAMES).outputs
        assert differences(plan, spans) == [], f"seed {seed}"


def test_spans_elsewhere_are_caught() -> None:
    plan = _random_graph_plan(1)
    spans: list[Span] = []
    simulate(plan, FRAMES, spans)
    assert differences(plan, [span._replace(start=span.start + 1) for span in spans])
    assert differences(plan, [span._replace(stop=span.stop + 1) for span in spans])
    engine = plan.engines[0].name
    lost = next(span for span in spans if span.kernel == engine)
    assert differences(plan, [span for span in spans if span is not lost])
