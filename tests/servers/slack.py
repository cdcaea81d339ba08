"""A server that behaves like Slack, as far as we use it: Web API, reply addresses with their ends, webhooks, people.

It refuses what Slack refuses: a wrong token, blocks over Block Kit's limits, a reply address after its fifth use or its
30 minutes, a channel the app is not in. A test makes it fail: `faults` are taken one by one, `on_stored` runs between a
message and the answer.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from opsagent.adapters.slack.signature import sign
from servers.listening import listening
from servers.loopback import PLAIN

SECRET = "the-signing-secret-of-the-fake-slack"
TOKEN = "xoxb-1-the-bot-token-of-the-fake-slack"
WORKSPACE = "T0001"
USES = 5
Json = dict[str, Any]


@dataclass
class Fault:
    """What the next request gets: a status (429 with `retry_after`), before or after its message was stored.

    `drop` answers nothing at all.
    """

    status: int = 500
    retry_after: str = ""
    stored: bool = False
    drop: bool = False


@dataclass
class ReplyUrl:
    """A response_url."""

    channel: str
    uses: int = 0
    expired: bool = False


@dataclass
class FakeSlack:
    """What it holds, and the moves its people make."""

    url: str = ""
    channels: dict[str, list[Json]] = field(default_factory=lambda: {"C0001": [], "C0002": []})
    unread: set[str] = field(default_factory=set)  # channels whose history the app may not read
    replies: dict[str, ReplyUrl] = field(default_factory=dict)
    ephemeral: list[Json] = field(default_factory=list)
    views: list[Json] = field(default_factory=list)
    webhooks: list[Json] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    on_stored: Callable[[], None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    count: int = 0

    def settings(self) -> dict[str, object]:
        """For a server of ours that talks to this."""
        return {
            "slack_signing_secret": SECRET,
            "slack_bot_token": TOKEN,
            "slack_api_url": f"{self.url}/api",
            "allow_private_callbacks": "true",
        }

    def messages(self, channel: str = "C0001") -> list[Json]:
        with self.lock:
            return [dict(one) for one in self.channels[channel]]

    def reply_url(self, channel: str = "C0001", kind: str = "commands") -> str:
        """A fresh response_url."""
        with self.lock:
            path = f"/{kind}/{WORKSPACE}/{len(self.replies) + 1}"
            self.replies[path] = ReplyUrl(channel)
        return self.url + path

    def slash(self, base: str, text: str, /, *, user: str = "U0001", **changes: str) -> httpx.Response:
        """Somebody types the command; what they read back."""
        self.count += 1
        fields = {
            "token": "verification",
            "team_id": WORKSPACE,
            "team_domain": "example",
            "channel_id": "C0001",
            "channel_name": "ops",
            "user_id": user,
            "user_name": "ada",
            "command": "/cloud-ops",
            "text": text,
            "response_url": self.reply_url(),
            "trigger_id": f"{self.count}.{time.time()}",
        }
        return signed(f"{base}/api/v1/trigger/slack", urlencode(fields | changes).encode())

    def click(self, base: str, message: Json, action: str, *, user: str = "U0001") -> httpx.Response:
        """Somebody presses a button of a message."""
        (pressed,) = [one for one in buttons(message) if one["action_id"] == action]
        payload = {
            "type": "block_actions",
            "team": {"id": WORKSPACE, "domain": "example"},
            "user": {"id": user, "username": "ada", "team_id": WORKSPACE},
            "channel": {"id": "C0001"},
            "message": message,
            "trigger_id": "1.2.3",
            "response_url": self.reply_url(kind="actions"),
            "actions": [{"type": "button", "action_id": action, "value": pressed.get("value", "")}],
        }
        return signed(f"{base}/api/v1/slack/interactions", urlencode({"payload": json.dumps(payload)}).encode())

    def post(self, channel: str, said: Json) -> str:
        """A message is there now."""
        with self.lock:
            self.count += 1
            at = f"{time.time():.0f}.{self.count:06d}"
            self.channels[channel].append(said | {"ts": at})
            return at


def signed(url: str, body: bytes) -> httpx.Response:
    """A request as Slack makes them."""
    at = str(int(time.time()))
    headers = {
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": sign(SECRET, at, body),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False, verify=PLAIN)


def buttons(message: Json) -> list[Json]:
    """The buttons of a message."""
    return [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"]]


def words(message: Json) -> str:
    """All a reader sees of the blocks."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            text = value.get("text")
            found.extend([text] if isinstance(text, str) else [])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(message.get("blocks", []))
    return "".join(found)


