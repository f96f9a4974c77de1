"""A page in headless Chromium: its DOM as the browser has it, and every complaint of its console."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CONSOLE = re.compile(r":CONSOLE[:(]")
"""How Chromium marks what a page, or its own check of a page, says on the console."""
DARK = "--blink-settings=preferredColorScheme=0"


def find_browser() -> str:
    """A Chromium on PATH; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on PATH")
    return found


@dataclass(frozen=True)
class Shown:
    """A page as a browser has it, and what it said on the console."""

    dom: str
    console: tuple[str, ...]


def show(page: Path, folder: Path, *flags: str) -> Shown:
    """Load ``page``, with a profile of its own in ``folder``."""
    command = [
        find_browser(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        *flags,
    ]
    done = subprocess.run(
        [*command, "--dump-dom", page.resolve().as_uri()],
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and done.stdout, done.stderr
    return Shown(done.stdout, tuple(line for line in done.stderr.splitlines() if CONSOLE.search(line)))


PROBE = """<!DOCTYPE html><meta charset="utf-8"><body><script>
const found = [];
function look(frame) {
  const d = frame.contentDocument, w = frame.contentWindow, root = d.documentElement;
  const shown = [...d.querySelectorAll("svg")].filter(s => s.getBoundingClientRect().width > 0);
  const out = [];
  for (const svg of shown) {
    const box = svg.getBoundingClientRect();
    for (const t of svg.querySelectorAll("text")) {
      const r = t.getBoundingClientRect();
      if (r.left < box.left - 4 || r.right > box.right + 4 || r.bottom > box.bottom + 4) out.push(t.textContent);
    }
  }
  for (const a of d.querySelectorAll("svg a")) {
    const b = a.querySelector("rect").getBoundingClientRect();
    for (const t of a.querySelectorAll("text"))
      if (b.width && t.getBoundingClientRect().right > b.right) out.push(t.textContent);
  }
  found.push({width: w.innerWidth, scroll: root.scrollWidth, svgs: shown.length, out,
    graphs: [...d.querySelectorAll(".graph")].filter(g => g.offsetWidth).map(g => g.className),
    unnamed: shown.filter(s => !d.getElementById(s.getAttribute("aria-labelledby").split(" ")[0])).length,
    scrolled: [...d.querySelectorAll(".scroll")].filter(s => s.scrollWidth > s.clientWidth && s.tabIndex != 0).length,
    page: w.getComputedStyle(d.body).backgroundColor});
}
window.addEventListener("load", () => {
  document.querySelectorAll("iframe").forEach(look);
  document.body.innerHTML = "<pre id=found></pre>";
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>FRAMES</body>"""
"""Shows a page in frames of several widths and tells, as JSON, what does not fit."""


def probe(page: Path, folder: Path, widths: tuple[int, ...]) -> Path:
    """A page that holds ``page`` in frames of ``widths`` pixels and measures it there."""
    text = page.read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
    frames = "".join(f'<iframe style="width:{w}px;height:900px" srcdoc="{text}"></iframe>' for w in widths)
    path = folder / "probe.html"
    path.write_text(PROBE.replace("FRAMES", frames), encoding="utf-8")
    return path
