"""A storm of alerts while the plug is pulled: what was acknowledged is there afterwards, once."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from served import WITHIN_S, environment, serve
from served_victim import Victim, start

PATH = "/api/v1/tickets/webhook/alertmanager"
DISTINCT, AT_ONCE, CALLERS = 1000, 20, 8
IN_PARTS = 2000  # stored by 500
FEW = 50  # a storm is a handful of tickets (docs/correlation.md), however many alerts it is


def batch(first: int) -> dict[str, object]:
    labels = [{"alertname": "High", "instance": f"10.0.0.{at}"} for at in range(first, first + AT_ONCE)]
    return {"alerts": [{"status": "firing", "labels": one, "startsAt": "2026-11-20T23:20:00Z"} for one in labels]}


async def storm(url: str, key: str, kill_at: int, kill: Callable[[], None]) -> set[int]:
    """The first numbers of the batches that were acknowledged; the server is killed after so many of them."""
    acknowledged: set[int] = set()
    # Each batch and then the same ten times over, in any order the callers meet them.
    todo = itertools.chain.from_iterable([first] * 11 for first in range(0, DISTINCT, AT_ONCE))

    async def caller(client: httpx.AsyncClient) -> None:
        for first in todo:
            try:
                answer = await client.post(f"{url}{PATH}", json=batch(first))
            except httpx.TransportError:
                return
            assert answer.status_code == 202, answer.text
            if first not in acknowledged:
                acknowledged.add(first)
                if len(acknowledged) == kill_at:
                    kill()

    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        await asyncio.gather(*(caller(client) for _ in range(CALLERS)))
    return acknowledged


def kept(folder: Path) -> tuple[set[int], int, int]:
    """Which batches have a signal for each of their alerts, how many tickets there are, and how many signals."""
    with sqlite3.connect(next(folder.glob("*.db"))) as store:
        rows = store.execute("SELECT body FROM signals").fetchall()
        (tickets,) = store.execute("SELECT count(*) FROM tickets").fetchone()
        (alone,) = store.execute(
            "SELECT count(*) FROM tickets LEFT JOIN runs ON runs.tenant = tickets.tenant AND runs.id = tickets.run_id"
            " WHERE runs.id IS NULL"
        ).fetchone()
    assert alone == 0, "every ticket has its run"
    numbers = {int(json.loads(body)["labels"]["instance"].rpartition(".")[2]) for (body,) in rows}
    whole = {first for first in range(0, DISTINCT, AT_ONCE) if set(range(first, first + AT_ONCE)) <= numbers}
    return whole, tickets, len(rows)


def test_what_was_acknowledged_survives_the_plug_and_a_repeat_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serve(folder) as served:
        key = (folder / "admin.key").read_text().strip()
        acknowledged = asyncio.run(storm(served.url, key, 20, served.kill))
    whole, tickets, signals = kept(folder)
    assert 20 <= len(acknowledged) < DISTINCT / AT_ONCE
    assert acknowledged <= whole
    assert signals == len(whole) * AT_ONCE, "a batch is whole or not there"
    assert 0 < tickets <= FEW
    with serve(folder) as served:
        everything = asyncio.run(storm(served.url, key, -1, served.kill))
        assert len(everything) == DISTINCT / AT_ONCE
    whole, tickets, signals = kept(folder)
    assert (whole, signals) == (everything, DISTINCT)
    assert 0 < tickets <= FEW


def test_the_plug_between_two_parts_of_one_delivery_loses_nothing(tmp_path: Path) -> None:
    environ = environment()
    victim = Victim(tmp_path, environ, start(tmp_path, environ))
    labels = [{"alertname": "High", "instance": f"10.0.{at // 250}.{at % 250}"} for at in range(IN_PARTS)]
    body = {"alerts": [{"status": "firing", "labels": one, "startsAt": "2026-11-20T23:20:00Z"} for one in labels]}

    def sent() -> httpx.Response:
        bearer = {"Authorization": f"Bearer {victim.key}"}
        return httpx.post(f"{victim.url}{PATH}", json=body, headers=bearer, timeout=60, trust_env=False)

    try:
        victim.is_up()
        victim.order(("tickets.receive.after_commit", 2))
        with pytest.raises(httpx.TransportError):
            sent()
        victim.process.join(WITHIN_S)
        assert victim.keep(), "it died between the second part and the third"
        ((stored,),) = victim.ask("SELECT count(*) FROM signals")
        assert stored == 1000
        assert sent().status_code == 202
    finally:
        victim.process.kill()
        victim.process.join()
    ((signals, tickets),) = victim.ask(
        "SELECT (SELECT count(DISTINCT body ->> '$.labels.instance') FROM signals), (SELECT count(*) FROM tickets)"
    )
    assert signals == IN_PARTS
    assert 0 < tickets <= FEW
