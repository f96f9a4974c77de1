"""A study: trials of any search kept in a file or a database, shared by processes, resumed where they were left.

What is searched is a :class:`Work`; this module knows nothing of designs. To search something else:

1. Write a class (a frozen dataclass that can be pickled: with several jobs each process gets a copy) with
   ``objectives``; ``identity()``, what its numbers depend on, text by name, which a study of other numbers is refused
   by (but for its OPTIONS, which are only kept); ``seeds()``, choices to try first; ``grid()``, few values by name for
   the sampler ``grid``; ``layers()``, a field to draw, or None; and ``evaluate(trial, promising)``.
2. ``evaluate`` draws with ``trial.suggest_int`` and ``trial.suggest_categorical`` (optuna) and returns an
   :class:`~.outcome.Outcome`. A design that does not fit is one with ``reasons`` and ``excess`` above 0, no exception;
   an FpgaSqueezeError counts as such a design, too. ``promising(numbers)`` tells whether a design with numbers as good
   as these may still be on the front: ask it before time is spent (short training, few images), and return an
   Outcome with ``complete=False`` where it is not.
3. ``search(work, SearchOptions(storage, ...))`` runs it and gives an :class:`Exploration`, which :mod:`.report`
   and :mod:`.drawing` show.

A trial tells every BEAT seconds that it is alive. One whose process is gone, or silent for SILENT seconds on
another machine, is marked as failed and its choices are tried again, by whoever opens the study next.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import FpgaSqueezeError
from .objectives import Numbers, Objective, beats
from .outcome import Layers, Outcome, State, Trial, front

OPTIONS = "options"
"""What of an identity is only kept, not compared: paths differ from machine to machine."""
STUDY = "fpga-squeeze"
"""Name of the study within its storage."""
BEAT, SILENT = 20.0, 300.0
IDENTITY, WANTED, LAYERS, OUTCOME, OWNER, ALIVE = "identity", "trials", "layers", "outcome", "owner", "alive"
WORKER = "worker "
"""Attributes of a study and of its trials; the last begins the name of one for each process that has run trials."""
INSTALL = "optuna is missing; install it with: pip install 'fpga-squeeze[explore]'"

Promising = Callable[[Numbers], bool]
OnStep = Callable[[str], None]


class Work(Protocol):
    """What a search is to search; the module's text says how to write one."""

    @property
    def objectives(self) -> tuple[Objective, ...]: ...
    def identity(self) -> Mapping[str, str]: ...
    def seeds(self) -> Sequence[Mapping[str, Any]]: ...
    def grid(self) -> Mapping[str, Sequence[Any]]: ...
    def layers(self) -> Layers | None: ...
    def evaluate(self, trial: Any, promising: Promising) -> Outcome: ...


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    storage   a file (several processes may share it, also on a network disk), or a URL of SQLAlchemy's
    trials    how many the study is to have in the end, those counted that it has
    sampler   tpe, nsga2, annealing, random or grid
    jobs      processes at once
    seed      of the sampler; None: another one each time
    """

    storage: str
    trials: int = 100
    sampler: str = "tpe"
    jobs: int = 1
    seed: int | None = None

    def check(self) -> None:
        """Raise FpgaSqueezeError for numbers out of range."""
        for name, value in (("trials", self.trials), ("jobs", self.jobs)):
            if value < 1:
                raise FpgaSqueezeError(f"field {name} {value}: give at least 1")


@dataclass(frozen=True)
class Exploration:
    """A study as it stands: all its trials, and those that none beats."""

    storage: str
    objectives: tuple[Objective, ...]
    identity: Mapping[str, str]
    trials: tuple[Trial, ...]
    front: tuple[Trial, ...] = ()
    layers: Layers | None = None

    def of(self, number: int) -> Trial:
        """The trial of that number; raises FpgaSqueezeError where there is none, or nothing came of it."""
        if not 0 <= number < len(self.trials):
            raise FpgaSqueezeError(
                f"field trial {number}: {self.storage} has {len(self.trials)} trials, numbered from 0"
            )
        trial = self.trials[number]
        if trial.outcome is None:
            raise FpgaSqueezeError(
                f"field trial {number}: is {trial.state} in {self.storage}; choose one that ended"
            )
        return trial


# ------------------------------------------------------------------------------------------------- storage


def optuna_module() -> Any:
    """optuna, quiet; raises FpgaSqueezeError where it is not installed."""
    try:
        optuna: Any = importlib.import_module("optuna")
    except ImportError as error:
        raise FpgaSqueezeError(INSTALL) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


@contextlib.contextmanager
def _told(storage: str) -> Iterator[None]:
    """Turns what goes wrong in a storage into one line."""
    try:
        yield
    except FpgaSqueezeError:
        raise
    except ImportError as error:
        raise FpgaSqueezeError(
            f"{shown(storage)}: a driver is missing ({error}); install it, for PostgreSQL with: "
            "pip install 'fpga-squeeze[postgresql]'"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise FpgaSqueezeError(f"{shown(storage)}: cannot be read as a study ({reason})") from error
    except Exception as error:
        raise _answered(storage, error) from error


@contextlib.contextmanager
def _answering(storage: str) -> Iterator[None]:
    """Turns what a database says while it is in use into one line."""
    try:
        yield
    except Exception as error:
        raise _answered(storage, error) from error


def _answered(storage: str, error: Exception) -> Exception:
    if not type(error).__module__.startswith(("sqlalchemy", "optuna")):
        return error
    reason = " ".join(str(error.__cause__ or getattr(error, "orig", None) or error).split())
    return FpgaSqueezeError(f"{shown(storage)}: the database answers: {reason}")


def shown(storage: str) -> str:
    """``storage`` without the password of a URL."""
    before, at, behind = storage.rpartition("@")
    scheme, slashes, account = before.partition("://")
    if not (at and slashes):
        return storage
    return f"{scheme}://{account.partition(':')[0]}@{behind}"


def open_storage(storage: str) -> Any:
    """optuna's storage behind a file name or URL; raises FpgaSqueezeError."""
    optuna = optuna_module()
    with _told(storage):
        if "://" in storage:
            return optuna.storages.RDBStorage(storage, engine_kwargs={"pool_pre_ping": True})
        path = Path(storage)
        if path.is_dir():
            raise FpgaSqueezeError(f"{path}: is a folder; give a file, such as {path / 'study.log'}")
        if not path.parent.is_dir():
            raise FpgaSqueezeError(f"{path}: there is no folder {path.parent}; make it first")
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        with optuna.storages.journal._file.get_lock_file(backend._lock):
            _mend(path)
        return optuna.storages.JournalStorage(backend)


