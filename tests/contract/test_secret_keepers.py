"""What every outside keeper of credentials promises: the present value, a mark that follows it, and one's own only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from manual_clock import ManualClock
from opsagent.adapters.secrets.aws_manager import AwsSecretsConfig, AwsSecretsKeeper
from opsagent.adapters.secrets.environment import EnvironmentKeeper
from opsagent.adapters.secrets.files import FileKeeper
from opsagent.adapters.secrets.kept import OutsideKeeper
from opsagent.adapters.secrets.vault import VaultKeeper
from opsagent.adapters.secrets.vault_login import VaultConfig
from opsagent.domain.credential import Credential, CredentialKind, Keeper
from opsagent.errors import ConfigurationError, Forbidden, InputError, UnavailableError
from servers.vault import vault


@dataclass
class World:
    """A keeper with a way to write what it keeps; `write` gives back what reads it from then on."""

    name: str
    prefix: str
    write: Callable[[str, dict[str, str]], OutsideKeeper]
    parts: bool = True


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], World]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    opened = []

    def in_vault() -> World:
        running = vault()
        server = running.__enter__()
        opened.append(lambda: running.__exit__(None, None, None))
        keeper = VaultKeeper(VaultConfig(address=server.address, token=server.token()), ManualClock())

        def write(name: str, fields: dict[str, str]) -> OutsideKeeper:
            server.write(name, fields)
            return keeper

        return World("vault", "kv/data/", write)

    def in_aws() -> World:
        import boto3

        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        moto_api_backend.reset()  # its secrets are the process's, not the server's
        opened.append(server.stop)
        address = "http://{}:{}".format(*server.get_host_and_port())
        client = boto3.client("secretsmanager", region_name="eu-central-1", endpoint_url=address)
        keeper = AwsSecretsKeeper(AwsSecretsConfig(region="eu-central-1", endpoint=address))
        known = set()

        def write(name: str, fields: dict[str, str]) -> OutsideKeeper:
            text = json.dumps(fields)
            if name in known:
                client.put_secret_value(SecretId=name, SecretString=text)
            else:
                client.create_secret(Name=name, SecretString=text)
            known.add(name)
            return keeper

        return World("aws", "", write)

    def in_files() -> World:
        def write(name: str, fields: dict[str, str]) -> OutsideKeeper:
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            for field, value in fields.items():
                (tmp_path / name / field).write_text(value)
            return FileKeeper(tmp_path)

        return World("files", "", write, parts=False)

    def in_environment() -> World:
        def write(name: str, fields: dict[str, str]) -> OutsideKeeper:
            return EnvironmentKeeper({f"{name}_{field}": value for field, value in fields.items()})

        return World("environment", "", write, parts=False)

    made = {"vault": in_vault, "aws": in_aws, "files": in_files, "environment": in_environment}
    yield lambda name: made[name]()
    for close in opened:
        close()


@pytest.fixture(params=["vault", "aws", "files", "environment"])
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    return worlds(request.param)


KEEPERS = {"vault": Keeper.VAULT, "aws": Keeper.AWS, "files": Keeper.FILE, "environment": Keeper.ENV}


def of(world: World, reference: str, kind: CredentialKind = CredentialKind.PASSWORD, **given: str) -> Credential:
    keeper = KEEPERS[world.name]
    asked = {"id": "1", "tenant": "default", "name": "it", "kind": kind, "keeper": keeper} | given
    return Credential(**asked, reference=world.prefix + reference)


async def test_the_present_value_is_read_and_only_the_fields_of_its_kind(world: World) -> None:
    keeper = world.write("shop", {"username": "ops", "password": "p-1111", "host": "db.lan"})
    kept = await keeper.read(of(world, "shop"))
    assert kept.fields == {"username": "ops", "password": "p-1111"}
    assert "p-1111" not in repr(kept)


async def test_the_mark_follows_the_value(world: World) -> None:
    first = await world.write("shop", {"username": "ops", "password": "p-1111"}).read(of(world, "shop"))
    keeper = world.write("shop", {"username": "ops", "password": "p-2222"})
    second = await keeper.read(of(world, "shop"))
    again = await keeper.read(of(world, "shop"))
    assert first.mark != second.mark
    assert again == second
    assert second.fields["password"] == "p-2222"


async def test_what_is_not_there_is_an_error_in_words(world: World) -> None:
    keeper = world.write("shop", {"username": "ops", "password": "p-1111"})
    with pytest.raises((ConfigurationError, UnavailableError)) as caught:
        await keeper.read(of(world, "another"))
    assert caught.value.fix
    assert "p-1111" not in str(caught.value)


async def test_a_tenant_names_its_own_only(world: World) -> None:
    keeper = world.write("acme/shop" if world.name != "environment" else "shop", {"username": "u", "password": "pw-1"})
    for other in ("evil", "acm", "acme/shop"):
        with pytest.raises(Forbidden):
            keeper.check(of(world, "acme/shop", tenant=other))
    if world.name == "environment":
        with pytest.raises(Forbidden):
            keeper.check(of(world, "shop", tenant="acme"))
        return
    keeper.check(of(world, "acme/shop", tenant="acme"))
    assert (await keeper.read(of(world, "acme/shop", tenant="acme"))).fields["password"] == "pw-1"
    keeper.check(of(world, "acme/shop"))


@pytest.mark.parametrize("reference", ["acme/../other/shop", "acme/x/../../other/shop"])
async def test_no_path_leads_out_of_the_tenant(world: World, reference: str) -> None:
    keeper = world.write("other/shop" if world.name != "environment" else "shop", {"username": "u", "password": "pw-1"})
    asked = of(world, reference, tenant="acme")

    async def checked_and_read() -> None:
        keeper.check(asked)
        await keeper.read(asked)

    with pytest.raises((InputError, Forbidden, ConfigurationError)):
        await checked_and_read()


async def test_several_credentials_in_one_secret_are_told_apart(world: World) -> None:
    if not world.parts:
        pytest.skip("a folder and the environment hold one credential for each name")
    fields = {"prod_username": "ops", "prod_password": "p-1111", "test_password": "t-2222", "api": "token-3333"}
    keeper = world.write("shop", fields)
    kept = await keeper.read(of(world, "shop#prod"))
    assert kept.fields == {"username": "ops", "password": "p-1111"}
    assert (await keeper.read(of(world, "shop#api", CredentialKind.TOKEN))).fields == {"token": "token-3333"}
