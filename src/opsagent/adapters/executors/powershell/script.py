"""The script that carries an order to a host, and its answer."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

# Reads a script from standard input, because a command line holds 8191 characters on Windows; ASCII whatever it holds.
_BOOTSTRAP = (
    "$t=[Console]::In.ReadToEnd();"
    "& ([ScriptBlock]::Create([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($t))))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the wrapper said: `state` is ran, taken, never, unknown or refused. `milliseconds` is how long it ran."""

    state: str
    code: int | None = None
    late: bool = False
    milliseconds: int = 0
    stdout: str = ""
    stderr: str = ""
    version: str = ""


def script_of(order: Mapping[str, object]) -> str:
    """The whole script; the order stands in it as base64, so nothing of it can become code."""
    text = base64.b64encode(json.dumps(dict(order)).encode()).decode()
    return _wrapper().replace("@@ORDER@@", text)


def command_line(program: str) -> str:
    """What starts PowerShell so that it runs the script on its standard input. The same to cmd, PowerShell and sh."""
    encoded = base64.b64encode(_BOOTSTRAP.encode("utf-16-le")).decode()
    return f"{program} -NoLogo -NoProfile -NonInteractive -EncodedCommand {encoded}"


def on_stdin(script: str) -> bytes:
    """The script as the program above reads it."""
    return base64.b64encode(script.encode())


def answer_in(text: str, nonce: str) -> Answer | None:
    """The answer to the order with that nonce, whatever else was printed around it; None: there is none, or half."""
    found = re.search(rf"opsagent {re.escape(nonce)} ([A-Za-z0-9+/=\s]+?) end", text)
    if found is None:
        return None
    try:
        raw: Any = json.loads(base64.b64decode("".join(found[1].split()), validate=True))
        code = raw.get("exit")
        return Answer(
            state=str(raw["state"]),
            code=None if code is None else int(code),
            late=bool(raw.get("late")),
            milliseconds=int(raw.get("ms") or 0),
            stdout=str(raw.get("out") or "").replace("\r\n", "\n"),
            stderr=str(raw.get("err") or "").replace("\r\n", "\n"),
            version=str(raw.get("version") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@cache
def _wrapper() -> str:
    return (resources.files(__package__) / "wrapper.ps1").read_text("ascii")
