"""Run the commands that README.md shows on the embedded model, and put what they print back into it.

    python docs/readme_output.py

Blocks that start with ``$ fpga-squeeze generate|csim|cosim|estimate|synth`` are run as they stand, one by one, in an
empty folder; the table of the demo is taken from the demo. Blocks about other models are left alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCK = re.compile(
    r"```\n(\$ fpga-squeeze (?:generate|csim|cosim|estimate|synth) [^\n]*|fpga-squeeze demo)\n.*?```",
    re.DOTALL,
)


def _run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, text=True, capture_output=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return done.stdout.rstrip()


def main() -> None:
    """Rewrite the blocks of README.md in place."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)

        def fill(match: re.Match[str]) -> str:
            shown = match.group(1)
            if not shown.startswith("$"):
                text = _run(["fpga_squeeze.demo", "demo"], folder)
                text = text[text.rindex("fpga-squeeze demo") :].split("\ndone in")[0].rstrip()
                return f"```\n{text}\n```"
            text = _run(["fpga_squeeze", *shown.split()[2:]], folder)
            if "does not fit" in text:
                text = next(line for line in text.splitlines() if line.startswith("does not fit"))
            return f"```\n{shown}\n{text}\n```"

        README.write_text(BLOCK.sub(fill, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