def _mend(path: Path) -> None:
    """Cut off a last line that a process did not live to write whole; nothing that was told is in it."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        back = min(size, 1 << 20)
        file.seek(size - back)
        tail = file.read()
        if tail and not tail.endswith(b"\n"):
            file.truncate(size - back + tail.rfind(b"\n") + 1)


def open_study(work: Work, storage: str, wanted: int) -> Any:
    """optuna's study for ``work``, new or resumed; raises FpgaSqueezeError where it is one of other numbers."""
    optuna = optuna_module()
    directions = ["maximize" if objective.larger else "minimize" for objective in work.objectives]
    behind = open_storage(storage)
    with _told(storage):
        study = optuna.create_study(
            study_name=STUDY, storage=behind, directions=directions, load_if_exists=True
        )
        own = dict(work.identity()) | {"objectives": ",".join(o.name for o in work.objectives)}
        there = study.user_attrs.get(IDENTITY)
        if there is None:
            study.set_user_attr(LAYERS, work.layers())
            study.set_user_attr(IDENTITY, own)
            for choice in work.seeds():
                study.enqueue_trial(dict(choice), skip_if_exists=True)
        else:
            refuse_other(storage, there, own)
        if study.user_attrs.get(WANTED) != wanted:
            study.set_user_attr(WANTED, wanted)
    return study


