"""Frames side by side on all cores: each frame's matrix products on one core, several frames at once."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[Any]
Run = Callable[[Frames], npt.NDArray[Any]]


def cores() -> int:
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


class FrameRunner:
    """Runs ``run`` ([1, H, W, C] -> [1, ...]) on many images; close it, or use it in a ``with``.

    NumPy's BLAS splits each small product over all cores, where its threads wait for each other more than
    they work; one thread per frame is many times faster, most of all on a machine that is busy. Without
    threadpoolctl, which holds BLAS back, frames run one after the other.
    """

    def __init__(self, run: Run, workers: int | None = None) -> None:
        self._run = run
        self._limit: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
        workers = workers or cores()
        try:
            controller: Any = importlib.import_module("threadpoolctl").ThreadpoolController()
            self._limit = lambda: controller.limit(limits=1, user_api="blas")
        except ImportError:
            workers = 1
        self._pool = ThreadPoolExecutor(workers)

    def __call__(self, images: Frames) -> npt.NDArray[Any]:
        """The results of all images, in their order."""
        with self._limit():
            return np.concatenate(list(self._pool.map(self._run, _single(images))))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> FrameRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _single(images: Frames) -> Iterator[Frames]:
    return (images[i : i + 1] for i in range(len(images)))
