"""What a local command executes is hashed where it would run: in the run's own folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.executors.local.folders import Folders
from opsagent.adapters.executors.local.hashes import LocalFileHashes
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command import Command
from opsagent.domain.manifest import Decision
from opsagent.errors import ExecutionError
from opsagent.ports.executor import Order
from opsagent.stages.judge import Judge


class NoSecrets:
    async def version(self, *_: object) -> int:
        raise AssertionError("it has no credential")


def judge(boxed) -> Judge:
    policy, tables = load_policy()
    return Judge(
        analysers={"shell": ShellAnalyser(ShellAnalyserConfig(), tables)},
        policy=policy,
        hashes=LocalFileHashes(boxed.config().sandbox_root),
        backend=lambda _: "bwrap",
        host_reach=frozenset("*"),
        secrets=NoSecrets(),
    )


async def approved(boxed, text: str, **given) -> Order:
    """What a person would have approved: judged in its run, with the hashes in the command."""
    order = boxed.order(text, **given)
    judged = await judge(boxed)(order.command, order.connection, in_scope=True, run_id=order.run_id)
    assert judged.verdict.decision is Decision.ASK
    return replace(order, command=judged.command, manifest=judged.verdict.manifest)


async def test_a_script_in_the_runs_folder_starts_as_it_was_approved(boxed):
    server = boxed.server()
    await server.run(boxed.order("mkdir sub; echo 'echo mine' > job.sh; echo 'echo below' > sub/job.sh"))
    order = await approved(boxed, "bash ./job.sh")
    assert order.command.files == (("./job.sh", hashlib.sha256(b"echo mine\n").hexdigest()),)
    assert (await server.run(order)).stdout == "mine\n"
    assert (await server.run(await approved(boxed, "bash job.sh", cwd="sub"))).stdout == "below\n"
    moved = await approved(boxed, "cd sub && bash ./job.sh")
    assert dict(moved.command.files)["sub/job.sh"] == hashlib.sha256(b"echo below\n").hexdigest()
    assert (await server.run(moved)).stdout == "below\n"


async def test_a_script_that_changed_after_the_approval_does_not_start(boxed):
    server = boxed.server()
    await server.run(boxed.order("mkdir sub; echo 'echo mine' > sub/job.sh"))
    order = await approved(boxed, "cd sub && bash ./job.sh")
    await server.run(boxed.order("echo 'echo theirs' > sub/job.sh"))
    with pytest.raises(ExecutionError, match="has changed"):
        await server.run(order)


async def test_without_a_run_only_absolute_files_are_known(boxed):
    folder = Folders(boxed.config().sandbox_root).make("somebody")
    (folder / "job.sh").write_text("x")
    hashes = LocalFileHashes(boxed.config().sandbox_root)
    here = boxed.order("true").connection
    known = hashlib.sha256(b"x").hexdigest()
    assert await hashes(["job.sh"], here) == (("job.sh", "absent"),)
    assert await hashes([str(folder / "job.sh")], here) == ((str(folder / "job.sh"), known),)
    assert await hashes(["job.sh", "none"], here, run_id="somebody") == (("job.sh", known), ("none", "absent"))
    assert Command(executor="shell", text="x", connection_id="here").files == ()
