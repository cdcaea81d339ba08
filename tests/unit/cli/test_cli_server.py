"""`opsagent serve` as a process, and commands that talk to it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

MODULE = [sys.executable, "-m", "opsagent"]


def start(*words: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    server = subprocess.Popen(
        [*MODULE, "serve", "--port", "0", "--json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line, server.communicate()[1]
    return server, json.loads(line)


def end(server: subprocess.Popen[str]) -> int:
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)
    return server.returncode


@pytest.fixture
def served(opsagent) -> Iterator[dict[str, Any]]:
    server, about = start()
    yield about
    if server.poll() is None:
        assert end(server) == 0
    assert not (opsagent.folder / "server.json").exists()


def test_it_says_where_it_listens_and_keeps_its_key_for_its_owner(opsagent, served: dict[str, Any]) -> None:
    assert served["port"] != 0
    assert served["acting"] is False
    assert "encryption" in served["degraded"]
    assert json.loads((opsagent.folder / "server.json").read_text())["port"] == served["port"]
    key_file = Path(served["adminKey"])
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert httpx.get(f"{served['url']}/healthz", trust_env=False).status_code == 200
    key = key_file.read_text().strip()
    headers = {"authorization": f"Bearer {key}"}
    assert httpx.get(f"{served['url']}/api/agent-ops", headers=headers, trust_env=False).status_code == 200
    assert httpx.get(f"{served['url']}/api/agent-ops", trust_env=False).status_code == 401


def test_a_second_server_on_the_folder_is_refused(opsagent, served: dict[str, Any]) -> None:
    second = subprocess.run([*MODULE, "serve", "--port", "0"], capture_output=True, text=True, check=False, timeout=60)
    assert second.returncode == 4
    assert str(served["pid"]) in second.stderr
    assert "fix: " in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_said(served: dict[str, Any], tmp_path: Path) -> None:
    words = [*MODULE, "serve", "--port", str(served["port"]), "--data-dir", str(tmp_path / "other")]
    taken = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert taken.returncode == 2
    assert "--port 0" in taken.stderr


def test_commands_talk_to_the_server(opsagent, served: dict[str, Any], machine: Path) -> None:
    made = opsagent("keys", "create", "--role", "viewer", "--json").json
    headers = {"x-api-key": made["key"]}
    assert httpx.get(f"{served['url']}/api/agent-ops", headers=headers, trust_env=False).status_code == 200
    assert {one["name"] for one in opsagent("connections", "list", "--json").json["connections"]} == {
        "machine",
        "sandbox",
    }
    assert opsagent("connections", "show", "nowhere").code == 3
    assert opsagent("runbooks", "search", "marker", "--json").json["results"][0]["id"] == "marker-gone"
    assert opsagent("policy", "explain", "--connection", "machine", "--json", "--", "uptime").json["verdict"] == "ALLOW"
    ended = opsagent("run", "what nobody wrote down", "--follow")
    assert (ended.code, "completed" in ended.out) == (0, True)
    assert opsagent("keys", "create", "--role", "viewer", "--tenant", "acme", "--json").json["tenant"] == "acme"
    checks = {one["name"]: one for one in opsagent("doctor", "--json").json["checks"]}
    assert served["url"] in checks["server"]["means"]
    assert opsagent("audit", "--json").code == 0
    assert opsagent("tickets", "--json").json["tickets"] == []


def test_a_refused_runbook_says_file_and_line_through_the_server(
    opsagent, served: dict[str, Any], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.md"
    wrong.write_text("---\nid: wrong\ntitle: Wrong\nnonsense: 1\n---\n# Wrong\n")
    said = opsagent("runbooks", "add", wrong)
    assert said.code == 1
    assert f"{wrong}:4" in said.err


def test_an_effect_is_approved_through_the_server(opsagent, served: dict[str, Any], machine: Path) -> None:
    words = ("--runbook", "marker-gone", "--connection", "machine", "--parameter", "who=ada")
    following = subprocess.Popen(
        [*MODULE, "run", "bring it back", "--follow", *words], stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    said = ""
    while "The exact command" not in said:
        line = following.stdout.readline()
        assert line, said
        said += line
    (asked,) = opsagent("approve", "--json").json["approvals"]
    decided = opsagent("approve", f"{asked['runId'][:8]}:{asked['stepNumber']}", "--yes", "--json").json
    assert decided["status"] == "granted"
    rest, _ = following.communicate(timeout=60)
    assert following.returncode == 0, rest
    assert (machine / "marker").exists()
    assert "granted by person:" in opsagent("show", asked["runId"][:8]).out


def test_a_server_that_was_killed_is_not_talked_to(opsagent) -> None:
    server, _ = start()
    server.kill()
    server.communicate(timeout=30)
    assert (opsagent.folder / "server.json").exists()
    assert opsagent("runs").out == "No runs yet.\n"
    again, about = start()
    assert about["adminKey"]
    assert end(again) == 0


def test_a_reachable_address_is_warned_about(tmp_path: Path, opsagent) -> None:
    words = [*MODULE, "serve", "--port", "0", "--host", "0.0.0.0"]  # noqa: S104 - what the warning is for
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    said = ""
    while "warning" not in said:
        line = server.stdout.readline()
        assert line, said
        said += line
    assert "TLS" in said
    assert end(server) == 0


def test_a_closed_pipe_is_no_crash(opsagent) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*MODULE, "doctor"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