def refuse_other(storage: str, there: Mapping[str, str], own: Mapping[str, str]) -> None:
    """Raise FpgaSqueezeError where a study has another identity, by the name of the first difference."""
    for name in dict.fromkeys((*own, *there)):
        a, b = there.get(name), own.get(name)
        if a != b and name != OPTIONS:
            raise FpgaSqueezeError(
                f"{shown(storage)}: is a study of another {name}: {_brief(a, b)} there, {_brief(b, a)} here; go on "
                "with what it was made with, or give another field storage"
            )


def _brief(text: str | None, other: str | None) -> str:
    """``text`` from a little before where it differs from ``other`` on."""
    if text is None:
        return "nothing"
    if len(text) <= 90 or other is None:
        return text[:90]
    same = len(os.path.commonprefix([text, other]))
    start = max(0, same - 30)
    return ("..." if start else "") + text[start : start + 90]


# ------------------------------------------------------------------------------------------------- reading


def _trial(found: Any) -> Trial:
    """optuna's trial as ours."""
    text = found.user_attrs.get(OUTCOME)
    outcome = None if text is None else Outcome.from_json(text)
    state: State
    match found.state.name:
        case "COMPLETE" if outcome is not None:
            state = "does not fit" if outcome.reasons else "done" if outcome.complete else "cut short"
        case "RUNNING":
            state = "running"
        case "WAITING":
            state = "waiting"
        case _:
            state, outcome = "failed", None
    seconds = found.duration.total_seconds() if found.duration else None
    fixed = found.system_attrs.get("fixed_params", {}) if state == "waiting" else found.params
    return Trial(found.number, state, dict(fixed), outcome, seconds)


def trials_of(study: Any) -> tuple[Trial, ...]:
    """All trials of optuna's study, by number."""
    return tuple(_trial(found) for found in study.get_trials(deepcopy=False))


def read_study(storage: str, known: Mapping[str, Objective]) -> Exploration:
    """A study as it stands, only read; raises FpgaSqueezeError where there is none, or it is damaged."""
    optuna = optuna_module()
    if "://" not in storage and not Path(storage).is_file():
        raise FpgaSqueezeError(f"{storage}: no such study; explore makes one")
    behind = open_storage(storage)
    with _told(storage):
        try:
            study = optuna.load_study(study_name=STUDY, storage=behind)
        except KeyError as error:
            raise FpgaSqueezeError(f"{shown(storage)}: holds no study of fpga-squeeze") from error
        identity = study.user_attrs.get(IDENTITY)
        if identity is None:
            raise FpgaSqueezeError(f"{shown(storage)}: holds no study of fpga-squeeze")
        objectives = tuple(known[name] for name in identity["objectives"].split(","))
        trials, layers = trials_of(study), study.user_attrs.get(LAYERS)
    given = (layers[0], tuple(layers[1]), layers[2]) if layers else None
    return Exploration(storage, objectives, identity, trials, tuple(front(trials, objectives)), given)


# ------------------------------------------------------------------------------------------------- owners


def _owner() -> dict[str, object]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())}


