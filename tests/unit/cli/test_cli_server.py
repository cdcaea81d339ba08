"""`opsagent serve` as a process, and commands that talk to it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest


@dataclass
class Served:
    """A server, what it said, the terminal on its folder, and a machine registered there."""

    about: dict[str, Any]
    opsagent: Any
    machine: Path

    def get(self, path: str, **headers: str) -> int:
        return httpx.get(f"{self.about['url']}{path}", headers=headers, trust_env=False).status_code


def start(opsagent: Any, *words: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    server = opsagent.begin("serve", "--port", "0", "--json", *words)
    line = server.stdout.readline()
    assert line, server.communicate()[1]
    return server, json.loads(line)


def end(server: subprocess.Popen[str]) -> int:
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)
    return server.returncode


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, make_terminal: Any, furnish_it: Any) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    opsagent = make_terminal(folder)
    server, about = start(opsagent)
    yield Served(about, opsagent, furnish_it(opsagent, folder))
    assert end(server) == 0
    assert not (opsagent.folder / "server.json").exists()


def test_it_says_where_it_listens_and_keeps_its_key_for_its_owner(served: Served) -> None:
    assert served.about["port"] != 0
    assert served.about["acting"] is False
    assert "encryption" in served.about["degraded"]
    stored = json.loads((served.opsagent.folder / "server.json").read_text())
    assert stored["port"] == served.about["port"]
    key_file = Path(served.about["adminKey"])
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert served.get("/healthz") == 200
    assert served.get("/api/agent-ops", authorization=f"Bearer {key_file.read_text().strip()}") == 200
    assert served.get("/api/agent-ops") == 401


def test_a_second_server_on_the_folder_is_refused(served: Served) -> None:
    second = served.opsagent.process("serve", "--port", "0")
    assert second.code == 4
    assert str(served.about["pid"]) in second.err
    assert "fix: " in second.err
    assert "Traceback" not in second.err


def test_a_port_that_is_taken_is_said(served: Served, tmp_path: Path) -> None:
    taken = served.opsagent("serve", "--port", served.about["port"], "--data-dir", tmp_path / "other")
    assert taken.code == 2
    assert "--port 0" in taken.err


def test_commands_talk_to_the_server(served: Served) -> None:
    opsagent = served.opsagent
    made = opsagent("keys", "create", "--role", "viewer", "--json").json
    assert served.get("/api/agent-ops", **{"x-api-key": made["key"]}) == 200
    assert {one["name"] for one in opsagent("connections", "list", "--json").json["connections"]} == {
        "machine",
        "sandbox",
    }
    assert opsagent("connections", "show", "nowhere").code == 3
    assert opsagent("connections", "test", "machine", "--json").json["ok"] is True
    assert opsagent("runbooks", "search", "marker", "--json").json["results"][0]["id"] == "marker-gone"
    verdict = opsagent("policy", "explain", "--connection", "machine", "--json", "--", "uptime").json
    assert (set(verdict), verdict["verdict"]) == ({"command", "verdict", "rule", "reason", "manifest"}, "ALLOW")
    ended = opsagent("run", "what nobody wrote down", "--follow")
    assert (ended.code, "completed" in ended.out) == (0, True)
    assert opsagent("runs", "--json").json["runs"][0]["source"] == "cli"
    assert opsagent("keys", "create", "--role", "viewer", "--tenant", "acme", "--json").json["tenant"] == "acme"
    checks = {one["name"]: one for one in opsagent("doctor", "--json").json["checks"]}
    assert served.about["url"] in checks["server"]["means"]
    assert opsagent("audit", "--json").code == 0
    assert opsagent("tickets", "--json").json["tickets"] == []


def test_a_refused_runbook_says_file_and_line_through_the_server(served: Served, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.md"
    wrong.write_text("---\nid: wrong\ntitle: Wrong\nnonsense: 1\n---\n# Wrong\n")
    said = served.opsagent("runbooks", "add", wrong)
    assert said.code == 1
    assert f"{wrong}:4" in said.err


def test_an_effect_is_approved_through_the_server(served: Served) -> None:
    words = ("--runbook", "marker-gone", "--connection", "machine", "--parameter", "who=ada")
    following = served.opsagent.begin("run", "bring it back", "--follow", *words, stderr=subprocess.DEVNULL)
    said = ""
    while "The exact command" not in said:
        line = following.stdout.readline()
        assert line, said
        said += line
    (asked,) = served.opsagent("approve", "--json").json["approvals"]
    decided = served.opsagent("approve", f"{asked['runId'][:8]}:{asked['stepNumber']}", "--yes", "--json").json
    assert decided["status"] == "granted"
    rest, _ = following.communicate(timeout=60)
    assert following.returncode == 0, rest
    assert (served.machine / "marker").exists()
    assert "granted by person:" in served.opsagent("show", asked["runId"][:8]).out


def test_a_server_that_was_killed_is_not_talked_to_and_can_start_again(opsagent: Any) -> None:
    server, before = start(opsagent)
    server.kill()
    server.communicate(timeout=30)
    assert (opsagent.folder / "server.json").exists()
    assert opsagent("runs").out == "No runs yet.\n"
    again, after = start(opsagent)
    assert before["adminKey"] == after["adminKey"]
    assert end(again) == 0


def test_a_reachable_address_is_warned_about(opsagent: Any) -> None:
    server = opsagent.begin("serve", "--port", "0", "--host", "0.0.0.0", stderr=subprocess.DEVNULL)  # noqa: S104 - what the warning is for
    said = ""
    while "warning" not in said:
        line = server.stdout.readline()
        assert line, said
        said += line
    assert "TLS" in said
    assert end(server) == 0


def test_a_closed_pipe_is_no_crash(opsagent: Any) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert "Traceback" not in opsagent.process("keys", "--help", stdout=writing).err
    finally:
        os.close(writing)


def test_the_chat_page_of_a_running_server_is_named(served: Served) -> None:
    pytest.importorskip("gradio")
    said = served.opsagent("chat", "--gradio", "--json")
    assert (said.code, said.json["url"]) == (0, f"{served.about['url']}/talk/")
