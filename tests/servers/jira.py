"""A server on loopback that behaves like Jira Cloud: comments with properties, transitions, remote links, log-ins."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers.listening import listening

EMAIL, API_TOKEN = "ops-agent@acme.example", "api-token-of-the-tests"
CLIENT_ID, CLIENT_SECRET = "client-of-the-tests", "client-secret-of-the-tests"
ALLOWED = frozenset({"doc", "paragraph", "text", "hardBreak", "codeBlock", "bulletList", "listItem"})


@dataclass
class Issue:
    """What the server keeps of one issue. `transitions`: from a status, the transitions by name and where they lead."""

    status: str = "To Do"
    comments: list[dict[str, Any]] = field(default_factory=list)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    moves: list[str] = field(default_factory=list)
    transitions: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: {
            "To Do": {"Resolve": "Done", "Give Up": "Failed", "Hand Over": "In Review"},
            "In Review": {"Resolve": "Done"},
        }
    )


@dataclass(frozen=True)
class Fault:
    """How one matching request goes wrong: a status, no answer at all, or an answer that is lost after the deed.

    `until` holds the request back until it is set, `after` the answer, when the deed is done.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False
    closed: bool = False
    until: threading.Event | None = None
    after: threading.Event | None = None
    method: str = ""
    path: str = ""


@dataclass
class Jira:
    """The site, its issues, what was asked of it, and what goes wrong next."""

    url: str = ""
    issues: dict[str, Issue] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    shows_properties: bool = True
    links_forbidden: bool = False
    behind: timedelta = timedelta()
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_id: int = 10_000

    def words(self, key: str) -> list[str]:
        """Each comment of an issue as plain text."""
        return [words_of(comment["body"]) for comment in self.issues[key].comments]

    def fault(self, method: str, path: str) -> Fault | None:
        """The first fault that is for this request, taken out."""
        for one in self.faults:
            if one.method in ("", method) and one.path in path:
                self.faults.remove(one)
                return one
        return None

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> tuple[int, Any]:
        """What Jira says to a request that is logged in."""
        found = re.fullmatch(r"/rest/api/3/comment/(\d+)/properties/([\w.]+)", path)
        if found:
            return self._property(found[1], found[2])
        found = re.fullmatch(r"/rest/api/3/issue/([^/]+)(?:/(\w+)(?:/(\d+))?)?", path)
        issue = self.issues.get(found[1]) if found else None
        if found is None or issue is None:
            return 404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}
        return self._of_issue(issue, method, found[2], (found[3], query, body))

    def _of_issue(self, issue: Issue, method: str, kind: str | None, rest: tuple[Any, Any, Any]) -> tuple[int, Any]:
        identity, query, body = rest
        ways = {
            ("GET", "comment"): lambda: (200, self._page(issue, query)),
            ("POST", "comment"): lambda: self._add(issue, body),
            ("PUT", "comment"): lambda: self._edit(issue, identity, body),
            ("GET", "transitions"): lambda: (200, {"transitions": self._transitions(issue)}),
            ("POST", "transitions"): lambda: self._move(issue, body),
            ("POST", "remotelink"): lambda: self._link(issue, body),
            ("GET", None): lambda: (200, {"fields": {"status": {"name": issue.status}}}),
        }
        return ways.get((method, kind), lambda: (405, {}))()

    def _link(self, issue: Issue, body: Any) -> tuple[int, Any]:
        if self.links_forbidden:
            return 403, {"errorMessages": ["Issue linking is disabled."]}
        new = body["globalId"] not in issue.links
        issue.links[body["globalId"]] = body
        return (201 if new else 200), {"id": 1}

    def _page(self, issue: Issue, query: Mapping[str, list[str]]) -> dict[str, Any]:
        start, most = int(query["startAt"][0]), int(query["maxResults"][0])
        ordered = issue.comments[::-1] if query.get("orderBy") == ["-created"] else issue.comments
        shown = [dict(one) for one in ordered[start : start + most]]
        if not (self.shows_properties and "properties" in query.get("expand", [""])[0]):
            for one in shown:
                del one["properties"]
        return {"startAt": start, "maxResults": most, "total": len(issue.comments), "comments": shown}

    def _add(self, issue: Issue, body: Any) -> tuple[int, Any]:
        problem = wrong(body["body"])
        if problem:
            return 400, {"errorMessages": [], "errors": {"comment": problem}}
        self.last_id += 1
        at = (datetime.now(UTC) - self.behind).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        made = {"id": str(self.last_id), "body": body["body"], "created": at, "properties": body.get("properties", [])}
        issue.comments.append(made)
        return 201, made

    def _edit(self, issue: Issue, identity: str, body: Any) -> tuple[int, Any]:
        if wrong(body["body"]):
            return 400, {"errorMessages": [wrong(body["body"])]}
        for comment in issue.comments:
            if comment["id"] == identity:
                comment["body"] = body["body"]
                comment["edited"] = comment.get("edited", 0) + 1
                return 200, comment
        return 404, {"errorMessages": ["Can not find a comment for the id."]}

    def _transitions(self, issue: Issue) -> list[dict[str, Any]]:
        named = issue.transitions.get(issue.status, {})
        return [{"id": f"{n}1", "name": name, "to": {"name": to}} for n, (name, to) in enumerate(named.items(), 1)]

    def _move(self, issue: Issue, body: Any) -> tuple[int, Any]:
        for one in self._transitions(issue):
            if one["id"] == body["transition"]["id"]:
                issue.moves.append(one["name"])
                issue.status = one["to"]["name"]
                return 204, None
        return 400, {"errorMessages": ["It is not on the appropriate workflow action."]}

    def _property(self, identity: str, key: str) -> tuple[int, Any]:
        for issue in self.issues.values():
            for comment in issue.comments:
                if comment["id"] == identity:
                    held = [one for one in comment["properties"] if one["key"] == key]
                    return (200, held[0]) if held else (404, {"errorMessages": ["The property does not exist."]})
        return 404, {}


