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
        "logits",
        "input",
        "output",
        "inout",
        "wire",
        "reg",
        "logic",
        "bit",
        "byte",
        "int",
        "integer",
        "real",
        "time",
        "string",
        "enum",
        "struct",
        "union",
        "module",
        "endmodule",
        "interface",
        "package",
        "function",
        "task",
        "begin",
        "end",
        "if",
        "else",
        "for",
        "while",
        "do",
        "case",
        "default",
        "return",
        "break",
        "continue",
        "assign",
        "always",
        "initial",
        "posedge",
        "negedge",
        "signed",
        "unsigned",
        "parameter",
        "localparam",
        "generate",
        "genvar",
        "static",
        "const",
        "extern",
        "auto",
        "bool",
        "char",
        "short",
        "long",
        "float",
        "double",
        "void",
        "class",
        "public",
        "private",
        "protected",
        "virtual",
        "template",
        "typename",
        "this",
        "new",
        "delete",
        "operator",
        "namespace",
        "using",
        "try",
        "catch",
        "throw",
        "true",
        "false",
        "goto",
        "switch",
        "sizeof",
        "typedef",
        "inline",
        "register",
        "volatile",
        "and",
        "or",
        "not",
        "xor",
        "nand",
        "nor",
        "xnor",
        "buf",
        "table",
        "primitive",
        "property",
        "sequence",
        "program",
        "design",
        "cell",
        "library",
        "use",
        "top",
        "image",
        "pixels",
        "report",
        "csim_main",
        "config",
        "include",
        "main",
        "std",
        "hls",
        "ap",
    ]
)
"""Words that mean something to C++, SystemVerilog or the generated project, whatever their case."""


def clean(name: str, op: str) -> str:
    """An exporter's node name without its noise: ``/features/features.3/squeeze/Conv`` ->
    ``features.3/squeeze``."""
    parts = [p for p in name.split("/") if p]
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
        if base.lower() in RESERVED or base.lower().startswith("fsq_"):
            base += "_layer"
        name, count = base, 1
        while any((name + s).lower() in self._taken for s in ("", *suffixes)):
            count += 1
            name = f"{base}_{count}"
        self._taken.update((name + s).lower() for s in ("", *suffixes))
        return name
