"""Reads the scopes of preprocessed C++.

This is no compiler. It reads the subset that the HLS sources keep to: namespaces, structs, templates, functions, loops,
and declarations of the form ``type name[dims]``. It takes the preprocessor's output, so that it sees what a tool sees,
and keeps the text of the design's own files only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .cpp_scopes import QUALIFIERS, Kind, Pragma, Scope, Symbol, Token, Unit, last_name, words

_MARKER = re.compile(r'#(?:line)? ?(\d+) "((?:[^"\\]|\\.)*)"')
_TOKEN = re.compile(
    r"""[A-Za-z_]\w* | \.?\d[\w.']* | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | :: | -> | \+\+ | -- | << | && | \|\|
    | [-+*/%&|^=!<]= | . """,
    re.VERBOSE,
)
_BUILTIN = words("void bool char short int long float double signed unsigned auto")
_NO_TYPE = words(
    "return if else for while do switch case default break continue goto sizeof delete new throw this true false "
    "operator template using typedef namespace"
)
_CLOSE = {"(": ")", "[": "]", "{": "}"}


def tokenise(text: str, folder: Path) -> list[Token]:
    """The tokens of preprocessed ``text`` that come from files below ``folder``; a pragma is one token."""
    tokens: list[Token] = []
    file, line, keep = folder, 0, False
    for raw in text.splitlines():
        if raw.startswith("#"):
            if marker := _MARKER.match(raw):
                file, line = Path(marker[2]), int(marker[1]) - 1
                keep = folder in file.parents
                continue
            if keep and raw.startswith("#pragma"):
                tokens.append(Token(raw.strip(), file, line + 1))
            line += 1
            continue
        line += 1
        if keep:
            tokens.extend(Token(t, file, line) for t in _TOKEN.findall(raw) if not t.isspace())
    return tokens


def read(text: str, folder: Path) -> Unit:
    """The scopes of preprocessed ``text``, of the files below ``folder``."""
    unit = Unit(tokenise(text, folder))
    _Reader(unit).declarations(0, Scope(Kind.FILE, "", None))
    return unit


class _Reader:
    """Recursive descent; every method takes the index of its first token and returns that after its last one."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.tokens = unit.tokens
        self.end = len(unit.tokens)
        self.namespaces: dict[tuple[int, str], Scope] = {}
        self.closing: dict[int, int] = {}
        opened: list[int] = []
        for i, token in enumerate(self.tokens):
            if token.text in _CLOSE:
                opened.append(i)
            elif token.text in _CLOSE.values() and opened:
                self.closing[opened.pop()] = i

    def text(self, i: int) -> str:
        return self.tokens[i].text if i < self.end else ""

    def pragma(self, i: int, scope: Scope) -> int:
        at = self.tokens[i]
        self.unit.pragmas.append(Pragma(at.text, at.file, at.line, scope, i, not scope.started))
        return i + 1

    def balanced(self, i: int) -> int:
        """Past the bracket that closes the one at ``i``."""
        return self.closing.get(i, self.end - 1) + 1

    def angles(self, i: int) -> int:
        """Past the template arguments that start at ``i``; ``i`` itself where they are none."""
        depth, at = 0, i
        while at < self.end and self.text(at) not in (";", "{", "}"):
            if self.text(at) in _CLOSE:
                at = self.balanced(at)
                continue
            depth += (self.text(at) == "<") - (self.text(at) == ">")
            at += 1
            if depth == 0:
                return at
        return i

    def skip_to(self, i: int, stops: tuple[str, ...]) -> int:
        """The index of the first of ``stops`` outside brackets."""
        while i < self.end and self.text(i) not in stops:
            i = self.balanced(i) if self.text(i) in _CLOSE else i + 1
        return i

    # ------------------------------------------------------------------------------------------ declarations

    def declarations(self, i: int, scope: Scope) -> int:
        """The contents of a file, a namespace or a struct, up to its closing brace."""
        template: list[Symbol] = []
        while i < self.end and self.text(i) != "}":
            word = self.text(i)
            if word.startswith("#"):
                i = self.pragma(i, scope)
            elif word == ";":
                i += 1
            elif word in ("public", "private", "protected") and self.text(i + 1) == ":":
                i += 2
            elif word == "template":
                after = self.angles(i + 1)
                template = self.parameters(i + 2, after - 1, "template")
                i = after
                continue
            elif word == "namespace" or (word == "extern" and self.text(i + 1).startswith('"')):
                brace = self.skip_to(i, ("{", ";"))
                # a namespace may be opened again: it keeps its names
                new = scope if word == "extern" else Scope(Kind.NAMESPACE, self.text(i + 1), scope)
                inner = self.namespaces.setdefault((id(scope), new.name), new)
                self.unit.namespaces[inner.name] = inner
                i = self.declarations(brace + 1, inner) + 1 if self.text(brace) == "{" else brace + 1
            elif word == "static_assert":
                i = self.skip_to(i, (";",)) + 1
            elif word in ("using", "typedef"):
                i = self.alias(i, scope, template)
            elif word in ("struct", "class", "union", "enum") and self.is_record(i):
                i = self.record(i, scope, template)
            else:
                i = self.declaration(i, scope, template)
            template = []
        return i

    def is_record(self, i: int) -> bool:
        """``struct name ... {`` or ``struct name;``, not a variable or function of such a type."""
        at = self.skip_to(i, ("{", ";", "=", "("))
        return self.text(at) in ("{", ";") and (
            self.text(at) == "{" or at - i <= 2 or self.text(at - 1) == ">"
        )

    def record(self, i: int, scope: Scope, template: list[Symbol]) -> int:
        brace = self.skip_to(i, ("{", ";"))
        if self.text(brace) == ";":
            return brace + 1
        names = [self.text(k) for k in range(i + 1, brace)]
        name = names[0] if names else ""
        if name == "class":  # enum class
            name = names[1]
        if self.text(i) == "enum":
            after = self.balanced(brace)
            for k in range(brace + 1, after - 1):
                if self.text(k - 1) in ("{", ","):
                    self.add(scope, k, "constant", ("int",), 0)
            return self.skip_to(after, (";",)) + 1
        bases = tuple(n for n in names[names.index(":") :] if n.isidentifier()) if ":" in names else ()
        inner = Scope(Kind.RECORD, name, scope, template=bool(template), symbols=list(template), bases=bases)
        if name not in self.unit.records or not template:
            self.unit.records[name] = inner
        after = self.declarations(brace + 1, inner) + 1
        return self.skip_to(after, (";",)) + 1

    def alias(self, i: int, scope: Scope, template: list[Symbol]) -> int:
        end = self.skip_to(i, (";",))
        if self.text(i) == "typedef":
            found = list(self.declarators(i + 1, end, "type"))
        elif self.text(i + 2) == "=":
            k = self.type_end(i + 3) or end
            type_ = tuple(self.text(j) for j in range(i + 3, k))
            rank = 0
            while self.text(k) == "[":
                rank, k = rank + 1, self.balanced(k)
            found = [Symbol(self.text(i + 1), "type", type_, rank, self.tokens[i + 1], i + 1)]
        else:
            found = []
        where = Scope(Kind.BLOCK, "", scope, symbols=list(template))
        for symbol in found:
            scope.symbols.append(symbol)
            self.unit.aliases.setdefault(symbol.name, []).append((symbol, where))
        return end + 1

    def add(self, scope: Scope, i: int, what: str, type_: tuple[str, ...], rank: int) -> None:
        scope.symbols.append(Symbol(self.text(i), what, type_, rank, self.tokens[i], i))

    def declaration(self, i: int, scope: Scope, template: list[Symbol]) -> int:
        """A variable or a function of a file, a namespace or a struct."""
        at = i
        while at < self.end and self.text(at) not in ("(", "=", ";", "{", "["):
            after = self.angles(at) if self.text(at) == "<" else at
            if self.text(at) == "operator":  # operator(), operator=, ...
                after = self.skip_to(at + (3 if self.text(at + 1) == "(" else 1), ("(",))
            at = after if after > at else at + 1
        if self.text(at) != "(":
            end = self.skip_to(i, (";",))
            scope.symbols.extend(self.declarators(i, end, "variable"))
            return end + 1
        close = self.balanced(at)
        stop = close
        while stop < self.end and self.text(stop) not in (";", "{"):
            if self.text(stop) == ":" and self.text(stop - 1) != ":":  # initialisers of members
                stop = self.initialisers(stop + 1)
                break
            stop += 1
        parameters = self.parameters(at + 1, close - 1, "parameter")
        self.unit.signatures[self.text(at - 1)] = [symbol.name for symbol in parameters]
        if self.text(stop) != "{":
            return stop + 1
        owner = ""
        if self.text(at - 2) == "::":  # a member, defined outside its struct
            owner, _ = last_name(tuple(self.text(k) for k in range(i, at - 2)))
        parent = self.unit.records.get(owner, scope)
        function = Scope(
            Kind.FUNCTION, self.text(at - 1), parent, bool(template), symbols=[*template, *parameters]
        )
        self.unit.functions.append((i, function))
        return self.block(stop + 1, function)

    def initialisers(self, i: int) -> int:
        """``member(value), other{value}`` up to the body's brace."""
        while i < self.end:
            i = self.skip_to(i, ("(", "{"))
            i = self.balanced(i)
            if self.text(i) != ",":
                return i
            i += 1
        return i

    def parameters(self, i: int, end: int, what: str) -> list[Symbol]:
        """Parameters between two brackets."""
        found: list[Symbol] = []
        while i < end:
            stop = i
            while stop < end and self.text(stop) != ",":
                after = self.angles(stop) if self.text(stop) == "<" else stop
                if self.text(stop) in _CLOSE:
                    after = self.balanced(stop)
                stop = after if after > stop else stop + 1
            if what == "template":
                name = next((k for k in range(i, stop) if self.text(k) == "="), stop) - 1
                if self.text(name).isidentifier() and name > i:
                    found.append(Symbol(self.text(name), what, (), 0, self.tokens[name], name))
            else:
                found.extend(self.declarators(i, stop, what))
            i = stop + 1
        return found

    def declarators(self, i: int, end: int, what: str) -> Iterator[Symbol]:
        """The names that ``type name[dims] = ..., name ...`` between two indices declares, if it is a declaration."""
        at = self.type_end(i)
        if at is None or at >= end:
            return
        type_ = tuple(self.text(k) for k in range(i, at))
        while at < end:
            while self.text(at) in ("*", "&", "&&", "const"):
                at += 1
            if self.text(at) == "(" and self.text(at + 1) in ("&", "*"):  # a reference to an array
                name, at = at + 2, at + 4
            else:
                name, at = at, at + 1
            if name >= end or not self.text(name).isidentifier() or self.text(name) in _NO_TYPE:
                return
            rank = 0
            while self.text(at) == "[" and at < end:
                rank, at = rank + 1, self.balanced(at)
            if at < end and self.text(at) not in ("=", ",", "(", "{", ":"):
                return
            yield Symbol(self.text(name), what, type_, rank, self.tokens[name], name)
            at = self.skip_to(at, (",", ";")) + 1

    def type_end(self, i: int) -> int | None:
        """The index after a type, or None where none starts."""
        named = False
        while i < self.end:
            word = self.text(i)
            if word in QUALIFIERS or word in _BUILTIN:
                named = named or word in _BUILTIN
                i += 1
            elif named or not (word.isidentifier() or word == "::") or word in _NO_TYPE:
                break
            else:
                i += word == "::"
                while self.text(i).isidentifier():
                    i += 1
                    if self.text(i) == "<":
                        after = self.angles(i)
                        if after == i:
                            return None
                        i = after
                    if self.text(i) != "::":
                        break
                    i += 1
                named = True
        return i if named else None

    # -------------------------------------------------------------------------------------------- statements

    def block(self, i: int, scope: Scope) -> int:
        """Statements up to a closing brace; returns the index after it."""
        while i < self.end and self.text(i) != "}":
            i = self.statement(i, scope)
        return i + 1

    def statement(self, i: int, scope: Scope) -> int:
        word = self.text(i)
        if word.startswith("#"):
            return self.pragma(i, scope)
        if word.isidentifier() and word not in _NO_TYPE and self.text(i + 1) == ":":  # a label
            return i + 2
        scope.started = True
        after, what = self.rest(i, word, scope)
        scope.statements.append((what, self.tokens[i:after]))
        return after

    def rest(self, i: int, word: str, scope: Scope) -> tuple[int, str]:
        """A statement that starts with ``word``: the index after it, and what it is."""
        if word == ";":
            return i + 1, "empty"
        if word == "{":
            return self.block(i + 1, Scope(Kind.BLOCK, "", scope)), "block"
        if word in ("for", "while"):
            loop = Scope(Kind.LOOP, word, scope)
            close = self.balanced(i + 1)
            if word == "for":
                stop = min(self.skip_to(i + 2, (";",)), close - 1)
                loop.symbols.extend(self.declarators(i + 2, stop, "variable"))
            return self.body(close, loop), word
        if word == "do":
            after = self.body(i + 1, Scope(Kind.LOOP, word, scope))
            return self.skip_to(after, (";",)) + 1, word
        if word in ("if", "switch"):
            at = i + 1 + (self.text(i + 1) == "constexpr")
            after = self.body(self.balanced(at), Scope(Kind.BLOCK, word, scope))
            if self.text(after) == "else":
                after = self.body(after + 1, Scope(Kind.BLOCK, "else", scope))
            return after, word
        if word in ("case", "default"):
            return self.skip_to(i, (":",)) + 1, word
        if word in ("using", "typedef"):
            return self.alias(i, scope, []), "type"
        if word in ("struct", "class", "union", "enum") and self.is_record(i):
            return self.record(i, scope, []), "type"
        end = self.skip_to(i, (";",))
        found = list(self.declarators(i, end, "variable"))
        scope.symbols.extend(found)
        return end + 1, "declaration" if found else word if word in _NO_TYPE else "expression"

    def body(self, i: int, scope: Scope) -> int:
        """What a loop or a condition governs: a block, or one statement."""
        return self.block(i + 1, scope) if self.text(i) == "{" else self.statement(i, scope)
