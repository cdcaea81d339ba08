"""What an MCP server declares of its tools, and whether arguments fit it; in the process that talks to the server.

A schema comes from outside: nothing it points to is fetched, and a pattern that never ends holds up nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import mcp.types as wire
from jsonschema.validators import validator_for  # type: ignore[import-untyped]
from mcp import ClientSession
from referencing import Registry
from referencing.exceptions import Unresolvable

from opsagent.adapters.mcp_tools import fingerprint
from opsagent.errors import ExecutionError

_MOST_PAGES, _MOST_TOOLS, _MOST_PROBLEMS = 50, 1000, 3
_DESCRIPTION_CHARS, _PROBLEM_CHARS = 500, 300
# With one of these a schema may know names that its `properties` do not list.
_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "$ref", "if")


class Declarations:
    """The tools of one server, by name."""

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._tools: dict[str, Mapping[str, Any]] = {}
        self._twice: set[str] = set()
        for tool in tools:
            if tool["name"] in self._tools:
                self._twice.add(tool["name"])
            self._tools[tool["name"]] = tool

    @classmethod
    async def of(cls, session: ClientSession) -> Declarations:
        """Ask for all of them. ExecutionError where there is no end to them."""
        tools: list[Mapping[str, Any]] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await session.list_tools(params=wire.PaginatedRequestParams(cursor=cursor))
            tools += [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in page.tools]
            cursor = page.nextCursor
            if not cursor:
                return cls(tools)
            if len(tools) > _MOST_TOOLS:
                break
        raise ExecutionError("The server declares more tools than anybody could look at.", fix="Look at the server.")

    def told(self, asked: Sequence[tuple[str, Mapping[str, object]]]) -> Sequence[Mapping[str, Any]]:
        """What is declared of each asked call; of every tool where none was asked."""
        if asked:
            return [self.of_call(tool, arguments) for tool, arguments in asked]
        return [{"name": name, **self._hints(tool)} for name, tool in sorted(self._tools.items())]

    def of_call(self, name: str, arguments: Mapping[str, object]) -> Mapping[str, Any]:
        """The fields of `mcp_tools.Declared` for one call."""
        tool = self._tools.get(name)
        if tool is None:
            return {"problem": f"the server has no tool {name}"}
        problem = "its server declares it twice" if name in self._twice else _problem(tool, arguments)
        return {
            "fingerprint": fingerprint(tool),
            "problem": problem[:_PROBLEM_CHARS],
            "description": str(tool.get("description") or tool.get("title") or "")[:_DESCRIPTION_CHARS],
            **self._hints(tool),
        }

    def _hints(self, tool: Mapping[str, Any]) -> Mapping[str, bool]:
        """The server's own words, with the defaults of the protocol (ToolAnnotations)."""
        given = tool.get("annotations") or {}
        return {
            "read_only": given.get("readOnlyHint") is True,
            "destructive": given.get("destructiveHint") is not False,
            "idempotent": given.get("idempotentHint") is True,
        }


def _problem(tool: Mapping[str, Any], arguments: Mapping[str, object]) -> str:
    """Why the arguments do not fit the tool's schema, in words; empty when they do."""
    schema = tool.get("inputSchema") or {}
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        found = islice(kind(schema, registry=Registry()).iter_errors(dict(arguments)), _MOST_PROBLEMS)
        problems = [f"{one.json_path.removeprefix('$.')}: {one.message}" for one in found]
    except (jsonschema.SchemaError, Unresolvable, RecursionError) as error:
        return f"the schema of the tool cannot be read ({type(error).__name__})"
    if not any(name in schema for name in _OPEN):
        # most servers pass over a name they do not know: a mistyped `dry_run` would be no dry run
        known = schema.get("properties") or {}
        problems += [f"it takes no {name!r}" for name in sorted(arguments) if name not in known]
    return "; ".join(problems[:_MOST_PROBLEMS])
