"""`opsagent runbooks`: versions, imports, instructions and coverage, on a folder no server runs on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PAGE = "---\nid: shop\ntitle: The shop\nalerts: [ShopDown]\n---\n## Fix\n\n```sh\n%s\n```\n"


def test_a_runbook_over_time(opsagent, tmp_path: Path) -> None:
    page = tmp_path / "shop.md"
    for command in ("systemctl restart shop", "systemctl reload shop"):
        page.write_text(PAGE % command)
        assert opsagent("runbooks", "add", str(page)).code == 0
    versions = json.loads(opsagent("runbooks", "versions", "shop", "--json").out)["versions"]
    assert [one["revision"] for one in versions] == [2, 1]
    diff = opsagent("runbooks", "diff", "shop")
    assert (diff.code, "+systemctl reload shop" in diff.out) == (1, True)
    assert "restart" in opsagent("runbooks", "show", "shop", "--version", "1").out
    assert "version 3 is as 1 was" in opsagent("runbooks", "restore", "shop", "1").out
    assert opsagent("runbooks", "diff", "shop", "1", "3").code == 0
    assert "neither found" in opsagent("runbooks", "disable", "shop").out
    assert "No runbook fits" in opsagent("runbooks", "search", "ShopDown").out
    assert "3 off" in opsagent("runbooks", "list").out
    assert opsagent("runbooks", "enable", "shop").code == 0
    assert opsagent("runbooks", "remove", "shop").code == 0
    assert opsagent("runbooks", "show", "shop").code == 3
    assert opsagent("runbooks", "restore", "shop", "2").code == 0
    assert "reload" in opsagent("runbooks", "show", "shop").out


def test_a_folder_and_a_repository_are_imported_once(opsagent, tmp_path: Path) -> None:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "shop.md").write_text(PAGE % "ls")
    (folder / "page.md").write_text("# A page\n")
    (folder / "bad.md").write_text("---\nid: bad\nalertz: [x]\n---\n")
    first = opsagent("runbooks", "import", str(folder))
    assert first.code == 1
    assert f"{folder}/bad.md:3: `alertz` means nothing" in first.out
    assert "2 added, 1 refused; 1 only to read." in first.out
    (folder / "bad.md").unlink()
    again = opsagent("runbooks", "import", str(folder))
    assert (again.code, again.out) == (0, "2 unchanged.\n")
    for words in (("init", "-q", "."), ("add", "-A"), ("commit", "-qm", "one")):
        git = ("git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com", *words)
        subprocess.run(git, check=True, capture_output=True)
    (folder / "shop.md").write_text(PAGE % "ls -l")
    assert "1 unchanged, 1 updated" in _sorted(opsagent("runbooks", "import", str(folder)).out)
    refused = opsagent("runbooks", "import", f"file://{folder}")
    assert (refused.code, "it came from" in refused.out) == (1, True)
    over = json.loads(opsagent("runbooks", "import", f"file://{folder}", "--overwrite", "--json").out)
    assert over["counts"] == {"unchanged": 1, "updated": 1}
    assert "Nothing was stored." in opsagent("runbooks", "import", str(folder), "--dry-run").out
    for wrong in ("http://example.com/x.git", "https://user:word@example.com/x"):
        assert opsagent("runbooks", "import", wrong).code == 2
    assert opsagent("runbooks", "import", "/nowhere").code == 3


def _sorted(out: str) -> str:
    return ", ".join(sorted(out.splitlines()[-1].rstrip(".").split(", ")))


def test_an_instruction_and_the_coverage_of_rules(opsagent, tmp_path: Path) -> None:
    words = ("restart-shop", "systemctl restart {{unit}}", "--parameter", "unit=^[a-z]+$", "--alert", "ShopDown")
    assert opsagent("runbooks", "instruct", *words).code == 0
    assert opsagent("runbooks", "instruct", *words).code != 0
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: x, rules: [{alert: ShopDown, expr: up}, {alert: Other, expr: up}]}]")
    asked = ("runbooks", "coverage", "--alerts")
    report = opsagent(*asked, str(rules))
    assert (report.code, "2 alerts: 0 ready, 1 partly, 1 none." in report.out) == (1, True)
    assert "PARTLY ShopDown: restart-shop" in report.out
    assert opsagent(*asked, str(tmp_path), "--require", "partly").code == 1
    assert opsagent(*asked, str(rules), "--require", "partly", "--ignore", "Other").code == 0
    assert opsagent(*asked, str(rules), "--require", "nothing").code == 0
    assert json.loads(opsagent(*asked, str(rules), "--json").out)["counts"] == {"partly": 1, "none": 1}
    assert opsagent(*asked, str(rules), "--require", "much").code == 2
    assert opsagent(*asked, "/nowhere.yml").code == 3
    (tmp_path / "empty").mkdir()
    assert opsagent(*asked, str(tmp_path / "empty")).code == 2


def test_drafts_that_are_not_there(opsagent) -> None:
    assert "No drafts." in opsagent("runbooks", "drafts").out
    assert json.loads(opsagent("runbooks", "drafts", "--status", "all", "--json").out) == {"drafts": []}
    for command in ("draft", "merge", "dismiss"):
        assert opsagent("runbooks", command, "abcd").code == 2
        assert opsagent("runbooks", command, "0" * 36).code == 3
