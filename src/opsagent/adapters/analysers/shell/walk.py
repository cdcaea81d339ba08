"""Walks a syntax tree and finds every invocation, redirect, assignment and expansion in it, wherever it hides."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from opsagent.adapters.analysers.shell.assigned import unsure
from opsagent.adapters.analysers.shell.classify import Classifier
from opsagent.adapters.analysers.shell.dates import date_pattern
from opsagent.adapters.analysers.shell.findings import Findings
from opsagent.adapters.analysers.shell.parser import Parsed, Unparsed
from opsagent.adapters.analysers.shell.words import ANY, IDENTS, NUMBERS, UNKNOWN, Node, Scope, Word
from opsagent.domain.command_table import Tables
from opsagent.domain.manifest import Invocation


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAX_DEPTH = 6  # scripts in scripts; deeper is never a diagnosis
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SH_DIFFERS = re.compile(
    r"\(\(|\[\[|\$'|&>|\|&|<\(|>\(|\bfunction\b|<<<|\$\["
)  # bash and other shells read these apart
_POSITIONS = frozenset({"Pos", "End", "ValuePos", "ValueEnd", "Position", "OpPos"})
_TWICE = re.compile(r"[^A-Za-z0-9_./,:+@%=-]")
_READ_OPS = frozenset({"<"})
_WRITE_OPS = frozenset({">", ">>", ">|", "<>", "&>", "&>>"})
_KINDS = _words(
    """ArithmCmd ArithmExp BinaryArithm BinaryCmd BinaryTest Block CStyleLoop CallExpr CaseClause CmdSubst CoprocClause
    DblQuoted DeclClause ExtGlob File ForClause FuncDecl IfClause LetClause Lit ParamExp ParenArithm ParenTest ProcSubst
    SglQuoted Subshell TestClause TimeClause UnaryArithm UnaryTest WhileClause Word WordIter"""
)
_UNKNOWN_KINDS = {
    "CoprocClause": "it starts a coprocess",
    "ExtGlob": "it uses an extended glob, which may hide a command",
}
_ARITHMETIC_KEYS = {
    "LetClause": ("Exprs",),
    "ArithmCmd": ("X",),
    "ArithmExp": ("X",),
    "CStyleLoop": ("Init", "Cond", "Post"),
}
_ASSIGNING = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**=", "++", "--"})
_NAMING_BUILTINS = frozenset({"read", "mapfile", "readarray", "getopts", "printf", "wait", "unset", "let", "select"})


@dataclass(slots=True)
class Walk:
    """One script. `parsed` holds the scripts inside scripts; those it lacks are put in `missing` to be parsed."""

    tables: Tables
    findings: Findings
    parsed: Mapping[str, Parsed]
    missing: dict[str, None] = field(default_factory=dict)
    depth: int = 0
    loops: int = 0
    defined: set[str] = field(default_factory=set)  # functions that surely exist at this point of the script
    scope: Scope = field(init=False)
    feeds: dict[int, Node] = field(default_factory=dict)
    quiet: set[int] = field(default_factory=set)
    classifier: Classifier = field(init=False)
    _by_kind: Mapping[str, Callable[[Node], None]] = field(init=False)

    def __post_init__(self) -> None:
        self.scope = Scope(self.prints)
        self._by_kind = {
            "CallExpr": self._call_expression,
            "FuncDecl": self._function,
            "DeclClause": self._declaration,
            "ParamExp": self._parameter,
            "BinaryArithm": self._arithmetic_assignment,
            "UnaryArithm": self._arithmetic_assignment,
            "BinaryTest": self._test,
            "UnaryTest": self._test,
        }
        self.classifier = Classifier(self)

    def run(self, statements: Sequence[Node]) -> None:
        """Walk the statements of one script."""
        for statement in statements:
            self._collect(statement)
        self.scope.unsure = unsure(statements)
        for statement in statements:
            self._visit(statement)
            command = statement.get("Cmd") or {}
            if command.get("Type") == "FuncDecl" and not set(statement) & {"Background", "Negated", "Redirs"}:
                self.defined.add((command.get("Name") or {}).get("Value", ""))

    def script(self, text: str | None, what: str, *, dialect: str = "bash") -> None:
        """A script inside the script: parsed and walked like the one around it."""
        if text is None:
            self.findings.unknown(f"{what} runs text that is not written out")
        elif self.depth >= MAX_DEPTH:
            self.findings.unknown(f"scripts are nested more than {MAX_DEPTH} deep")
        elif dialect != "bash" and _SH_DIFFERS.search(text):
            self.findings.unknown(f"{what} is given syntax that only bash understands")
        elif text not in self.parsed:
            self.missing[text] = None
            self.findings.unknown(f"{what}: not parsed yet")
        else:
            tree = self.parsed[text]
            if isinstance(tree, Unparsed):
                self.findings.unknown(f"in {what}, {tree.reason}")
                return
            inner = Walk(self.tables, self.findings, self.parsed, self.missing, depth=self.depth + 1, loops=self.loops)
            inner.run(tree)

    def prints(self, name: str, arguments: Sequence[str]) -> str:
        """The mark for what a command prints when it can only be numbers or plain names, else ANY."""
        table = self.tables.commands.get(name.rpartition("/")[2])
        line = " ".join(arguments)
        if table is not None and table.prints_numbers is not None and table.prints_numbers.fullmatch(line):
            return NUMBERS
        if table is not None and table.check == "date" and arguments and (known := date_pattern(arguments[-1])):
            return known
        return IDENTS if table is not None and table.prints is not None and table.prints.fullmatch(line) else ANY

    # -- first pass: what variables can hold, what functions exist -------------------------------------------------

    def _collect(self, node: Any) -> None:
        if isinstance(node, list):
            for one in node:
                self._collect(one)
        elif isinstance(node, dict):
            self._collect_values(node)
            for assign in [*(node.get("Assigns") or []), *_declared(node)]:
                if name := (assign.get("Name") or {}).get("Value"):
                    dynamic = assign.get("Array") or assign.get("Append") or assign.get("Index") or assign.get("Naked")
                    self.scope.assign(name, None if dynamic else assign.get("Value") or {"Parts": []})
            for child in _children(node):
                self._collect(child)

    def _collect_values(self, node: Node) -> None:
        kind = node.get("Type")
        if kind == "FuncDecl":
            self.scope.functions.add((node.get("Name") or {}).get("Value", ""))
        elif kind == "WordIter":
            for item in node.get("Items") or [None]:
                self.scope.assign(node["Name"]["Value"], item, split=True)
        elif kind == "CallExpr":
            self._collect_builtin(node)
        elif kind in {"BinaryArithm", "UnaryArithm"} and node.get("Op") in _ASSIGNING:
            parts = (node.get("X") or {}).get("Parts") or []
            if len(parts) == 1 and parts[0].get("Type") == "Lit":
                self.scope.assign(parts[0].get("Value", ""), {})
        elif kind == "ParamExp" and (node.get("Exp") or {}).get("Op") in {"=", ":="}:
            self.scope.assign((node.get("Param") or {}).get("Value", ""), None)

    def _collect_builtin(self, node: Node) -> None:
        """Builtins that set variables: their words name them, so each such name can hold anything."""
        words = [word.text for arg in node.get("Args") or [] for word in self.scope.words(arg)]
        while words and words[0] in {"command", "builtin"}:
            words = words[1:]
        if words and words[0] in _NAMING_BUILTINS:
            for text in words[1:]:
                for start in range(len(text or "")):  # `read -ax` names x
                    if text and _IDENTIFIER.fullmatch(text[start:]):
                        self.scope.assign(text[start:], None)
            for name in ("REPLY", "OPTARG"):
                self.scope.assign(name, None)

    # -- second pass: everything that happens ------------------------------------------------------------------------

    def _visit(self, node: Any) -> None:
        if isinstance(node, list):
            for one in node:
                self._visit(one)
            return
        if not isinstance(node, dict):
            return
        kind = node.get("Type", "")
        if kind and kind not in _KINDS:
            self.findings.unknown(f"it uses syntax that is not known here ({kind})")
        in_loop = kind in {"ForClause", "WhileClause", "FuncDecl"}
        self.loops += in_loop
        self._enter(kind, node)
        if any(one.get("Op") == "<" and _is_null(one) for one in node.get("Redirs") or []):
            self.quiet.add(id(node.get("Cmd")))
        for redirect in node.get("Redirs") or []:
            self._redirect(redirect)
        for child in _children(node):
            self._visit(child)
        self.loops -= in_loop

    def _enter(self, kind: str, node: Node) -> None:
        """What each kind of node means by itself; its children are visited whatever it is."""
        if kind in _UNKNOWN_KINDS:
            self.findings.unknown(_UNKNOWN_KINDS[kind])
        elif kind in _ARITHMETIC_KEYS:
            self._arithmetic([node.get(key) for key in _ARITHMETIC_KEYS[kind]])
        elif kind == "BinaryCmd":
            self._pipe(node)
        elif kind == "ForClause" and node.get("Select"):
            self.findings.unknown("it waits for a choice (select)")
        elif kind == "WordIter":
            self._assigned(node["Name"]["Value"])
        elif (own := self._by_kind.get(kind)) is not None:
            own(node)

    def _call_expression(self, node: Node) -> None:
        words = [word for arg in node.get("Args") or [] for word in self.scope.words(arg)]
        for assign in node.get("Assigns") or []:
            name = (assign.get("Name") or {}).get("Value", "")
            if not (name == "IFS" and words and words[0].text == "read"):  # `IFS= read` changes only that read
                self._assigned(name)
                if words:
                    self.exported(name)
            if assign.get("Index"):
                self._arithmetic(assign["Index"])
            if any(element.get("Index") for element in (assign.get("Array") or {}).get("Elems") or []):
                self.findings.unknown("an array's subscripts may evaluate what stands in them")
        if words:
            self.call(words, node)

    def call(self, words: Sequence[Word], node: Node | None = None) -> None:
        """One command: list it, then classify it."""
        self.findings.invocations.append(Invocation(words[0].text, tuple(word.text for word in words[1:])))
        self.classifier.call(words, node)

    def exported(self, name: str) -> None:
        """A variable that the environment of a command gets: only names known to be harmless."""
        if not any(fnmatchcase(name, pattern) for pattern in self.tables.harmless_environment):
            self.findings.unknown(f"the variable {name} may change what commands do")

    def _assigned(self, name: str) -> None:
        if self.findings.dangerous(name):
            self.findings.unknown(f"setting {name} changes what commands do")

    def _arithmetic(self, node: Any) -> None:
        if problem := self.scope.arithmetic_problem(node):
            self.findings.unknown(problem)

    def _arithmetic_assignment(self, node: Node) -> None:
        parts = (node.get("X") or {}).get("Parts") or []
        if node.get("Op") in _ASSIGNING and len(parts) == 1:
            self._assigned(parts[0].get("Value", ""))

    def _pipe(self, node: Node) -> None:
        """Remember what feeds the right side, for `find ... | xargs`."""
        if node.get("Op") not in {"|", "|&"}:
            return
        left, right = node["X"].get("Cmd") or {}, node["Y"].get("Cmd") or {}
        while left.get("Type") == "BinaryCmd":
            left = left["Y"].get("Cmd") or {}
        if left.get("Type") == "CallExpr" and right.get("Type") == "CallExpr":
            self.feeds[id(right)] = left

    def _function(self, node: Node) -> None:
        name = (node.get("Name") or {}).get("Value", "")
        if name in self.tables.commands or "/" in name:
            self.findings.unknown(f"it redefines the command {name}")
        names: list[str] = []
        shapes: set[str] = set()
        _survey(node.get("Body"), names, shapes)
        if name in names:
            if shapes & {"|", "|&", "background"}:
                self.findings.forbid("it starts copies of itself without end (a fork bomb)")
            self.findings.unknown(f"the function {name} calls itself")

    def _declaration(self, node: Node) -> None:
        variant = (node.get("Variant") or {}).get("Value", "declare")
        arguments = node.get("Args") or []
        for assign in arguments:
            name = (assign.get("Name") or {}).get("Value")
            text = self.scope.single(assign.get("Value")).text if assign.get("Value") else ""
            if name is None:
                if text not in {"-r", "-a", "-A", "--"} or (text == "-r" and variant == "export"):
                    self.findings.unknown(
                        f"{variant} {text if text is not None else '...'} is not known to be harmless"
                    )
                continue
            self._assigned(name)
            if assign.get("Index") or assign.get("Array"):
                self.findings.unknown(f"{variant} of an array may evaluate what stands in it")
            if variant == "export":
                self.exported(name)
        if not arguments or variant in {"nameref", "typeset"}:
            self.findings.unknown(f"{variant} here is not known to be harmless")
        if not arguments:
            self.findings.secret(f"{variant} shows every variable")

    def _parameter(self, node: Node) -> None:
        name = (node.get("Param") or {}).get("Value", "")
        if node.get("Excl"):
            self.findings.unknown("it reads a variable whose name is in another variable")
        operator = (node.get("Exp") or {}).get("Op")
        if operator == "@":
            self.findings.unknown("it expands a variable as code (${...@...})")
        if operator in {"=", ":="}:
            self._assigned(name)
        if set(node) & {"Flags", "NestedParam", "Width"}:
            self.findings.unknown("it uses an expansion that is not known here")
        for part in (node.get("Slice"), None if _whole_array(node.get("Index")) else node.get("Index")):
            if part:
                self._arithmetic(part)
        if name not in self.scope.values and any(fnmatchcase(name, one) for one in self.tables.secret_variables):
            self.findings.secret(f"shows the variable {name}")

    def _test(self, node: Node) -> None:
        operator = node.get("Op")
        if operator in {"-v", "-R"}:
            self.findings.unknown("[[ -v ]] evaluates subscripts")
        elif operator in {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"}:
            self._arithmetic([node.get("X"), node.get("Y")])

    def _redirect(self, node: Node) -> None:
        operator, target = node.get("Op", ""), node.get("Word")
        if "{" in (node.get("N") or {}).get("Value", ""):
            self.findings.unknown("it opens a file under a number it chooses")
        if operator in {"<<", "<<-", "<<<"}:
            return
        word = self.scope.single(target) if target else UNKNOWN
        text = word.text
        if operator in {">&", "<&"} and text is not None and re.fullmatch(r"[0-9]*-?", text):
            return
        if any(one.startswith(("/dev/tcp/", "/dev/udp/")) for one in word.alternatives):
            self._connection(text)
            return
        if word.unknown or word.many:
            self.findings.unknown("it redirects to or from a file that is not written out")
        if operator == ">&" and any(_TWICE.search(one) for one in word.alternatives):
            self.findings.unknown("bash expands the name after `>&` twice, which may run what stands in it")
        if operator in _READ_OPS or operator == "<>":
            self.findings.read(word)
        if operator in _WRITE_OPS or operator == ">&":
            self.findings.write(word)
        elif operator not in _READ_OPS:
            self.findings.unknown(f"it uses a redirect that is not known here ({operator})")

    def _connection(self, path: str | None) -> None:
        self.findings.unknown("it opens a network connection by a redirect")
        if path is not None:
            host, _, port = path.split("/", 3)[3].partition("/")
            self.findings.contacts[f"{host}:{port}"] = None


def _children(node: Node) -> list[Any]:
    """Every part of a node but its positions."""
    return [child for key, child in node.items() if isinstance(child, (dict, list)) and key not in _POSITIONS]


def _declared(node: Node) -> list[Node]:
    return (node.get("Args") or []) if node.get("Type") == "DeclClause" else []


def _is_null(redirect: Node) -> bool:
    parts = (redirect.get("Word") or {}).get("Parts") or []
    return len(parts) == 1 and parts[0].get("Value") == "/dev/null"


def _whole_array(index: Node | None) -> bool:
    parts = (index or {}).get("Parts") or []
    return len(parts) == 1 and parts[0].get("Value") in {"@", "*"}


def _survey(node: Any, names: list[str], shapes: set[str]) -> None:
    """The literal command names below a node, and whether there are pipes or background jobs."""
    if isinstance(node, list):
        for one in node:
            _survey(one, names, shapes)
    elif isinstance(node, dict):
        if node.get("Background"):
            shapes.add("background")
        if node.get("Type") == "BinaryCmd":
            shapes.add(node.get("Op", ""))
        if node.get("Type") == "CallExpr" and node.get("Args"):
            names.append("".join(part.get("Value", "") for part in node["Args"][0].get("Parts") or []))
        for child in node.values():
            if isinstance(child, (dict, list)):
                _survey(child, names, shapes)
