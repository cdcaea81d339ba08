"""What the program that talks to an MCP server is given, and what it answers; both as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One visit to a server: with `tool` that tool is called once, without it nothing is called. Durations in seconds.

    `argv` starts the server, or `url` is where it is. `environment` is all a started server gets, its credential
    included; `headers` open an address. `fingerprint` is what the declaration of the tool was judged as. `asked` are
    calls, (tool, arguments), to be held against the declarations. `secrets` must be in no answer.
    """

    url: str = ""
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    tool: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict, repr=False)
    fingerprint: str = ""
    asked: tuple[tuple[str, Mapping[str, object]], ...] = field(default=(), repr=False)
    allow_private: bool = False
    allow_link_local: bool = False
    connect_timeout_s: float = 5.0
    total_timeout_s: float = 30.0
    cap_bytes: int = 256 * 1024
    ca_file: str = ""

    def to_json(self) -> bytes:
        """For the program's input."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a visit. `sent`: the call left, or may have. `ok` is None without an answer of the tool.

    `problem` and `fix` say why there is none. `server` is the name and version it gives itself, `declared` what it
    declares: of each asked call, or, where none was asked, of every tool.
    """

    sent: bool = False
    ok: bool | None = None
    text: str = ""
    cut: bool = False
    problem: str = ""
    fix: str = ""
    server: str = ""
    declared: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> str:
        """One line."""
        return f"{json.dumps(asdict(self))}\n"

    def redacted(self, redact: Callable[[str], str]) -> Reply:
        """The same without what `redact` takes out; names and fingerprints are not touched."""
        declared = [
            {name: redact(value) if name in ("description", "problem") else value for name, value in one.items()}
            for one in self.declared
        ]
        return Reply(
            **{**asdict(self), "text": redact(self.text), "problem": redact(self.problem), "declared": declared}
        )


def parcel_from(text: str) -> Parcel:
    """What `Parcel.to_json` made."""
    found: dict[str, Any] = json.loads(text)
    lists = {name: tuple(found[name]) for name in ("argv", "secrets")}
    return Parcel(**{**found, **lists, "asked": tuple((tool, given) for tool, given in found["asked"])})


def reply_from(line: str) -> Reply | None:
    """A reply written as JSON; None for anything else."""
    try:
        found = json.loads(line)
        return Reply(**found) if isinstance(found, dict) else None
    except (ValueError, TypeError):
        return None
