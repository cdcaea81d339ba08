"""Versions, preconditions, instructions, imports and coverage over HTTP."""

from __future__ import annotations

import pytest

MARKDOWN = {"Content-Type": "text/markdown"}
AT = "/api/v1/runbooks"


async def stored(client, text: str, **headers: str):
    return await client.post(AT, content=text, headers=MARKDOWN | headers)


async def test_versions_are_listed_read_compared_and_restored(web, runbook_text):
    client = web.client("operator")
    await stored(client, runbook_text)
    await client.put(f"{AT}/shop-down", json={"text": runbook_text.replace("uptime", "uptime -p"), "note": "shorter"})
    versions = (await client.get(f"{AT}/shop-down/versions")).json()["versions"]
    assert [(one["revision"], one["note"]) for one in versions] == [(2, "shorter"), (1, "")]
    assert versions[0]["by"].startswith("service:operator/")
    for which in ("1", versions[1]["version"][:7], versions[1]["version"]):
        one = await client.get(f"{AT}/shop-down/versions/{which}")
        assert (one.json()["source"], one.headers["etag"]) == (runbook_text, f'"{versions[1]["version"]}"')
    plain = await client.get(f"{AT}/shop-down/versions/1", headers={"Accept": "text/markdown"})
    assert plain.text == runbook_text
    diff = (await client.get(f"{AT}/shop-down/diff")).json()
    assert (diff["old"]["revision"], diff["new"]["revision"]) == (1, 2)
    assert "-uptime\n+uptime -p" in diff["diff"]
    back = await client.post(f"{AT}/shop-down/restore", json={"version": "1"})
    assert (back.json()["revision"], back.json()["source"]) == (3, runbook_text)
    assert (await client.get(f"{AT}/shop-down/diff", params={"old": "1", "new": "3"})).json()["diff"] == ""
    await client.delete(f"{AT}/shop-down")
    assert (await client.post(f"{AT}/shop-down/restore", json={"version": "2"})).json()["revision"] == 4
    assert (await client.get(f"{AT}/shop-down")).status_code == 200


@pytest.mark.parametrize(("which", "status"), [("9", 404), ("abc", 422), ("abcdef0", 404), ("\u0661", 422)])
async def test_what_names_no_version(web, runbook_text, which, status):
    client = web.client()
    await stored(client, runbook_text)
    assert (await client.get(f"{AT}/shop-down/versions/{which}")).status_code == status
    assert (await client.get(f"{AT}/nowhere/versions/{which}")).status_code == 404


async def test_nothing_unseen_is_overwritten(web, runbook_text):
    client = web.client("operator")
    first = await stored(client, runbook_text, **{"If-None-Match": "*"})
    again = await stored(client, runbook_text.replace("uptime", "w"), **{"If-None-Match": "*"})
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 412, "version-mismatch")
    tag = (await client.get(f"{AT}/shop-down")).headers["etag"]
    assert tag == first.headers["etag"]
    newer = await client.put(
        f"{AT}/shop-down", content=runbook_text.replace("uptime", "w"), headers=MARKDOWN | {"If-Match": tag}
    )
    assert newer.status_code == 200
    stale = await client.put(f"{AT}/shop-down", content=runbook_text, headers=MARKDOWN | {"If-Match": tag})
    assert (stale.status_code, stale.json()["version"]) == (412, newer.json()["version"])
    said = {"text": runbook_text, "expectedVersion": first.json()["version"]}
    assert (await client.put(f"{AT}/shop-down", json=said)).status_code == 412
    assert (await client.delete(f"{AT}/shop-down", headers={"If-Match": tag})).status_code == 412
    restore = await client.post(f"{AT}/shop-down/restore", json={"version": "1"}, headers={"If-Match": tag})
    assert restore.status_code == 412
    assert (await client.get(f"{AT}/shop-down")).json()["revision"] == 2
    for wrong in ({"If-Match": "W/x"}, {"If-None-Match": '"x"'}, {"If-Match": tag, "If-None-Match": "*"}):
        assert (await client.put(f"{AT}/shop-down", content=runbook_text, headers=MARKDOWN | wrong)).status_code == 422
    assert (await client.delete(f"{AT}/shop-down", headers={"If-Match": newer.headers["etag"]})).status_code == 204


