"""Explains commands by the policy files alone: no store, no server, a plain target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from opsagent.bootstrap.outfit import explainer
from opsagent.cli.options import Place
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.policy import explain, judge
from opsagent.errors import InputError
from opsagent.settings import Settings

PLAIN_HOST = "host"  # the target when none is named: this machine, with no host registered on it
_EXECUTORS = {"postgresql": "sql", "mysql": "sql", "ssh": "ssh", "https": "http", "http": "http"}


async def explain_here(
    place: Place, texts: Sequence[str], *, address: str = "", environment: str = "prod"
) -> list[dict[str, Any]]:
    """A verdict for each text, in order, on this machine or on a target at that address with both its accounts.

    PolicyUnloadable, ConfigurationError, InputError.
    """
    settings = Settings.load(place.overrides())
    policy, analysers = explainer(settings)
    target = _target(place.tenant, address, environment)
    manifests = await analysers[target.language].analyse_all(texts, target)
    return [
        explain(
            text,
            judge(
                policy,
                manifest,
                command=Command(executor=target.executor, text=text, connection_id=target.id, reach=target.reach),
                connection=target,
            ),
        )
        for text, manifest in zip(texts, manifests, strict=True)
    ]


def _target(tenant: str, address: str, environment: str) -> Connection:
    if not address:
        return Connection(id=PLAIN_HOST, tenant=tenant, name=PLAIN_HOST, reach=Reach.HOST, environment=environment)
    executor = _EXECUTORS.get(urlsplit(address).scheme)
    if executor is None:
        raise InputError(f"{address!r} is no address of a target.", fix=f"It begins with {', '.join(_EXECUTORS)}://")
    return Connection(
        id="target",
        tenant=tenant,
        name="target",
        executor=executor,
        environment=environment,
        address=address,
        credential="write" if executor == "sql" else "",
        read_credential="read" if executor == "sql" else "",
    )
