"""The policy: what comes first, what a rule can do, and when scratch work need not ask."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Invocation, Manifest, Proof
from opsagent.domain.policy import SANDBOXES, Policy, Rule, explain, judge, registered

READ = Manifest(proof=Proof.READ, invocations=(Invocation("df", ("-h",)),), reads=("/var",))
EFFECT = Manifest(proof=Proof.EFFECT, invocations=(Invocation("touch", ("a",)),), writes=("a",), reasons=("writes a",))
SANDBOX = Connection(id="c", tenant="t", name="sandbox")
PROD = Connection(id="p", tenant="t", name="web", reach=Reach.HOST, hosts=("web01", "db:5432"))
COMMAND = Command(executor="shell", text="df -h", connection_id="c")
POLICY = Policy(version="v", scratch_backends=("bwrap",))


def decide(manifest, connection=PROD, policy=POLICY, command=COMMAND, **more):
    return judge(policy, manifest, command=command, connection=connection, **more)


def test_a_proven_read_is_allowed_and_says_so():
    verdict = decide(READ)
    assert (verdict.decision, verdict.rule) == (Decision.ALLOW, "proven-read")


def test_what_is_not_proven_asks_with_its_reasons():
    verdict = decide(replace(READ, proof=Proof.UNKNOWN, reasons=("a", "b", "c", "d", "e")))
    assert (verdict.decision, verdict.rule) == (Decision.ASK, "not-proven")
    assert "a; b; c; and 2 more" in verdict.reason


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (EFFECT, "It writes a."),
        (replace(EFFECT, reasons=("rm deletes files", "deletes /x")), "rm deletes files; it deletes /x."),
        (replace(EFFECT, reasons=("sends a signal to a process",)), "It sends a signal to a process."),
        (replace(EFFECT, reasons=()), "It changes something."),
        (replace(EFFECT, reasons=("writes " + "x" * 500,)), "It writes " + "x" * 149 + "…."),
        (replace(EFFECT, reasons=("writes a\u202eb",)), "It writes a\\u202eb."),
        (replace(EFFECT, forbidden=("deletes the system folder /",)), "Never allowed: it deletes the system folder /."),
        (replace(READ, sensitive=("password hashes: /etc/shadow",)),
         "It may reveal secrets (password hashes: /etc/shadow)."),
        (replace(READ, contacts=("evil",)), "It contacts evil, which is not registered for the connection `web`."),
        (Manifest(proof=Proof.UNKNOWN), "Not proven harmless: nothing is known about what it does."),
        (replace(READ, proof=Proof.UNKNOWN, reasons=("df: cannot tell what is contacted: $X",)),
         "Not proven harmless: in df, nobody can tell what is contacted: $X."),
        (replace(READ, proof=Proof.UNKNOWN, reasons=("it does not parse: 1:1: `if` lacks its end",)),
         "Not proven harmless: it does not parse: 1:1: `if` lacks its end."),
    ],
)  # fmt: skip
def test_each_reason_is_one_clean_sentence(manifest, words):
    assert decide(manifest).reason == words


def test_the_order_of_the_answers():
    everything = replace(READ, forbidden=("rm /",), sensitive=("keys",), contacts=("evil",))
    assert decide(everything).rule == "forbidden"
    everything = replace(everything, forbidden=())
    assert decide(everything, command=replace(COMMAND, text="df \u202e")).rule == "invisible-characters"
    assert decide(everything, in_scope=False).rule == "out-of-scope"
    assert decide(everything).rule == "sensitive"
    assert decide(replace(everything, sensitive=())).rule == "unregistered-host"


@pytest.mark.parametrize(
    ("contact", "known"),
    [("web01", True), ("WEB01:80", True), ("db:5432", True), ("db", False), ("db:1", False), ("web01.evil", False),
     ("evil", False)],
)  # fmt: skip
def test_hosts(contact, known):
    assert registered(contact, PROD.hosts) is known


def test_ipv6_hosts():
    assert registered("[::1]:80", ("::1",))
    assert registered("::1", ("::1",))
    assert not registered("[::2]:80", ("::1",))


def test_a_rule_tightens_by_name_path_environment_and_connection():
    rule = Rule(id="r", decision=Decision.ASK, reason="Ask.", commands=("d?",), environments=("prod",))
    policy = replace(POLICY, rules=(rule,))
    assert decide(READ, policy=policy).rule == "r"
    assert decide(READ, policy=policy, connection=replace(PROD, environment="dev")).rule == "proven-read"
    assert decide(replace(READ, invocations=(Invocation("ls"),)), policy=policy).rule == "proven-read"
    paths = replace(POLICY, rules=(replace(rule, commands=(), paths=("/var",)),))
    assert decide(READ, policy=paths).rule == "r"
    assert decide(replace(READ, reads=("/variable",)), policy=paths).rule == "proven-read"
    deny = replace(POLICY, rules=(rule, replace(rule, id="d", decision=Decision.DENY)))
    assert decide(READ, policy=deny).rule == "d"


def test_a_rule_about_a_command_also_speaks_of_names_that_are_not_written_out():
    policy = replace(POLICY, rules=(Rule(id="r", decision=Decision.DENY, reason="No.", commands=("rm",)),))
    assert decide(replace(READ, invocations=(Invocation(None),)), policy=policy).rule == "r"
    assert decide(Manifest(proof=Proof.UNKNOWN), policy=policy).rule == "r"


def test_scratch_work_in_a_strong_sandbox_need_not_ask():
    assert decide(EFFECT, connection=SANDBOX, backend="bwrap").rule == "sandbox-scratch"
    for manifest, connection, command, backend in (
        (EFFECT, SANDBOX, COMMAND, "uid"),
        (EFFECT, SANDBOX, COMMAND, ""),
        (EFFECT, PROD, replace(COMMAND, reach=Reach.HOST), "bwrap"),
        (replace(EFFECT, writes=("/etc/x",)), SANDBOX, COMMAND, "bwrap"),
        (replace(EFFECT, writes=("../x",)), SANDBOX, COMMAND, "bwrap"),
        (replace(EFFECT, writes=("~/x",)), SANDBOX, COMMAND, "bwrap"),
        (replace(EFFECT, deletes=("/",)), SANDBOX, COMMAND, "bwrap"),
        (replace(EFFECT, writes=()), SANDBOX, COMMAND, "bwrap"),
        (replace(EFFECT, services=("nginx",)), SANDBOX, COMMAND, "bwrap"),
        (replace(EFFECT, executes=("x",)), SANDBOX, COMMAND, "bwrap"),
        (replace(EFFECT, proof=Proof.UNKNOWN), SANDBOX, COMMAND, "bwrap"),
        (EFFECT, SANDBOX, replace(COMMAND, credential="db"), "bwrap"),
    ):
        assert decide(manifest, connection=connection, command=command, backend=backend).decision is Decision.ASK


@pytest.mark.parametrize("backend", SANDBOXES)
def test_scratch_work_need_not_ask_in_what_is_at_least_as_strong(backend):
    held = backend != "rlimits"
    assert (decide(EFFECT, connection=SANDBOX, backend=backend).rule == "sandbox-scratch") is held


SANDBOXED, ON_HOST = COMMAND, replace(COMMAND, reach=Reach.HOST)
LEAST = replace(POLICY, minimum_reads="bwrap", minimum_effects="bwrap+seccomp")


@pytest.mark.parametrize(
    ("manifest", "command", "backend", "host_backend", "weak"),
    [
        (READ, SANDBOXED, "rlimits", "bwrap", True),
        (READ, SANDBOXED, "bwrap", "rlimits", False),
        (READ, ON_HOST, "bwrap", "rlimits", True),
        (READ, ON_HOST, "rlimits", "bwrap", False),
        (EFFECT, SANDBOXED, "bwrap", "bwrap+seccomp", True),
        (EFFECT, SANDBOXED, "bwrap+seccomp", "rlimits", False),
        (replace(EFFECT, proof=Proof.UNKNOWN), SANDBOXED, "bwrap", "bwrap", True),
        (EFFECT, ON_HOST, "rlimits", "rlimits", False),  # free on purpose; a person approves it
        (READ, SANDBOXED, "postgresql", "", False),
        (READ, ON_HOST, "", "", False),
    ],
)
def test_a_sandbox_below_the_minimum_is_refused(manifest, command, backend, host_backend, weak):
    told = decide(manifest, policy=LEAST, command=command, backend=backend, host_backend=host_backend)
    assert (told.rule == "weak-sandbox") is weak
    if weak:
        assert told.decision is Decision.DENY
        assert (
            f"held in by {host_backend if command is ON_HOST else backend}, and the policy asks for bwrap"
            in told.reason
        )
        assert "opsagent doctor" in told.reason
    without = decide(manifest, command=command, backend=backend, host_backend=host_backend)
    assert without.rule != "weak-sandbox"


def test_explain_is_plain_data():
    told = explain("df -h", decide(READ))
    assert (told["command"], told["verdict"], told["rule"]) == ("df -h", "ALLOW", "proven-read")
    assert told["manifest"]["reads"] == ("/var",)


@given(
    proof=st.sampled_from(Proof),
    sensitive=st.booleans(),
    forbidden=st.booleans(),
    scope=st.booleans(),
    contact=st.booleans(),
)
def test_only_a_clean_proven_read_is_ever_allowed_on_a_host(proof, sensitive, forbidden, scope, contact):
    manifest = replace(
        READ,
        proof=proof,
        sensitive=("s",) if sensitive else (),
        forbidden=("f",) if forbidden else (),
        contacts=("evil",) if contact else (),
    )
    clean = proof is Proof.READ and scope and not (sensitive or forbidden or contact)
    assert (decide(manifest, in_scope=scope, backend="bwrap").decision is Decision.ALLOW) is clean


@given(st.sampled_from([Decision.ASK, Decision.DENY]), st.booleans(), st.sampled_from(Proof))
def test_a_rule_never_loosens(decision, matches, proof):
    strength = [Decision.ALLOW, Decision.ASK, Decision.DENY]
    rule = Rule(id="r", decision=decision, reason="Because.", commands=("df" if matches else "zz",))
    manifest = replace(READ, proof=proof)
    before, after = decide(manifest), decide(manifest, policy=replace(POLICY, rules=(rule,)))
    assert strength.index(after.decision) >= strength.index(before.decision)
