"""Reads a policy file so that every mistake in it can be told with its line; nothing unknown is passed over."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from opsagent.adapters.yaml_bounds import unbounded
from opsagent.errors import PolicyUnloadable

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_FILE_BYTES = 1_000_000


class Section(dict[str, Any]):
    """A mapping of a file that knows the line of each of its keys (1-based)."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}

    def refuse(
        self, message: str, *, key: str = "", fix: str = "Correct the file, then start again."
    ) -> PolicyUnloadable:
        """The error that says what is wrong at a key of this mapping."""
        line = self.lines.get(key, self.line)
        return PolicyUnloadable(f"{self.file}:{line}: {message}", fix=fix, extra={"file": self.file, "line": line})

    def only(self, allowed: Collection[str]) -> None:
        """Refuse keys that are not known."""
        for key in self:
            if key not in allowed:
                raise self.refuse(
                    f"the key {key!r} is not known here", key=key, fix=f"Use one of: {', '.join(sorted(allowed))}."
                )

    def text(self, key: str, default: str = "") -> str:
        """A text value."""
        value = self.get(key, default)
        if not isinstance(value, str):
            raise self.refuse(f"{key!r} must be text", key=key, fix="Write it in quotes.")
        return value

    def flag(self, key: str) -> bool:
        """A yes or no."""
        value = self.get(key, False)
        if not isinstance(value, bool):
            raise self.refuse(f"{key!r} must be true or false", key=key)
        return value

    def number(self, key: str) -> int:
        """A small whole number, 0 by default."""
        value = self.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refuse(f"{key!r} must be a whole number", key=key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text stands for its words."""
        value = self.get(key, [])
        if isinstance(value, str):
            return tuple(value.split())
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.refuse(f"{key!r} must be a list of texts", key=key, fix="Write it as [one, two].")
        return tuple(value)

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """A mapping of text to text, in order."""
        section = self.section(key)
        return tuple((name, section.text(name)) for name in section)

    def section(self, key: str) -> Section:
        """A mapping inside; empty when the key is missing."""
        value = self.get(key)
        if value is None:
            return Section(self.file, self.lines.get(key, self.line))
        if not isinstance(value, Section):
            raise self.refuse(f"{key!r} must be a mapping", key=key)
        return value

    def sections(self, key: str) -> list[Section]:
        """A list of mappings."""
        value = self.get(key) or []
        if not isinstance(value, list) or not all(isinstance(one, Section) for one in value):
            raise self.refuse(f"{key!r} must be a list of mappings", key=key)
        return value

    def pattern(self, key: str) -> re.Pattern[str] | None:
        """A regular expression."""
        text = self.text(key)
        if not text:
            return None
        try:
            return re.compile(text)
        except re.error as error:
            raise self.refuse(f"{key!r} is not a regular expression: {error}", key=key) from error


def read_file(path: Path, shown: str = "", *, what: str = "policy file") -> tuple[Section, bytes]:
    """The file as a Section, and its bytes; `what` it is called. Raises PolicyUnloadable with file and line."""
    name = shown or str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _unloadable(name, 1, f"the {what} cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise _unloadable(name, 1, f"the {what} is too large")
    try:
        if found := unbounded(raw, _LOADER):
            raise _unloadable(name, found[0], f"the {what} {found[1]}")
        node = yaml.compose(raw, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise _unloadable(name, mark.line + 1 if mark else 1, f"not readable as YAML: {problem}") from error
    except UnicodeDecodeError as error:
        raise _unloadable(name, 1, f"the {what} is not UTF-8") from error
    if not isinstance(node, yaml.MappingNode):
        raise _unloadable(name, 1, f"a {what} is a mapping of keys, and this is empty or something else")
    value = _plain(node, name)
    return value, raw


def _unloadable(file: str, line: int, message: str) -> PolicyUnloadable:
    fix = "Correct or remove the file, then start again; OpsAgent does not start with a file it does not understand."
    return PolicyUnloadable(f"{file}:{line}: {message}", fix=fix, extra={"file": file, "line": line})


def _plain(node: yaml.Node, file: str) -> Any:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        section = Section(file, line)
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise _unloadable(file, key_line, "a key must be text")
            if key_node.value in section:
                raise _unloadable(file, key_line, f"the key {key_node.value!r} stands here twice")
            section[key_node.value] = _plain(value_node, file)
            section.lines[key_node.value] = key_line
        return section
    if isinstance(node, yaml.SequenceNode):
        return [_plain(one, file) for one in node.value]
    return _scalar(node, file, line)


def _scalar(node: yaml.Node, file: str, line: int) -> str | int | bool | None:
    value = str(node.value)
    if node.tag == "tag:yaml.org,2002:bool":
        return value.lower() in {"true", "yes", "on"}
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag == "tag:yaml.org,2002:int" and value.isdecimal():
        return int(value)
    if node.tag.startswith("tag:yaml.org,2002:"):
        return value
    raise _unloadable(file, line, f"the tag {node.tag} is not allowed")
