from __future__ import annotations

import json
from pathlib import Path


def test_one_command(opsagent) -> None:
    verdict = opsagent("policy", "explain", "--json", "--", "df -h | sort").json
    assert set(verdict) == {"command", "verdict", "rule", "reason", "manifest"}
    assert (verdict["command"], verdict["verdict"]) == ("df -h | sort", "ALLOW")
    assert opsagent("policy", "explain", "--json", "--", "rm", "-rf", "/srv/x y").json["command"] == "rm -rf '/srv/x y'"
    words = opsagent("policy", "explain", "--", "rm -rf /srv/x").out
    assert words.startswith("ASK")
    assert "/srv/x" in words


def test_a_batch_keeps_its_order_and_needs_no_store(opsagent, tmp_path: Path) -> None:
    commands = [b"df -h", b"rm -rf /", b"", b"echo \xff\xfe", b"uptime\r", b"echo \xe2\x80\xaehidden", b"touch x"]
    file = tmp_path / "commands.txt"
    file.write_bytes(b"\n".join(commands) + b"\n")
    lines = opsagent("policy", "explain", "--batch", file).out.splitlines()
    verdicts = [json.loads(line) for line in lines]
    assert len(verdicts) == len(commands)
    assert [one["verdict"] for one in verdicts[:2]] == ["ALLOW", "DENY"]
    assert verdicts[2]["command"] == ""
    assert (verdicts[3]["verdict"], verdicts[5]["verdict"]) == ("DENY", "DENY")
    assert verdicts[4]["command"] == "uptime"
    assert verdicts[6]["verdict"] == "ASK"
    assert not opsagent.folder.exists()


def test_a_batch_may_come_from_standard_input(opsagent) -> None:
    assert json.loads(opsagent("policy", "explain", "--batch", "-", typed="uptime\n").out)["verdict"] == "ALLOW"


def test_a_connection_is_looked_up_in_the_store(opsagent, machine: Path) -> None:
    said = opsagent("policy", "explain", "--connection", "machine", "--json", "--", "uptime")
    assert said.json["verdict"] == "ALLOW"
    assert opsagent("policy", "explain", "--connection", "nowhere", "--", "uptime").code == 3
