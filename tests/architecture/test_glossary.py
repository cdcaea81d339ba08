"""The glossary and the domain use the same words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import opsagent

ROOT = Path(opsagent.__file__).parent
GLOSSARY = ROOT.parent.parent / "docs" / "glossary.md"


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
