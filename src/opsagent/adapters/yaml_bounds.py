"""What no YAML from outside may have: deep nesting, which ends libyaml's process, and aliases, which multiply."""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 40


def unbounded(text: str | bytes, loader: Any, *, deepest: int = MAX_DEPTH) -> tuple[int, str] | None:
    """The line (1-based) and the words of the first thing that may not be; parses without building anything.

    `loader` is the class the text will be loaded with. Raises yaml.YAMLError as loading would.
    """
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent))
        depth -= isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent))
        if depth > deepest or isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            return line, "uses a YAML alias" if depth <= deepest else f"is nested more than {deepest} deep"
    return None
