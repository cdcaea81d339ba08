"""The glossary and the domain use the same words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import opsagent

ROOT = Path(opsagent.__file__).parent
GLOSSARY = ROOT.parent.parent / "docs" / "glossary.md"

# Public classes of the domain that need no row of their own.
NEED_NO_ROW = {
    **dict.fromkeys(
        ("ApprovalStatus", "NoticeStatus", "RunStatus", "SignalStatus", "StepStatus", "TicketStatus"),
        "says where the noun it is called after stands",
    ),
    "EventType": "says what a RunEvent is about",
    "PrincipalKind": "the row of Principal names both kinds",
    "Page": "part of a list, as everywhere",
}


def rows() -> list[tuple[str, str]]:
    found = re.findall(r"^\| ([^|]+) \| [^|]+ \| `([^`]+)` \|$", GLOSSARY.read_text(), re.MULTILINE)
    assert len(found) > 30
    return found


def test_every_place_named_exists() -> None:
    assert not [place for _, place in rows() if not (ROOT / place).is_file()]


def test_every_capital_noun_is_a_class_where_it_says() -> None:
    wrong = []
    for nouns, place in rows():
        classes = {node.name for node in ast.parse((ROOT / place).read_text()).body if isinstance(node, ast.ClassDef)}
        wrong += [noun for noun in nouns.split(", ") if noun[0].isupper() and noun not in classes]
    assert not wrong


def test_no_noun_stands_twice() -> None:
    nouns = [noun for names, _ in rows() for noun in names.split(", ")]
    assert len(nouns) == len(set(nouns))


def test_every_public_class_of_the_domain_has_a_row() -> None:
    explained = {noun for names, _ in rows() for noun in names.split(", ")}
    public = {
        node.name
        for path in (ROOT / "domain").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    assert public - explained == set(NEED_NO_ROW)
