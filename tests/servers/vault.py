"""A small Vault of our own on loopback: tokens that end, two ways to log in, and a key/value engine of version 2.

It is no copy of Vault: it answers what its HTTP API documents for the few questions we ask (kv-v2 read, AppRole and
Kubernetes log-in, the sealed state), so that `hvac` is tested against real HTTP.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from servers.listening import listening


@dataclass
class Vault:
    """What it holds, and what it was asked. `tokens` are the live ones, with the path prefixes each may read."""

    address: str = ""
    sealed: bool = False
    status: int = 0
    redirect: str = ""
    lease_s: int = 3600
    engines: dict[str, dict[str, list[dict[str, str] | None]]] = field(default_factory=lambda: {"kv": {}})
    times: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    pods: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def write(self, path: str, value: dict[str, str], mount: str = "kv") -> None:
        """A new version."""
        self.engines.setdefault(mount, {}).setdefault(path, []).append(value)
        self.times[f"{mount}/{path}"] = self.times.get(f"{mount}/{path}", 0) + 1

    def delete_newest(self, path: str) -> None:
        self.engines["kv"][path][-1] = None

    def remove_all(self, path: str) -> None:
        """With its metadata: the next version is 1 again."""
        del self.engines["kv"][path]

    def log_ins(self) -> int:
        return sum(path.endswith("/login") for _, path, _ in self.asked)

    def token(self, may_read: str = "") -> str:
        made = f"hvs.{secrets.token_urlsafe(20)}"
        self.tokens[made] = may_read
        return made

    def answer(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if self.status:
            return self.status, {"errors": ["as the test wants it"]}
        parts = path.removeprefix("/v1/").split("/")
        if method == "POST" and parts[0] == "auth" and parts[-1] == "login":
            return self._log_in(parts[1], body)
        may_read = self.tokens.get(headers.get("x-vault-token", ""))
        mount, _, rest = "/".join(parts).partition("/data/")
        if may_read is None or not f"{mount}/data/{rest}".startswith(may_read):
            return 403, {"errors": ["permission denied"]}
        return self._read(mount, rest)

    def _log_in(self, mount: str, body: dict[str, Any]) -> tuple[int, Any]:
        known = (
            self.roles.get(body.get("role_id", "")) == body.get("secret_id")
            if mount == "approle"
            else self.pods.get(body.get("role", "")) == body.get("jwt")
        )
        if not known:
            return 400, {"errors": ["invalid role or secret ID"]}
        return 200, {"auth": {"client_token": self.token(), "lease_duration": self.lease_s, "renewable": True}}

    def _read(self, mount: str, path: str) -> tuple[int, Any]:
        versions = self.engines.get(mount, {}).get(path)
        if not versions:
            return 404, {"errors": []}
        number = len(versions)
        about = {
            "version": number,
            "created_time": f"2026-11-20T10:00:{self.times[f'{mount}/{path}']:02d}Z",
            "deletion_time": "" if versions[-1] is not None else "2026-11-20T11:00:00Z",
            "destroyed": False,
        }
        return (200 if versions[-1] is not None else 404), {"data": {"data": versions[-1], "metadata": about}}


@contextmanager
def vault() -> Iterator[Vault]:
    """A Vault that listens until the block ends."""
    made = Vault()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            length = int(headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            path = self.path.partition("?")[0]
            made.asked.append((self.command, path, headers))
            status, answer = (307, {}) if made.redirect else made.answer(self.command, path, headers, body)
            raw = json.dumps(answer).encode()
            self.send_response(status)
            if made.redirect:
                self.send_header("location", made.redirect + path)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = _serve  # noqa: N815 - http.server looks for these names

        def log_message(self, *_given: object) -> None:
            """Quiet."""

    with listening(Handler) as port:
        made.address = f"http://127.0.0.1:{port}"
        yield made
