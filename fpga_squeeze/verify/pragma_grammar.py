"""What each HLS tool takes as a pragma: directive, options, values and place, with the source of every row.

Sources are named in short:

- ``UG1399``: AMD's *Vitis High-Level Synthesis User Guide*, page "pragma HLS <directive>" where no other is named.
  Read in the releases 2022.2 to 2026.1.
- ``front end``: what Vitis HLS does with a pragma, github.com/Xilinx/hls-llvm-project,
  clang/lib/Parse/ParseXlxPragma.cpp and llvm/lib/Support/XILINXFPGAPlatformBasic.cpp.
- ``scopes``: AMD's rules for the place of a pragma, github.com/Xilinx/ross-ai-assistant, skills/hls-pragma-scope.
- ``Bambu``: PandA Bambu 2024.10, etc/clang_plugin/plugin_ASTAnalyzer.cpp, by class.

A directive or option that is not here is refused, although a tool may take it: write its row first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Place(Enum):
    """Where a pragma may stand; the value completes the sentence "it must stand ..."."""

    TOP = "directly in the body of the top-level function"
    ABOVE_TOP = "directly above the top-level function"
    FUNCTION = "directly in the body of a function"
    PLAIN_FUNCTION = "directly in the body of a function that is not a template"
    ABOVE_FUNCTION = "directly above a function that is not a template"
    LOOP = "in the braces of a loop, before its first statement"
    REGION = "in the body of a function, of a loop or in another block of it"
    ABOVE_LOOP = "directly above a loop"


@dataclass(frozen=True)
class Words:
    """One of some keywords. ``bare``: the keyword may also stand alone, without ``option =``."""

    words: tuple[str, ...]
    bare: bool = False

    def __str__(self) -> str:
        return "|".join(self.words)


@dataclass(frozen=True)
class Constant:
    """A constant expression of at least ``least``, where its value can be seen; ``literal``: digits only."""

    least: int = 1
    literal: bool = False

    def __str__(self) -> str:
        return f"{'number' if self.literal else 'constant expression'} >= {self.least}"


class Needs(Enum):
    """What a variable that a pragma names must be, as far as its declaration shows."""

    ANY = "a variable"
    ARRAY = "an array"
    CHANNEL = "an hls::stream or an array"


@dataclass(frozen=True)
class Variable:
    """A variable that is visible at the pragma."""

    needs: Needs = Needs.ANY
    top_port: bool = True  # may be a port of the top-level function

    def __str__(self) -> str:
        return f"{self.needs.value} in scope"


@dataclass(frozen=True)
class Port:
    """A parameter of the function that the pragma belongs to; ``result``: or ``return``."""

    result: bool = False

    def __str__(self) -> str:
        return "parameter of the function" + (" or return" if self.result else "")


@dataclass(frozen=True)
class Flag:
    """A keyword without a value. ``optional``: ``= true`` or ``= false`` may follow; ``always``: must follow."""

    optional: bool = False
    always: bool = False

    def __str__(self) -> str:
        return "true" if self.always else "flag"


Value = Words | Constant | Variable | Port | Flag


@dataclass(frozen=True)
class Option:
    name: str
    value: Value
    required: bool = False
    default: str = ""


@dataclass(frozen=True)
class Rule:
    """Where option ``when[0]`` has a value of ``when[1]`` (none named: any), others are needed, or not allowed.

    ``forbids`` names an option, or ``option=value``; ``unless`` is an option and the value that lifts the rule.
    """

    when: tuple[str, tuple[str, ...]]
    why: str
    needs: tuple[str, ...] = ()
    forbids: tuple[str, ...] = ()
    unless: tuple[str, str] | None = None
    value: tuple[str, tuple[str, ...]] | None = None  # if this option is there, its value is one of these


@dataclass(frozen=True)
class Directive:
    name: str
    source: str
    places: tuple[Place, ...]
    options: tuple[Option, ...] = ()
    rules: tuple[Rule, ...] = ()
    literal: bool = False  # must be a line of the source, not made by a macro

    def option(self, name: str) -> Option | None:
        return next((o for o in self.options if o.name.lower() == name.lower()), None)

    def spelled(self) -> str:
        """The options with their values, for a message; optional ones in brackets."""
        texts = []
        for option in self.options:
            shown = isinstance(option.value, Flag) and not option.value.always
            text = option.name if shown else f"{option.name}={option.value}"
            texts.append(text if option.required else f"[{text}]")
        return " ".join(texts) or "no options"


@dataclass(frozen=True)
class Dialect:
    """The pragmas of one tool. ``others``: pragmas that do not start with HLS, by their first word."""

    name: str
    directives: tuple[Directive, ...]
    others: tuple[Directive, ...] = ()

    def directive(self, name: str) -> Directive | None:
        return next((d for d in self.directives if d.name == name.lower()), None)


def _storage(kind: str, impls: str) -> Rule:
    return Rule(("type", (kind,)), f"type={kind} is built that way", value=("impl", tuple(impls.split())))


def _op(names: str, impls: str) -> Rule:
    return Rule(
        ("op", tuple(names.split())), "the operation is built that way", value=("impl", tuple(impls.split()))
    )


_LAYOUT = (
    Option("variable", Variable(Needs.ARRAY), required=True),
    Option("type", Words(("cyclic", "block", "complete"), bare=True), default="complete"),
    Option("factor", Constant()),
    Option("dim", Constant(0)),
)
_LAYOUT_RULES = (
    Rule(("type", ("complete",)), "a complete layout has no factor", forbids=("factor",)),
    Rule(("type", ("cyclic", "block")), "the layout must know how many parts", needs=("factor",)),
)
_STORAGE = ("fifo", "ram_1p", "ram_1wnr", "ram_2p", "ram_s2p", "ram_t2p", "rom_1p", "rom_2p", "rom_np")
_STORAGE_IMPL = ("auto", "bram", "bram_ecc", "lutram", "uram", "uram_ecc", "srl", "memory")
_CONTROL = ("ap_ctrl_chain", "ap_ctrl_hs", "ap_ctrl_none")

VITIS = Dialect(
    "vitis",
    (
        # UG1399 "INTERFACE is only supported for use on the top-level function"; front end HandleInterfacePragma: in
        # function scope, `port` required, options by mode; "Block-Level Control Protocols": on the function return
        Directive(
            "interface",
            "UG1399, pragma HLS interface and Block-Level Control Protocols",
            (Place.TOP,),
            (
                Option("mode", Words(("axis", *_CONTROL), bare=True), required=True),
                Option("port", Port(result=True), required=True),
                Option("depth", Constant()),
                Option("register", Flag(optional=True)),
                Option("register_mode", Words(("forward", "reverse", "both", "off"), bare=True)),
            ),
            (
                Rule(("mode", ("axis",)), "return is no stream", forbids=("port=return",)),
                Rule(
                    ("mode", _CONTROL),
                    "it belongs to the function's return",
                    value=("port", ("return",)),
                    forbids=("depth", "register", "register_mode"),
                ),
            ),
        ),
        # front end HandleXlxDataflowPragma; scopes 2.2: function or loop body
        Directive(
            "dataflow",
            "UG1399, pragma HLS dataflow",
            (Place.FUNCTION, Place.LOOP),
            (Option("disable_start_propagation", Flag(optional=True)),),
        ),
        # UG1399 "Place in the body of the function or loop"; front end HandleXlxPipelinePragma
        Directive(
            "pipeline",
            "UG1399, pragma HLS pipeline",
            (Place.FUNCTION, Place.LOOP),
            (
                Option("ii", Constant()),
                Option("off", Flag(optional=True)),
                Option("rewind", Flag(optional=True)),
                Option("style", Words(("stp", "flp", "frp"))),
            ),
            (Rule(("off", ()), "there is no pipeline then", forbids=("ii", "rewind", "style")),),
        ),
        # scopes 1.1 and 4.2: in the loop's braces; front end HandleXlxUnrollPragma: off excludes the rest
        Directive(
            "unroll",
            "UG1399, pragma HLS unroll",
            (Place.LOOP,),
            (
                Option("factor", Constant()),
                Option("skip_exit_check", Flag(optional=True)),
                Option("off", Flag(optional=True)),
            ),
            (
                Rule(("off", ()), "there are no copies then", forbids=("factor", "skip_exit_check")),
                Rule(
                    ("skip_exit_check", ()),
                    "it is 'only applicable if a factor is specified'",
                    needs=("factor",),
                ),
            ),
        ),
        # UG1399 "within the body of the function"; scopes category A
        Directive(
            "inline",
            "UG1399, pragma HLS inline",
            (Place.FUNCTION,),
            (Option("recursive", Flag(optional=True)), Option("off", Flag(optional=True))),
            (Rule(("off", ()), "recursive or off", forbids=("recursive",)),),
        ),
        # UG1399 "within the boundaries of the function where the array variable is defined"; type complete by default,
        # without a factor, block and cyclic with one; dim=0: all dimensions. scopes 6: where the variable is visible
        Directive(
            "array_partition",
            "UG1399, pragma HLS array_partition",
            (Place.REGION,),
            (*_LAYOUT, Option("off", Flag(always=True))),
            _LAYOUT_RULES,
        ),
        # front end HandleArrayReshapePragma: object reshapes what is in the container, all dimensions
        Directive(
            "array_reshape",
            "UG1399, pragma HLS array_reshape",
            (Place.REGION,),
            (*_LAYOUT, Option("object", Flag(optional=True)), Option("off", Flag(always=True))),
            _LAYOUT_RULES,
        ),
        # UG1399 table of types; which impl a type has: front end createCoreMap; latency -1 lets the tool choose
        Directive(
            "bind_storage",
            "UG1399, pragma HLS bind_storage",
            (Place.REGION,),
            (
                Option("variable", Variable(Needs.CHANNEL), required=True),
                Option("type", Words(_STORAGE), required=True),
                Option("impl", Words(_STORAGE_IMPL)),
                Option("latency", Constant(-1)),
            ),
            (
                _storage("fifo", "auto bram lutram memory srl uram"),
                _storage("ram_1p", "auto bram lutram uram"),
                _storage("ram_1wnr", "auto bram lutram uram"),
                _storage("ram_2p", "auto bram lutram uram"),
                _storage("ram_s2p", "auto bram bram_ecc lutram uram uram_ecc"),
                _storage("ram_t2p", "auto bram uram"),
                _storage("rom_1p", "auto bram lutram"),
                _storage("rom_2p", "auto bram lutram"),
                _storage("rom_np", "auto bram lutram"),
            ),
        ),
        # UG1399 "within the body of the function where the variable is defined"; the integer operations of its table
        Directive(
            "bind_op",
            "UG1399, pragma HLS bind_op",
            (Place.REGION,),
            (
                Option("variable", Variable(), required=True),
                Option("op", Words(("mul", "add", "sub")), required=True),
                Option("impl", Words(("auto", "dsp", "fabric"))),
                Option("latency", Constant(-1)),
            ),
            (_op("mul add sub", "auto dsp fabric"),),
        ),
        # UG1399 "within the boundaries of the required location", depth down to 1; scopes 6.5: no argument of the top
        Directive(
            "stream",
            "UG1399, pragma HLS stream",
            (Place.REGION,),
            (
                Option("variable", Variable(Needs.CHANNEL, top_port=False), required=True),
                Option("type", Words(("fifo", "pipo", "shared", "unsync"))),
                Option("depth", Constant()),
            ),
        ),
        # UG1399 "within the boundaries of the function where the dependence is defined"; variable and class exclude
        # each other; distance only where dependent is true, which "should be specified"; scopes 2.2: function or loop
        # body. Front end: true for inter asks for a distance above 0
        Directive(
            "dependence",
            "UG1399, pragma HLS dependence",
            (Place.FUNCTION, Place.LOOP),
            (
                Option("variable", Variable()),
                Option("class", Words(("array", "pointer"), bare=True)),
                Option("type", Words(("inter", "intra"), bare=True), default="inter"),
                Option("direction", Words(("raw", "war", "waw"), bare=True)),
                Option("distance", Constant()),
                Option("dependent", Words(("true", "false"), bare=True), required=True),
            ),
            (
                Rule(("variable", ()), "a variable or a class of them", forbids=("class",)),
                Rule(("type", ("intra",)), "only between iterations", forbids=("direction", "distance")),
                Rule(("dependent", ("false",)), "what is not there has no distance", forbids=("distance",)),
                Rule(
                    ("dependent", ("true",)),
                    "the tool must know how far",
                    needs=("distance",),
                    unless=("type", "intra"),
                ),
            ),
        ),
        # UG1399 "within the body of the loop"; a constant or template argument will do: "Using Constants with Pragmas",
        # front end reqICEExpr("max")
        Directive(
            "loop_tripcount",
            "UG1399, pragma HLS loop_tripcount and Using Constants with Pragmas",
            (Place.LOOP,),
            (
                Option("min", Constant(0)),
                Option("max", Constant(0), required=True),
                Option("avg", Constant(0)),
            ),
        ),
    ),
)

BAMBU = Dialect(
    "bambu",
    (
        # an unknown port is silently taken for the last one, an unknown option silently dropped
        Directive(
            "interface",
            "Bambu, InterfaceHLSPragmaHandler",
            (Place.TOP, Place.ABOVE_TOP),
            (
                Option("port", Port(), required=True),
                Option("mode", Words(("axis", "fifo")), required=True),
                Option("depth", Constant(literal=True)),
            ),
            literal=True,
        ),
        Directive(
            "dataflow",
            "Bambu, DataflowHLSPragmaHandler",
            (Place.PLAIN_FUNCTION, Place.ABOVE_FUNCTION),
            literal=True,
        ),
        # "Loop pipelining pragma not supported."
        Directive(
            "pipeline",
            "Bambu, PipelineHLSPragmaHandler",
            (Place.PLAIN_FUNCTION, Place.ABOVE_FUNCTION),
            (
                Option("ii", Constant(literal=True)),
                Option("style", Words(("frp",))),
                Option("off", Flag()),
            ),
            literal=True,
        ),
        Directive(
            "inline",
            "Bambu, InlineHLSPragmaHandler",
            (Place.PLAIN_FUNCTION, Place.ABOVE_FUNCTION),
            (Option("recursive", Flag()), Option("off", Flag())),
            (Rule(("off", ()), "one mode at a time", forbids=("recursive",)),),
            literal=True,
        ),
        # becomes clang's loop hint: the next statement must be a loop
        Directive(
            "unroll",
            "Bambu, UnrollHLSPragmaHandler",
            (Place.ABOVE_LOOP,),
            (Option("factor", Constant(literal=True)), Option("off", Flag(always=True))),
            (Rule(("off", ()), "one or the other", forbids=("factor",)),),
        ),
    ),
    # clang's own; Bambu's regressions use it to keep a loop rolled (panda_regressions/hls/bambu_interface_test)
    (Directive("nounroll", "Clang Language Extensions, Loop unrolling", (Place.ABOVE_LOOP,)),),
)

DIALECTS = {d.name: d for d in (VITIS, BAMBU)}
