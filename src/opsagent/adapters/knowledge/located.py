"""YAML as plain text, lists and mappings in which everything still knows its line.

Scalars stay text (so `id: 12` and `severity: no` mean what is written); anchors, duplicate keys and deep nesting are
refused. Lines are 1-based and counted in the file, not in the block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from opsagent.adapters.yaml_bounds import unbounded
from opsagent.errors import RunbookError

_MAX_DEPTH = 12
_MAX_BLOCK_CHARS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Located:
    """A value and its line; a value of a mapping has the line of its key."""

    value: str | Sequence[Located] | Mapping[str, Located] | None
    line: int


@dataclass(frozen=True, slots=True)
class Place:
    """The file being read, to blame a line of it."""

    file: str

    def error(self, message: str, line: int, fix: str) -> RunbookError:
        """A refusal at this file and line."""
        return RunbookError(message, file=self.file, line=line, fix=fix)


def read_yaml(text: str, place: Place, first_line: int, what: str) -> Located:
    """The block `text`, whose first line is line `first_line` of the file. RunbookError when it is not sound YAML."""
    if len(text) > _MAX_BLOCK_CHARS:
        raise place.error(
            f"the {what} has {len(text)} characters; {_MAX_BLOCK_CHARS} are the most", first_line, "Shorten it."
        )
    try:
        _check_events(text, place, first_line, what)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        line = first_line + (mark.line if mark is not None else 0)
        problem = getattr(wrong, "problem", None) or "it cannot be read"
        raise place.error(
            f"the {what} is not YAML: {problem}", line, "Quote a value that holds : # { [ or a backslash with '...'."
        ) from wrong
    return Located({}, first_line) if node is None else _located(node, place, first_line, what)


def _check_events(text: str, place: Place, first_line: int, what: str) -> None:
    """Refuse before anything is built: references blow up, deep nesting exhausts the stack, tags build objects."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = first_line + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise place.error(f"the {what} uses a YAML anchor or alias", line, "Write the value out, or quote it.")
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            raise place.error(f"the {what} uses a YAML tag ({tag})", line, "Leave the tag out, or quote the value.")
    if deep := unbounded(text, yaml.SafeLoader, deepest=_MAX_DEPTH):
        raise place.error(f"the {what} {deep[1]}", first_line + deep[0] - 1, "Flatten it.")


def _located(node: yaml.Node, place: Place, first_line: int, what: str) -> Located:
    line = first_line + node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        empty = node.tag == "tag:yaml.org,2002:null"
        return Located(None if empty else str(node.value), line)
    if isinstance(node, yaml.SequenceNode):
        return Located([_located(item, place, first_line, what) for item in node.value], line)
    mapping: dict[str, Located] = {}
    for key_node, value_node in node.value:
        key_line = first_line + key_node.start_mark.line
        if not isinstance(key_node, yaml.ScalarNode):
            raise place.error(f"a key of the {what} is not a word", key_line, "Use plain words as keys.")
        if key_node.value in mapping:
            raise place.error(f"`{key_node.value}` is given twice", key_line, "Keep one of the two.")
        value = _located(value_node, place, first_line, what)
        mapping[str(key_node.value)] = Located(value.value, key_line)
    return Located(mapping, line)
