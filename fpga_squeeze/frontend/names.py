"""Layer names: taken from the file where it gives good ones, valid in C and Verilog, unique."""

from __future__ import annotations

import os
import re

GENERIC = re.compile(
    r"node_.*|(Conv|MaxPool|Concat|ReduceMean|ReduceSum|AveragePool|GlobalAveragePool"
    r"|conv2d|max_pool2d|cat|mean|adaptive_avg_pool2d|avg_pool2d|n|node)(_?\d+)?"
)
"""Names that exporters count up by themselves."""

RESERVED = frozenset(
    [
        "image",  # the line gatherer, and golden's pixels
        "images",  # the frames beside a file of words for each kernel
        "logits",
        "logits_scale",
        "logits_zero",
        "file",  # of numpy.savez, whose other arguments are the arrays' names
        "allow_pickle",
        "csim_main",  # a source beside one for each kernel
    ]
)
"""Names that stand beside those of the kernels in a project, whatever their case.

Words of C++ and Verilog are none of them: in sources a name never stands without a suffix (``export_kernel``)."""


def usable(name: str) -> bool:
    """Whether ``name`` can be a kernel's as it is: an identifier that nothing else in a project is called.

    ``fsq_`` starts the names of our own sources, and NAME_terms is what the lanes of NAME see.
    """
    word = name.lower()
    identifier = re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII)
    return (
        bool(identifier)
        and word not in RESERVED
        and not word.startswith("fsq_")
        and not word.endswith("_terms")
    )


def clean(name: str, op: str) -> str:
    """An exporter's node name without its noise: ``/features/features.3/squeeze/Conv`` ->
    ``features.3/squeeze``."""
    parts = [p for p in name.removesuffix("_quant").split("/") if p]  # as onnxruntime calls a quantised node
    if len(parts) > 1 and re.fullmatch(rf"{re.escape(op)}(_\d+)?", parts[-1]):
        parts.pop()
    kept = [p for i, p in enumerate(parts) if i + 1 == len(parts) or not parts[i + 1].startswith(p + ".")]
    text = "/".join(kept)
    return "" if GENERIC.fullmatch(text) else text


def common_stem(names: list[str]) -> str:
    """The prefix that a Fire module's nodes share, cut at a separator: ``fire2`` of ``fire2/squeeze1x1`` and
    so on."""
    if not all(names):
        return ""
    prefix = os.path.commonprefix(names)
    if not re.search(r"fire\d+$", prefix, re.IGNORECASE):
        prefix = prefix[: max(prefix.rfind(c) for c in "/._-") + 1] if re.search(r"[/._-]", prefix) else ""
    stem = prefix.strip("/._-")
    return "" if GENERIC.fullmatch(stem) else stem


class Namer:
    """Hands out identifiers ``[a-z][A-Za-z0-9_]*``, each once even where case does not count."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str, fallback: str, suffixes: tuple[str, ...] = ()) -> str:
        """An identifier made from ``wanted``, or else from ``fallback``; also keeps ``NAME + suffix``
        free."""
        base = re.sub(r"__+", "_", re.sub(r"[^A-Za-z0-9]", "_", wanted)).strip("_") or fallback
        if not base[0].isalpha():
            base = f"{re.sub(r'[^a-z]', '', fallback)}_{base}"
        if not usable(base):
            base = f"layer_{base}_layer" if base.lower().startswith("fsq_") else f"{base}_layer"
        name, count = base, 1
        while any((name + s).lower() in self._taken for s in ("", *suffixes)):
            count += 1
            name = f"{base}_{count}"
        self._taken.update((name + s).lower() for s in ("", *suffixes))
        return name