def wrong(node: Any) -> str:
    """What Jira would refuse in a document; empty when it would take it."""
    if node.get("type") not in ALLOWED:
        return f"INVALID_INPUT: {node.get('type')}"
    if node["type"] == "text" and not node.get("text"):
        return "INVALID_INPUT: an empty text"
    return next((found for child in node.get("content", ()) if (found := wrong(child))), "")


def words_of(node: Any) -> str:
    """The text of a document, a line for each block."""
    if node["type"] == "text":
        return str(node["text"])
    if node["type"] == "hardBreak":
        return "\n"
    between = "" if node["type"] in ("paragraph", "codeBlock") else "\n"
    return between.join(words_of(one) for one in node.get("content", ()))


def links_of(node: Any) -> list[str]:
    """Every address a document links to."""
    own = [mark["attrs"]["href"] for mark in node.get("marks", ()) if mark["type"] == "link"]
    return own + [found for child in node.get("content", ()) for found in links_of(child)]


@contextmanager
def jira(*keys: str) -> Iterator[Jira]:
    """A site with these issues, on a free port of 127.0.0.1."""
    site = Jira(issues={key: Issue() for key in keys})

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            where = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            with site.lock:
                site.asked.append((self.command, self.path))
                fault = site.fault(self.command, where.path) or Fault()
            if fault.until is not None:
                fault.until.wait(30)
            if fault.closed:
                self.close_connection = True
                return
            if fault.status:
                self._say(fault.status, {"errorMessages": ["<b>not now</b>"]}, fault.headers)
                return
            with site.lock:
                status, content = self._answer(where.path, parse_qs(where.query), raw)
            if fault.after is not None:
                fault.after.wait(30)
            if fault.lost or fault.after is not None:
                self.close_connection = True
                return
            self._say(status, content, {})

        def _answer(self, path: str, query: Mapping[str, list[str]], raw: bytes) -> tuple[int, Any]:
            if path == "/oauth/token":
                form = parse_qs(raw.decode())
                if form.get("client_id") != [CLIENT_ID] or form.get("client_secret") != [CLIENT_SECRET]:
                    return 401, {"error": "access_denied"}
                site.tokens.append(f"token-{len(site.tokens) + 1}")
                return 200, {"access_token": site.tokens[-1], "expires_in": 3600, "token_type": "Bearer"}
            basic = base64.b64encode(f"{EMAIL}:{API_TOKEN}".encode()).decode()
            known = {f"Basic {basic}"} | {f"Bearer {one}" for one in site.tokens[-1:]}
            if self.headers.get("authorization") not in known:
                return 401, {"errorMessages": ["You are not authenticated."]}
            return site.answer(self.command, path, query, json.loads(raw) if raw else None)

        def _say(self, status: int, content: Any, headers: Mapping[str, str]) -> None:
            body = b"" if content is None else json.dumps(content).encode()
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # who asked was killed meanwhile

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names http.server asks for

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with listening(Handler) as port:
        site.url = f"http://127.0.0.1:{port}"
        yield site
