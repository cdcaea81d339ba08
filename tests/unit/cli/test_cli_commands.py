"""Commands on a folder no server runs on."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from opsagent.adapters.datafolder import write_server
from opsagent.cli.app import build


def test_help_names_every_command_and_the_exit_codes(opsagent) -> None:
    text = opsagent("--help").out
    for name in ("run", "runs", "show", "approve", "reject", "resolve", "cancel", "retry", "pause", "resume", "acting"):
        assert f" {name} " in text
    for name in ("serve", "doctor", "demo", "runbooks", "policy", "keys", "connections", "tickets", "audit"):
        assert f" {name} " in text
    assert "3 not found" in text
    assert opsagent("--version").out.startswith("opsagent ")


def test_the_tree_can_be_built_twice() -> None:
    assert build() is not build()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nonsense",), 2),
        (("show",), 2),
        (("show", "abc"), 2),
        (("show", "abcdef"), 3),
        (("cancel", "00000000-0000-4000-8000-000000000000"), 3),
        (("approve", "abcdef"), 3),
        (("approve", "ab"), 2),
        (("run", "   "), 2),
        (("run", "x", "--runbook", "nowhere"), 3),
        (("runbooks", "add"), 2),
        (("runbooks", "add", "/nowhere.md"), 3),
        (("runbooks", "search"), 2),
        (("connections", "show", "nowhere"), 3),
        (("connections", "add", "x", "--label", "no-equals"), 2),
        (("connections", "add", "../x"), 2),
        (("connections", "add", "x", "--executor", "Not A Name"), 2),
        (("connections", "add", "x", "--executor", "sql"), 2),
        (("connections", "remove", "sandbox"), 2),
        (("keys", "revoke", "nowhere"), 3),
        (("keys", "create", "--role", "approver", "--service"), 2),
        (("policy", "explain"), 2),
    ],
)
def test_each_failure_has_its_exit_code_a_message_and_a_fix(opsagent, words: tuple[str, ...], code: int) -> None:
    said = opsagent(*words)
    assert said.code == code
    assert "Traceback" not in said.out + said.err
    if code != 2 or words[0] not in {"nonsense", "show"}:
        assert "fix: " in said.err


def test_an_error_as_json_is_one_object_on_stdout(opsagent) -> None:
    said = opsagent("show", "abcdef", "--json")
    assert said.code == 3
    assert set(said.json) >= {"error", "message", "fix"}
    assert (said.json["error"], said.err) == ("not-found", "")


def test_a_wrong_setting_is_named(opsagent) -> None:
    said = opsagent("runs", env={"OPSAGENT_SWEEP_SECONDS": "often"})
    assert said.code == 2
    assert "sweep_seconds" in said.err


def test_a_key_is_shown_once_and_kept_as_a_hash(opsagent) -> None:
    made = opsagent("keys", "create", "--role", "operator", "--name", "grafana", "--json").json
    assert {"key", "id", "role", "tenant", "kind", "createdAt"} <= set(made)
    assert (made["role"], made["tenant"], made["kind"]) == ("operator", "default", "service")
    assert made["key"].startswith("opsa_")
    listed = opsagent("keys", "list", "--json")
    assert made["key"] not in listed.out
    assert [one["keyId"] for one in listed.json["keys"]] == [made["id"]]
    assert opsagent("keys", "revoke", made["id"]).code == 0
    assert "revoked" in opsagent("keys", "list").out


def test_an_approver_is_a_person_and_a_tenant_sees_its_own(opsagent) -> None:
    made = opsagent("keys", "create", "--role", "approver", "--tenant", "acme", "--json").json
    assert (made["kind"], made["tenant"]) == ("person", "acme")
    assert opsagent("keys", "list", "--json").json == {"keys": []}
    assert len(opsagent("keys", "list", "--tenant", "acme", "--json").json["keys"]) == 1


def test_connections_are_versioned_tried_and_removed(opsagent) -> None:
    added = opsagent("connections", "add", "web", "--label", "service=shop", "--value", "log=/var/log/x", "--json").json
    assert (added["version"], added["labels"], added["values"]) == (1, {"service": "shop"}, {"log": "/var/log/x"})
    assert opsagent("connections", "add", "web", "--host", "127.0.0.1:80", "--json").json["version"] == 2
    assert "127.0.0.1:80" in opsagent("connections", "list").out
    assert opsagent("connections", "add", "web", "--reach", "host").code == 0
    assert opsagent("connections", "test", "web", "--json").json["ok"] is True
    assert opsagent("connections", "remove", "web").code == 0
    assert opsagent("connections", "show", "web").code == 3


def test_a_refused_runbook_names_file_line_and_fix_and_the_others_are_stored(opsagent, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\nid: a\ntitle: A\nnonsense: 1\n---\n# A\n")
    (tmp_path / "b.md").write_text("---\nid: b\ntitle: B\n---\n# B\n\n## Diagnosis\n\n```shell name=x\ntrue\n```\n")
    for verb in ("check", "add"):
        said = opsagent("runbooks", verb, tmp_path)
        assert said.code == 1
        assert f"{tmp_path}/a.md:4" in said.err
        assert "fix: " in said.err
    assert [one["runbookId"] for one in opsagent("runbooks", "list", "--json").json["runbooks"]] == ["b"]


def test_runbooks_are_found_and_shown_as_written(opsagent, tmp_path: Path) -> None:
    assert opsagent("runbooks", "add", "--shipped").code == 0
    found = opsagent("runbooks", "search", "disk is full", "--json").json
    assert set(found) == {"query", "fits", "results"}
    assert found["fits"] is True
    assert set(found["results"][0]) == {"id", "score", "why", "uses"}
    queries = tmp_path / "queries.txt"
    queries.write_text("disk is full\ncertificate expires\nxyzzy\n")
    lines = opsagent("runbooks", "search", "--batch", queries).out.splitlines()
    assert [json.loads(line)["query"] for line in lines] == ["disk is full", "certificate expires", "xyzzy"]
    assert opsagent("runbooks", "show", found["results"][0]["id"]).out.startswith("---\n")


def test_switches(opsagent) -> None:
    assert "Observing" in opsagent("acting").out
    assert opsagent("acting", "on", "--json").json["acting"] is True
    assert opsagent("pause", "--all", "--json").json["paused"] is True
    still = opsagent("resume")
    assert (still.code, "resume --all" in still.out) == (4, True)
    assert opsagent("resume", "--all", "--json").json["paused"] is False


def test_a_run_is_stored_listed_and_cancelled(opsagent) -> None:
    accepted = opsagent("run", "look \x1b[2Jhere", "--json").json
    assert accepted["status"] == "queued"
    listed = opsagent("runs", "--source", "cli", "--status", "queued")
    assert r"look \x1b[2Jhere" in listed.out
    assert opsagent("runs", "--source", "slack").out == "No such runs.\n"
    stopped = opsagent("cancel", accepted["runId"][:6], "--json")
    assert stopped.json["status"] == "cancelled"
    assert opsagent("retry", accepted["runId"][:6], "--json").json["runId"] != accepted["runId"]


def test_following_a_run_works_on_it_here_and_ends_with_its_result(opsagent) -> None:
    said = opsagent("run", "what nobody wrote a runbook for", "--follow")
    assert said.code == 0
    assert "completed" in said.out
    lines = [json.loads(line) for line in opsagent("run", "the same", "--follow", "--json").out.splitlines()]
    assert (lines[0]["status"], lines[-1]["status"]) == ("queued", "completed")
    assert [one["sequence"] for one in lines[1:-1]] == sorted(one["sequence"] for one in lines[1:-1])


def test_a_person_sees_the_effect_approves_it_and_it_happens_once(
    opsagent, machine: Path, asking: Callable[[], str]
) -> None:
    run_id = asking()
    assert f"{run_id[:8]}:2" in opsagent("approve").out
    nobody = opsagent("approve", run_id[:8])
    assert (nobody.code, "nothing was decided" in nobody.err) == (2, True)
    no = opsagent("approve", run_id[:8], typed="n\n")
    assert no.code == 4
    assert no.out.index("writes") < no.out.index("The exact command") < no.out.index("⟦ada⟧")
    assert not (machine / "marker").exists()
    yes = opsagent("approve", f"{run_id[:8]}:2", "--notes", "seen", "--follow", typed="y\n")
    assert yes.code == 0, yes.out + yes.err
    assert (machine / "marker").exists()
    shown = opsagent("show", run_id[:8]).out
    assert "granted by cli:" in shown
    assert "(seen)" in shown
    assert opsagent("approve").out == "Nothing waits for a person.\n"
    assert opsagent("approve", run_id[:8], "--yes").code == 3


def test_a_refusal_ends_the_run_and_nothing_happens(opsagent, machine: Path, asking: Callable[[], str]) -> None:
    run_id = asking()
    said = opsagent("reject", run_id[:8], "--yes", "--follow")
    assert said.code == 1
    assert "Refused" in said.out
    assert not (machine / "marker").exists()
    steps = opsagent("show", run_id, "--json").json["steps"]
    assert [one["status"] for one in steps if one["name"] == "put"] == ["refused"]


def test_json_never_asks_and_resolve_wants_an_unknown_step(opsagent, asking: Callable[[], str]) -> None:
    run_id = asking()
    assert opsagent("approve", run_id[:8], "--json").json["error"] == "invalid-input"
    assert opsagent("resolve", run_id[:8], "2", "happened").code == 4
    assert opsagent("resolve", run_id[:8], "99", "happened").code == 3


def test_the_record_names_the_person(opsagent) -> None:
    opsagent("acting", "on")
    entries = [json.loads(line) for line in opsagent("audit", "--json").out.splitlines()]
    assert entries[-1]["actor"].startswith("cli:")
    assert {"sequence", "at", "actor", "action", "hash", "previous"} <= set(entries[-1])


def test_the_folder_is_for_its_owner_only(opsagent) -> None:
    opsagent("runs")
    assert stat.S_IMODE(opsagent.folder.stat().st_mode) == 0o700


def test_doctor_says_what_works_and_makes_nothing(opsagent) -> None:
    said = opsagent("doctor", "--json")
    checks = {one["name"]: one for one in said.json["checks"]}
    assert {"python", "sqlite", "fts5", "shfmt", "bash", "data folder", "disk", "clock", "server", "store"} <= set(
        checks
    )
    assert checks["store"]["state"] == "ok"
    assert checks["encryption key"]["state"] == "degraded"
    assert checks["encryption key"]["mend"]
    assert "none" in checks["model"]["means"]
    assert said.code == (0 if said.json["ok"] else 1)
    assert not opsagent.folder.exists()
    assert "encryption key" in opsagent("doctor").out


def test_doctor_asks_the_running_server_for_its_worker(opsagent) -> None:
    why = "it has stopped. To mend: read the log."
    with answering({"degraded": [{"part": "worker", "why": why}, {"part": "sandbox", "why": "weak"}]}) as port:
        opsagent.folder.mkdir(mode=0o700)
        write_server(opsagent.folder, host="127.0.0.1", port=port)
        checks = {one["name"]: one for one in opsagent("doctor", "--json").json["checks"]}
    assert checks["server"]["state"] == "ok"
    assert (checks["worker"]["state"], checks["worker"]["means"]) == ("degraded", "it has stopped.")
    assert checks["worker"]["mend"] == "read the log."
    assert checks["sandbox"]["means"] != "weak"


@contextmanager
def answering(about: object) -> Iterator[int]:
    """A server that says this about itself; its port."""
    body = json.dumps(about).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_doctor_names_a_policy_that_does_not_load(opsagent, tmp_path: Path) -> None:
    wrong = tmp_path / "policy.yaml"
    wrong.write_text("nonsense: true\n")
    said = opsagent("doctor", "--json", env={"OPSAGENT_ADMIN_POLICY_FILE": str(wrong)})
    assert said.code == 1
    assert [one["state"] for one in said.json["checks"] if one["name"] == "policy"] == ["missing"]


def test_slack_users_are_linked_listed_and_unlinked(opsagent) -> None:
    assert opsagent("slack", "link", "U0123", "ada", "--role", "approver", "--json").json["person"] == "ada"
    (one,) = opsagent("slack", "people", "--json").json["people"]
    assert (one["user"], one["role"], one["workspace"]) == ("U0123", "approver", "")
    assert "ada" in opsagent("slack", "people").out
    assert opsagent("slack", "link", "u0123", "ada", "--role", "viewer").code == 2
    assert opsagent("slack", "link", "U0123", "a/b", "--role", "viewer").code == 2
    assert opsagent("slack", "unlink", "U0123").code == 0
    assert opsagent("slack", "unlink", "U0123").code == 3
    assert opsagent("slack", "workspace", "T0123", "--tenant", "acme").code == 0
    assert opsagent("slack", "workspace", "T0123").code == 4
    assert opsagent("slack", "workspaces", "--tenant", "acme").out.strip() == "T0123"
    assert opsagent("slack", "workspace", "T0123", "--tenant", "acme", "--remove").code == 0


def test_the_slack_manifest_fits_this_server(opsagent) -> None:
    assert opsagent("slack", "manifest").code == 2
    made = opsagent("slack", "manifest", "--json", env={"OPSAGENT_PUBLIC_URL": "https://ops.example/"}).json
    (command,) = made["features"]["slash_commands"]
    assert command["url"] == "https://ops.example/api/v1/trigger/slack"
    assert command["should_escape"] is False
    asked = made["settings"]["interactivity"]["request_url"]
    assert asked == "https://ops.example/api/v1/slack/interactions"
    said = opsagent("slack", "manifest", "--url", "https://other.example")
    assert yaml.safe_load(said.out)["settings"]["interactivity"]["request_url"].startswith("https://other.example/")
