from __future__ import annotations

import json
from pathlib import Path

import pytest


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


def test_where_reaching_this_machine_is_off_a_connection_that_does_is_denied(opsagent, machine: Path) -> None:
    off = {"OPSAGENT_HOST_REACH": "false"}
    said = opsagent("policy", "explain", "--connection", "machine", "--json", "--", "uptime", env=off)
    assert (said.json["verdict"], said.json["rule"]) == ("DENY", "host-reach-off")
    assert opsagent("policy", "explain", "--json", "--", "uptime", env=off).json["verdict"] == "ALLOW"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("df -h | sort", "Every part of it is known to change nothing."),
        ("rm -rf /srv/x", "rm deletes files; it deletes /srv/x and everything below it."),
        ("cp a b", "cp copies files; it writes b."),
        ("mv a b", "mv moves files; it deletes a and everything below it; it writes b."),
        ("echo hi > /etc/motd", "It writes /etc/motd."),
        ("kill -9 123", "It sends a signal to a process."),
        ("service nginx restart", "It restarts a service."),
        ("systemctl restart nginx", "systemctl restart starts or restarts a service."),
        ("docker restart web", "docker restart changes containers."),
        ("frobnicate --now", "Not proven harmless: the command 'frobnicate' is not in the tables."),
        ("./deploy.sh", "Not proven harmless: ./deploy.sh is not a program of this system."),
        ("sort --nonsense", "Not proven harmless: in sort, the option --nonsense is not known to only read."),
        ("cat /etc/shadow", "It may reveal secrets (password hashes: /etc/shadow)."),
        ("curl http://a.example/", "It contacts a.example:80, which is not registered for the connection `host`."),
        ("sudo reboot", "Never allowed: reboot stops or restarts the machine."),
        ("dd if=/dev/zero of=/dev/sda", "Never allowed: it overwrites a disk (/dev/sda)."),
        ("", "Not proven harmless: there is no command in it."),
    ],
)
def test_the_reason_reads_well(opsagent, command: str, words: str) -> None:
    assert opsagent("policy", "explain", "--json", "--", command).json["reason"] == words