def _born(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None where that cannot be seen, or it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    except OSError:
        return None


def _gone(attributes: Mapping[str, Any]) -> bool:
    """Whether the process of a running trial is gone: on this machine by its number and birth, else by its silence."""
    owner = attributes.get(OWNER)
    if owner is not None and owner["host"] == socket.gethostname() and _born(os.getpid()) is not None:
        return bool(_born(int(owner["pid"])) != owner["born"])
    return time.time() - float(attributes.get(ALIVE, 0)) > SILENT


def _join(study: Any) -> None:
    """Tell the study that this process runs trials of it, before it asks for one."""
    owner = _owner()
    study.set_user_attr(f"{WORKER}{owner['host']} {owner['pid']} {owner['born']}", {OWNER: owner})


def _alone(study: Any) -> bool:
    """Whether all other processes that have run trials of it were of this machine, and are gone."""
    own, others = _owner(), [v for name, v in study.user_attrs.items() if name.startswith(WORKER)]
    seen = own["born"] is not None  # whether this machine tells which processes there are
    return seen and all(v[OWNER] == own or (v[OWNER]["host"] == own["host"] and _gone(v)) for v in others)


def revive(study: Any) -> list[int]:
    """Mark running trials as failed whose process is gone, and have their choices tried again; gives their numbers.

    One that does not tell yet whose it is belongs to another process, as long as there may be one.
    """
    optuna = optuna_module()
    out = []
    for found in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if OWNER in found.user_attrs:
            gone = _gone(found.user_attrs)
        else:
            gone = _alone(study) or time.time() - found.datetime_start.timestamp() > SILENT
        if not gone:
            continue
        if _failed(study, found._trial_id):
            again = {**found.system_attrs.get("fixed_params", {}), **found.params}
            study.enqueue_trial(again, user_attrs={"again": found.number})
            out.append(found.number)
    return out


def _failed(study: Any, trial_id: int) -> bool:
    """Mark a running trial as failed; False where another process has done so."""
    optuna = optuna_module()
    try:
        done: bool = study._storage.set_trial_state_values(trial_id, state=optuna.trial.TrialState.FAIL)
        return done
    except (optuna.exceptions.UpdateFinishedTrialError, RuntimeError):
        return False


@contextlib.contextmanager
def _beating(trial: Any) -> Iterator[None]:
    """Tell now and then that ``trial`` is alive; a storage that cannot be reached for a moment is tried again."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT):
            with contextlib.suppress(Exception):
                trial.set_user_attr(ALIVE, time.time())

    trial.set_user_attr(OWNER, _owner())
    trial.set_user_attr(ALIVE, time.time())
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# ------------------------------------------------------------------------------------------------- running


def run_trials(
    work: Work,
    options: SearchOptions,
    worker: int = 0,
    on_trial: Callable[[Trial, Any], None] | None = None,
) -> None:
    """Run trials until the study has as many as ``options`` want, counting those that others run.

    ``on_trial`` is called with each trial that ended, and optuna's study. An interrupt loses nothing but the trial at
    work, whose choices are kept to be tried again.
    """
    from .samplers import sampler_of

    study = open_study(work, options.storage, options.trials)
    with _answering(options.storage):
        _join(study)
        revive(study)
        seed = (
            None
            if options.seed is None
            else options.seed + 1000 * worker + len(study.get_trials(deepcopy=False))
        )
        study.sampler = sampler_of(options, work.grid(), seed)
        while _room(study, options.trials) and not (
            options.sampler == "grid" and study.sampler.is_exhausted(study)
        ):
            trial = study.ask()
            try:
                if not _counts(study, trial.number, options.trials):
                    _failed(study, trial._trial_id)
                    break
                with _beating(trial):
                    outcome = _evaluated(work, trial, study)
                trial.set_user_attr(OUTCOME, outcome.to_json())
                known = outcome.numbers
                study.tell(trial, [known.get(o.name, o.worst) for o in work.objectives])
            except BaseException:
                if _failed(study, trial._trial_id):
                    again = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
                    study.enqueue_trial(again, user_attrs={"again": trial.number})
                raise
            if on_trial:
                on_trial(_trial(study._storage.get_trial(trial._trial_id)), study)


def _evaluated(work: Work, trial: Any, study: Any) -> Outcome:
    def promising(numbers: Numbers) -> bool:
        judged = (t for t in trials_of(study) if t.state == "done" and t.outcome is not None)
        return not any(beats(t.outcome.numbers, numbers, work.objectives) for t in judged if t.outcome)

    try:
        return work.evaluate(trial, promising)
    except FpgaSqueezeError as error:
        return Outcome({}, (" ".join(str(error).split()),), 1.0, complete=False)


def _counted(study: Any) -> list[Any]:
    """Trials that count: those that ended, and those at work."""
    return [t for t in study.get_trials(deepcopy=False) if t.state.name in ("COMPLETE", "PRUNED", "RUNNING")]


def _room(study: Any, wanted: int) -> bool:
    return len(_counted(study)) < wanted


def _counts(study: Any, number: int, wanted: int) -> bool:
    """Whether a trial that was just taken is among those wanted: others may have taken some at the same moment."""
    return sum(t.number < number for t in _counted(study)) < wanted or any(
        t.state.name == "WAITING" for t in study.get_trials(deepcopy=False)
    )
