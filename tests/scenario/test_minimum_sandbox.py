"""The whole loop where the sandbox is weaker than the policy asks for, and where it is strong enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from house import House
from local_shell import BACKENDS, open_folder
from opsagent.adapters.executors.local import Backend
from opsagent.domain.manifest import Decision
from opsagent.domain.step import StepStatus

MINIMUM = "minimum_sandbox: {reads: bwrap, effects: bwrap+seccomp}\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(MINIMUM)
    return file


async def test_a_weak_sandbox_refuses_every_read(make_house: Callable[..., Awaitable[House]], policy: Path) -> None:
    house = await make_house(user_policy_file=policy, sandbox_backend="rlimits")
    await house.app.executor.probe()
    run = await house.drive(await house.ask())
    look = (await house.steps(run))["look"]
    assert look.status is StepStatus.REFUSED
    assert look.verdict is not None
    assert (look.verdict.decision, look.verdict.rule) == (Decision.DENY, "weak-sandbox")
    assert look.outcome is None
    assert not house.world.healthy.exists()
    readiness = await house.app.readiness()
    assert readiness.sandbox == "rlimits"
    assert "To mend" in readiness.degraded["sandbox"]


@pytest.mark.skipif(BACKENDS[0] is not Backend.SECCOMP, reason="bubblewrap is not installed")
async def test_a_strong_one_is_recorded_on_each_step(make_house: Callable[..., Awaitable[House]], policy: Path) -> None:
    with open_folder() as folder:
        house = await make_house(user_policy_file=policy, sandbox_root=folder / "sandbox")
        await house.app.executor.probe()
        look = (await house.steps(await house.drive(await house.ask())))["look"]
        readiness = await house.app.readiness()
    assert look.outcome is not None
    assert (look.outcome.stdout, look.outcome.backend) == ("out of coffee\n", "bwrap+seccomp")
    assert readiness.sandbox == "bwrap+seccomp"
    assert "sandbox" not in readiness.degraded
