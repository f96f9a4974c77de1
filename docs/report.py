"""Draws docs/report.png, the upper half of the page about the digits design: python -m docs.report

Needs a Chromium on PATH; the picture is cut behind the timeline.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image

from fpga_squeeze import api

SIZE = (1120, 1790)
COLOURS = 128


def main() -> None:
    """Generate the design, write its page, take a picture."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium or google-chrome on PATH")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        page, shot = work / "report.html", work / "report.png"
        project = api.generate(output=work / "digits")
        api.write_report(replace(api.report(project.path), path="digits"), page)
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = f"--window-size={SIZE[0]},{SIZE[1]}"
        command = [browser, *flags, size, f"--screenshot={shot}", f"--user-data-dir={work / 'profile'}"]
        subprocess.run([*command, page.as_uri()], check=True, capture_output=True)
        picture = Image.open(shot).convert("RGB").quantize(COLOURS)
        picture.save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
