"""A scripted model over real HTTP on loopback: OpenAI's chat completions and Anthropic's messages, streamed or not.

A test says what is answered to which words; each request is noted with what it carried and what was counted for it. It
refuses what the real ones refuse: a wrong key, an unknown model, no messages, a strict schema that is not strict.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-the-key-of-the-scripted-model-0123456789"
Json = dict[str, Any]
_PIECE = 16  # characters of a streamed piece
_WITHIN_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What one request gets.

    `tools` are calls of functions, name and arguments. `refusal` declines in words. `status` other than 200 is an error
    of the server, with `retry_after` as its header. `raw` is sent as the body whatever it is. `cut` breaks the
    connection off in the middle of the body. `hold` is waited for first; one that is never set is a server that hangs.
    `usage` is input and output tokens; None counts a token for each four characters. `finish` is the reason of the end.
    """

    text: str = ""
    tools: tuple[tuple[str, Json], ...] = ()
    refusal: str = ""
    status: int = 200
    retry_after: str = ""
    raw: bytes | None = None
    cut: bool = False
    hold: threading.Event | None = None
    usage: tuple[int, int] | None = None
    finish: str = "stop"


Said = Answer | str | Mapping[str, object]


@dataclass
class Asked:
    """One request: its path, headers in lower case, its body, what was counted for it, and whether its caller left."""

    path: str
    headers: Mapping[str, str]
    body: Json
    answer: Answer = Answer()
    usage: tuple[int, int] = (0, 0)
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def anthropic(self) -> bool:
        return self.path.endswith("/messages")

    @property
    def key(self) -> str:
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def output_tokens(self) -> int | None:
        """The most it may answer, whatever the wire calls it."""
        found = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return None if found is None else int(found)

    @property
    def system(self) -> str:
        own = _words(self.body.get("system", ""))
        return "\n".join([own, *(_words(one["content"]) for one in self._messages if one["role"] in _SYSTEM)]).strip()

    @property
    def user(self) -> str:
        return "\n".join(_words(one.get("content")) for one in self._messages if one["role"] not in _SYSTEM)

    @property
    def text(self) -> str:
        """All the model reads, tools and schema left out."""
        return f"{self.system}\n{self.user}"

    @property
    def _messages(self) -> list[Json]:
        return list(self.body.get("messages", []))


_SYSTEM = frozenset({"system", "developer"})
Says = Callable[[Asked], Said]


@dataclass
class Rule:
    """To a request that has all these words: the next of the answers, and the last of them ever after."""

    words: tuple[str, ...]
    answers: list[Said | Says]
    turn: int = 0

    def take(self, asked: Asked) -> Said:
        said = self.answers[min(self.turn, len(self.answers) - 1)]
        self.turn += 1
        return said(asked) if callable(said) else said


