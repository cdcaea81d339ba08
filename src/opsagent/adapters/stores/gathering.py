"""Gathers what many callers hand in at once into one transaction: a storm of requests is a handful of statements."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from opsagent.errors import OpsAgentError, StoreUnavailable
from opsagent.ports.tickets import Arrival, Joined

MOST = 500  # arrivals in one transaction; a single call may have more
Store = Callable[[Sequence[Arrival]], Awaitable[Sequence[Joined]]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrivals: Sequence[Arrival]
    answer: asyncio.Future[Sequence[Joined]]


class Gathering:
    """Whoever comes while a transaction is under way goes together into the next one.

    Each caller's arrivals stay in order and in one transaction, and it hears of its own only. A transaction that fails
    for what one of them handed in is done again for each alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: deque[_Waiting] = deque()
        self._working: asyncio.Task[None] | None = None

    async def __call__(self, arrivals: Sequence[Arrival]) -> Sequence[Joined]:
        """What became of the arrivals, in order; all stored when this returns. What the store raises."""
        waiting = _Waiting(arrivals, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name="opsagent-gathering")
        return await waiting.answer

    async def _work(self) -> None:
        while self._queue:
            together = [self._queue.popleft()]
            count = len(together[0].arrivals)
            while self._queue and count + len(self._queue[0].arrivals) <= MOST:
                together.append(self._queue.popleft())
                count += len(together[-1].arrivals)
            await self._take(together)

    async def _take(self, together: Sequence[_Waiting]) -> None:
        try:
            found = await self._store([arrival for one in together for arrival in one.arrivals])
        except OpsAgentError as error:
            if len(together) == 1 or isinstance(error, StoreUnavailable):
                for one in together:
                    _answer(one, error)
                return
            for one in together:
                await self._take([one])
            return
        except BaseException as error:
            for one in together:
                _answer(one, error)
            raise
        at = 0
        for one in together:
            _answer(one, found[at : at + len(one.arrivals)])
            at += len(one.arrivals)


def _answer(waiting: _Waiting, answer: Sequence[Joined] | BaseException) -> None:
    """Unless its caller has gone."""
    if waiting.answer.done():
        return
    if isinstance(answer, BaseException):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)
