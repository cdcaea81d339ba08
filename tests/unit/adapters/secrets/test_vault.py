"""Vault: log-ins, tokens that end, deleted and renewed secrets, a sealed Vault, and answers that are not its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from manual_clock import ManualClock
from opsagent.adapters.redaction import Redaction
from opsagent.adapters.secrets.vault import VaultKeeper
from opsagent.adapters.secrets.vault_login import VaultConfig
from opsagent.domain.credential import Credential, CredentialKind, Keeper
from opsagent.errors import ConfigurationError, InputError, UnavailableError
from servers.loopback import free_port
from servers.vault import Vault, vault

SHOP = Credential(
    id="1", tenant="default", name="x", kind=CredentialKind.TOKEN, keeper=Keeper.VAULT, reference="kv/data/shop"
)


@pytest.fixture
def server() -> Iterator[Vault]:
    with vault() as running:
        running.write("shop", {"token": "t0p-s3cret"})
        yield running


def keeper(server: Vault, **given: object) -> VaultKeeper:
    ways = {"token", "token_sink", "role_id", "kubernetes_role"}
    named = given if ways & set(given) else {"token": server.token(), **given}
    return VaultKeeper(VaultConfig(address=server.address, **named), ManualClock())  # type: ignore[arg-type]


async def test_a_file_with_the_token_is_read_each_time(server: Vault, tmp_path: Path) -> None:
    sink = tmp_path / "token"
    sink.write_text(server.token() + "\n")
    made = keeper(server, token_sink=sink)
    assert (await made.read(SHOP)).fields == {"token": "t0p-s3cret"}
    server.tokens.clear()
    with pytest.raises(ConfigurationError, match="refuses"):
        await made.read(SHOP)
    sink.write_text(server.token())
    assert (await made.read(SHOP)).fields == {"token": "t0p-s3cret"}
    sink.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await made.read(SHOP)


async def test_an_app_role_logs_in_once_and_again_before_its_token_ends(server: Vault) -> None:
    server.roles["ops"] = "role-s3cret"
    clock = ManualClock()
    config = VaultConfig(address=server.address, role_id="ops", secret_id="role-s3cret")
    made = VaultKeeper(config, clock)
    await made.read(SHOP)
    await made.read(SHOP)
    assert server.log_ins() == 1
    clock.move(server.lease_s * 0.9)
    await made.read(SHOP)
    assert server.log_ins() == 2
    server.tokens.clear()  # revoked: it logs in anew by itself
    await made.read(SHOP)
    assert server.log_ins() == 3
    assert "role-s3cret" not in repr(config)


async def test_an_app_role_that_may_not_read_is_told_so_once(server: Vault) -> None:
    server.roles["ops"] = "role-s3cret"
    made = keeper(server, role_id="ops", secret_id="wrong")
    with pytest.raises(ConfigurationError, match="does not accept the log-in"):
        await made.read(SHOP)
    assert server.log_ins() == 1


async def test_a_pod_logs_in_with_its_service_account(server: Vault, tmp_path: Path) -> None:
    server.pods["opsagent"] = "jwt-of-the-pod"
    (tmp_path / "jwt").write_text("jwt-of-the-pod\n")
    made = keeper(server, kubernetes_role="opsagent", kubernetes_token_file=tmp_path / "jwt")
    assert (await made.read(SHOP)).fields == {"token": "t0p-s3cret"}


async def test_a_policy_that_does_not_allow_it(server: Vault) -> None:
    made = keeper(server, token=server.token("kv/data/other"))
    with pytest.raises(ConfigurationError, match="refuses kv/data/shop") as caught:
        await made.read(SHOP)
    assert "policy" in caught.value.fix


async def test_a_deleted_version_is_not_looked_behind(server: Vault) -> None:
    server.write("shop", {"token": "newer-1111"})
    server.delete_newest("shop")
    with pytest.raises(ConfigurationError, match="deleted"):
        await keeper(server).read(SHOP)


async def test_a_secret_made_anew_has_another_mark_though_its_version_is_one_again(server: Vault) -> None:
    made = keeper(server)
    before = await made.read(SHOP)
    server.remove_all("shop")
    server.write("shop", {"token": "another-1111"})
    assert (await made.read(SHOP)).mark != before.mark


@pytest.mark.parametrize(
    ("status", "words"), [(501, "initialised"), (429, "too many"), (500, "failed"), (472, "failed")]
)
async def test_a_vault_that_cannot_answer_now(server: Vault, status: int, words: str) -> None:
    server.status = status
    with pytest.raises(UnavailableError, match=words):
        await keeper(server).read(SHOP)


async def test_a_sealed_vault_says_so_and_works_again_unsealed(server: Vault) -> None:
    made = keeper(server)
    server.sealed = True
    with pytest.raises(UnavailableError, match="sealed") as caught:
        await made.read(SHOP)
    assert caught.value.retryable
    server.sealed = False
    assert (await made.read(SHOP)).fields


async def test_nobody_listens() -> None:
    made = VaultKeeper(VaultConfig(address=f"http://127.0.0.1:{free_port()}", token="hvs.x"), ManualClock())
    with pytest.raises(UnavailableError, match="does not answer"):
        await made.read(SHOP)


async def test_the_token_does_not_follow_a_redirect(server: Vault) -> None:
    with vault() as elsewhere:
        server.redirect = elsewhere.address
        with pytest.raises(ConfigurationError, match="does not answer as Vault does"):
            await keeper(server).read(SHOP)
        assert elsewhere.asked == []


async def test_the_namespace_and_the_request_header_are_sent(server: Vault) -> None:
    await keeper(server, token=server.token(), namespace="ops/eu").read(SHOP)
    _, path, headers = server.asked[-1]
    assert (path, headers["x-vault-namespace"], headers["x-vault-request"]) == ("/v1/kv/data/shop", "ops/eu", "true")


@pytest.mark.parametrize("mount", ["kv", "team/kv"])
async def test_a_mount_may_have_a_slash(server: Vault, mount: str) -> None:
    server.write("a/data/b", {"token": "deep-1111"}, mount)
    asked = Credential(
        id="1", tenant="default", name="x", kind=CredentialKind.TOKEN, reference=f"{mount}/data/a/data/b"
    )
    assert (await keeper(server).read(asked)).fields == {"token": "deep-1111"}


@pytest.mark.parametrize(
    "reference",
    ["", "kv", "kv/shop", "kv/data/", "kv/data/../../sys/seal", "kv/data/a/./b", "kv/data/a//b", "/kv/data/a",
     "kv/data/a?x=1", "kv/data/a%2e%2e/b", "kv/data/a b\n", "kv/data/a#b c", "../kv/data/a"],
)  # fmt: skip
def test_a_reference_names_one_place_and_nothing_else(server: Vault, reference: str) -> None:
    asked = Credential(id="1", tenant="default", name="x", kind=CredentialKind.TOKEN, reference=reference)
    with pytest.raises(InputError, match="no reference to Vault"):
        keeper(server).check(asked)


@pytest.mark.parametrize(
    "address", ["http://vault.lan:8200", "ftp://x", "vault:8200", "https://", "http://127.0.0.1.evil.lan"]
)
def test_a_token_is_never_sent_in_the_open(address: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        VaultConfig(address=address, token="hvs.x")


@pytest.mark.parametrize("ways", [{}, {"token": "a", "role_id": "b"}, {"role_id": "a", "kubernetes_role": "b"}])
def test_there_is_one_way_to_log_in(ways: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="exactly one way"):
        VaultConfig(address="https://vault.lan", **ways)  # type: ignore[arg-type]


def test_a_token_of_vault_is_hidden_wherever_it_shows_up() -> None:
    assert "hvs" not in Redaction()("got hvs.CAESIJ3n0tReAlT0kenF0rTests0000 from it")
