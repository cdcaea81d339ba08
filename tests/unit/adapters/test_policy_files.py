"""Loading the policy: what ships loads, every mistake is told with its line, and only an admin can loosen."""

from __future__ import annotations

import pytest

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.analysers.shell.classify import RULES
from opsagent.adapters.executors.local import Backend
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Proof
from opsagent.domain.policy import SANDBOXES
from opsagent.errors import PolicyUnloadable


def write(folder, text, name="policy.yaml"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_what_ships_loads_and_is_not_small():
    policy, tables = load_policy()
    assert policy.version == tables.version
    assert len(tables.commands) > 400
    assert tables.sensitive
    assert tables.forbidden_writes
    assert tables.dangerous_variables
    assert load_policy()[0].version == policy.version


def test_every_named_check_exists():
    def checks(table):
        yield table.check
        for inner in table.subcommands.values():
            yield from checks(inner)

    _, tables = load_policy()
    for table in tables.commands.values():
        for check in checks(table):
            assert not check or check in RULES, table.name


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "empty"),
        ("- a\n", 1, "mapping"),
        ("rules: [\n", 2, "YAML"),
        ("rules: " + "[" * 200_000, 1, "nested"),
        ("rules:\n" + "- " * 200_000, 2, "nested"),
        ("rules: &again [*again]\n", 1, "alias"),
        ("rulez: []\n", 1, "rulez"),
        ("rules:\n  - id: a\n    decide: ASK\n    wen: {command: [x]}\n", 4, "wen"),
        ("rules:\n  - id: a\n    decide: ALLOW\n    when: {command: [x]}\n", 3, "ASK or DENY"),
        ("rules:\n  - id: a\n    decide: ASK\n", 2, "when"),
        ("rules:\n  - id: proven-read\n    decide: ASK\n    when: {command: [x]}\n", 2, "proven-read"),
        ("rules:\n  - id: a\n    id: b\n", 3, "twice"),
        ("commands:\n  x: {}\n", 1, "only the admin's file"),
        ("paths:\n  /opt/x: ls\n", 1, "only the admin's file"),
        ("rules:\n  - id: a\n    decide: ASK\n    when: {privileged: 3}\n", 4, "true or false"),
        ("rules: !!python/object:os.system [x]\n", 1, "list"),
        ("sensitive: [a]\n", 1, "mapping"),
    ],
)
def test_a_users_file_that_is_not_understood_stops_the_start(tmp_path, text, line, word):
    with pytest.raises(PolicyUnloadable) as raised:
        load_policy(user_file=write(tmp_path, text))
    assert word in raised.value.message
    assert f"policy.yaml:{line}:" in raised.value.message
    assert raised.value.fix


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("commands:\n  x: {option: -a}\n", "option"),
        ("commands:\n  x: {options: '-a:nonsense'}\n", "nonsense"),
        ("commands:\n  x: {arguments: 'reed*'}\n", "reed"),
        ("commands:\n  x: {words: '('}\n", "regular expression"),
        ("commands:\n  x: {like: nothing}\n", "nothing"),
        ("commands:\n  x: {wrap: rope}\n", "rope"),
        ("commands:\n  x: {style: odd}\n", "odd"),
        ("commands:\n  x: {only: {'-a': 'b'}}\n", "-a"),
        ("paths: {bin/x: ls}\n", "absolute"),
        ("paths: {/opt/../x: ls}\n", "absolute"),
        ("paths: {/opt/x: nothing}\n", "nothing"),
    ],
)
def test_an_admins_file_that_is_not_understood_stops_the_start(tmp_path, text, word):
    with pytest.raises(PolicyUnloadable, match=r"policy\.yaml:\d+: ") as raised:
        load_policy(admin_file=write(tmp_path, text))
    assert word in raised.value.message


def test_a_missing_or_unreadable_file_is_not_an_empty_policy(tmp_path):
    with pytest.raises(PolicyUnloadable, match="cannot be read"):
        load_policy(user_file=tmp_path / "missing.yaml")
    with pytest.raises(PolicyUnloadable, match="cannot be read"):
        load_policy(user_file=tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"rules: \xff\xfe\x00")
    with pytest.raises(PolicyUnloadable):
        load_policy(user_file=binary)


def test_rules_and_sensitive_paths_of_users_count(tmp_path):
    file = write(
        tmp_path,
        "rules:\n"
        "  - id: no-restart\n    decide: DENY\n    because: Not by night.\n"
        "    when: {command: [systemctl], environment: [prod], effect: true}\n"
        "sensitive:\n  /srv/pay/**: card data\n",
    )
    policy, tables = load_policy(user_file=file)
    (rule,) = policy.rules
    assert (rule.id, rule.decision, rule.reason, rule.effects_only) == (
        "no-restart", Decision.DENY, "Not by night.", True,
    )  # fmt: skip
    assert ("/srv/pay/**", "card data") in tables.sensitive
    assert policy.version != load_policy()[0].version


def test_a_rule_id_is_used_once_over_all_files(tmp_path):
    text = "rules:\n  - {id: a, decide: ASK, when: {command: [x]}}\n"
    with pytest.raises(PolicyUnloadable, match="twice"):
        load_policy(write(tmp_path, text, "admin.yaml"), write(tmp_path, text, "user.yaml"))


async def test_an_admin_can_make_something_a_read(tmp_path):
    file = write(
        tmp_path,
        "commands:\n  shopctl:\n    subcommands: {status: {options: '--json'}}\npaths: {/opt/shop/bin/df: df}\n",
    )
    _, tables = load_policy(admin_file=file)
    analyser = ShellAnalyser(ShellAnalyserConfig(), tables)
    texts = ["shopctl status --json", "shopctl stop", "/opt/shop/bin/df -h", "/opt/shop/bin/ls"]
    manifests = await analyser.analyse_all(texts, Connection(id="c", tenant="t", name="c"))
    assert [one.proof for one in manifests] == [Proof.READ, Proof.UNKNOWN, Proof.READ, Proof.UNKNOWN]


MINIMUM = "minimum_sandbox: {reads: %s, effects: %s}\n"


@pytest.mark.parametrize(
    ("admin", "user", "holds"), [("bwrap", "rlimits", "bwrap"), ("rlimits", "bwrap+seccomp", "bwrap+seccomp")]
)
def test_the_stronger_minimum_of_two_files_holds(tmp_path, admin, user, holds):
    policy, _ = load_policy(
        write(tmp_path, MINIMUM % (admin, admin), "admin.yaml"), write(tmp_path, MINIMUM % (user, user), "user.yaml")
    )
    assert (policy.minimum_reads, policy.minimum_effects) == (holds, holds)
    assert load_policy()[0].minimum_reads == ""
    alone, _ = load_policy(user_file=write(tmp_path, "minimum_sandbox: {effects: bwrap}\n"))
    assert (alone.minimum_reads, alone.minimum_effects) == ("", "bwrap")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("minimum_sandbox: {reads: docker}", "no sandbox of this machine"),
        ("minimum_sandbox: {read: bwrap}", "not known here"),
        ("minimum_sandbox: bwrap", "minimum_sandbox"),
        ("rules: [{id: weak-sandbox, decide: ASK, when: {command: [x]}}]", "not a free rule id"),
    ],
)
def test_a_minimum_that_is_not_understood_stops_the_start(tmp_path, text, words):
    with pytest.raises(PolicyUnloadable, match=words):
        load_policy(user_file=write(tmp_path, text + "\n"))


def test_the_policy_and_the_executor_order_the_sandboxes_alike():
    assert [*SANDBOXES, "direct"] == [str(one) for one in Backend]
