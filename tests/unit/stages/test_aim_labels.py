"""A request without a ticket selects by its own labels, and never what is not registered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsagent.domain.connection import Connection
from opsagent.domain.run import Run, Source
from opsagent.stages.aim import Missing, Target, aim

RUN = Run(
    id="r", tenant="t", source=Source.JIRA, task="x", created_at=5.0, updated_at=5.0, requested_by="jira:ada"
)  # fmt: skip
SHOP = Connection(id="1", tenant="t", name="shop", labels={"service": "shop"}, created_at=1.0)
TILL = Connection(id="2", tenant="t", name="till", labels={"service": "till"}, created_at=1.0)
SANDBOX = Connection(id="3", tenant="t", name="sandbox", created_at=1.0)
ALL = (SHOP, TILL, SANDBOX)


@pytest.mark.parametrize(
    ("labels", "name"),
    [({"service": "till", "project": "OPS"}, "till"), ({"service": "nowhere"}, "sandbox"), ({}, "sandbox")],
)
def test_labels_pick_the_target(labels: dict[str, str], name: str) -> None:
    found = aim(replace(RUN, labels=labels), None, None, ALL)
    assert isinstance(found, Target)
    assert found.connection.name == name


def test_two_that_match_are_none() -> None:
    twin = replace(TILL, name="till-2", id="4")
    found = aim(replace(RUN, labels={"service": "till"}), None, None, (*ALL, twin))
    assert isinstance(found, Missing)
    assert "till, till-2" in found.reason
