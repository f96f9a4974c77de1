"""A search from its first trial to its last: one process, or several that share the study."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import FpgaSqueezeError
from .outcome import Trial, front
from .samplers import check_sampler
from .study import (
    Exploration,
    OnStep,
    SearchOptions,
    Work,
    open_study,
    read_study,
    revive,
    run_trials,
    trials_of,
)

OnTrial = Callable[[Trial, tuple[Trial, ...], tuple[Trial, ...]], None]
"""Called with a trial that ended, all trials, and the front."""
LOOK = 0.5
"""Seconds between looks at a study that other processes work on."""


def search(
    work: Work,
    options: SearchOptions,
    on_trial: OnTrial | None = None,
    on_step: OnStep | None = None,
) -> Exploration:
    """Run trials of ``work`` until the study has as many as ``options`` want; gives the study as it then stands.

    Raises FpgaSqueezeError for bad options, or a study of something else. KeyboardInterrupt leaves a study that goes on
    where it was left.
    """
    options.check()
    check_sampler(options.sampler)
    if options.jobs == 1:

        def told(trial: Trial, study: Any) -> None:
            if on_trial:
                every = trials_of(study)
                on_trial(trial, every, tuple(front(every, work.objectives)))

        run_trials(work, options, on_trial=told)
    else:
        _share(work, options, on_trial)
    return read_study(options.storage, {o.name: o for o in work.objectives})


def _share(work: Work, options: SearchOptions, on_trial: OnTrial | None) -> None:
    """Let ``options.jobs`` processes run trials, and tell of them; if one fails, the others are ended."""
    study = open_study(work, options.storage, options.trials)
    revive(study)
    seen = {t.number for t in trials_of(study) if t.outcome}
    context = multiprocessing.get_context("spawn")
    errors = context.SimpleQueue()
    workers = [
        context.Process(target=_work, args=(work, options, number, errors)) for number in range(options.jobs)
    ]

    def tell() -> None:
        every = trials_of(study)
        for trial in every:
            if trial.outcome and trial.number not in seen:
                seen.add(trial.number)
                if on_trial:
                    on_trial(trial, every, tuple(front(every, work.objectives)))

    try:
        for process in workers:
            process.start()
        while any(process.is_alive() for process in workers):
            time.sleep(LOOK)
            tell()
            if not errors.empty():
                raise FpgaSqueezeError(errors.get())
        tell()
        if not errors.empty():
            raise FpgaSqueezeError(errors.get())
        if lost := [process for process in workers if process.exitcode]:
            raise FpgaSqueezeError(
                f"{len(lost)} of {options.jobs} processes ended with exit code {lost[0].exitcode}; the study "
                f"{options.storage} goes on where it was left"
            )
    finally:
        for process in workers:
            if process.is_alive():
                process.terminate()
        for process in workers:
            if process.pid is not None:
                process.join()
        with contextlib.suppress(Exception):
            revive(study)


def _end_with_parent() -> None:
    """End this process with the one that started it, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(work: Work, options: SearchOptions, number: int, errors: Any) -> None:
    """What a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run_trials(work, options, number)
    except FpgaSqueezeError as error:
        errors.put(str(error))
