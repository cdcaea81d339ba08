"""Notices and channels: seen without secrets, sent again, tested; each tenant its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsagent.domain.message import of_words
from opsagent.domain.notice import Notice, NoticeStatus
from opsagent.loop.telling import notice_of

SECRET = "https://hooks.example/very/secret"


async def put(web, number: int, **changes: object) -> Notice:
    words = of_words(web.tenant, f"word {number}", "", web.deps.clock.now() + number)
    made = replace(notice_of(words, "webhook", SECRET, str(number)), **changes)
    await web.agent.stores.notices.add([made])
    return made


async def test_notices_are_listed_by_pages_and_filters_without_their_secret(web) -> None:
    first = await put(web, 1, status=NoticeStatus.DEAD, last_error="It answered 404.")
    second = await put(web, 2, run_id="r1")
    viewer = web.client("viewer")
    page = (await viewer.get("/api/v1/notices", params={"limit": 1})).json()
    assert [one["noticeId"] for one in page["notices"]] == [second.id]
    rest = (await viewer.get("/api/v1/notices", params={"cursor": page["nextCursor"]})).json()
    assert [one["noticeId"] for one in rest["notices"]] == [first.id]
    assert rest["nextCursor"] is None
    (dead,) = (await viewer.get("/api/v1/notices", params={"status": "dead"})).json()["notices"]
    assert dead == {
        "noticeId": first.id, "channel": "webhook", "address": "https://hooks.example/…", "kind": "said",
        "title": "word 1", "runId": None, "status": "dead", "attempts": 0, "nextAt": None, "possibleRepeat": False,
        "lastError": "It answered 404.", "createdAt": dead["createdAt"],
    }  # fmt: skip
    for query in ({"runId": "r1"}, {"channel": "webhook", "status": "pending"}):
        found = (await viewer.get("/api/v1/notices", params=query)).json()["notices"]
        assert [one["noticeId"] for one in found] == [second.id]
    assert (await viewer.get("/api/v1/notices", params={"status": "lost"})).status_code == 422
    assert "secret" not in (await viewer.get("/api/v1/notices")).text


async def test_one_notice_is_shown_with_its_words_to_whoever_may_look(web) -> None:
    made = await put(web, 1)
    shown = (await web.client("operator").get(f"/api/v1/notices/{made.id}")).json()
    assert "word 1" in shown["body"]
    assert "secret" not in str(shown)
    assert (await web.client("viewer").get(f"/api/v1/notices/{made.id}")).status_code == 403
    assert (await web.client("operator").get("/api/v1/notices/none")).status_code == 404


async def test_a_dead_notice_is_sent_again_once_and_recorded(web) -> None:
    made = await put(web, 1, status=NoticeStatus.DEAD, attempts=12)
    operator = web.client("operator")
    again = await operator.post(f"/api/v1/notices/{made.id}/resend")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (202, "pending", 0)
    twice = await operator.post(f"/api/v1/notices/{made.id}/resend")
    assert (twice.status_code, twice.json()["code"]) == (409, "illegal-move")
    (entry,) = [one for one in await web.agent.stores.audit.list("default") if one.action == "notice.resent"]
    assert (entry.actor, entry.detail["notice"]) == ("service:operator/key-oper", made.id)


async def test_channels_are_listed_with_whom_they_tell(web) -> None:
    (one,) = (await web.client("viewer").get("/api/v1/channels")).json()["channels"]
    assert one["name"] == "webhook"
    assert one["addresses"] == [
        {"name": "room", "address": "https://hooks.example/…", "about": [], "priorities": [], "environments": []}
    ]


async def test_a_test_goes_to_whoever_is_told_or_to_an_address_and_only_once_per_key(web) -> None:
    admin = web.client("admin")
    sent = await admin.post("/api/v1/channels/webhook/test", headers={"Idempotency-Key": "k1"})
    assert sent.status_code == 202
    (notice,) = sent.json()["notices"]
    assert (notice["status"], notice["title"], notice["address"]) == (
        "pending", "A test of OpsAgent", "https://hooks.example/…"
    )  # fmt: skip
    again = await admin.post("/api/v1/channels/webhook/test", headers={"Idempotency-Key": "k1"})
    assert again.json()["notices"][0]["noticeId"] == notice["noticeId"]
    other = await admin.post("/api/v1/channels/webhook/test", json={"address": "https://other.example/x"})
    assert other.json()["notices"][0]["address"] == "https://other.example/…"
    assert len((await web.agent.stores.notices.list("default")).items) == 2
    assert (await admin.post("/api/v1/channels/pigeon/test")).status_code == 404
    assert (await web.client("operator").post("/api/v1/channels/webhook/test")).status_code == 403


@pytest.mark.parametrize("address", ["\x00", "x" * 2049])
async def test_an_odd_address_is_refused(web, address: str) -> None:
    answer = await web.client("admin").post("/api/v1/channels/webhook/test", json={"address": address})
    assert answer.status_code == 422
