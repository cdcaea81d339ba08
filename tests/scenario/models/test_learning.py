"""What a run of a model's own steps leaves behind: a draft nobody follows until a person has merged it."""

from __future__ import annotations

import pytest

from house import PERSON, TENANT, House
from model_house import EVALUATE, PLAN, REFLECT, change, evaluated, look, planned, reflected
from opsagent.domain.draft import DraftStatus
from opsagent.domain.run import Run, RunStatus, Verified
from opsagent.errors import IllegalMove, InputError, VersionMismatch
from scenario_asks import ask
from servers.model import ScriptedModel

UNDO = "rm {{connection.healthy}}"


async def mended(house: House, model: ScriptedModel) -> Run:
    """A run in which the model looks, mends and looks again."""
    model.on(EVALUATE, say=evaluated("plan"))
    steps = (look("cat {{connection.state}}"), change("touch {{connection.healthy}}", undo=UNDO),
             look("ls {{connection.healthy}}", name="is it back"))  # fmt: skip
    model.on(PLAN, say=planned(*steps))
    run = await house.drive(await ask(house, "wake the coffee machine"))
    return await house.approve(run)


async def test_a_draft_is_learned_tried_merged_and_only_then_followed(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    run = await mended(house, model)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.NOT_MEASURABLE), await house.timeline(run)
    assert f"opsagent runbooks draft {run.id}" in await house.timeline(run)
    drafts = house.app.agent.drafts
    (draft,) = await drafts.list(TENANT)
    found = await drafts.get(TENANT, run.id)
    assert (found.draft, found.problem) == (draft, None)
    assert draft.runbook_id == "wake-the-coffee-machine"
    parsed = house.app.agent.library.parse(draft.text, "draft.md", TENANT)
    assert [(one.name, one.phase.value, one.text) for one in parsed.steps] == [
        ("look", "diagnosis", "cat {{connection.state}}"),
        ("mend", "mitigation", "touch {{connection.healthy}}"),
        ("is-it-back", "verify", "ls {{connection.healthy}}"),
    ]
    assert parsed.steps[1].undo is not None and parsed.steps[1].undo.text == UNDO
    assert (parsed.aliases, parsed.connection) == (("wake the coffee machine",), "shop")
    assert any("Nothing measured whether it helped" in note for note in draft.notes)
    assert all(one.verdict is not None for one in await drafts.rehearse(TENANT, run.id))

    searched = await house.app.agent.library.search(TENANT, "wake the coffee machine")
    assert searched.found.hits == () or searched.found.hits[0].id != draft.runbook_id
    assert [one.runbook.id for one in await house.app.agent.library.list(TENANT)] == ["shop-down"]

    stored = await drafts.merge(PERSON, run.id)
    assert (stored.id, stored.source) == (draft.runbook_id, draft.text)
    merged = (await drafts.get(TENANT, run.id)).draft
    assert (merged.status, merged.decided_by) == (DraftStatus.MERGED, PERSON.id)
    (version,) = await house.app.stores.runbooks.versions(TENANT, stored.id)
    assert version.note == f"learned from run {run.id}"
    with pytest.raises(IllegalMove, match="merged by person:ada already"):
        await drafts.merge(PERSON, run.id)
    house.world.healthy.unlink()
    followed = await house.drive(await ask(house, "wake the coffee machine"))
    assert (followed.runbook_id, followed.plan) == (stored.id, None)
    touched = (await house.steps(followed))["mend"]
    assert touched.command.author == "", "a person has merged it: it is no model's word any more"
    assert await drafts.list(TENANT) == []


async def test_what_people_wrote_teaches_nothing_new(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    run = await house.approve(await house.drive(await house.alert()))
    assert run.verified is Verified.YES
    assert await house.app.agent.drafts.list(TENANT, None) == []


async def test_what_did_not_help_teaches_nothing(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(REFLECT, say=[reflected(), reflected("roll_back", reason="that was the wrong file")])
    run = await mended(house, model)
    assert run.status is RunStatus.FAILED
    assert await house.app.agent.drafts.list(TENANT, None) == []


async def test_an_alert_is_its_name_and_its_labels_become_parameters(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(change("cp {{connection.state}} beans-and-water")))
    run = await house.drive(await house.alert("BeansLow", tank="beans-and-water"))
    run = await house.approve(run)
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    (draft,) = await house.app.agent.drafts.list(TENANT)
    parsed = house.app.agent.library.parse(draft.text, "draft.md", TENANT)
    assert (parsed.id, parsed.alerts, parsed.aliases, parsed.connection) == ("beans-low", ("BeansLow",), (), "")
    assert parsed.steps[0].text == "cp {{connection.state}} {{tank}}"
    assert [(one.name, one.source) for one in parsed.parameters] == [("tank", "tank")]
    assert dict(draft.given) == {"tank": "beans-and-water"}


async def test_an_edited_text_an_id_that_is_taken_and_a_step_that_is_denied(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking()
    run = await mended(house, model)
    drafts = house.app.agent.drafts
    text = (await drafts.get(TENANT, run.id)).draft.text
    with pytest.raises(VersionMismatch, match="shop-down already"):
        await drafts.merge(PERSON, run.id, text.replace("wake-the-coffee-machine", "shop-down"))
    with pytest.raises(InputError, match="The policy denies the step mend"):
        await drafts.merge(PERSON, run.id, text.replace("touch {{connection.healthy}}", "rm -rf /"))
    with pytest.raises(InputError, match="front matter"):
        await drafts.merge(PERSON, run.id, "# Just words\n")
    stored = await drafts.merge(PERSON, run.id, text.replace("wake-the-coffee-machine", "coffee", 1))
    assert stored.id == "coffee"
    assert (await drafts.get(TENANT, run.id)).draft.runbook_id == "coffee"


async def test_a_dismissed_one_stays_dismissed(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    run = await mended(house, model)
    await house.app.agent.drafts.dismiss(PERSON, run.id)
    with pytest.raises(IllegalMove):
        await house.app.agent.drafts.merge(PERSON, run.id)
    assert await house.app.agent.drafts.list(TENANT) == []
    (kept,) = await house.app.agent.drafts.list(TENANT, None)
    assert kept.status is DraftStatus.DISMISSED
    actions = [(entry.actor, entry.action) for entry in await house.app.stores.audit.list(TENANT)]
    assert (PERSON.id, "draft.dismissed") in actions


async def test_a_step_with_a_secret_in_it_is_left_out(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    secret = change("touch {{connection.healthy}} token=hunter2hunter2", name="with a token")
    model.on(PLAN, say=planned(change("touch {{connection.counter}}"), secret))
    run = await house.approve(await house.approve(await house.drive(await ask(house))))
    (draft,) = await house.app.agent.drafts.list(TENANT)
    assert [one.name for one in house.app.agent.library.parse(draft.text, "x.md", TENANT).steps] == ["mend"]
    assert "hunter2" not in repr(draft)
    assert any("a secret stands in it" in note for note in draft.notes), await house.timeline(run)
