"""The page about a project, and the same numbers under FINN's names, written to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import FpgaSqueezeError
from ...paths import write_whole
from ..sources import keep_sources
from .finn import write_finn
from .numbers import Report
from .page import page


def write_report(
    report: Report, output: str | Path, json_dir: str | Path | None = None, commands: Sequence[str] = ()
) -> list[Path]:
    """Write the page to ``output``, and into ``json_dir`` the reports of :mod:`.finn`; the files written.

    ``commands`` stand on the page as what makes the design and its results again, in place of the one that the project
    keeps. Raises FpgaSqueezeError where a file cannot be written, or is one of the project's own.
    """
    path = Path(output)
    if path.is_dir():
        raise FpgaSqueezeError(f"{path}: is a folder; give a file name such as {path / 'report.html'}")
    keep_sources(path, *(Path(report.path) / name for name in report.manifest.files))
    text = page(report, commands)
    write_whole(path, lambda file: file.write(text.encode()))
    return [path, *(write_finn(report, json_dir) if json_dir is not None else [])]
