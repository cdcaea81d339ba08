"""A small server that answers as GitHub's and GitLab's REST APIs do, over a real bare git repository."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers.listening import listening

TOKEN = "forge-5f2c9a-secret"
Told = tuple[int, Any]


@dataclass
class Forge:
    """One repository with a `main`. `drop` names a request whose answer is lost after it was carried out."""

    folder: Path
    port: int = 0
    pulls: list[dict[str, str]] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    drop: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def git(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        identity = ["-c", "user.name=forge", "-c", "user.email=forge@example.com"]
        done = subprocess.run(
            ["git", *identity, "-C", str(self.folder), *words], input=stdin, capture_output=True, text=True, check=check
        )
        return done.stdout.strip()

    def tip(self, branch: str) -> str:
        return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)

    def make(self) -> None:
        self.git("init", "-q", "--bare", ".")
        tree = self.tree("", [{"path": "README.md", "content": "infra\n"}])
        self.git("update-ref", "refs/heads/main", self.commit(tree, [], "First"))

    def tree(self, base: str, files: list[dict[str, str]]) -> str:
        """A tree of another one and some files, by an index of its own."""
        self.git("read-tree", base) if base else self.git("read-tree", "--empty")
        for one in files:
            blob = self.git("hash-object", "-w", "--stdin", stdin=one["content"])
            self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{one['path']}")
        return self.git("write-tree")

    def commit(self, tree: str, parents: list[str], message: str) -> str:
        known = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *known, "-m", message)

    def get(self, path: str, query: dict[str, list[str]]) -> Told:
        name = path.rpartition("/")[2]
        if "/git/ref/heads/" in path or "/repository/branches/" in path:
            tip = self.tip(name)
            return (200, {"name": name, "object": {"sha": tip}}) if tip else (404, {"message": "Not Found"})
        if "/git/commits/" in path:
            return 200, {"sha": name, "tree": {"sha": self.git("rev-parse", f"{name}^{{tree}}")}}
        asked = (query.get("head", query.get("source_branch", [""]))[0].rpartition(":")[2], query["state"][0])
        return 200, [one for one in self.pulls if (one["branch"], one["state"]) == asked]

    def post(self, path: str, sent: dict[str, Any]) -> Told:
        what = path.rpartition("/")[2]
        if what == "trees":
            return 201, {"sha": self.tree(sent["base_tree"], sent["tree"])}
        if what == "commits" and "tree" in sent:
            return 201, {"sha": self.commit(sent["tree"], sent["parents"], sent["message"])}
        if what == "refs":
            done = self.git("update-ref", sent["ref"], sent["sha"], "0" * 40, check=False)
            return 201, {"ref": sent["ref"], "done": done}
        if what == "commits":
            return self._gitlab_commit(sent)
        branch = sent.get("head", sent.get("source_branch", ""))
        state = "open" if "head" in sent else "opened"
        if any(one["branch"] == branch for one in self.pulls):
            return 422, {"message": "There is one already."}
        self.pulls.append({"branch": branch, "state": state, "title": sent["title"]})
        return 201, {"number": len(self.pulls), "state": state}

    def _gitlab_commit(self, sent: dict[str, Any]) -> Told:
        base = self.tip(sent["start_branch"])
        there = set(self.git("ls-tree", "-r", "--name-only", base).splitlines())
        if self.tip(sent["branch"]) or any(
            (one["action"] == "update") != (one["file_path"] in there) for one in sent["actions"]
        ):
            return 400, {"message": "It does not fit what is there."}
        files = [{"path": one["file_path"], "content": one["content"]} for one in sent["actions"]]
        made = self.commit(self.tree(base, files), [base], sent["commit_message"])
        self.git("update-ref", f"refs/heads/{sent['branch']}", made)
        return 201, {"id": made}


@contextmanager
def forge(folder: Path) -> Iterator[Forge]:
    """A forge on a free port of 127.0.0.1."""
    made = Forge(folder)
    made.make()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            self.reply(made.get(asked.path, parse_qs(asked.query)))

        def do_POST(self) -> None:
            made.effects.append(self.path.rpartition("/")[2])
            told = made.post(self.path, json.loads(self.rfile.read(int(self.headers["content-length"]))))
            if made.drop == made.effects[-1]:
                self.close_connection = True
                return
            self.reply(told)

        def reply(self, told: Told) -> None:
            status, content = told if self.headers["authorization"] == f"Bearer {TOKEN}" else (401, {})
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with listening(Answers) as port:
        made.port = port
        yield made