@dataclass
class ScriptedModel:
    """What it answers and what it was asked. `models` are the names it knows; empty, it knows all."""

    url: str = ""
    rules: list[Rule] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    models: frozenset[str] = frozenset()
    key: str = KEY
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Condition = field(default_factory=threading.Condition)

    def on(self, *words: str, say: Said | Says | list[Said | Says]) -> ScriptedModel:
        """Answer so where all these words occur; of the rules that fit, the one said last is taken."""
        with self.lock:
            self.rules.append(Rule(words, list(say) if isinstance(say, list) else [say]))
        return self

    def clear(self) -> None:
        """Forget the rules and what was asked."""
        with self.lock:
            self.rules.clear()
            self.asked.clear()

    def of(self, *words: str) -> list[Asked]:
        """The requests that had all these words."""
        with self.lock:
            return [one for one in self.asked if all(word in one.text for word in words)]

    def until(self, count: int, *words: str) -> list[Asked]:
        """Wait until so many requests with these words have come; a thread's work where the test is asynchronous."""
        with self.lock:
            assert self.lock.wait_for(lambda: len(self.of(*words)) >= count, _WITHIN_S), "the model was not asked"
            return self.of(*words)

    def usage(self) -> tuple[int, int]:
        """Input and output tokens of all answers so far."""
        with self.lock:
            return sum(one.usage[0] for one in self.asked), sum(one.usage[1] for one in self.asked)

    def sent(self) -> str:
        """Everything that came over the wire except the key's own header, to look for what should not be there."""
        with self.lock:
            kept = [
                ({name: value for name, value in one.headers.items() if name not in _KEYS}, one.body, one.path)
                for one in self.asked
            ]
        return json.dumps(kept, ensure_ascii=False)

    def answer(self, asked: Asked) -> Answer:
        """Note the request and find its answer."""
        with self.lock:
            wrong = self._wrong(asked)
            rule = next((r for r in reversed(self.rules) if all(word in asked.text for word in r.words)), None)
            said: Said
            if wrong is not None:
                said = wrong
            elif rule is None:
                said = Answer(status=400, text="the script has no answer to this")
            else:
                said = rule.take(asked)
            asked.answer = _as_answer(said)
            self.asked.append(asked)
            self.lock.notify_all()
            return asked.answer

    def _wrong(self, asked: Asked) -> Answer | None:
        body = asked.body
        if asked.key != self.key:
            return Answer(status=401, text="Incorrect API key provided.")
        if self.models and asked.model not in self.models:
            return Answer(status=404, text=f"The model {asked.model} does not exist.")
        if not body.get("model") or not body.get("messages"):
            return Answer(status=400, text="model and messages are required")
        if asked.anthropic and "max_tokens" not in body:
            return Answer(status=400, text="max_tokens: Field required")
        described = (body.get("response_format") or {}).get("json_schema", {})
        if described.get("strict") and (loose := _loose(described["schema"], "schema")):
            return Answer(status=400, text=f"Invalid schema for response_format: {loose}")
        return None


_KEYS = frozenset({"authorization", "x-api-key"})


def _as_answer(said: Said) -> Answer:
    if isinstance(said, Answer):
        return said
    return Answer(text=said if isinstance(said, str) else json.dumps(said))


def _words(content: Any) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, list):
        return "\n".join(_words(one.get("text", one.get("content", ""))) for one in content)
    return content if isinstance(content, str) else ""


def _loose(schema: Any, where: str) -> str:
    """What makes a schema not strict: OpenAI wants every property required and no others; empty when nothing."""
    if not isinstance(schema, dict):
        return ""
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return f"{where}: additionalProperties must be false"
        if set(schema.get("required", [])) != set(schema.get("properties", {})):
            return f"{where}: required must name every property"
    inner = {**schema.get("properties", {}), **schema.get("$defs", {}), "items": schema.get("items")}
    inner |= {str(place): one for place, one in enumerate(schema.get("anyOf", []))}
    return next((wrong for name, one in inner.items() if (wrong := _loose(one, f"{where}.{name}"))), "")


def _error(asked: Asked, answer: Answer) -> Json:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(answer.status, "api_error")
    said = {"type": kind, "message": answer.text or f"status {answer.status}"}
    return {"type": "error", "error": said} if asked.anthropic else {"error": {**said, "code": kind, "param": None}}


def _openai(asked: Asked, answer: Answer) -> Json:
    message: Json = {"role": "assistant", "content": None if answer.tools or answer.refusal else answer.text}
    if answer.refusal:
        message["refusal"] = answer.refusal
    if answer.tools:
        message["tool_calls"] = [
            {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
            for place, (name, given) in enumerate(answer.tools)
        ]
    finish = "tool_calls" if answer.tools else answer.finish
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": _openai_usage(asked),
    }


def _openai_usage(asked: Asked) -> Json:
    taken, given = asked.usage
    return {"prompt_tokens": taken, "completion_tokens": given, "total_tokens": taken + given}