async def test_a_disabled_runbook_is_listed_and_neither_found_nor_followed(web, runbook_text):
    client = web.client("operator")
    await stored(client, runbook_text)
    assert (await client.post(f"{AT}/shop-down/disable")).json()["enabled"] is False
    assert [one["enabled"] for one in (await client.get(AT)).json()["runbooks"]] == [False]
    assert (await client.get(f"{AT}/search", params={"q": "ShopDown"})).json()["hits"] == []
    asked = {"taskDescription": "x", "runbookId": "shop-down"}
    refused = await client.post("/api/v1/trigger/api", json=asked)
    assert (refused.status_code, "disabled" in refused.json()["detail"]) == (422, True)
    assert (await client.post(f"{AT}/shop-down/enable")).json()["enabled"] is True
    assert (await client.get(f"{AT}/search", params={"q": "ShopDown"})).json()["hits"][0]["exact"]
    assert (await client.post("/api/v1/trigger/api", json=asked)).status_code == 202


async def test_an_instruction_becomes_a_runbook_of_one_step(web):
    client = web.client("operator")
    asked = {
        "id": "clear-cache", "title": "Clear the cache", "text": "rm -r {{folder}}", "aliases": ["cache is full"],
        "parameters": [{"name": "folder", "pattern": "^/var/cache/[a-z]+$", "from": "folder"}],
        "undo": "mkdir {{folder}}",
    }  # fmt: skip
    made = await client.post(f"{AT}/instructions", json=asked)
    assert (made.status_code, made.headers["location"]) == (201, f"{AT}/clear-cache")
    (step,) = made.json()["stepList"]
    assert (step["text"], step["phase"], step["undo"]) == ("rm -r {{folder}}", "mitigation", "mkdir {{folder}}")
    assert (await client.post(f"{AT}/instructions", json=asked)).status_code == 412
    changed = asked | {"text": "rm -rf {{folder}}"}
    newer = await client.post(f"{AT}/instructions", json=changed, headers={"If-Match": made.headers["etag"]})
    assert newer.json()["revision"] == 2
    unsafe = asked | {"id": "unsafe", "text": "sh -c {{folder}}"}
    refused = await client.post(f"{AT}/instructions", json=unsafe)
    assert (refused.status_code, refused.json()["code"]) == (422, "runbook-refused")


async def test_a_folder_that_was_named_is_imported_and_no_other(web, runbook_text, tmp_path):
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "shop.md").write_text(runbook_text)
    (folder / "bad.md").write_text("---\nid: x\nnope: y\n---\n")
    client = web.client("operator")
    tried = (await client.post(f"{AT}/import", json={"folder": str(folder), "dryRun": True})).json()
    assert tried["counts"] == {"added": 1, "refused": 1}
    assert (await client.get(AT)).json()["runbooks"] == []
    report = (await client.post(f"{AT}/import", json={"folder": str(folder)})).json()
    refused, added = report["files"]
    assert (refused["path"], refused["line"], refused["fate"]) == ("bad.md", 3, "refused")
    assert (added["runbookId"], added["fate"]) == ("shop-down", "added")
    (listed,) = (await client.get(AT)).json()["runbooks"]
    assert (listed["origin"], listed["path"]) == (str(folder), "shop.md")
    assert (await client.get(f"{AT}/shop-down/versions")).json()["versions"][0]["note"] == f"imported from {folder}"[
        :200
    ]
    again = (await client.post(f"{AT}/import", json={"folder": str(folder)})).json()
    assert again["counts"] == {"unchanged": 1, "refused": 1}
    for other in ("/etc", str(tmp_path), f"{folder}/.."):
        assert (await client.post(f"{AT}/import", json={"folder": other})).status_code == 404


async def test_coverage_of_the_rules_that_were_sent(web, runbook_text):
    client = web.client("operator")
    await stored(client, runbook_text)
    rules = "groups: [{name: x, rules: [{alert: ShopDown, expr: up}, {alert: Other, expr: up}]}]"
    report = (await client.post(f"{AT}/coverage", json={"rules": rules, "file": "x.yml"})).json()
    assert report["counts"] == {"partly": 1, "none": 1}
    assert [(one["alert"], one["cover"], one["runbookId"]) for one in report["alerts"]] == [
        ("ShopDown", "partly", "shop-down"), ("Other", "none", None),
    ]  # fmt: skip
    wrong = await client.post(f"{AT}/coverage", json={"rules": "groups: [", "file": "x.yml"})
    assert (wrong.status_code, "x.yml:" in wrong.json()["detail"]) == (422, True)


async def test_what_is_listed_and_found_says_how_often_it_helped(web, runbook_text):
    client = web.client()
    await stored(client, runbook_text)
    never = {"used": 0, "yes": 0, "no": 0, "notMeasurable": 0, "lastAt": None, "lastRunId": "", "lastResult": ""}
    assert (await client.get(AT)).json()["runbooks"][0]["uses"] == never
    assert (await client.get(f"{AT}/search", params={"q": "ShopDown"})).json()["hits"][0]["uses"] == never
