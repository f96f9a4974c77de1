"""The programs of examples/, run as a user runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
RUN = re.compile(r"^(csim|cosim): ([\d,]+) values compared, (\d+) mismatches$", re.MULTILINE)


def printed(example: Path, folder: Path) -> str:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(example), "made"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "made").is_dir()
    return done.stdout


def runs(text: str) -> dict[str, tuple[int, int]]:
    """Values compared and mismatches of each simulation that an example tells of."""
    return {kind: (int(values.replace(",", "")), int(wrong)) for kind, values, wrong in RUN.findall(text)}


def test_there_are_two() -> None:
    assert [path.name for path in EXAMPLES] == ["embedded.py", "own_model.py"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_the_api_only(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert set(re.findall(r"^(?:from|import) fpga_squeeze.*$", text, re.MULTILINE)) == {
        "from fpga_squeeze import api"
    }


@pytest.mark.slow
def test_embedded(tmp_path: Path) -> None:
    text = printed(ROOT / "examples" / "embedded.py", tmp_path)
    assert runs(text) == {"csim": (4 * 11_700, 0)}
    assert re.findall(r"^(\w+): (fits|does not fit)", text, re.MULTILINE) == [
        ("XC7Z010", "fits"),
        ("XC7Z020", "fits"),
        ("KV260", "fits"),
    ]


@pytest.mark.slow
def test_own_model(tmp_path: Path) -> None:
    text = printed(ROOT / "examples" / "own_model.py", tmp_path)
    found = runs(text)
    assert set(found) == {"csim", "cosim"}
    values = {kind: compared for kind, (compared, wrong) in found.items() if not wrong}
    assert values["csim"] * 3 == values["cosim"] * 16, "16 frames and 3, each of them whole"


def test_a_mismatch_would_be_read() -> None:
    assert runs("csim: 1,024 values compared, 3 mismatches\n") == {"csim": (1024, 3)}
