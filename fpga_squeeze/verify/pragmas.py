"""Checks every pragma of emitted HLS C++ against what the tool takes, without the tool.

A tool mostly warns about a pragma that it does not understand, and drops it: the design is then built without its
memories, its pipelines or its ports. So every pragma that reaches the tool is held against the tables of
``pragma_grammar``: directive, options, values, the place where it stands, and the variables and ports that it names.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from . import tools
from .cpp_reader import read
from .cpp_scopes import Kind, Pragma, Scope, Symbol, Unit
from .pragma_grammar import (
    DIALECTS,
    Constant,
    Dialect,
    Directive,
    Flag,
    Needs,
    Option,
    Place,
    Port,
    Rule,
    Variable,
)
from .pragma_grammar import Words as WordsValue

FLAGS = ("-std=c++14", "-DFSQ_PRAGMAS", "-DFSQ_TOOL=")
"""What makes an ordinary preprocessor see the sources as an HLS tool does."""
TOP = "fsq_top"
VENDOR_HEADERS = ("ap_int.h", "hls_stream.h", "ap_axi_sdata.h")

_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.']*|::|<<|>>|&&|\|\||[=!<>]=|\S")
_LOOPS = ("for", "while", "do")


@dataclass(frozen=True)
class Violation:
    """A pragma that the tool refuses or drops, or misunderstands."""

    file: Path
    line: int
    directive: str
    what: str
    allowed: str
    source: str

    def __str__(self) -> str:
        return (
            f"{self.file.name}:{self.line}: {self.directive}: {self.what}; allowed: {self.allowed}"
            f" ({self.source})"
        )


@dataclass(frozen=True)
class Report:
    """How often each directive was seen, and what is wrong; a header counts for every file that includes it."""

    seen: Counter[str]
    violations: tuple[Violation, ...]


class _Refused(Exception):
    """Why a pragma is refused, and what is allowed instead."""

    def __init__(self, what: str, allowed: str) -> None:
        super().__init__(what)
        self.what, self.allowed = what, allowed


def preprocess(source: Path, vendor: Path) -> str:
    """``source`` as a tool's parser sees it; ``vendor`` is a folder for empty stand-ins of the vendor's headers."""
    for name in VENDOR_HEADERS:
        (vendor / name).touch()
    # only the design's own text is read, so the vendor's need not be there
    command = [tools.find_compiler(), "-E", *FLAGS, "-nostdinc", "-isystem", str(vendor), str(source)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise FpgaSqueezeError(f"{source}: the preprocessor failed: {tools.first_error(done.stderr)}")
    return done.stdout


def read_source(source: Path) -> Unit:
    """A .cpp file and what it includes from its own folder, read as the tool sees it."""
    with tempfile.TemporaryDirectory() as vendor:
        return read(preprocess(source, Path(vendor)), source.parent)


def check_folder(folder: Path, dialect: str, top: str = TOP) -> Report:
    """Every pragma of every .cpp file of ``folder`` and of the headers that it includes."""
    seen: Counter[str] = Counter()
    violations: dict[Violation, None] = {}
    for source in sorted(folder.glob("*.cpp")):
        unit = read_source(source)
        for pragma in unit.pragmas:
            seen[_split(pragma.text)[0]] += 1
        violations |= dict.fromkeys(check_unit(unit, DIALECTS[dialect], top))
    return Report(seen, tuple(violations))


def check_unit(unit: Unit, dialect: Dialect, top: str = TOP) -> Iterator[Violation]:
    """The violations of one translation unit, in the order of the text."""
    lines: dict[Path, list[str]] = {}
    modes: dict[Scope, str] = {}
    for token in unit.unread():
        where = "it stands inside a declaration or a statement"
        yield Violation(token.file, token.line, token.text, where, "a place between them", "C++")
    for pragma in unit.pragmas:
        name, tokens = _split(pragma.text)
        row = next((d for d in dialect.others if d.name == name), None)
        if row is None and pragma.text.split()[1:2] == ["HLS"]:
            row = dialect.directive(name)
        shown, source = f"#pragma HLS {name}", row.source if row else f"the tables of {dialect.name}"
        try:
            if row is None:
                raise _Refused(
                    "unknown directive", ", ".join(d.name for d in dialect.directives + dialect.others)
                )
            if row.literal and not _is_literal(pragma, lines):
                raise _Refused("it comes from a macro", "a line of its own in the source")
            owner = _place(unit, pragma, row, top)
            _Options(unit, pragma, row, owner, top).check(tokens)
            if name in ("dataflow", "pipeline"):
                other = modes.setdefault(pragma.scope, name)
                if other != name:
                    raise _Refused(f"{other} stands in the same scope", "dataflow or pipeline")
        except _Refused as error:
            yield Violation(pragma.file, pragma.line, shown, error.what, error.allowed, source)


def _split(text: str) -> tuple[str, list[str]]:
    """The directive of a pragma and the tokens after it."""
    words = _TOKEN.findall(text)[2:]
    if words and words[0] == "HLS":
        words = words[1:]
    return (words[0].lower() if words else ""), words[1:]


def _is_literal(pragma: Pragma, lines: dict[Path, list[str]]) -> bool:
    if pragma.file not in lines:
        lines[pragma.file] = pragma.file.read_text().splitlines()
    text = lines[pragma.file]
    return pragma.line <= len(text) and bool(re.match(r"\s*#\s*pragma\b", text[pragma.line - 1]))


def _place(unit: Unit, pragma: Pragma, row: Directive, top: str) -> Scope | None:
    """The function that a pragma belongs to; refused where it stands in no place of its row."""
    scope = pragma.scope
    after = unit.next_index(pragma.index)
    below = next((f for start, f in unit.functions if start == after and not f.template), None)
    inside = scope if scope.kind is Kind.FUNCTION else None
    in_loop = scope.kind is Kind.LOOP and pragma.first and unit.in_braces(pragma)
    above_loop = scope.function is not None and unit.text(after) in _LOOPS
    holds: dict[Place, bool] = {
        Place.TOP: inside is not None and inside.name == top,
        Place.ABOVE_TOP: below is not None and below.name == top,
        Place.FUNCTION: inside is not None,
        Place.PLAIN_FUNCTION: inside is not None and not inside.generic,
        Place.ABOVE_FUNCTION: below is not None,
        Place.LOOP: in_loop,
        Place.REGION: scope.function is not None,
        Place.ABOVE_LOOP: above_loop,
    }
    if not any(holds[place] for place in row.places):
        where = f"it stands in a {scope.kind.value}" + (f" ({scope.name})" if scope.name else "")
        if scope.kind is Kind.LOOP and not pragma.first:
            where += " after its first statement"
        raise _Refused(where, " or ".join(place.value for place in row.places))
    return scope.function or below


class _Options:
    """The options of one pragma against its row."""

    def __init__(self, unit: Unit, pragma: Pragma, row: Directive, owner: Scope | None, top: str) -> None:
        self.unit, self.pragma, self.row, self.owner, self.top = unit, pragma, row, owner, top
        self.values: dict[str, str] = {}

    def refuse(self, what: str, option: Option | None = None) -> _Refused:
        return _Refused(what, f"{option.name}={option.value}" if option else self.row.spelled())

    def check(self, tokens: list[str]) -> None:
        i = 0
        while i < len(tokens):
            i = self.option(tokens, i)
        for option in self.row.options:
            if option.required and option.name not in self.values:
                raise self.refuse(f"option {option.name} is missing")
        given = dict(self.values)
        for option in self.row.options:
            if option.default:
                given.setdefault(option.name, option.default)
        for rule in self.row.rules:
            self.rule(rule, given)
        for option in self.row.options:
            if option.name in self.values and isinstance(option.value, Port):
                self.port(self.values[option.name], option)
            if option.name in self.values and isinstance(option.value, Variable):
                self.variable(self.values[option.name], option, option.value)
        self.tripcounts()

    def option(self, tokens: list[str], i: int) -> int:
        """Reads the option at ``i``; returns the index after it."""
        word = tokens[i]
        option, value, after = self.row.option(word), word, i + 1
        if after < len(tokens) and tokens[after] == "=":
            if option is None:
                raise self.refuse(f"unknown option {word}")
            value, after = self.value(option, tokens, after + 1)
        elif option is not None and isinstance(option.value, Flag) and not option.value.always:
            value = "true"
        else:
            bare = self.bare(word)
            if bare is None and option is not None:
                raise self.refuse(f"option {option.name} has no value", option)
            if bare is None:
                raise self.refuse(f"unknown option {word}" if word.isidentifier() else f"unexpected {word}")
            option, value = bare, word.lower()
        if option.name in self.values:
            raise self.refuse(f"option {option.name} stands twice")
        if value != "false" or not isinstance(option.value, Flag):
            self.values[option.name] = value
        return after

    def bare(self, word: str) -> Option | None:
        for option in self.row.options:
            value = option.value
            if isinstance(value, WordsValue) and value.bare and word.lower() in value.words:
                return option
        return None

    def value(self, option: Option, tokens: list[str], i: int) -> tuple[str, int]:
        kind = option.value
        if i >= len(tokens):
            raise self.refuse(f"option {option.name} has no value", option)
        word = tokens[i]
        match kind:
            case Constant():
                return self.constant(option, kind, tokens, i)
            case WordsValue():
                if word.lower() not in kind.words:
                    raise self.refuse(f"{option.name} = {word}", option)
                return word.lower(), i + 1
            case Flag():
                if word not in ("true", "false") or not (kind.optional or (kind.always and word == "true")):
                    raise self.refuse(f"{option.name} = {word}", option)
                return word, i + 1
            case Variable() | Port():
                if not word.isidentifier():
                    raise self.refuse(f"{option.name} = {word} is no name", option)
                while isinstance(kind, Variable) and i + 2 < len(tokens) and tokens[i + 1] == ".":
                    i += 2
                return word, i + 1
            case _:
                assert_never(kind)

    # ------------------------------------------------------------------------------------------------ values

    def constant(self, option: Option, kind: Constant, tokens: list[str], i: int) -> tuple[str, int]:
        """A constant expression: operands and operators in turn."""
        start, operand = i, True
        if kind.literal and not tokens[i].isdigit():
            raise self.refuse(f"{option.name} = {tokens[i]} is no plain number", option)
        while i < len(tokens):
            word = tokens[i]
            if operand and word in ("+", "-", "!", "~"):
                i += 1
            elif operand and word == "(":
                _, i = self.constant(option, Constant(-(1 << 62)), tokens, i + 1)
                if i >= len(tokens) or tokens[i] != ")":
                    raise self.refuse(f"{option.name}: a bracket is not closed", option)
                i, operand = i + 1, False
            elif operand:
                i, operand = self.operand(option, tokens, i), False
            elif word in ("+", "-", "*", "/", "%", "<<", ">>", "?", ":", "<", ">", "==", "!=", "<=", ">="):
                i, operand = i + 1, True
            else:
                break
        text = " ".join(tokens[start:i])
        if operand:
            raise self.refuse(f"{option.name} = {text or 'nothing'} is no expression", option)
        if kind.literal and not text.isdigit():
            raise self.refuse(f"{option.name} = {text} is no plain number", option)
        number = _number(text)
        if number is not None and number < kind.least:
            raise self.refuse(f"{option.name} = {text}", option)
        return text, i

    def operand(self, option: Option, tokens: list[str], i: int) -> int:
        """A number, or a name that means a constant; returns the index after it."""
        word = tokens[i]
        if word[0].isdigit():
            if _number(word) is None:
                raise self.refuse(f"{option.name}: {word} is no integer", option)
            return i + 1
        names = [word]
        while i + 2 < len(tokens) and tokens[i + 1] == "::":
            names.append(tokens[i + 2])
            i += 2
        if not all(n.isidentifier() for n in names):
            raise self.refuse(f"{option.name}: unexpected {word}", option)
        problem = self.not_constant(names)
        if problem:
            raise self.refuse(f"{option.name} = {'::'.join(names)}: {problem}", option)
        return i + 1

    def not_constant(self, names: list[str]) -> str:
        """Why a qualified name is no constant here; empty where it may be one."""
        unit, scope, index = self.unit, self.pragma.scope, self.pragma.index
        while len(names) > 1 and names[0] in unit.namespaces:
            scope, names = unit.namespaces[names[0]], names[1:]
        symbol = unit.find(names[0], scope, index)
        if len(names) > 1:
            if names[0] in unit.records and not unit.records[names[0]].generic:
                member = unit.find(names[-1], unit.records[names[0]], index)
                return "" if member and _is_constant(member) else f"{names[0]} has no such constant"
            known = names[0] in unit.records or (symbol and symbol.what in ("template", "type"))
            return "" if known else f"{names[0]} is no type in scope"
        if symbol is None:
            return "it is not declared in scope"
        return "" if _is_constant(symbol) else "it is no constant"

    def port(self, name: str, option: Option) -> None:
        ports = [s.name for s in self.owner.symbols if s.what == "parameter"] if self.owner else []
        result = isinstance(option.value, Port) and option.value.result
        if name not in ports and not (result and name == "return"):
            allowed = ", ".join([*ports, *(["return"] if result else [])])
            raise _Refused(f"{option.name} = {name} is no port of this function", f"{option.name}={allowed}")

    def variable(self, name: str, option: Option, kind: Variable) -> None:
        scope = self.pragma.scope
        symbol = self.unit.find(name, scope, self.pragma.index)
        if symbol is None or symbol.what not in ("variable", "parameter"):
            raise self.refuse(f"{option.name} = {name} is not declared in scope", option)
        function = scope.function
        if not kind.top_port and symbol.what == "parameter" and function and function.name == self.top:
            raise self.refuse(f"{name} is a port of the top-level function", option)
        rank, stream = self.unit.rank(symbol, scope), self.unit.is_stream(symbol, scope)
        if (
            kind.needs is not Needs.ANY
            and rank == 0
            and not (kind.needs is Needs.CHANNEL and stream is not False)
        ):
            raise self.refuse(f"{name} is no array", option)
        if stream and self.values.get("type", "").startswith(("ram_", "rom_")):
            raise self.refuse(f"{name} is a stream, type = {self.values['type']} a memory")
        dim = _number(self.values.get("dim", "0"))
        if rank is not None and dim is not None and dim > rank:
            raise _Refused(f"dim = {dim}, but {name} has only {rank}", f"dim=0..{rank}")

    def rule(self, rule: Rule, given: dict[str, str]) -> None:
        name, values = rule.when
        if name not in given or (values and given[name] not in values):
            return
        if rule.unless and given.get(rule.unless[0]) == rule.unless[1]:
            return
        shown = f"{name} = {given[name]}" if values else name
        for needed in rule.needs:
            if needed not in self.values:
                raise self.refuse(f"{shown} without {needed}: {rule.why}")
        for forbidden in rule.forbids:
            other, _, value = forbidden.partition("=")
            if other in self.values and value in ("", self.values[other]):
                raise self.refuse(f"{shown} with {forbidden}: {rule.why}")
        if rule.value and rule.value[0] in self.values and self.values[rule.value[0]] not in rule.value[1]:
            option, allowed = rule.value
            raise _Refused(
                f"{shown} with {option} = {self.values[option]}: {rule.why}", f"{option}={'|'.join(allowed)}"
            )

    def tripcounts(self) -> None:
        bounds = [_number(self.values[n]) for n in ("min", "avg", "max") if n in self.values]
        known = [b for b in bounds if b is not None]
        if known != sorted(known):
            raise self.refuse(f"bounds {known} are out of order")


def _number(text: str) -> int | None:
    """The value of an integer literal; None for anything else."""
    try:
        return int(re.sub(r"(?i)[ul]+$", "", text.replace(" ", "")), 0)
    except ValueError:
        return None


def _is_constant(symbol: Symbol) -> bool:
    return symbol.what in ("template", "constant") or (
        symbol.what == "variable" and any(q in symbol.type for q in ("const", "constexpr"))
    )
