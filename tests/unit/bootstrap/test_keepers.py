"""Which keepers of credentials the settings set up, and that none of their secrets is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from manual_clock import ManualClock
from opsagent.adapters.secrets.environment import PREFIX
from opsagent.bootstrap import configs
from opsagent.domain.credential import Credential, CredentialKind, Keeper
from opsagent.errors import ConfigurationError
from opsagent.settings import Settings
from opsagent.settings.environment import FAMILIES


def loaded(tmp_path: Path, environ: Mapping[str, str]) -> Settings:
    return Settings.load({"data_dir": tmp_path}, environ)


def test_a_keeper_is_there_when_it_is_set_up(tmp_path: Path) -> None:
    nothing = configs.keepers(loaded(tmp_path, {}), ManualClock())
    assert set(nothing) == {Keeper.FILE, Keeper.ENV}
    environ = {
        "OPSAGENT_VAULT_ADDRESS": "https://vault.lan:8200",
        "OPSAGENT_VAULT_TOKEN": "t0ken-1111",
        "OPSAGENT_AWS_SECRETS_REGION": "eu-central-1",
    }
    assert set(configs.keepers(loaded(tmp_path, environ), ManualClock())) == set(Keeper) - {Keeper.STORE}


def test_a_vault_nobody_can_log_in_to_stops_the_start(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"OPSAGENT_VAULT_ADDRESS": "https://vault.lan:8200"})
    with pytest.raises(ConfigurationError, match="exactly one way"):
        configs.keepers(settings, ManualClock())


async def test_the_environment_opens_what_is_set_aside_and_hides_it(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("p-1111\n")
    settings = loaded(
        tmp_path,
        {
            "OPSAGENT_LOGIN_SHOPDB_USERNAME": "reader",
            "OPSAGENT_LOGIN_SHOPDB_PASSWORD_FILE": str(tmp_path / "pass"),
            "OPSAGENT_VAULT_TOKEN": "t0ken-1111",
            "OPSAGENT_VAULT_SECRET_ID": "s3cret-2222",
        },
    )
    keeper = configs.keepers(settings, ManualClock())[Keeper.ENV]
    asked = Credential(id="1", tenant="default", name="x", kind=CredentialKind.PASSWORD, reference="SHOPDB")
    assert (await keeper.read(asked)).fields == {"username": "reader", "password": "p-1111"}
    assert set(configs.secrets(settings)) == {"p-1111", "t0ken-1111", "s3cret-2222"}
    assert "p-1111" not in repr(settings)


def test_no_setting_can_be_read_as_a_credential() -> None:
    assert FAMILIES["logins"] == PREFIX
    assert not [name for _, name, _ in Settings.each() if f"opsagent_{name}".startswith(PREFIX.lower())]