def parsed(message: Json) -> list[str]:
    """The texts Slack reads as markup: there a `<` forms a link or calls people."""
    found = [str(message.get("text", ""))]

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == "mrkdwn":
                found.append(value["text"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(message.get("blocks", []))
    return found


def wrong_blocks(blocks: Any, limit: int = 50) -> str:
    """What Slack would refuse about them, by its documented limits; empty when nothing."""
    if not isinstance(blocks, list) or len(blocks) > limit:
        return "too many blocks"
    ids = [one["block_id"] for one in blocks if "block_id" in one]
    if len(ids) != len(set(ids)) or any(len(one) > 255 for one in ids):
        return "block_id"
    return next((problem for one in blocks if (problem := _wrong(one))), "")


def _wrong(value: Any) -> str:  # noqa: PLR0911 - one return per limit
    if isinstance(value, list):
        return next((problem for one in value if (problem := _wrong(one))), "")
    if not isinstance(value, dict):
        return ""
    kind, text = value.get("type"), value.get("text")
    if kind in {"plain_text", "mrkdwn", "text"} and not (isinstance(text, str) and 1 <= len(text) <= 3000):
        return f"text of {kind}"
    if kind == "header" and len(value["text"]["text"]) > 150:
        return "header"
    if kind == "button" and (len(value["text"]["text"]) > 75 or len(value.get("value", "")) > 2000):
        return "button"
    if kind == "actions" and not 1 <= len(value["elements"]) <= 25:
        return "actions"
    if kind == "context" and not 1 <= len(value["elements"]) <= 10:
        return "context"
    return _wrong([inner for inner in value.values() if isinstance(inner, dict | list)])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    slack: FakeSlack

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urlsplit(self.path).path
        slack = self.slack
        with slack.lock:
            slack.calls.append(path)
            fault = slack.faults.pop(0) if slack.faults else None
        if fault is not None and not fault.stored:
            self._answer(fault.status, b"", fault)
            return
        status, answer = self._api(path, raw) if path.startswith("/api/") else self._hook(path, raw)
        if slack.on_stored is not None and path in {"/api/chat.postMessage", *slack.replies}:
            slack.on_stored()
        self._answer(fault.status if fault else status, answer, fault)

    def _answer(self, status: int, answer: bytes, fault: Fault | None) -> None:
        if fault is not None and fault.drop:
            self.close_connection = True
            return
        try:
            self.send_response(status)
            if fault is not None and fault.retry_after:
                self.send_header("Retry-After", fault.retry_after)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True  # who asked was killed meanwhile

    def _api(self, path: str, raw: bytes) -> tuple[int, bytes]:
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return 200, _no("invalid_auth")
        method = path.removeprefix("/api/")
        is_json = self.headers.get("content-type", "").startswith("application/json")
        if is_json == method.startswith("conversations."):
            return 200, _no("invalid_arguments")  # those that read take forms, those that write are sent JSON
        given = json.loads(raw) if is_json else dict(parse_qsl(raw.decode()))
        with self.slack.lock:
            return 200, getattr(self, "_" + method.replace(".", "_"), lambda _: _no("unknown_method"))(given)

    def _chat_postMessage(self, given: Json) -> bytes:  # noqa: N802 - Slack's name
        channel = given["channel"]
        if channel not in self.slack.channels:
            return _no("channel_not_found")
        if wrong_blocks(given["blocks"]):
            return _no("invalid_blocks")
        return _yes(channel=channel, ts=self.slack.post(channel, given))

    def _chat_update(self, given: Json) -> bytes:
        if wrong_blocks(given["blocks"]):
            return _no("invalid_blocks")
        for one in self.slack.channels.get(given["channel"], []):
            if one["ts"] == given["ts"]:
                one.update(given, edited=True)
                return _yes(channel=given["channel"], ts=given["ts"])
        return _no("message_not_found")

    def _conversations_history(self, given: Json) -> bytes:
        channel = given["channel"]
        if channel in self.slack.unread:
            return _no("missing_scope")
        if channel not in self.slack.channels:
            return _no("channel_not_found")
        found = [one for one in self.slack.channels[channel] if float(one["ts"]) >= float(given.get("oldest", 0))]
        return _yes(messages=found[::-1][: int(given.get("limit", 100))], has_more=False)

    def _views_open(self, given: Json) -> bytes:
        view = given["view"]
        if wrong_blocks(view["blocks"], 100) or len(view["title"]["text"]) > 24:
            return _no("invalid_arguments")
        self.slack.views.append(view)
        return _yes(view={"id": "V1"})

    def _hook(self, path: str, raw: bytes) -> tuple[int, bytes]:
        given = json.loads(raw)
        with self.slack.lock:
            if path.startswith("/services/"):
                self.slack.webhooks.append(given)
                return (200, b"ok") if not wrong_blocks(given["blocks"]) else (400, b"invalid_blocks")
            reply = self.slack.replies.get(path)
            if reply is None or reply.expired:
                return 404, _no("expired_url")
            if reply.uses >= USES:
                return 404, _no("used_url")
            if wrong_blocks(given.get("blocks", [])):
                return 400, _no("invalid_blocks")
            reply.uses += 1
            if given.get("response_type") == "in_channel":
                self.slack.post(reply.channel, given)
            else:
                self.slack.ephemeral.append(given)
            return 200, _yes()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


def _yes(**fields: object) -> bytes:
    return json.dumps({"ok": True} | fields).encode()


def _no(error: str) -> bytes:
    return json.dumps({"ok": False, "error": error}).encode()


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """One on a free port of 127.0.0.1."""
    made = FakeSlack()
    with listening(type("Handler", (_Handler,), {"slack": made})) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made
