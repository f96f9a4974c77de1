"""The verb that fetches trained weights: download."""

from __future__ import annotations

import click

from ..datasets.download import MODELS, download
from .flags import with_flags
from .output import print_json, progress, say


@click.command("download")
@click.argument("name", required=False)
@click.option("-o", "--output", metavar="FILE", help="File or folder to write to; its own name if left out.")
@click.option("--url", metavar="URL", help="A mirror; the file's SHA-256 is checked all the same.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to stdout.")
def fetch(name: str | None, output: str | None, url: str | None, as_json: bool) -> None:
    """Fetch published trained weights; without NAME, list what there is."""
    if name is None:
        _list(as_json)
        return
    with progress("bytes") as (on_step, on_progress):
        on_step(f"download {name}")
        path = download(name, output, on_progress, url)
    if as_json:
        print_json({"name": name, "path": str(path), "bytes": path.stat().st_size})
    else:
        say(f"wrote {path}: {path.stat().st_size:,} bytes, SHA-256 as published")


def _list(as_json: bool) -> None:
    if as_json:
        print_json({name: {"url": m.url, "sha256": m.sha256, "bytes": m.size} for name, m in MODELS.items()})
        return
    for name, model in MODELS.items():
        say(f"{name}: {model.size:,} bytes, {with_flags(model.about)}")
