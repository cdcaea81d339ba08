"""What an MCP server declares of a tool, as far as judging and executing need it; everything here is outside text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.connection import Connection
from opsagent.domain.tool_call import ToolCall

# What a tool is to whoever calls it. The rest of a declaration (icons, `_meta`) may change from day to day.
_SHAPES_IT = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One call seen against what its server declares.

    `fingerprint` is the SHA-256 (hex) of the declaration, empty where the server has no such tool. The hints are the
    server's own words about itself (MCP, ToolAnnotations). `problem` says why the arguments do not fit.
    """

    fingerprint: str = ""
    read_only: bool = False
    destructive: bool = True
    idempotent: bool = False
    description: str = ""
    problem: str = ""


class LooksAtTools(Protocol):
    """Asks a server what it declares, and calls nothing."""

    async def __call__(self, connection: Connection, calls: Sequence[ToolCall]) -> Sequence[Declared]:
        """One answer for each call, in order. UnavailableError: the server cannot be asked now."""
        ...


def fingerprint(tool: Mapping[str, object]) -> str:
    """The SHA-256 (hex) of a tool's declaration as it came (`tools/list`)."""
    shape = {name: tool[name] for name in _SHAPES_IT if tool.get(name) is not None}
    return hashlib.sha256(json.dumps(shape, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def executed(tool: str) -> str:
    """The name under which a manifest and a digest hold a tool."""
    return f"tool {tool}"


def tool_of(name: str) -> str:
    """The tool behind such a name."""
    return name.removeprefix("tool ")
