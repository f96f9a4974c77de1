"""Trained weights that are not part of this project, fetched from where their authors publish them."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from ..errors import FpgaSqueezeError
from ..paths import files_key

BLOCK = 1 << 16
TIMEOUT = 30.0
"""Seconds without a byte after which a server is taken for dead."""


@dataclass(frozen=True)
class Published:
    """A file at a fixed revision; ``size`` in bytes."""

    url: str
    sha256: str
    size: int
    about: str

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[-1]


MODELS = {
    "squeezenet-v1.0-deep-compression": Published(
        "https://raw.githubusercontent.com/songhan/SqueezeNet-Deep-Compression/"
        "5623e3cdbe1fcd83328c61ce2ee42c34ed319aa3/compressed_SqueezeNet.net",
        "e4ab6960ae8cd81505e1c2136921201507e930966c53deaf15862a395b3a3261",
        675_763,
        "SqueezeNet v1.0, ImageNet, pruned and compressed by its authors (arXiv:1510.00149); field preprocess caffe",
    )
}
"""What can be fetched, by name."""


def download(
    name: str,
    output: str | Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    url: str | None = None,
) -> Path:
    """Fetch a file of MODELS to ``output`` (its own name if None), whole or not at all; its SHA-256 must be right.

    ``url`` is a mirror. A file that is there already and right is kept. ``on_progress`` is called with bytes so far
    and bytes in all. Raises FpgaSqueezeError for an unknown name, a server that cannot be reached, or other bytes.
    """
    if name not in MODELS:
        raise FpgaSqueezeError(f"download {name}: there are {', '.join(MODELS)}")
    wanted = MODELS[name]
    path = Path(wanted.file if output is None else output)
    if path.is_dir():
        path /= wanted.file
    if path.is_file() and files_key(path) == wanted.sha256:
        return path
    source = url or wanted.url
    part = None
    try:
        with (
            urllib.request.urlopen(source, timeout=TIMEOUT) as answer,
            tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file,
        ):
            part = Path(file.name)
            digest, done = hashlib.sha256(), 0
            while done <= wanted.size and (block := answer.read(BLOCK)):
                file.write(block)
                digest.update(block)
                done += len(block)
                if on_progress:
                    on_progress(min(done, wanted.size), wanted.size)
        if digest.hexdigest() != wanted.sha256:
            raise FpgaSqueezeError(
                f"{source}: {done:,} bytes that are not the {wanted.size:,} expected (SHA-256 differs); "
                "try again, or give a mirror as field url"
            )
        os.chmod(part, 0o644)
        part.replace(path)
    except (OSError, ValueError, HTTPException) as error:
        raise FpgaSqueezeError(
            f"{source}: cannot be fetched to {path}: {str(error).strip('<>')}; try again, or give a mirror as field url"
        ) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return path
