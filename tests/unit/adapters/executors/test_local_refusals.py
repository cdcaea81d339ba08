"""What is refused before anything is started, and in which words."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace

import pytest

from local_shell import Bench
from opsagent.adapters.executors.local import Backend
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, SandboxUnavailable, TokenTaken
from opsagent.ports.executor import Traced


async def test_a_changed_file_is_not_executed(bench: Bench) -> None:
    script = bench.effects / "job.sh"
    script.write_text("echo judged")
    judged = hashlib.sha256(script.read_bytes()).hexdigest()
    given = {"proof": Proof.EFFECT, "files": ((str(script), judged),)}
    assert (await bench.server().run(bench.host(f"sh {script}", **given))).stdout == "judged\n"
    script.write_text(f"touch {bench.effects}/done")
    order = bench.host(f"sh {script}", **given)
    with pytest.raises(ExecutionError, match="has changed since it was judged") as caught:
        await bench.server().run(order)
    assert "judged anew" in caught.value.fix
    assert not (bench.effects / "done").exists()
    assert (await bench.server().trace(order)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await bench.server().run(order)


@pytest.mark.parametrize("name", ["gone", "folder", "pipe"])
async def test_what_was_absent_must_be_absent_still(bench: Bench, name: str) -> None:
    import os

    (bench.effects / "folder").mkdir()
    os.mkfifo(bench.effects / "pipe")
    path = str(bench.effects / name)
    assert (await bench.server().run(bench.order("true", files=((path, "absent"),)))).exit_code == 0
    with pytest.raises(ExecutionError, match="has changed"):
        await bench.server().run(bench.order("true", files=((path, "0" * 64),)))


async def test_files_start_in_the_runs_folder(bench: Bench) -> None:
    server = bench.server()
    await server.run(bench.order("echo 'echo mine' > job.sh"))
    judged = hashlib.sha256(b"echo mine\n").hexdigest()
    assert (await server.run(bench.order("sh job.sh", files=(("job.sh", judged),)))).stdout == "mine\n"


@pytest.mark.parametrize(
    "name", ["PATH", "LD_PRELOAD", "BASH_ENV", "ENV", "IFS", "PS4", "OPSAGENT_STEP", "a b", "x=y", ""]
)
async def test_a_variable_that_steers_is_refused(bench: Bench, name: str) -> None:
    order = bench.order("true", environment=((name, "x"),))
    with pytest.raises(ExecutionError, match="cannot be set"):
        await bench.server().run(order)
    assert not bench.token(order).is_symlink()


async def test_a_text_too_long_for_the_kernel(bench: Bench) -> None:
    order = bench.order("true " + "x" * 140_000)
    with pytest.raises(ExecutionError, match="longer than the kernel takes") as caught:
        await bench.server().run(order)
    assert "as its input" in caught.value.fix
    assert (await bench.server().trace(order)).traced is Traced.NEVER_STARTED


async def test_a_nul_is_refused(bench: Bench) -> None:
    with pytest.raises(ExecutionError, match="null"):
        await bench.server().run(bench.order("true\0false"))


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "-x", "a\n", "x" * 201])
async def test_names_that_are_no_file_names(bench: Bench, name: str) -> None:
    order = bench.order("true")
    for broken in (replace(order, token=name), replace(order, run_id=name)):
        with pytest.raises(ExecutionError, match="cannot be the name"):
            await bench.server().run(broken)


async def test_no_sandbox_command_is_root(bench: Bench) -> None:
    with pytest.raises(ExecutionError, match=r"root|cannot become"):
        await bench.server().run(bench.order("true", uid=0))


async def test_a_working_folder_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(ExecutionError, match="No such file") as caught:
        await bench.server().run(bench.order("true", cwd="nowhere"))
    assert "not started" in caught.value.message


async def test_another_kind_of_command(bench: Bench) -> None:
    order = bench.order("true")
    with pytest.raises(ExecutionError, match="sql command"):
        await bench.server().run(replace(order, command=replace(order.command, executor="sql")))


async def test_a_required_bwrap_that_is_missing(weak: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **given: None if name == "bwrap" else found(name, **given))
    server = weak.server(force=Backend.BWRAP)
    assert server.backend == "rlimits"
    with pytest.raises(SandboxUnavailable, match="not installed"):
        await server.run(weak.order("true"))
    described = await server.describe()
    assert "apt install bubblewrap" in described["sandbox"]
    chosen = weak.server(force=None)
    assert "not installed" in (await chosen.run(weak.order("true"))).note


async def test_describe_names_what_works(bench: Bench) -> None:
    described = await bench.server().describe()
    assert described["sandbox"].startswith(bench.backend)
    assert str(bench.folder / "state") in described["tokens"]
    assert all(described.values())


async def test_a_sandbox_below_the_policys_minimum_starts_nothing(bench: Bench, weak: Bench) -> None:
    strict = {"least_for_reads": Backend.BWRAP, "least_for_effects": Backend.SECCOMP}
    orders = [weak.order("true"), weak.host("true"), weak.order("true", proof=Proof.EFFECT)]
    for order in orders:
        with pytest.raises(SandboxUnavailable, match="The policy asks for bwrap") as caught:
            await weak.server(**strict).run(order)
        assert "minimum_sandbox" in caught.value.fix
    assert (await weak.server(**strict).run(weak.host("true", proof=Proof.EFFECT))).backend == "rlimits"
    if bench.backend.boxed:
        for order in (bench.order("true"), bench.host("true"), bench.order("true", proof=Proof.EFFECT)):
            assert (await bench.server(**strict).run(order)).exit_code == 0
        unfiltered = bench.server(force=None, filtered=False, **strict)
        assert (await unfiltered.run(bench.order("true"))).backend == "bwrap"
        with pytest.raises(SandboxUnavailable, match=r"bwrap\+seccomp at least"):
            await unfiltered.run(bench.order("true", proof=Proof.EFFECT))
