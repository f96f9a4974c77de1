"""A tool as a child process: its output in a log as it comes, and nothing of it left where we are interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...errors import FpgaSqueezeError

GRACE_SECONDS = 5.0


def _stop(child: subprocess.Popen[str]) -> None:
    """End a child and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def run_logged(
    command: Sequence[str],
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> int:
    """Run ``command`` in ``cwd``, both of its outputs into ``log``; returns its exit code (negative: a signal).

    The child leads a process group of its own, which is ended where this call is left early, by Ctrl-C for example.
    """
    try:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise FpgaSqueezeError(f"{command[0]}: does not start: {error.strerror or error}") from error
    try:
        with log.open("w", encoding="utf-8") as file:
            for line in child.stdout or ():
                file.write(line)
                file.flush()
                if on_line:
                    on_line(line.rstrip("\n"))
        return child.wait()
    except BaseException:
        _stop(child)
        raise
    finally:
        if child.stdout:
            child.stdout.close()
