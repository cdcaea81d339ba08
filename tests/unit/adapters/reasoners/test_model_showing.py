"""What a model is shown of a step whose output may hold secrets: that it ran, and nothing of what it printed."""

from __future__ import annotations

from opsagent.adapters.reasoners.model.showing import show
from opsagent.adapters.redaction import Redaction
from opsagent.domain.command import Command
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.outcome import Outcome
from opsagent.domain.run import Run, Source
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.ports.reasoner import Situation

RUN = Run(id="r", tenant="t", source=Source.API, task="look", created_at=0, updated_at=0, requested_by="person:ada")
PRINTED = "correct-horse-battery"


def shown(*, sensitive: tuple[str, ...]) -> str:
    manifest = Manifest(proof=Proof.READ, sensitive=sensitive)
    step = Step(
        id="r.1",
        run_id="r",
        tenant="t",
        number=1,
        name="look",
        phase=Phase.DIAGNOSIS,
        command=Command(executor="shell", text="cat /srv/x", connection_id="c"),
        status=StepStatus.SUCCEEDED,
        verdict=Verdict(decision=Decision.ASK, rule="sensitive", reason="", manifest=manifest),
        outcome=Outcome(exit_code=0, stdout=PRINTED, stderr=PRINTED, artifact="a" * 64),
    )
    return show(Situation(run=RUN, steps=(step,)), 8000, Redaction())


def test_what_may_hold_secrets_is_withheld_from_a_model() -> None:
    text = shown(sensitive=("/srv/x",))
    assert PRINTED not in text
    assert "withheld" in text
    assert "exit 0" in text


def test_any_other_output_is_shown() -> None:
    assert PRINTED in shown(sensitive=())
