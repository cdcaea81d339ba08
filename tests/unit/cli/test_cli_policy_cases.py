"""`opsagent policy test`: expected verdicts as data, for every language that is judged here."""

from __future__ import annotations

import pytest

GOOD = """
- {command: "df -h | sort", verdict: ALLOW, rule: proven-read}
- {command: "rm -rf /", verdict: DENY}
- {command: systemctl restart shop, verdict: ASK, rule: effect}
- {command: "select count(*) from orders", address: "postgresql://db1/shop", verdict: ALLOW}
- {command: "update orders set a = 1", address: "mysql://db1/shop", verdict: ASK}
- {command: "drop database shop", address: "postgresql://db1/shop", verdict: DENY, rule: forbidden}
- {command: uptime, address: "ssh://db1", verdict: ALLOW}
"""


def test_all_as_expected(opsagent, tmp_path):
    file = tmp_path / "cases.yaml"
    file.write_text(GOOD)
    said = opsagent("policy", "test", str(file))
    assert (said.code, said.out.strip()) == (0, "7 of 7 as expected.")


def test_a_command_that_gets_something_else_is_told_with_its_line(opsagent, tmp_path):
    file = tmp_path / "cases.yaml"
    file.write_text(GOOD + "- {command: rm x, verdict: ALLOW}\n- {command: df, verdict: ALLOW, rule: other}\n")
    said = opsagent("policy", "test", str(file))
    assert said.code == 1
    assert f"{file}:9: ASK by effect, expected ALLOW" in said.out.replace("\n", "")
    assert "7 of 9" in said.out


@pytest.mark.parametrize(
    "text",
    ["", "a: b", "- 7", "- {command: df}", "- {command: df, verdict: MAYBE}", "- {command: df, verdict: ASK, why: x}",
     "- {verdict: ASK}", "[", "- {command: [df], verdict: ASK}"],
)  # fmt: skip
def test_a_file_that_is_not_understood_is_refused(opsagent, tmp_path, text):
    file = tmp_path / "cases.yaml"
    file.write_text(text)
    said = opsagent("policy", "test", str(file))
    assert said.code == 2
    assert "Traceback" not in said.out + said.err


def test_explaining_on_a_target_that_is_not_registered(opsagent):
    said = opsagent("policy", "explain", "--address", "postgresql://db1/shop", "--", "select pg_read_file('x')")
    assert "ASK" in said.out
    assert "pg_read_file" in said.out
    assert opsagent("policy", "explain", "--address", "gopher://x", "--", "x").code == 2
    said = opsagent("policy", "explain", "--address", "https://api.example.com/v1", "--", "GET /orders/7")
    assert "ALLOW" in said.out
    said = opsagent("policy", "explain", "--address", "https://api.example.com/v1", "--", "DELETE /orders/7")
    assert "ASK" in said.out
