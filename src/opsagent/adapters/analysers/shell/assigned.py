"""Finds the variables a script reads where it has not surely set them: they may be empty, or come from outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsagent.adapters.analysers.shell.words import Node

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEFAULTED = frozenset({"-", ":-", "=", ":=", "+", ":+", "?", ":?"})  # these say themselves what happens when unset
_ARITHMETIC = frozenset({"ArithmCmd", "ArithmExp", "LetClause", "CStyleLoop"})
_ASIDE = frozenset({"Subshell", "CmdSubst", "ProcSubst", "CoprocClause", "FuncDecl"})


@dataclass(slots=True)
class Unsure:
    """Goes through a script in the order bash does. `names` are those read before they were surely set.

    `sure` holds what is set at this point whatever happened before, `passed` what is besides set if the last command
    succeeded.
    """

    names: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    _by_kind: Mapping[str, Callable[[Node], None]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_kind = {
            "CallExpr": self._call,
            "DeclClause": self._declaration,
            "BinaryCmd": self._joined,
            "IfClause": self._if,
            "WhileClause": self._while,
            "ForClause": self._for,
            "CaseClause": self._case,
            "ParamExp": self._parameter,
            "BinaryArithm": self._arithmetic,
        }

    def statements(self, nodes: Sequence[Node] | None) -> None:
        """One after the other."""
        for node in nodes or []:
            self.statement(node)

    def statement(self, node: Node | None) -> None:
        """Its redirects are expanded before it runs."""
        if node is None:
            return
        self.passed = set()
        self._any(node.get("Redirs"))
        if node.get("Background"):
            self._aside(node.get("Cmd"))
        else:
            self._any(node.get("Cmd"))
        if node.get("Negated"):
            self.passed = set()

    def _any(self, node: Any) -> None:
        if isinstance(node, list):
            for one in node:
                self._any(one)
        elif isinstance(node, dict):
            kind = node.get("Type", "")
            if "Cmd" in node and not kind:
                self.statement(node)
            elif kind in _ASIDE:
                self._aside([child for child in node.values() if isinstance(child, (dict, list))])
            elif (own := self._by_kind.get(kind)) is not None:
                own(node)
            else:
                if kind in _ARITHMETIC:
                    self._identifiers(node)
                self._any([child for child in node.values() if isinstance(child, (dict, list))])

    def _aside(self, node: Any) -> None:
        """What is set there is gone afterwards, or happens nobody knows when."""
        sure = set(self.sure)
        self._any(node)
        self.sure, self.passed = sure, set()

    def _call(self, node: Node) -> None:
        self._any(node.get("Args"))
        for assign in node.get("Assigns") or []:
            self._assign(assign, stays=not node.get("Args"))

    def _assign(self, assign: Node, *, stays: bool) -> None:
        self._any([assign.get(key) for key in ("Value", "Array", "Index")])
        name = (assign.get("Name") or {}).get("Value")
        if name and stays and not assign.get("Naked") and not assign.get("Index"):
            self.sure.add(name)

    def _declaration(self, node: Node) -> None:
        for assign in node.get("Args") or []:
            self._assign(assign, stays=True)

    def _joined(self, node: Node) -> None:
        if node.get("Op") not in {"&&", "||"}:
            self._aside(node.get("X"))
            self._aside(node.get("Y"))
            return
        self.statement(node.get("X"))
        before, left = set(self.sure), set(self.passed)
        if node["Op"] == "&&":
            self.sure |= left
        self.statement(node.get("Y"))
        self.passed = (self.sure | self.passed | left) - before if node["Op"] == "&&" else set()
        self.sure = before

    def _if(self, node: Node) -> None:
        self.statements(node.get("Cond"))
        before, passed = set(self.sure), set(self.passed)
        self.sure |= passed
        self.statements(node.get("Then"))
        then, self.sure = self.sure, set(before)
        if node.get("Else"):
            self._if(node["Else"]) if node["Else"].get("Cond") else self.statements(node["Else"].get("Then"))
        self.sure, self.passed = then & self.sure, set()

    def _while(self, node: Node) -> None:
        self.statements(node.get("Cond"))
        before = set(self.sure)
        if not node.get("Until"):
            self.sure |= self.passed
        self.statements(node.get("Do"))
        self.sure, self.passed = before, set()

    def _for(self, node: Node) -> None:
        loop = node.get("Loop") or {}
        self._any(loop.get("Items") or [])
        if loop.get("Type") == "CStyleLoop":
            for part in (loop.get("Init"), loop.get("Cond")):
                self._identifiers(part)
                self._any(part)
        before = set(self.sure)
        if name := (loop.get("Name") or {}).get("Value"):
            self.sure.add(name)
            if loop.get("Items") and all(_written(item) for item in loop["Items"]):
                before.add(name)
        self.statements(node.get("Do"))
        self._identifiers(loop.get("Post"))
        self._any(loop.get("Post"))
        self.sure, self.passed = before, set()

    def _case(self, node: Node) -> None:
        self._any(node.get("Word"))
        before = set(self.sure)
        for item in node.get("Items") or []:
            self.sure = set(before)
            self._any(item.get("Patterns"))
            self.statements(item.get("Stmts"))
        self.sure, self.passed = before, set()

    def _parameter(self, node: Node) -> None:
        if (node.get("Exp") or {}).get("Op") not in _DEFAULTED and not node.get("Length"):
            self._used((node.get("Param") or {}).get("Value", ""))
        self._any([child for child in node.values() if isinstance(child, (dict, list))])

    def _arithmetic(self, node: Node) -> None:
        self._any(node.get("Y"))
        self._any(node.get("X"))
        if node.get("Op") == "=" and (name := _name(node.get("X"))):
            self.sure.add(name)

    def _identifiers(self, node: Any, *, target: bool = False) -> None:
        """Bare names in arithmetic are read as variables, but for the left side of `=`."""
        if isinstance(node, list):
            for one in node:
                self._identifiers(one)
        elif isinstance(node, dict):
            if (name := _name(node)) and not target:
                self._used(name)
            for key, child in node.items():
                if key not in {"Do", "Parts"} and isinstance(child, (dict, list)):
                    self._identifiers(child, target=key == "X" and node.get("Op") == "=")

    def _used(self, name: str) -> None:
        if name not in self.sure:
            self.names.add(name)


def _name(node: Node | None) -> str:
    parts = (node or {}).get("Parts") or []
    text = parts[0].get("Value") if len(parts) == 1 and parts[0].get("Type") == "Lit" else None
    return text if text and _IDENTIFIER.fullmatch(text) else ""


def _written(word: Node) -> bool:
    """A word that surely stands for at least one."""
    return all(part.get("Type") in {"Lit", "SglQuoted", "DblQuoted"} for part in word.get("Parts") or [{}])


def unsure(statements: Sequence[Node]) -> frozenset[str]:
    """The variables of a script that are somewhere read without surely having been set before."""
    finder = Unsure()
    finder.statements(statements)
    return frozenset(finder.names)
