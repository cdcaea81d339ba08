"""A skill that is named must be there when the work is taken in; the run keeps its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from house import PERSON, TENANT, House
from opsagent.domain.run import Source
from opsagent.domain.trigger import Trigger
from opsagent.errors import InputError


def trigger(skill: str) -> Trigger:
    return Trigger(tenant=TENANT, source=Source.API, text="look", requested_by=PERSON.id, selected_skill=skill)


async def test_only_a_skill_that_is_there_is_taken(make_house, tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "payments"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: payments\ndescription: The bank.\n---\nLook at the bank.\n")
    house: House = await make_house(skills_folder=tmp_path / "skills")
    with pytest.raises(InputError, match="no skill sales") as raised:
        await house.app.agent.submit(trigger("sales"))
    assert raised.value.status == 422
    assert "cost, database, debugging, deployment, payments, security" in raised.value.fix
    assert not (await house.app.stores.runs.list(TENANT)).items
    run = await house.app.agent.submit(trigger("payments"))
    assert run.selected_skill == "payments"
    (folder / "SKILL.md").unlink()
    run = await house.drive(run)  # it is gone meanwhile: then nothing is read, and nothing breaks
    assert run.ended
