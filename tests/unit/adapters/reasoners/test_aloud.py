"""What watchers read along: the end of it, without secrets, not too often, and only while there are any."""

from __future__ import annotations

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.live import LiveHub
from opsagent.adapters.reasoners.model.aloud import EVERY_S, TAIL_CHARS, Aloud
from opsagent.domain.run import Run
from store_nouns import Nouns

SECRET = "hunter2hunter2"


class Place:
    def __init__(self) -> None:
        self.clock, self.hub = ManualClock(), LiveHub()
        self.run: Run = Nouns(self.clock, SeededIds()).run()
        self.aloud = Aloud(live=self.hub, clock=self.clock, redact=lambda text: text.replace(SECRET, "[redacted]"))

    async def heard(self, watcher, *texts: str) -> list[str]:
        hear = self.aloud(self.run, "plan", "openai:m")
        assert hear is not None
        for text in texts:
            hear(text)
            self.clock.move(EVERY_S)
        watcher.close()
        return [event.content async for event in watcher]


@pytest.fixture
def place() -> Place:
    return Place()


async def test_nobody_watching_nobody_is_told(place: Place) -> None:
    assert place.aloud(place.run, "plan", "openai:m") is None
    other = place.hub.watch("another", place.run.id)
    assert place.aloud(place.run, "plan", "openai:m") is None
    del other


async def test_the_last_word_waits_and_a_secret_is_never_seen(place: Place) -> None:
    watcher = place.hub.watch(place.run.tenant, place.run.id)
    texts = [f"the password is {SECRET}"[:length] for length in range(1, 31)]
    heard = await place.heard(watcher, *texts, f"the password is {SECRET} and")
    assert heard[-1] == "the password is [redacted]"
    assert not any("hunter" in one for one in heard)


async def test_a_long_answer_shows_its_end_and_hidden_characters_are_seen(place: Place) -> None:
    watcher = place.hub.watch(place.run.tenant)
    (first, second) = await place.heard(watcher, "a \x1b[2J\u202e b", "x" * 9000 + " end of it")
    assert first == r"a \x1b[2J\u202e"
    assert len(second) == TAIL_CHARS and second.endswith(" end of")


async def test_not_oftener_than_eyes_can_follow_and_not_after_they_left(place: Place) -> None:
    watcher = place.hub.watch(place.run.tenant, place.run.id)
    hear = place.aloud(place.run, "plan", "openai:m")
    assert hear is not None
    for _ in range(50):
        hear("one word ")
    place.clock.move(EVERY_S)
    hear("two words ")
    watcher.close()
    told = [event async for event in watcher]
    assert [event.content for event in told] == ["one word", "two words"]
    assert {(event.sequence, event.node, event.metadata["thinking"]) for event in told} == {(0, "plan", "openai:m")}
    del watcher, told
    place.clock.move(EVERY_S)
    hear("nobody hears this ")
