"""What the tests of channels share: a clock that stands, a message of each kind, its notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from opsagent.domain.message import Message, MessageKind, Question
from opsagent.domain.notice import Notice
from opsagent.domain.priority import Priority

NOW = 1_800_000_000.0


class StillClock:
    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0))


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def message() -> Callable[..., Message]:
    def make(kind: MessageKind = MessageKind.ASKED, **changes: object) -> Message:
        question = Question(
            id="q1", digest="ab" * 32, status="pending", target="shop", command="systemctl restart shop",
            reason="it starts or stops a service", expires_at=NOW + 3600, why="it does not answer", persons=1,
            effects=("starts or stops shop.service",), undo="systemctl stop shop",
        )  # fmt: skip
        asked = kind in (MessageKind.ASKED, MessageKind.ANSWERED, MessageKind.REMINDED)
        made = Message(
            kind=kind, tenant="t", run_id="run-1", at=NOW, title="The shop is down", text="It answers again.",
            priority=Priority.HIGH, target="shop", link="https://ops.example.org/runs/run-1",
            question=question if asked else None,
        )  # fmt: skip
        return replace(made, **changes)

    return make


@pytest.fixture
def notice(message: Callable[..., Message]) -> Callable[..., Notice]:
    def make(said: Message | None = None, **changes: object) -> Notice:
        made = Notice(
            id="run-1:asked:q1:email:0f", tenant="t", channel="email", address="ada@example.org",
            body=(said or message()).to_json(), created_at=NOW, run_id="run-1",
        )  # fmt: skip
        return replace(made, **changes)

    return make
