"""The broker: values go in, one attempt gets them out, rotation happens while it works, mounts stay in their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.secrets.broker import Broker
from opsagent.adapters.secrets.environment import EnvironmentKeeper
from opsagent.adapters.secrets.files import FileKeeper
from opsagent.adapters.secrets.sealing import Sealing
from opsagent.adapters.stores.memory import open_memory
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind, Keeper
from opsagent.errors import ConfigurationError, Forbidden, InputError, NotFound, UnavailableError
from opsagent.ports.stores import Stores

HERE = Connection(id="1", tenant="acme", name="shopdb")
KEY = os.urandom(32)


@pytest.fixture
async def stores():
    made = open_memory(ManualClock(), SeededIds())
    await made.housekeeping.open()
    yield made
    await made.housekeeping.close()


def broker(
    stores: Stores, *keys: bytes, root: Path | None = None, environment=(), learn=lambda _values: None
) -> Broker:
    keepers = {Keeper.FILE: FileKeeper(root), Keeper.ENV: EnvironmentKeeper(dict(environment))}
    return Broker(stores.credentials, Sealing(keys or (KEY,)), keepers, ManualClock(), SeededIds(), learn)


def token(**given) -> Credential:
    return Credential(id="", tenant="acme", name="api", kind=CredentialKind.TOKEN, **given)


async def test_a_value_goes_in_and_is_opened_for_an_attempt(stores: Stores) -> None:
    learnt: list[str] = []
    made = broker(stores, learn=learnt.extend)
    stored = await made.keep(token(), {"token": "t0p-s3cret"}, "person:ada")
    assert stored.version == 1
    login = await made.open("acme", "api", HERE)
    assert (login.values, login.version) == ({"token": "t0p-s3cret"}, await made.version("acme", "api", HERE))
    assert "t0p" not in repr(login) + str(await stores.audit.list("acme")) + str(stored)
    assert "t0p-s3cret" in learnt
    assert (await stores.credentials.get("acme", "api")).used_by == "shopdb"


async def test_a_new_value_is_a_new_version(stores: Stores) -> None:
    made = broker(stores)
    first = await made.keep(token(), {"token": "one-1111"}, "p")
    second = await made.keep(token(), {"token": "two-2222"}, "p")
    assert (second.id, second.version) == (first.id, 2)
    before = await made.version("acme", "api", HERE)
    await stores.credentials.delete("acme", "api", "p")
    third = await made.keep(token(), {"token": "two-2222"}, "p")
    assert third.version == 1
    assert await made.version("acme", "api", HERE) != before  # another credential, whatever it is called
    assert (await made.open("acme", "api", HERE)).values == {"token": "two-2222"}


async def test_only_its_connections_and_its_tenant_use_it(stores: Stores) -> None:
    made = broker(stores)
    await made.keep(token(connections=("other",)), {"token": "one-1111"}, "p")
    for ask in (made.version, made.open):
        with pytest.raises(Forbidden):
            await ask("acme", "api", HERE)
        with pytest.raises(NotFound):
            await ask("evil", "api", HERE)


@pytest.mark.parametrize("values", [{}, {"token": ""}, {"password": "x"}, {"token": "x", "more": "y"}])
async def test_fields_that_do_not_fit_are_refused(stores: Stores, values: dict[str, str]) -> None:
    with pytest.raises(InputError):
        await broker(stores).keep(token(), values, "p")
    assert await stores.credentials.list("acme") == []


async def test_the_key_is_rotated_while_everything_goes_on(stores: Stores) -> None:
    new = os.urandom(32)
    await broker(stores, KEY).keep(token(), {"token": "one-1111"}, "p")
    both = broker(stores, new, KEY)
    version = (await both.open("acme", "api", HERE)).version
    assert await both.rotate_key("acme") == 1
    assert await both.rotate_key("acme") == 0
    login = await broker(stores, new).open("acme", "api", HERE)
    assert (login.values, login.version) == ({"token": "one-1111"}, version)
    with pytest.raises(ConfigurationError):
        await broker(stores, KEY).open("acme", "api", HERE)


async def test_a_mounted_folder_is_read_and_nothing_outside_it(stores: Stores, tmp_path: Path) -> None:
    root = tmp_path / "mounts"
    (root / "acme" / "api" / "..data").mkdir(parents=True)
    (root / "acme" / "api" / "..data" / "token").write_text("m0unted-s3cret\n")
    (root / "acme" / "api" / "token").symlink_to("..data/token")  # as Kubernetes lays it
    made = broker(stores, root=root)
    await made.keep(token(keeper=Keeper.FILE, reference="acme/api"), {}, "p")
    before = await made.version("acme", "api", HERE)
    assert (await made.open("acme", "api", HERE)).values == {"token": "m0unted-s3cret"}
    (root / "acme" / "api" / "..data" / "token").write_text("an0ther\n")
    assert await made.version("acme", "api", HERE) != before
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "token").write_text("not yours")
    (root / "acme" / "link").symlink_to(tmp_path / "outside")
    (root / "other").mkdir()
    for reference in ("acme/../../outside", "acme/../other", "acme/..", "acme/link"):
        await made.keep(token(keeper=Keeper.FILE, reference=reference), {}, "p")
        with pytest.raises(ConfigurationError):
            await made.open("acme", "api", HERE)
    for reference in ("/etc", "other", "../outside", ""):
        with pytest.raises((InputError, Forbidden)):
            await made.keep(token(keeper=Keeper.FILE, reference=reference), {}, "p")
    await made.keep(token(keeper=Keeper.FILE, reference="acme/gone"), {}, "p")
    with pytest.raises(UnavailableError):
        await made.open("acme", "api", HERE)


@pytest.mark.parametrize("keeper", [Keeper.VAULT, Keeper.AWS])
async def test_a_keeper_that_is_not_set_up_is_refused_at_once(stores: Stores, keeper: Keeper) -> None:
    with pytest.raises(InputError, match="not set up") as caught:
        await broker(stores).keep(token(keeper=keeper, reference="x"), {}, "p")
    assert caught.value.fix.startswith("Set ")
    assert await stores.credentials.list("acme") == []


async def test_an_outside_value_is_learnt_bound_and_opened(stores: Stores) -> None:
    learnt: list[str] = []
    here = Connection(id="1", tenant="default", name="shopdb")

    async def stored(reference: str) -> None:
        await broker(stores).keep(
            Credential(
                id="", tenant="default", name="api", kind=CredentialKind.TOKEN, keeper=Keeper.ENV, reference=reference
            ),
            {},
            "p",
        )

    await stored("API")
    first = broker(stores, environment={"api": "one-1111", "other": "one-1111"}.items(), learn=learnt.extend)
    version = await first.version("default", "api", here)
    login = await first.open("default", "api", here)
    assert (login.values, login.version) == ({"token": "one-1111"}, version)
    assert learnt == ["one-1111"]
    again = broker(stores, environment={"api": "one-1111"}.items())
    assert await again.version("default", "api", here) == version, "a restart does not ask anew"
    changed = broker(stores, environment={"api": "two-2222"}.items())
    assert await changed.version("default", "api", here) != version
    await stored("OTHER")
    assert await first.version("default", "api", here) != version, "another reference, though the value is the same"


async def test_a_value_is_never_given_for_an_outside_keeper(stores: Stores) -> None:
    with pytest.raises(InputError, match="Somebody else"):
        await broker(stores).keep(token(keeper=Keeper.FILE, reference="acme/api"), {"token": "x"}, "p")
