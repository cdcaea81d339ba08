"""Opens the session of one step: a role, limited to the actions that were judged, for a quarter of an hour."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opsagent.adapters.executors.aws.address import Account
from opsagent.domain.credential import CredentialKind
from opsagent.errors import ConfigurationError, ExecutionError
from opsagent.ports.secrets import Login

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION_S = 900  # the least STS gives
_NOT_IN_A_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)  # STS API reference, RoleSessionName
_ARN_ACCOUNT = re.compile(r"arn:aws[a-z-]*:(?:sts|iam)::([0-9]{12}):.*")
# Nothing of this machine may steer the call: no profile, no configuration, no other endpoint.
_NO_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "ca_bundle": (None, None, None, None),
    "metadata_service_num_attempts": (None, None, 0, int),
}


def session_name(run_id: str) -> str:
    """The RoleSessionName of a run, as CloudTrail shows it: its id."""
    name = _NOT_IN_A_NAME.sub("-", run_id)[:64]
    return name if len(name) > 1 else f"run-{name}"


def session_policy(actions: Sequence[str]) -> str:
    """The session policy: what was judged, and nothing else. The role's own policy limits the resources."""
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def open_session(base: Login, account: Account, *, actions: Sequence[str], run_id: str, reads: bool) -> Login:
    """The credential for one step. Blocking. ExecutionError: nothing was started. ConfigurationError: no boto3."""
    if base.kind is not CredentialKind.AWS:
        raise ExecutionError(
            f"It was not started: {base.name} is a credential of kind {base.kind.value}.", fix="Name one of kind aws."
        )
    client = _sts(base, account)
    role = account.read_role if reads else account.role
    if not role:
        found = _call(client.get_caller_identity, base, "the credential is not accepted")
        _same_account(str(found.get("Arn", "")), str(found.get("Account", "")), account)
        return base
    further = {"ExternalId": account.external_id} if account.external_id else {}
    found = _call(
        client.assume_role,
        base,
        f"{role} cannot be assumed",
        RoleArn=role,
        RoleSessionName=session_name(run_id),
        Policy=session_policy(actions),
        DurationSeconds=DURATION_S,
        **further,
    )
    _same_account(str(found["AssumedRoleUser"]["Arn"]), "", account)
    given = found["Credentials"]
    return replace(
        base,
        values={
            "access_key_id": str(given["AccessKeyId"]),
            "secret_access_key": str(given["SecretAccessKey"]),
            "session_token": str(given["SessionToken"]),
            **{f"base_{name}": value for name, value in base.values.items()},  # to be kept out of every output too
        },
    )


def _sts(base: Login, account: Account) -> Any:
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
        from botocore.session import Session  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigurationError("boto3 is not installed.", fix="pip install 'opsagent[aws]'") from error
    session = boto3.session.Session(
        aws_access_key_id=base.values["access_key_id"],
        aws_secret_access_key=base.values["secret_access_key"],
        aws_session_token=base.values.get("session_token") or None,
        region_name=account.region,
        botocore_session=Session(session_vars=_NO_SETTINGS),
    )
    config = Config(
        connect_timeout=5,
        read_timeout=15,
        retries={"total_max_attempts": 2, "mode": "standard"},
        ignore_configured_endpoint_urls=True,
    )
    return session.client("sts", endpoint_url=account.endpoint or None, config=config)


def _call(call: Callable[..., Mapping[str, Any]], base: Login, failed: str, **given: Any) -> Mapping[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    try:
        return call(**given)
    except (BotoCoreError, ClientError) as error:
        words = str(error)
        for secret in base.secret_values:
            words = words.replace(secret, "[redacted]")
        raise ExecutionError(
            f"It was not started: {failed}: {words.rstrip('.')}.",
            fix="Look at the role's trust policy, and that the credential may call sts:AssumeRole on it.",
        ) from None


def _same_account(arn: str, said: str, account: Account) -> None:
    match = _ARN_ACCOUNT.fullmatch(arn)
    found = match.group(1) if match else said
    if found != account.id or (said and said != account.id):
        raise ExecutionError(
            f"It was not started: the session is of the account {found or 'nobody knows'}, and the connection names "
            f"{account.id}.",
            fix="Correct the address, the role, or the credential of the connection.",
        )
