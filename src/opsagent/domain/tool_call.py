"""A call of a tool of an MCP server as text: the tool's name, then its arguments as one JSON object.

What two readers could take for two things is refused: a name given twice, a number JSON does not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from opsagent.domain.json_text import parse_json
from opsagent.domain.json_values import ValuePlace, filled, json_places, number_places, put_in
from opsagent.domain.placeholders import Hole
from opsagent.domain.render import Rendered, Values
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.domain.text_safety import hidden_character
from opsagent.errors import InputError

TOOL_NAME = r"[A-Za-z0-9_./-]{1,128}"  # MCP 2025-11-25, Tools, Tool Names (and `/`, which some have)
MAX_CALL_CHARS = 64 * 1024
_CALL = re.compile(rf"\s*({TOOL_NAME})(?:\s+(\S.*?))?\s*", re.DOTALL)
_FIRST = re.compile(r"\s*\S+")
_FIX = 'Write TOOL {"name": "value"}: the tool\'s name, then its arguments as one JSON object.'
_PLACE_FIX = 'Let it be a whole text or a number of the arguments: {"name": "{{name}}", "count": {{count}}}.'


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call. `arguments` are plain JSON values."""

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict)

    @property
    def canonical(self) -> str:
        """The arguments as the one text that stands for them: names sorted, no spaces, ASCII."""
        return json.dumps(self.arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def parse_tool_call(text: str) -> ToolCall:
    """Read a call. InputError, with the fix."""
    if len(text) > MAX_CALL_CHARS:
        raise InputError(f"The call has more than {MAX_CALL_CHARS} characters.", fix="Pass less.")
    if hidden := hidden_character(text, allow="\n\t"):
        raise InputError(f"The call has a character that cannot be seen ({hidden[1]}).", fix="Leave it out.")
    found = _CALL.fullmatch(text)
    if found is None:
        raise InputError("The call does not begin with the name of a tool.", fix=_FIX)
    tool, rest = found.group(1), found.group(2)
    if not rest:
        return ToolCall(tool=tool)
    try:
        arguments = parse_json(rest)
    except ValueError as error:
        raise InputError(f"The arguments of {tool} are no JSON: {error}.", fix=_FIX) from None
    if not isinstance(arguments, dict):
        raise InputError(f"The arguments of {tool} are no JSON object.", fix=_FIX)
    return ToolCall(tool=tool, arguments=arguments)


def tool_call_holes(text: str) -> tuple[Hole, ...]:
    """Every placeholder, in order, with what is wrong about its place."""
    return tuple(
        Hole(one.group(1), one.start(), one.end(), place.problem)
        for one, place in zip(PLACEHOLDER.finditer(text), _places(text), strict=True)
    )


def tool_call_problem(text: str) -> str:
    """What is wrong with a template as a whole, in words, whatever its values; empty when nothing is."""
    try:
        parse_tool_call(filled(text, number_places(json_places(text, _begin(text)))))
    except InputError as error:
        return error.message.rstrip(".")
    return ""


def render_tool_call(text: str, values: Values) -> Rendered:
    """The call with every value as a whole text or number of its arguments. InputError, also for what is no call."""
    rendered = put_in(text, _places(text), values, fix=_PLACE_FIX)
    parse_tool_call(rendered.text)
    return rendered


def _places(text: str) -> list[ValuePlace]:
    """The place of each placeholder: a value from outside is a whole word here too, never a part of one."""
    inside = json_places(text, _begin(text))
    numbers = number_places(inside)
    found = []
    for one in PLACEHOLDER.finditer(text):
        place = inside.get(one.start(), ValuePlace(problem="it stands in the name of the tool"))
        numbered = one.start() in numbers
        if not place.problem and not numbered and text[one.start() - 1 : one.end() + 1] != f'"{one.group()}"':
            place = ValuePlace(problem="it is only a part of a text")
        found.append(place)
    return found


def _begin(text: str) -> int:
    """Where the arguments begin: behind the first word."""
    first = _FIRST.match(text)
    return first.end() if first else 0
