"""Opens a credential kept by AWS Secrets Manager."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from opsagent.adapters.secrets.kept import Kept, fields_of, own_name, split
from opsagent.domain.credential import FIELDS, Credential
from opsagent.errors import ConfigurationError, InputError, OpsAgentError, UnavailableError

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")  # CreateSecret, API reference
_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:([A-Za-z0-9/_+=.@-]{1,519})")
_REFUSED = (
    "AccessDeniedException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "InvalidSignatureException",
)
_GONE = ("ResourceNotFoundException", "InvalidRequestException")  # the second: it is marked for deletion
_WRONG = ("DecryptionFailure", "InvalidParameterException", "ValidationException")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSecretsConfig:
    """`endpoint` is for a private or test endpoint. `timeout_s` bounds each wait, in seconds.

    The server logs in as AWS programs do: environment, shared files, or the role of its machine, task or pod.
    """

    region: str
    endpoint: str = ""
    timeout_s: float = 10.0


class AwsSecretsKeeper:
    """Fulfils `kept.OutsideKeeper`. The reference is a secret's name or ARN, perhaps with `#PART`."""

    def __init__(self, config: AwsSecretsConfig) -> None:
        self._config = config
        self._client: Any = None  # a client reads service descriptions when it is made: 50 to 100 ms

    def check(self, credential: Credential) -> None:
        """See the port. InputError, Forbidden."""
        name, part = split(credential.reference)
        arn = _ARN.fullmatch(name)
        if not (arn or _NAME.fullmatch(name)) or not re.fullmatch(r"[A-Za-z0-9_.-]*", part):
            raise InputError(
                f"{credential.reference!r} is no name of a secret in AWS Secrets Manager.",
                fix="Write its name or its ARN, and #PART behind it where it holds several credentials.",
            )
        own_name(credential, arn[1] if arn else name)

    async def read(self, credential: Credential) -> Kept:
        """See the port. The version labelled AWSCURRENT is read."""
        name, part = split(credential.reference)
        try:
            async with asyncio.timeout(self._config.timeout_s * 3):
                answer = await asyncio.to_thread(self._fetch, name)
        except TimeoutError as error:
            raise UnavailableError("AWS Secrets Manager answers too slowly.", fix="Look at the network.") from error
        text = answer.get("SecretString")
        if not isinstance(text, str):
            raise ConfigurationError(f"The secret {name} holds bytes, not text.", fix="Store JSON, or a plain text.")
        fields = fields_of(_json_fields(text), credential.kind, part)
        needed = FIELDS[credential.kind][0]
        if not fields and not part and len(needed) == 1:
            fields = {needed[0]: text}
        return Kept(fields=fields, mark=str(answer["VersionId"]))

    def _fetch(self, name: str) -> dict[str, Any]:
        try:
            import boto3  # type: ignore[import-untyped]
            from botocore.config import Config  # type: ignore[import-untyped]
            from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
        except ImportError as error:
            raise ConfigurationError("boto3 is not installed.", fix="pip install 'opsagent[aws]'") from error
        config, wait_s = self._config, self._config.timeout_s
        waits = Config(connect_timeout=wait_s, read_timeout=wait_s, retries={"total_max_attempts": 2})
        try:
            if self._client is None:
                self._client = boto3.session.Session().client(
                    "secretsmanager", region_name=config.region, endpoint_url=config.endpoint or None, config=waits
                )
            answer: dict[str, Any] = self._client.get_secret_value(SecretId=name)
        except ClientError as error:
            raise _refusal(name, error.response.get("Error", {}).get("Code", "")) from None
        except BotoCoreError as error:
            raise _no_answer(error) from error
        return answer


def _json_fields(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items() if isinstance(value, str | int)}


def _refusal(name: str, code: str) -> OpsAgentError:
    if code in _REFUSED:
        return ConfigurationError(
            f"AWS does not let this server read the secret {name} ({code}).",
            fix="Allow its role secretsmanager:GetSecretValue on that secret, and kms:Decrypt on its key.",
        )
    if code in _GONE:
        return ConfigurationError(
            f"AWS Secrets Manager has no secret {name}, or it is to be deleted.", fix="Create or restore it."
        )
    if code in _WRONG:
        return ConfigurationError(
            f"AWS Secrets Manager cannot open the secret {name} ({code}).", fix="Look at its name and its key."
        )
    return UnavailableError(f"AWS Secrets Manager failed ({code}).", fix="Try again; look at the state of AWS.")


def _no_answer(error: Exception) -> OpsAgentError:
    kind = type(error).__name__
    if "Credential" in kind or "Token" in kind or "Profile" in kind:
        return ConfigurationError(
            f"This server has no way to log in to AWS ({kind}).", fix="Give it a role, or the usual AWS variables."
        )
    return UnavailableError(f"AWS Secrets Manager does not answer ({kind}).", fix="Check the network and the region.")
