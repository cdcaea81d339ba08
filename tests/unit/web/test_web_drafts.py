"""Drafts over HTTP: seen by readers, merged and dismissed by operators, found by nobody before that."""

from __future__ import annotations

from opsagent.domain.draft import Draft
from opsagent.domain.run import Verified

AT = "/api/v1/drafts"


async def kept(web, text: str, run_id: str = "r1") -> None:
    draft = Draft(
        tenant="default",
        run_id=run_id,
        runbook_id="shop-down",
        title="The shop is down",
        text=text,
        verified=Verified.YES,
        created_at=1_700_000_000.0,
        notes=("Step 2 has no undo.",),
        connection="sandbox",
        given={"disk": "/srv"},
    )
    await web.agent.stores.drafts.put(draft)


async def test_a_draft_is_listed_read_and_merged(web, runbook_text):
    await kept(web, runbook_text)
    reader, operator = web.client("viewer"), web.client("operator")
    (one,) = (await reader.get(AT)).json()["drafts"]
    assert (one["runId"], one["status"], one["verified"], one["decidedAt"]) == ("r1", "open", "yes", None)
    found = (await reader.get(f"{AT}/r1")).json()
    assert (found["text"], found["problem"], found["given"]) == (runbook_text, None, {"disk": "/srv"})
    assert (await operator.get("/api/v1/runbooks")).json()["runbooks"] == []
    assert (await operator.post(f"{AT}/r1/dry-run")).json()["steps"]
    for route in ("merge", "dismiss", "dry-run"):
        assert (await reader.post(f"{AT}/r1/{route}", json={})).status_code == 403
    merged = await operator.post(f"{AT}/r1/merge", json={})
    assert (merged.status_code, merged.headers["location"]) == (201, "/api/v1/runbooks/shop-down")
    assert merged.json()["source"] == runbook_text
    again = await operator.post(f"{AT}/r1/dismiss")
    assert (again.status_code, again.json()["code"]) == (409, "illegal-move")
    assert (await reader.get(AT)).json()["drafts"] == []
    (one,) = (await reader.get(AT, params={"status": "merged"})).json()["drafts"]
    assert one["decidedBy"].startswith("service:operator/")
    assert (await reader.get(AT, params={"status": "lost"})).status_code == 422


async def test_what_is_no_runbook_yet_says_why(web):
    await kept(web, "---\nid: x\nalertz: [y]\n---\n")
    client = web.client("operator")
    found = (await client.get(f"{AT}/r1")).json()
    assert (found["problem"]["line"], "alertz" in found["problem"]["message"]) == (3, True)
    for route in ("merge", "dry-run"):
        refused = await client.post(f"{AT}/r1/{route}", json={})
        assert (refused.status_code, refused.json()["code"]) == (422, "runbook-refused")
    assert (await client.get(f"{AT}/r2")).status_code == 404
    assert (await client.post(f"{AT}/r1/dismiss")).json()["status"] == "dismissed"


async def test_a_draft_is_deleted_by_an_operator_and_the_record_says_who_did_it(web, runbook_text):
    await kept(web, runbook_text)
    reader, operator = web.client("viewer"), web.client("operator")
    assert (await reader.delete(f"{AT}/r1")).status_code == 403
    assert (await operator.delete(f"{AT}/r1")).status_code == 204
    assert (await reader.get(AT, params={"status": "all"})).json()["drafts"] == []
    assert (await operator.delete(f"{AT}/r1")).status_code == 404
    (entry,) = [one for one in await web.agent.stores.audit.list("default") if one.action == "draft.deleted"]
    assert (entry.actor.startswith("service:operator/"), entry.detail["runbook"]) == (True, "shop-down")
