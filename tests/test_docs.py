"""README and docs are true: printed output, links, paths, options, rooms, and the Python they show."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from test_house import FLOORS

from docs import house
from docs.printed import (
    DEMO,
    OTHER_INPUTS,
    ROOT,
    Runner,
    Shown,
    differences,
    fences,
    kept_keys,
    mapped_key,
    pages,
    refreshed,
    rewritten,
    shown,
)
from fpga_squeeze.cli import app

EVERYTHING = [block for page in pages() for block in shown(page)]
COMMANDS = sorted({block.command for block in EVERYTHING if block.other_input is None})
SLOW = ("csim", "cosim", "synth", "timing")
"""Verbs that build simulators or netlists."""
NOT_OURS = {"--strict": "mypy", "--cores-root": "fusesoc", "--target": "fusesoc"}
"""Options that README and docs name but that are no verb's, with the program that has them."""
PYTHON_ELSEWHERE = {
    "read_torch": "torch is not among the packages of the tests",
    "from accelerator import": "a driver, which test_drivers.py runs on a simulated board",
}
"""Python that is shown but not run, by a word in it, with the reason."""
MADE = {
    "cocotb/run.py": "generate",
    "demo/": "make demo, in hls_out",
    "drivers/": "generate",
    "drivers/c/": "generate",
    "drivers/python/": "generate",
    "fsq_pragmas.hpp": "generate, from that of a dialect",
    "package/": "generate",
    "xgui/": "Vivado, from package_ip.tcl",
}
"""Names that exist only once something has made them, with what makes them."""


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Runs every command once, all in one folder, so that one project serves all."""
    return Runner(tmp_path_factory.mktemp("docs"), COMMANDS)


def _marks(command: str) -> list[pytest.MarkDecorator]:
    is_slow = command == DEMO or command.split()[1] in SLOW
    return [pytest.mark.slow] if is_slow else []


def wrong_blocks(blocks: list[Shown], runner: Runner) -> list[str]:
    """What the blocks of one command show that it does not print."""
    kept = kept_keys()

    def known(block: Shown) -> bool:
        """Whether nothing has changed that the command and its lines depend on."""
        keys = kept.get(block.command, [])
        return bool(keys) and mapped_key(block, runner.project(block.command)) in keys

    return [
        f"{block.where}: $ {block.command}\n" + "\n".join(diff) + "\nmake docs puts it right"
        for block in blocks
        if not known(block) and (diff := differences(block.lines, runner.printed(block.command)))
    ]


# ---------------------------------------------------------------------------------------------- printed output


@pytest.mark.parametrize("command", [pytest.param(c, marks=_marks(c)) for c in COMMANDS])
def test_a_command_prints_what_is_shown(command: str, runner: Runner) -> None:
    wrong = wrong_blocks([block for block in EVERYTHING if block.command == command], runner)
    assert not wrong, "\n\n".join(wrong)


def test_only_what_is_listed_is_not_run() -> None:
    verbs = {command.split()[1] for command in COMMANDS}
    assert {"generate", "csim", "cosim", "estimate", "synth", "demo"} <= verbs
    used = {start for start in OTHER_INPUTS for block in EVERYTHING if block.command.startswith(start)}
    assert used == set(OTHER_INPUTS), "listed, but shown nowhere"


def test_every_block_that_looks_like_a_session_is_one() -> None:
    """A block whose command does not stand in its first line would not be run."""
    for page in pages():
        lines = page.read_text(encoding="utf-8").splitlines()
        for _, first, last in fences("\n".join(lines)):
            inside = [line for line in lines[first:last] if line.startswith("$ ")]
            assert not inside or lines[first].startswith("$ "), f"{page.name}:{first}"


def test_a_changed_figure_on_a_page_is_caught(runner: Runner) -> None:
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    command = "fpga-squeeze estimate digits"
    assert text.count("block RAM: 8.5 RAMB36") == 1
    broken = shown(page, text.replace("block RAM: 8.5 RAMB36", "block RAM: 8.0 RAMB36"))
    wrong = wrong_blocks([block for block in broken if block.command == command], runner)
    assert len(wrong) == 1
    assert "-block RAM: 8.0 RAMB36" in wrong[0]
    assert "+block RAM: 8.5 RAMB36" in wrong[0]


PRINTED = ("title", "", " a  1", " b  2", " c  3", "", "total 6", "done")


@pytest.mark.parametrize(
    "lines",
    [
        PRINTED,
        ("title", "...", "done"),
        ("...", " b  2", " c  3", "...", "done"),
        ("title", "", " a  1", "..."),
        ("...", "total 6", "done"),
    ],
)
def test_true_lines_are_taken(lines: tuple[str, ...]) -> None:
    assert differences(lines, PRINTED) == []
    assert refreshed(lines, PRINTED) == lines


@pytest.mark.parametrize(
    "lines",
    [
        PRINTED[:-1],
        (*PRINTED, "more"),
        PRINTED[:3] + PRINTED[4:],
        ("title", "...", "total 7", "done"),
        ("title", "...", "total 6"),
        ("...", " b  2", "...", " a  1", "...", "done"),
        ("title", "", " a  1", " b  2", "...", " b  2", " c  3", "", "total 6", "done"),
        ("...", " b  4", "..."),
        ("other", "..."),
    ],
)
def test_lines_that_are_not_printed_are_caught(lines: tuple[str, ...]) -> None:
    assert differences(lines, PRINTED)


def test_shortened_output_stays_short_when_it_is_refreshed() -> None:
    lines = ("title", "...", " b  7", "...", "total 9", "done")
    assert refreshed(lines, PRINTED) == ("title", "...", " b  2", "...", "total 6", "done")


def test_blocks_are_rewritten_in_place() -> None:
    text = "one\n```\n$ fpga-squeeze a\nold\n...\n$ fpga-squeeze b\nold\n```\ntwo\n"
    text += "```\n$ fpga-squeeze evaluate q.onnx\nkept\n```\n"
    new = rewritten(ROOT / "README.md", text, lambda command: [f"new {command[-1]}", "more"])
    assert new == text.replace("a\nold", "a\nnew a").replace("b\nold", "b\nnew b\nmore")


def test_commands_are_read_over_several_lines() -> None:
    text = "```\n$ fpga-squeeze a \\\n      --b\none\n$ fpga-squeeze c\n```\n"
    found = shown(ROOT / "README.md", text)
    assert [(block.command, block.lines) for block in found] == [
        ("fpga-squeeze a --b", ("one",)),
        ("fpga-squeeze c", ()),
    ]


# ------------------------------------------------------------------------------------------------------ Python


def _python() -> list[tuple[str, str]]:
    found = []
    for page in pages():
        lines = page.read_text(encoding="utf-8").splitlines()
        for language, first, last in fences("\n".join(lines)):
            if language == "python":
                found.append((f"{page.relative_to(ROOT)}:{first}", "\n".join(lines[first:last])))
    return found


@pytest.mark.slow
def test_python_that_is_shown_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = _python()
    run = [(where, code) for where, code in blocks if not any(word in code for word in PYTHON_ELSEWHERE)]
    assert run
    assert len(blocks) - len(run) == len(PYTHON_ELSEWHERE)
    for where, code in run:
        exec(compile(code, where, "exec"), {})


# ---------------------------------------------------------------------------------------------- links and names


def without_blocks(text: str) -> str:
    """The text of a page outside of its fenced blocks."""
    lines = text.splitlines()
    for _, first, last in fences(text):
        lines[first - 1 : last + 1] = [""] * (last - first + 2)
    return "\n".join(lines)


def anchors(text: str) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    found: Counter[str] = Counter()
    out = set()
    for title in re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        out.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return out


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links of a page that lead nowhere."""
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_blocks(text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        leads = target.exists() and (not anchor or anchor in anchors(target.read_text(encoding="utf-8")))
        if not leads:
            wrong.append(link)
    return wrong


FOLDERS = ("bench", "docs", "examples", "fpga_squeeze", "sim", "templates", "tests", "training")
FILES = {path.name.removesuffix(".j2") for folder in FOLDERS for path in (ROOT / folder).rglob("*")}


def missing_paths(text: str) -> list[str]:
    """Paths and names of source files in backticks that do not exist in the project, the package or the templates."""
    wrong = []
    for name in re.findall(r"`([\w./-]+)`", without_blocks(text)):
        is_source = re.fullmatch(r"[\w-]+\.(py|sv|hpp|cpp|j2|tcl|vlt|svg)", name)
        is_path = "/" in name.strip("/") and re.search(r"\.\w+$", name)
        if is_source:
            found = name in FILES
        elif is_path or name.endswith("/"):
            found = any((root / name).exists() for root in (ROOT, ROOT / "fpga_squeeze", ROOT / "templates"))
        else:
            continue
        made = name in MADE or any(name.startswith(start) for start in MADE if start.endswith("/"))
        if not found and not made and not name.startswith("."):
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert broken_links(page, text) == []
    assert missing_paths(text) == []


def test_a_broken_link_or_path_is_caught() -> None:
    page = ROOT / "docs" / "numbers.md"
    text = "[a](jobs.md) [b](job.md) [c](jobs.md#run-the-rtl) [d](jobs.md#run-the-vhdl) [e](https://example.org/x)"
    assert broken_links(page, text) == ["job.md", "jobs.md#run-the-vhdl"]
    text = "`network/golden.py` `fpga_squeeze/golden.py` `templates/rtl/fsq_drain.sv` `fsq_drain.sv` `fsq_drane.sv`"
    assert missing_paths(text) == ["fpga_squeeze/golden.py", "templates/rtl/fsq_drain.sv", "fsq_drane.sv"]


def test_readme_is_short_and_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    for page in pages():
        name = str(page.relative_to(ROOT))
        if page.parent == ROOT / "docs" or page.parent == ROOT:
            assert name == "README.md" or f"]({name})" in text, f"README does not link {name}"


def test_every_verb_is_described() -> None:
    text = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
    assert [verb for verb in app.commands if f"`{verb}`" not in text] == []


def test_every_option_that_is_named_exists() -> None:
    known = {"--help", "--version", *NOT_OURS}
    for command in app.commands.values():
        known |= {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", page.read_text(encoding="utf-8")))
        assert named <= known, f"{page.name}: {named - known}"


# --------------------------------------------------------------------------------------------------- the house


def test_the_house_is_drawn_as_it_stands() -> None:
    assert [tuple(rooms) for rooms in house.FLOORS] == [tuple(rooms) for rooms in FLOORS]
    drawn = (ROOT / "docs" / "house.svg").read_text(encoding="utf-8")
    assert drawn == house.draw(), "python -m docs.house draws it again"


def test_the_table_of_the_house_has_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (`[^|]+`) \|", text, re.MULTILINE)
    listed = [(int(floor), room) for floor, rooms in rows for room in re.findall(r"`(\w+)`", rooms)]
    assert sorted(listed) == sorted((n, room) for n, rooms in enumerate(FLOORS) for room in rooms)
