"""Runbooks, connections, the switches and the policy's answers."""

from __future__ import annotations

import pytest

MARKDOWN = {"Content-Type": "text/markdown"}


async def test_a_runbook_comes_in_as_markdown_and_goes_out_as_it_was_written(web, runbook_text):
    client = web.client("operator")
    added = await client.post("/api/v1/runbooks", content=runbook_text, headers=MARKDOWN)
    assert (added.status_code, added.headers["location"]) == (201, "/api/v1/runbooks/shop-down")
    assert added.json()["stepList"][0]["name"] == "look"
    listed = (await client.get("/api/v1/runbooks")).json()["runbooks"]
    assert [(one["runbookId"], one["steps"], one["alerts"]) for one in listed] == [("shop-down", 1, ["ShopDown"])]
    written = await client.get("/api/v1/runbooks/shop-down", headers={"Accept": "text/markdown"})
    assert written.text == runbook_text
    assert (await client.get("/api/v1/runbooks/1")).json()["source"] == runbook_text


async def test_a_new_version_by_put_and_by_json(web, runbook_text):
    client = web.client("operator")
    await client.post("/api/v1/runbooks", json={"text": runbook_text, "path": "shop.md"})
    changed = runbook_text.replace("uptime", "uptime -p")
    answer = await client.put("/api/v1/runbooks/shop-down", content=changed, headers=MARKDOWN)
    assert (answer.status_code, answer.json()["revision"]) == (200, 2)
    wrong = await client.put("/api/v1/runbooks/other", content=changed, headers=MARKDOWN)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid-input")
    assert "shop-down" in wrong.json()["detail"]


async def test_a_refused_runbook_names_its_line(web, runbook_text):
    broken = runbook_text.replace("alerts: [ShopDown]", "alerts: {")
    for path in ("/api/v1/runbooks", "/api/v1/runbooks/check"):
        answer = await web.client().post(path, json={"text": broken, "path": "shop.md"})
        assert (answer.status_code, answer.json()["code"], answer.json()["file"]) == (422, "runbook-refused", "shop.md")
        assert answer.json()["line"] >= 1
    assert (await web.client().get("/api/v1/runbooks")).json()["runbooks"] == []


async def test_check_stores_nothing(web, runbook_text):
    answer = await web.client("viewer").post("/api/v1/runbooks/check", content=runbook_text, headers=MARKDOWN)
    assert (answer.status_code, answer.json()["runbookId"]) == (200, "shop-down")
    assert (await web.client().get("/api/v1/runbooks")).json()["runbooks"] == []


async def test_check_says_what_is_worth_a_look(web):
    page = "---\ntitle: A page\n---\n# A page\n\nFor people.\n"
    answer = (await web.client("viewer").post("/api/v1/runbooks/check", json={"text": page})).json()
    assert [(one["line"], "no id" in one["message"]) for one in answer["remarks"]] == [(1, True)]


async def test_a_text_is_judged_before_it_is_stored(web, runbook_text):
    changed = runbook_text.replace("uptime", "uptime -p")
    for path, status in (("shop-down", 200), ("not-there-yet", 200)):
        answer = await web.client("operator").post(f"/api/v1/runbooks/{path}/dry-run", json={"text": changed})
        assert answer.status_code == status
        assert "uptime -p" in [one["command"].strip() for one in answer.json()["steps"]]
    broken = await web.client("operator").post("/api/v1/runbooks/x/dry-run", json={"text": "---\nid: {\n---\n"})
    assert (broken.status_code, broken.json()["file"]) == (422, "x.md")
    assert (await web.client("viewer").post("/api/v1/runbooks/x/dry-run", json={"text": changed})).status_code == 403


@pytest.mark.parametrize("raw", [b"", b"  \n", b"\xff\xfe", b"# x\x00y"])
async def test_what_is_no_markdown(web, raw):
    answer = await web.client().post("/api/v1/runbooks", content=raw, headers=MARKDOWN)
    assert answer.status_code in {400, 422}


