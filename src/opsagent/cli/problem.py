"""Turns a problem document of the API back into the error it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from opsagent.errors import ConflictError, Forbidden, InputError, NotFound, OpsAgentError, RunbookError, Unauthenticated

_BY_STATUS: dict[int, type[OpsAgentError]] = {401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: ConflictError}
_NOT_EXTRA = frozenset({"type", "title", "status", "detail", "fix", "code", "retryable", "instance"})


def error_of(status: int, content: bytes) -> OpsAgentError:
    """The error: by its code, else by the status."""
    try:
        found = json.loads(content)
    except ValueError:
        found = {}
    document: dict[str, Any] = found if isinstance(found, dict) else {}
    code = str(document.get("code", ""))
    message = str(document.get("detail") or f"The server answered {status}.")
    fix = str(document.get("fix") or "Look at the server's log.")
    extra = {name: value for name, value in document.items() if name not in _NOT_EXTRA}
    kind = next((one for one in _errors(OpsAgentError) if one.code == code), None)
    if kind is RunbookError:
        file, line = str(extra.get("file", "")), int(extra.get("line", 0))
        return RunbookError(message.removeprefix(f"{file}:{line}: "), file=file, line=line, fix=fix)
    if kind is None:
        kind = _BY_STATUS.get(status, InputError if 400 <= status < 500 else OpsAgentError)
    return kind(message, fix=fix, extra=extra)


def _errors(kind: type[OpsAgentError]) -> Iterator[type[OpsAgentError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _errors(one)