def _openai_stream(asked: Asked, answer: Answer) -> Iterator[bytes]:
    whole = _openai(asked, answer)
    message, finish = whole["choices"][0]["message"], whole["choices"][0]["finish_reason"]
    pieces: list[Json] = [{"role": "assistant", "content": ""}]
    pieces += [{"content": piece} for piece in _pieces(message["content"] or "")]
    pieces += [{"refusal": piece} for piece in _pieces(message.get("refusal", ""))]
    pieces += [{"tool_calls": [{"index": at, **call}]} for at, call in enumerate(message.get("tool_calls", []))]
    start = {name: whole[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    for piece in pieces:
        yield _event(start | {"choices": [{"index": 0, "delta": piece, "finish_reason": None}]})
    yield _event(start | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if (asked.body.get("stream_options") or {}).get("include_usage"):
        yield _event(start | {"choices": [], "usage": whole["usage"]})
    yield b"data: [DONE]\n\n"


def _anthropic(asked: Asked, answer: Answer) -> Json:
    content: list[Json] = [{"type": "text", "text": answer.text or answer.refusal}]
    content += [
        {"type": "tool_use", "id": f"toolu_{place}", "name": name, "input": given}
        for place, (name, given) in enumerate(answer.tools)
    ]
    ends = {"stop": "end_turn", "length": "max_tokens"}
    stop = "refusal" if answer.refusal else "tool_use" if answer.tools else ends.get(answer.finish, answer.finish)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [one for one in content if one.get("text") != ""],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": asked.usage[0], "output_tokens": asked.usage[1]},
    }


def _anthropic_stream(asked: Asked, answer: Answer) -> Iterator[bytes]:
    whole = _anthropic(asked, answer)
    first = whole["usage"] | {"output_tokens": 0}
    yield _event({"type": "message_start", "message": whole | {"content": [], "stop_reason": None, "usage": first}})
    for at, block in enumerate(whole["content"]):
        empty = block | ({"text": ""} if block["type"] == "text" else {"input": {}})
        yield _event({"type": "content_block_start", "index": at, "content_block": empty})
        if block["type"] == "text":
            pieces = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
        else:
            pieces = [
                {"type": "input_json_delta", "partial_json": piece} for piece in _pieces(json.dumps(block["input"]))
            ]
        for piece in pieces:
            yield _event({"type": "content_block_delta", "index": at, "delta": piece})
        yield _event({"type": "content_block_stop", "index": at})
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": whole["usage"]})
    yield _event({"type": "message_stop"})


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def _event(said: Json) -> bytes:
    name = f"event: {said['type']}\n" if "type" in said else ""
    return f"{name}data: {json.dumps(said)}\n\n".encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    scripted: ScriptedModel

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, json.loads(raw))
        answer = self.scripted.answer(asked)
        if answer.hold is not None and not self._held(answer.hold, asked):
            self.close_connection = True
            return
        if answer.status == 200 and answer.raw is None:
            said = answer.text + answer.refusal + "".join(json.dumps(given) for _, given in answer.tools)
            asked.usage = answer.usage or (len(asked.text) // 4 + 1, len(said) // 4 + 1)
        try:
            self._send(asked, answer)
        except OSError:
            asked.left.set()
            self.close_connection = True

    def _held(self, hold: threading.Event, asked: Asked) -> bool:
        """Wait; False when the caller left or the test is over first."""
        while not hold.wait(0.01):
            if self.scripted.closing.is_set():
                return False
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1, socket.MSG_PEEK):
                asked.left.set()
                return False
        return True

    def _send(self, asked: Asked, answer: Answer) -> None:
        if answer.status == 200 and answer.raw is None and asked.streamed:
            self._stream(asked, answer)
            return
        whole = (
            _error(asked, answer)
            if answer.status != 200
            else (_anthropic if asked.anthropic else _openai)(asked, answer)
        )
        body = json.dumps(whole).encode() if answer.raw is None else answer.raw
        self.send_response(answer.status)
        if answer.retry_after:
            self.send_header("Retry-After", answer.retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.cut else body)
        self.close_connection = self.close_connection or answer.cut

    def _stream(self, asked: Asked, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = list((_anthropic_stream if asked.anthropic else _openai_stream)(asked, answer))
        for event in events[: len(events) // 2] if answer.cut else events:
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        if answer.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A caller that was killed in the middle of a request is no news."""


@contextmanager
def scripted_model() -> Iterator[ScriptedModel]:
    """One on a free port of 127.0.0.1; `url` is what clients call the base URL."""
    made = ScriptedModel()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"scripted": made}))
    made.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