async def test_search_and_delete(web, runbook_text):
    client = web.client("operator")
    await client.post("/api/v1/runbooks", content=runbook_text, headers=MARKDOWN)
    found = (await client.get("/api/v1/runbooks/search", params={"q": "ShopDown"})).json()
    assert (found["fits"], found["hits"][0]["runbookId"], found["hits"][0]["exact"]) == (True, "shop-down", True)
    assert (await client.get("/api/v1/runbooks/search")).status_code == 422
    assert (await client.get("/api/v1/runbooks/search", params={"q": '" OR * NEAR('})).status_code == 200
    assert (await client.delete("/api/v1/runbooks/shop-down")).status_code == 204
    assert (await client.delete("/api/v1/runbooks/shop-down")).status_code == 404
    assert (await client.get("/api/v1/runbooks/search", params={"q": "ShopDown"})).json()["hits"] == []


async def test_connections_are_the_admins(web):
    admin = web.client("admin")
    body = {"reach": "host", "labels": {"service": "shop"}, "values": {"port": "8080"}, "hosts": ["shop:8080"]}
    made = await admin.put("/api/v1/connections/shop", json=body)
    assert (made.status_code, made.json()["version"]) == (200, 1)
    assert (await admin.put("/api/v1/connections/shop", json=body)).json()["version"] == 2
    names = [one["name"] for one in (await web.client("viewer").get("/api/v1/connections")).json()["connections"]]
    assert names == ["sandbox", "shop"]
    assert (await web.client("operator").put("/api/v1/connections/x", json=body)).status_code == 403
    assert (await admin.put("/api/v1/connections/sandbox", json=body)).status_code == 422
    assert (await admin.delete("/api/v1/connections/sandbox")).status_code == 422
    assert (await admin.delete("/api/v1/connections/shop")).status_code == 204
    assert (await admin.get("/api/v1/connections/shop")).status_code == 404


@pytest.mark.parametrize(
    "body", [{"reach": "moon"}, {"password": "x"}, {"hosts": "a"}, {"values": {"a b": "c"}}, {"executor": "Shell!"}]
)
async def test_a_wrong_connection(web, body):
    answer = await web.client("admin").put("/api/v1/connections/shop", json=body)
    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["a b", "-x", "x" * 65, "..", "a%2fb"])
async def test_a_wrong_name_of_a_connection(web, name):
    answer = await web.client("admin").put(f"/api/v1/connections/{name}", json={})
    assert 400 <= answer.status_code < 500


async def test_anybody_on_call_can_stop_everything(web):
    operator = web.client("operator")
    assert (await operator.get("/api/v1/control")).json()["paused"] is False
    assert (await operator.post("/api/v1/control/pause")).json()["paused"] is True
    assert (await operator.post("/api/v1/control/resume", json={})).json()["paused"] is False
    assert (await operator.post("/api/v1/control/pause", json={"everywhere": True})).status_code == 403
    everywhere = await web.client("admin").post("/api/v1/control/pause", json={"everywhere": True})
    assert everywhere.json()["paused"] is True
    assert (await operator.post("/api/v1/control/resume")).json()["paused"] is True


async def test_only_an_admin_lets_it_act(web):
    assert (await web.client("operator").post("/api/v1/control/acting", json={"on": True})).status_code == 403
    admin = web.client("admin")
    assert (await admin.get("/api/v1/control")).json()["acting"] is False
    assert (await admin.post("/api/v1/control/acting", json={})).status_code == 422
    assert (await admin.post("/api/v1/control/acting", json={"on": True})).json()["acting"] is True
    assert (await admin.post("/api/v1/control/acting", json={"on": False})).json()["acting"] is False


async def test_the_policy_explains_without_running_anything(make_web, shipped_judge):
    web = await make_web(judge=shipped_judge)
    commands = ["uptime", "rm -rf /var/lib/shop", "rm -rf / --no-preserve-root"]
    answer = await web.client("viewer").post("/api/v1/policy/explain", json={"commands": commands})
    verdicts = answer.json()["verdicts"]
    assert [one["command"] for one in verdicts] == commands
    assert {one["decision"] for one in verdicts} <= {"ALLOW", "ASK", "DENY"}
    assert verdicts[0]["decision"] == "ALLOW"
    assert all(one["rule"] and one["reason"] for one in verdicts)
    assert verdicts[1]["manifest"]["deletes"] == ["/var/lib/shop"]
    for wrong in ({"commands": []}, {"commands": "uptime"}, {"commands": ["x"] * 101}, {}):
        assert (await web.client().post("/api/v1/policy/explain", json=wrong)).status_code == 422
    unknown = await web.client().post("/api/v1/policy/explain", json={"commands": ["id"], "connection": "nowhere"})
    assert unknown.status_code == 404
