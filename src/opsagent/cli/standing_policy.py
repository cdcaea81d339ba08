"""Explains commands by the policy files alone: no store, no server, a plain host as the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsagent.bootstrap.outfit import explainer
from opsagent.cli.options import Place
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.policy import explain, judge
from opsagent.settings import Settings

PLAIN_HOST = "host"  # the target when none is named: this machine, with no host registered on it


async def explain_here(place: Place, texts: Sequence[str]) -> list[dict[str, Any]]:
    """A verdict for each text, in order. PolicyUnloadable, ConfigurationError."""
    settings = Settings.load(place.overrides())
    policy, analyser = explainer(settings)
    target = Connection(id=PLAIN_HOST, tenant=place.tenant, name=PLAIN_HOST, reach=Reach.HOST)
    manifests = await analyser.analyse_all(texts, target)
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
