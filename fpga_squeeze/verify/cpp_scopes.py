"""Scopes of C++: functions, loops, blocks, what is declared in them and which pragmas stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUALIFIERS = words(
    "static const constexpr typename inline volatile mutable extern register struct class signed unsigned"
)


class Kind(Enum):
    FILE = "file"
    NAMESPACE = "namespace"
    RECORD = "struct"
    FUNCTION = "function"
    LOOP = "loop"
    BLOCK = "block"


@dataclass(frozen=True)
class Token:
    text: str
    file: Path
    line: int


@dataclass(frozen=True)
class Symbol:
    """A declared name: ``type`` are the tokens before it, ``rank`` counts its own array dimensions."""

    name: str
    what: str  # variable, parameter, template, type or constant
    type: tuple[str, ...]
    rank: int
    at: Token
    index: int


@dataclass(eq=False)
class Scope:
    kind: Kind
    name: str
    parent: Scope | None
    template: bool = False
    started: bool = False  # a statement has been seen
    symbols: list[Symbol] = field(default_factory=list)
    bases: tuple[str, ...] = ()
    statements: list[tuple[str, list[Token]]] = field(
        default_factory=list
    )  # of a function: what it is, its tokens

    @property
    def function(self) -> Scope | None:
        """The function that this scope is, or lies in."""
        scope: Scope | None = self
        while scope and scope.kind is not Kind.FUNCTION:
            scope = scope.parent
        return scope

    @property
    def generic(self) -> bool:
        """The scope is a template, or lies in one."""
        return self.template or bool(self.parent and self.parent.generic)


@dataclass(frozen=True)
class Pragma:
    """A pragma and what stands around it. ``first``: no statement of its scope comes before it."""

    text: str
    file: Path
    line: int
    scope: Scope
    index: int
    first: bool


@dataclass(eq=False)
class Unit:
    """What was read: the tree of scopes by its pragmas and functions."""

    tokens: list[Token]
    pragmas: list[Pragma] = field(default_factory=list)
    functions: list[tuple[int, Scope]] = field(
        default_factory=list
    )  # with the first token, after ``template <...>``
    signatures: dict[str, list[str]] = field(default_factory=dict)  # names of the parameters of functions
    records: dict[str, Scope] = field(default_factory=dict)
    namespaces: dict[str, Scope] = field(default_factory=dict)
    aliases: dict[str, list[tuple[Symbol, Scope]]] = field(default_factory=dict)

    def find(self, name: str, scope: Scope, index: int) -> Symbol | None:
        """The symbol that ``name`` means in ``scope`` at token ``index``."""
        here: Scope | None = scope
        while here:
            found = [
                s for s in here.symbols if s.name == name and (s.index < index or here.kind is Kind.RECORD)
            ]
            if here.kind is Kind.FILE:
                # other .cpp files are other translation units
                found = [
                    s for s in found if s.at.file.suffix != ".cpp" or s.at.file == self.tokens[index].file
                ]
            if found:
                return found[-1]
            for base in here.bases:
                if base in self.records and (inherited := self.find(name, self.records[base], index)):
                    return inherited
            here = here.parent
        return None

    def unread(self) -> list[Token]:
        """Pragmas that stand where no statement or declaration starts."""
        read = {p.index for p in self.pragmas}
        return [t for i, t in enumerate(self.tokens) if t.text.startswith("#") and i not in read]

    def text(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def next_index(self, index: int) -> int:
        """The first token after ``index`` that is neither a pragma nor a label."""
        index += 1
        while self.text(index).startswith("#"):
            index += 1
        while self.text(index).isidentifier() and self.text(index + 1) == ":":
            index += 2
        return index

    def in_braces(self, pragma: Pragma) -> bool:
        """A pragma's scope has braces: before it stand an opening one and other pragmas."""
        index = pragma.index - 1
        while self.text(index).startswith("#"):
            index -= 1
        return self.text(index) == "{"

    def rank(self, symbol: Symbol, scope: Scope) -> int | None:
        """Array dimensions of a variable, those of its type's aliases included; None where they cannot be seen."""
        inner = self._type_rank(symbol.type, scope, set())
        return None if inner is None else symbol.rank + inner

    def _type_rank(self, type_: tuple[str, ...], scope: Scope, seen: set[str]) -> int | None:
        name, qualified = last_name(type_)
        if not qualified and any(s.what == "template" for s in self._visible(name, scope)):
            return 0 if seen else None  # a parameter's own type; behind an alias it is an element
        if name in seen or name not in self.aliases:
            return 0
        ranks = set()
        for alias, where in self.aliases[name]:
            inner = self._type_rank(alias.type, where, seen | {name})
            ranks.add(None if inner is None else alias.rank + inner)
        return ranks.pop() if len(ranks) == 1 else None

    def _visible(self, name: str, scope: Scope | None) -> Iterator[Symbol]:
        while scope:
            yield from (s for s in scope.symbols if s.name == name)
            scope = scope.parent

    def is_stream(self, symbol: Symbol, scope: Scope) -> bool | None:
        """Whether a variable is an hls::stream; None where its type cannot be seen."""
        name, _ = last_name(symbol.type)
        for _ in range(5):
            if name == "stream":
                return True
            if any(s.what == "template" for s in self._visible(name, scope)):
                return None
            if name not in self.aliases:
                return False
            name, _ = last_name(self.aliases[name][0][0].type)
        return None


def last_name(type_: tuple[str, ...]) -> tuple[str, bool]:
    """The last component of a type's name outside template arguments, and whether others stand before it."""
    depth, names = 0, []
    for text in type_:
        depth += (text == "<") - (text == ">")
        if depth == 0 and re.fullmatch(r"\w+", text) and text not in QUALIFIERS:
            names.append(text)
    return (names[-1] if names else ""), len(names) > 1
