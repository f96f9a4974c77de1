"""Templates to text: one Jinja environment, where a name that is missing is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2

from ..paths import resource_dir


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_dir("templates") / "generated"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=jinja2.select_autoescape([".html.j2"], default=False),
    )


def render(template: str, context: Mapping[str, object]) -> str:
    """Text of ``templates/generated/<template>`` with ``context``."""
    return _environment().get_template(template).render(context)


def write(path: Path, template: str, context: Mapping[str, object]) -> None:
    """Render ``template`` into ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(template, context), encoding="utf-8")
