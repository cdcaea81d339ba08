"""A deterministic embedder (hashed pieces of words), and a loopback server that speaks `/v1/embeddings` by it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opsagent.errors import OpsAgentError
from servers.listening import listening

LENGTH = 128
KEY = "sk-the-key-of-the-embeddings-server"
_WORD = re.compile(r"[^\W_]+")
_MEANS = {"disc": "disk", "hdd": "disk", "drive": "disk", "storage": "disk", "crammed": "full", "brimming": "full"}


def hashed(text: str, length: int = LENGTH) -> list[float]:
    """Words and their pieces of three letters, counted into places by their hash, with a sign; of length 1.

    A few words count as others, so that a test can ask in words that no runbook has.
    """
    places = [0.0] * length
    for word in _WORD.findall(text.casefold()):
        known = _MEANS.get(word, word)
        pieces = [f" {known} "[place : place + 3] for place in range(len(known))]
        for piece in (known, known, *pieces):
            number = int.from_bytes(hashlib.blake2b(piece.encode("utf-8", "replace"), digest_size=8).digest())
            places[number % length] += 1.0 if number >> 63 else -1.0
    size = math.sqrt(math.fsum(one * one for one in places))
    return [one / size for one in places] if size else [1.0, *places[1:]]


@dataclass
class HashingEmbedder:
    """An `Embedder` without a model. `wrong` is raised in place of an answer; `asked` notes all texts."""

    name: str = "hashing"
    length: int = LENGTH
    wrong: OpsAgentError | None = None
    asked: list[str] = field(default_factory=list)

    async def identity(self) -> str:
        return self.name

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if self.wrong is not None:
            raise self.wrong
        self.asked += texts
        return [hashed(text, self.length) for text in texts]


@dataclass
class Embeddings:
    """What came (headers in lower case, body), and how it is answered: `status`, or `raw` whatever it is."""

    url: str = ""
    model: str = "hashed-pieces"
    status: int = 200
    raw: bytes | None = None
    length: int = LENGTH
    backwards: bool = False
    asked: list[tuple[Mapping[str, str], dict[str, Any]]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [text for _, body in self.asked for text in body["input"]]

    def answer(self, headers: Mapping[str, str], body: dict[str, Any]) -> tuple[int, bytes]:
        self.asked.append((headers, body))
        if self.raw is not None:
            return self.status, self.raw
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401, b'{"error": {"message": "Incorrect API key provided"}}'
        if self.status != 200:
            return self.status, b'{"error": {"message": "as the test wants it"}}'
        if body["model"] != self.model:
            return 404, b'{"error": {"message": "The model does not exist"}}'
        if not body["input"] or not all(body["input"]):
            return 400, b'{"error": {"message": "input must not be empty"}}'
        rows = [
            {"object": "embedding", "index": index, "embedding": [3 * one for one in hashed(text, self.length)]}
            for index, text in enumerate(body["input"])
        ]
        rows = rows[::-1] if self.backwards else rows
        return 200, json.dumps({"object": "list", "data": rows, "model": self.model}).encode()


@contextmanager
def embeddings() -> Iterator[Embeddings]:
    """The server on a free port of 127.0.0.1; `url` ends before `/embeddings`."""
    made = Embeddings()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(self.rfile.read(int(headers.get("content-length", "0"))))
            status, content = made.answer(headers, body) if self.path == "/v1/embeddings" else (404, b"{}")
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing is written to the test's output."""

    with listening(Handler) as port:
        made.url = f"http://127.0.0.1:{port}/v1"
        yield made
