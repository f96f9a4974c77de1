"""Checks that a dataflow region has the canonical form, without the HLS tool.

UG1399, "Canonical Forms" and "Canonical Body" (2022.2 and 2023.1): a sequence of calls that hand data forward, over
variables with one writer and one reader each, written before they are read; no conditions and no loops. A tool that
finds anything else warns, and may give up the overlap of the calls on which the throughput rests.

Which call writes a stream shows in the name of the parameter: streams that a kernel fills are called ``out``, ``out0``
and so on. Of a function that was not declared the last parameter is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .cpp_scopes import Scope, Token, Unit
from .pragmas import Violation

_SOURCE = "UG1399, Canonical Body"
_OUTPUT = re.compile(r"out\d*")


def check_dataflow(unit: Unit) -> Iterator[Violation]:
    """What is not canonical in the functions of ``unit`` with a dataflow pragma in their body or directly above."""
    regions: dict[Scope, None] = {}
    for pragma in unit.pragmas:
        if pragma.text.split()[1:3] == ["HLS", "dataflow"]:
            after = unit.next_index(pragma.index)
            below = next((f for start, f in unit.functions if start == after), None)
            if function := pragma.scope.function or below:
                regions[function] = None
    for function in regions:
        yield from _Region(unit, function).check()


def _violation(at: Token, what: str, allowed: str) -> Violation:
    return Violation(at.file, at.line, "dataflow region", what, allowed, _SOURCE)


class _Region:
    def __init__(self, unit: Unit, function: Scope) -> None:
        self.unit, self.function = unit, function
        self.ports = {s.name: s for s in function.symbols if s.what == "parameter"}
        self.locals = {s.name: s for s in function.symbols if s.what == "variable"}
        self.uses: dict[str, list[tuple[Token, bool]]] = {n: [] for n in (*self.ports, *self.locals)}

    def check(self) -> Iterator[Violation]:
        for what, tokens in self.function.statements:
            if what == "expression":
                yield from self.call(tokens)
            elif what not in ("declaration", "empty"):
                yield _violation(tokens[0], f"a statement with {what}", "declarations of streams, and calls")
        for symbol in self.locals.values():
            if not self.unit.is_stream(symbol, self.function):
                yield _violation(
                    symbol.at, f"{symbol.name} is no stream", "declarations of streams, and calls"
                )
                continue
            writes = [at for at, fills in self.uses[symbol.name] if fills]
            reads = [at for at, fills in self.uses[symbol.name] if not fills]
            if len(writes) != 1 or len(reads) != 1:
                yield _violation(
                    symbol.at,
                    f"stream {symbol.name} has {len(writes)} producers and {len(reads)} consumers",
                    "one call that writes it, one that reads it",
                )
            elif [at for at, _ in self.uses[symbol.name]] != [*writes, *reads]:
                yield _violation(
                    reads[0], f"stream {symbol.name} is read before it is written", "producer, then consumer"
                )
        for symbol in self.ports.values():
            if len(self.uses[symbol.name]) != 1:
                yield _violation(
                    symbol.at, f"port {symbol.name} stands in {len(self.uses[symbol.name])} calls", "one call"
                )

    def call(self, tokens: list[Token]) -> Iterator[Violation]:
        """``name<...>(stream, stream);`` and nothing else."""
        texts = [t.text for t in tokens]
        opening = texts.index("(") if "(" in texts else len(texts)
        head, arguments = texts[:opening], tokens[opening + 1 : -2]
        names = arguments[::2]
        plain = (
            texts[-2:] == [")", ";"]
            and not {"=", ".", "->", "["} & set(head)
            and all(t.text == "," for t in arguments[1::2])
            and len(arguments) % 2 == 1
        )
        if not plain:
            yield _violation(tokens[0], f"{' '.join(texts)[:60]} is no plain call", "function(stream, ...);")
            return
        for name, fills in zip(names, self.filled(texts, len(names)), strict=True):
            if name.text not in self.uses:
                yield _violation(name, f"{name.text} is no stream of the region", "its streams and its ports")
            else:
                self.uses[name.text].append((name, fills))

    def filled(self, texts: list[str], count: int) -> list[bool]:
        """Which of the arguments of a call are written."""
        end = next(i for i, text in enumerate(texts) if text in ("<", "("))
        parameters = self.unit.signatures.get(texts[end - 1], [])
        if len(parameters) != count:
            return [False] * (count - 1) + [True]
        return [bool(_OUTPUT.fullmatch(name)) for name in parameters]
