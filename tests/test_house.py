"""The house: rooms stand on floors, and imports only go down. No import within a function counts less than another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import fpga_squeeze

PACKAGE = Path(fpga_squeeze.__file__).parent
FLOORS = (
    ("errors",),
    ("paths",),
    ("network",),
    ("coding", "device", "datasets", "zoo"),
    ("frontend", "export"),
    ("quantization", "compression", "training"),
    ("planning",),
    ("emit",),
    ("project",),
    ("verify",),
    ("flow",),
    ("explore",),
    ("api",),
    ("cli",),
    ("demo", "__main__"),
)
"""From the ground up; rooms of one floor do not import each other."""
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}
LAZY = "__init__"
"""The package itself: the floor of its front door is the ground, what it offers is loaded when asked for."""


def room_of(module: str) -> str:
    """Room of ``fpga_squeeze.a.b``: ``a``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else LAZY


def imported(path: Path, text: str) -> list[tuple[int, str]]:
    """Line and absolute name of every module of the package that a file imports, at any depth of its code."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
    here = list(inside[:-1])
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(level=0, module=str(module)) if module.split(".")[0] == PACKAGE.name:
                found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
            case ast.ImportFrom(level=level, module=module) if level > 0:
                base = here[: len(here) - level + 1] + (module.split(".") if module else [])
                found += [(node.lineno, ".".join([*base, alias.name])) for alias in node.names]
            case ast.Import(names=names):
                found += [(node.lineno, a.name) for a in names if a.name.split(".")[0] == PACKAGE.name]
            case _:
                pass
    return found


def upward(path: Path, text: str) -> list[str]:
    """What a file imports that does not lie below its room."""
    room = room_of(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    wrong = []
    for line, module in imported(path, text):
        target = room_of(module)
        if target == room or target not in FLOOR:
            continue  # its own room, or a name of the front door
        if room == LAZY or FLOOR[target] >= FLOOR[room]:
            wrong.append(f"{path.name}:{line}: {room} imports {module}")
    return wrong


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def test_no_import_runs_up() -> None:
    wrong = [line for path in SOURCES for line in upward(path, path.read_text())]
    assert not wrong, "\n".join(wrong)


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts)) for p in SOURCES}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("network/x.py", "from ..planning.plan import Plan"),
        ("emit/x.py", "def f():\n    from .. import api"),
        ("project/x.py", "import fpga_squeeze.verify.csim"),
        ("coding/x.py", "from fpga_squeeze.device import catalogue"),
    ],
)
def test_an_import_upward_is_seen(file: str, text: str) -> None:
    assert len(upward(PACKAGE / file, text)) == 1
