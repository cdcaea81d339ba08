"""Bounds how long a database that says nothing can hold something up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def within(seconds: float, work: Coroutine[Any, Any, _T], *, grace_s: float) -> _T:
    """What it returns. TimeoutError: it was cancelled.

    A driver that is cancelled asks the server first: what goes on after `grace_s` seconds is cancelled once more, and
    left behind after as many again. So it is when the caller itself is cancelled.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to look
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        for _ in range(2):
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=grace_s)
    if not task.done() or task.cancelled():
        raise TimeoutError
    return task.result()
