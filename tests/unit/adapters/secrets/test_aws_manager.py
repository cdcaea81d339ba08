"""AWS Secrets Manager, against moto's server: plain texts, bytes, ARNs, what is gone, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from opsagent.adapters.secrets.aws_manager import AwsSecretsConfig, AwsSecretsKeeper, _refusal
from opsagent.domain.credential import Credential, CredentialKind, Keeper
from opsagent.errors import ConfigurationError, Forbidden, InputError, UnavailableError
from servers.loopback import free_port

REGION = "eu-central-1"
TOKEN = Credential(id="1", tenant="default", name="x", kind=CredentialKind.TOKEN, keeper=Keeper.AWS, reference="api")


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    moto_api_backend.reset()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def client(address: str) -> Any:
    return boto3.client("secretsmanager", region_name=REGION, endpoint_url=address)


@pytest.fixture
def keeper(address: str) -> AwsSecretsKeeper:
    return AwsSecretsKeeper(AwsSecretsConfig(region=REGION, endpoint=address))


async def test_a_plain_text_is_the_value_where_the_kind_has_one_field(client: Any, keeper: AwsSecretsKeeper) -> None:
    client.create_secret(Name="api", SecretString="t0p-s3cret")
    assert (await keeper.read(TOKEN)).fields == {"token": "t0p-s3cret"}
    assert (await keeper.read(replace(TOKEN, kind=CredentialKind.PASSWORD))).fields == {}


async def test_an_arn_names_it_too_and_the_tenant_stands_in_its_name(client: Any, keeper: AwsSecretsKeeper) -> None:
    arn = client.create_secret(Name="acme/api", SecretString='{"token": "t0p-s3cret"}')["ARN"]
    asked = replace(TOKEN, tenant="acme", reference=arn)
    keeper.check(asked)
    assert (await keeper.read(asked)).fields == {"token": "t0p-s3cret"}
    with pytest.raises(Forbidden):
        keeper.check(replace(asked, tenant="evil"))


async def test_bytes_are_refused(client: Any, keeper: AwsSecretsKeeper) -> None:
    client.create_secret(Name="api", SecretBinary=b"\0\1")
    with pytest.raises(ConfigurationError, match="bytes"):
        await keeper.read(TOKEN)


async def test_a_secret_that_is_to_be_deleted_is_gone(client: Any, keeper: AwsSecretsKeeper) -> None:
    client.create_secret(Name="api", SecretString="t0p-s3cret")
    client.delete_secret(SecretId="api")
    with pytest.raises(ConfigurationError, match="to be deleted"):
        await keeper.read(TOKEN)


async def test_nobody_listens(address: str) -> None:
    config = AwsSecretsConfig(region=REGION, endpoint=f"http://127.0.0.1:{free_port()}", timeout_s=60)
    with pytest.raises(UnavailableError, match="does not answer"):
        await AwsSecretsKeeper(config).read(TOKEN)


async def test_a_server_without_a_log_in_is_told_so(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="no way to log in"):
        await AwsSecretsKeeper(AwsSecretsConfig(region=REGION, endpoint=address)).read(TOKEN)


def test_a_refusal_names_what_to_allow_and_a_throttled_one_is_tried_again() -> None:
    refused = _refusal("api", "AccessDeniedException")
    assert isinstance(refused, ConfigurationError)
    assert "GetSecretValue" in refused.fix
    assert isinstance(_refusal("api", "DecryptionFailure"), ConfigurationError)
    assert isinstance(_refusal("api", "ThrottlingException"), UnavailableError)


@pytest.mark.parametrize(
    "reference", ["", "a b", "a\n", "a;b", "arn:aws:iam::123456789012:role/x", "api#a b", "x" * 600]
)
def test_a_reference_is_a_name_or_an_arn(keeper: AwsSecretsKeeper, reference: str) -> None:
    with pytest.raises(InputError):
        keeper.check(replace(TOKEN, reference=reference))
