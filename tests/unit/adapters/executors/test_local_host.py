"""What a command of reach `host` sees and may write: nothing for a proven read, its paths for an approved effect."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from local_shell import NOBODY, Bench
from opsagent.domain.manifest import Invocation, Proof
from opsagent.domain.outcome import Outcome
from opsagent.errors import ExecutionError

ROOT = os.geteuid() == 0


@pytest.fixture
def place(boxed: Bench) -> Path:
    """A folder of the machine with a file in it."""
    folder = boxed.folder / "machine"
    folder.mkdir()
    (folder / "app.conf").write_text("old\n")
    return folder


async def effect(bench: Bench, text: str, **manifest: object) -> Outcome:
    return await bench.server().run(bench.host(text, proof=Proof.EFFECT, manifest=manifest))


async def test_a_read_sees_this_machine(boxed: Bench, place: Path) -> None:
    text = f"cat {place}/app.conf; ps -p {os.getpid()} -o pid=; id -u; hostname"
    outcome = await boxed.server().run(boxed.host(text))
    assert outcome.stdout.split() == ["old", str(os.getpid()), str(os.geteuid()), socket.gethostname()]
    assert outcome.backend == "bwrap+seccomp"
    assert outcome.note == ""


async def test_a_read_changes_nothing(boxed: Bench, place: Path) -> None:
    text = f"echo new > {place}/app.conf; rm {place}/app.conf; touch {place}/x /etc/x; echo 1 > /proc/sys/vm/swappiness"
    outcome = await boxed.server().run(boxed.host(text))
    assert outcome.stderr.count("Read-only file system") == 5
    assert sorted(path.name for path in place.iterdir()) == ["app.conf"]


async def test_a_read_may_use_its_own_folder(boxed: Bench) -> None:
    assert (await boxed.server().run(boxed.host("date > now; wc -l < now"))).stdout == "1\n"


async def test_secret_paths_are_covered(boxed: Bench, place: Path) -> None:
    (place / "keys").mkdir()
    (place / "keys" / "id").write_text("private")
    (place / "token").write_text("private")
    (place / "link").symlink_to(place / "keys")
    server = boxed.server(secret_paths=(f"{place}/link", f"{place}/tok*", "/etc/shadow"), hidden=(boxed.effects,))
    (boxed.effects / "db").write_text("private")
    paths = f"{place}/keys/id {place}/link/id {place}/token {boxed.effects}/db {boxed.folder}/state/*/* /etc/shadow"
    text = f"cat {paths}; echo end"
    outcome = await server.run(boxed.host(text))
    assert outcome.stdout == "end\n"
    assert (await server.run(boxed.host(f"cat {place}/app.conf"))).stdout == "old\n"


async def test_other_runs_are_covered(boxed: Bench) -> None:
    server = boxed.server()
    await server.run(boxed.order("echo private > f", run_id="another"))
    outcome = await server.run(boxed.host(f"cat {boxed.folder}/sandbox/another/f; ls {boxed.folder}/sandbox"))
    assert outcome.stdout == f"{boxed.run_id}\n"


async def test_the_sandbox_root_may_lie_in_the_data_folder(boxed: Bench) -> None:
    server = boxed.server(hidden=(boxed.folder,))
    assert (await server.run(boxed.host("echo hello > f; cat f; ls .."))).stdout == f"hello\n{boxed.run_id}\n"
    order = boxed.host("echo again > g; cat g", proof=Proof.EFFECT, manifest={"writes": ("g",)})
    assert (await server.run(order)).stdout == "again\n"


async def test_what_a_person_was_asked_about_is_uncovered(boxed: Bench, place: Path) -> None:
    (place / "token").write_text("private")
    server = boxed.server(secret_paths=(f"{place}/token", f"{place}/app.conf"))
    order = boxed.host(f"cat {place}/token {place}/app.conf", manifest={"sensitive": (f"{place}/token",)})
    assert (await server.run(order)).stdout == "private"


async def test_an_effect_writes_its_paths_and_no_others(boxed: Bench, place: Path) -> None:
    text = f"sed -i s/old/new/ {place}/app.conf; touch {boxed.effects}/x /etc/opsagent-x"
    outcome = await effect(boxed, text, writes=(f"{place}/app.conf",))
    assert (place / "app.conf").read_text() == "new\n"
    assert outcome.stderr.count("Read-only file system") == 2
    assert outcome.backend == "bwrap"


async def test_an_effect_creates_and_deletes(boxed: Bench, place: Path) -> None:
    (place / "logs").mkdir()
    for name in ("a.gz", "b.gz", "keep"):
        (place / "logs" / name).touch()
    text = f"rm {place}/logs/*.gz; mkdir -p {place}/new/deep; echo x > {place}/new/deep/f"
    outcome = await effect(
        boxed, text, deletes=(f"{place}/logs/*.gz",), writes=(f"{place}/new/deep", f"{place}/new/deep/f")
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert [path.name for path in (place / "logs").iterdir()] == ["keep"]
    assert (place / "new" / "deep" / "f").read_text() == "x\n"


async def test_an_effect_through_a_link_reaches_its_target(boxed: Bench, place: Path) -> None:
    (boxed.effects / "real").write_text("old")
    (place / "link").symlink_to(boxed.effects / "real")
    await effect(boxed, f"echo new > {place}/link", writes=(f"{place}/link",))
    assert (boxed.effects / "real").read_text() == "new\n"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"services": ("nginx",)}, "services (nginx)"),
        ({"processes": ("1234",)}, "signals processes (1234)"),
        ({"privileged": True}, "more privileges"),
        ({"writes": ("/proc/sys/vm/swappiness",)}, "setting of the kernel"),
        ({"writes": ("/dev/sdz",)}, "a device"),
    ],
)
async def test_what_a_namespace_would_defeat_runs_without_one(
    boxed: Bench, place: Path, manifest: dict[str, object], words: str
) -> None:
    outcome = await effect(boxed, f"touch {place}/x; readlink /proc/self/ns/mnt /proc/self/ns/pid", **manifest)
    assert outcome.backend == "direct"
    assert words in outcome.note
    assert outcome.stdout.split() == [str(Path(f"/proc/self/ns/{name}").readlink()) for name in ("mnt", "pid")]


async def test_an_unproven_effect_runs_as_it_is_and_says_so(bench: Bench) -> None:
    order = bench.host(f"touch {bench.effects}/x", proof=Proof.UNKNOWN)
    outcome = await bench.server().run(order)
    assert (bench.effects / "x").exists()
    assert "could not be proven" in outcome.note
    assert outcome.changed is None


@pytest.mark.parametrize("name", ["state/x", "sandbox/another/f", "hidden", "hidden/db"])
async def test_no_effect_reaches_the_agents_own_folders(bench: Bench, name: str) -> None:
    path = bench.folder / name
    server = bench.server(hidden=(bench.folder / "hidden",))
    order = bench.host(f"touch {path}", proof=Proof.EFFECT, manifest={"writes": (str(path),)})
    with pytest.raises(ExecutionError, match="own folder"):
        await server.run(order)
    assert not bench.token(order).is_symlink()


async def test_its_network_is_this_machines(boxed: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = f"ss -Hltnp sport = :{port}; exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected"
        order = boxed.host(text, manifest={"invocations": (Invocation("ss", ("-Hltnp",)),)})
        outcome = await boxed.server().run(order)
    assert "connected" in outcome.stdout
    assert f"127.0.0.1:{port}" in outcome.stdout
    assert f"/proc/{os.getpid()}" not in outcome.stdout


async def test_root_can_name_a_sockets_process(boxed: Bench) -> None:
    import asyncio

    program = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    )
    with_socket = await asyncio.create_subprocess_exec(
        *("python3", "-c", program), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert with_socket.stdin is not None
    assert with_socket.stdout is not None
    port = int(await with_socket.stdout.readline())
    order = boxed.host(f"ss -Hltnp sport = :{port}", manifest={"invocations": (Invocation("ss", ("-Hltnp",)),)})
    outcome = await boxed.server().run(order)
    assert (f"pid={with_socket.pid}" in outcome.stdout) is ROOT  # others: see `describe`
    if not ROOT:  # it has no capability that could open what another process holds
        with_socket.stdin.close()
        await with_socket.wait()
        return
    looks = boxed.host(f"ls /proc/{os.getpid()}/fd | wc -l", manifest={"invocations": (Invocation("ss"),)})
    assert (await boxed.server().run(looks)).stdout == "0\n"
    with_socket.stdin.close()
    await with_socket.wait()


async def test_a_root_read_may_read_and_not_write(boxed: Bench, place: Path) -> None:
    (place / "app.conf").chmod(0o000)
    outcome = await boxed.server().run(boxed.host(f"cat {place}/app.conf; grep CapEff /proc/self/status"))
    expected = {2, 13, 34} if ROOT else set()
    granted = int(outcome.stdout.split()[-1], 16)
    assert {bit for bit in range(41) if granted >> bit & 1} == expected
    assert ("old" in outcome.stdout) is ROOT


async def test_a_command_may_run_as_another_user_where_root_asks_for_it(boxed: Bench, place: Path) -> None:
    uid = NOBODY if ROOT else os.geteuid() + 1
    order = boxed.host(f"id -u; cat {place}/app.conf; touch {place}/x", uid=uid)
    if not ROOT:
        with pytest.raises(ExecutionError, match="cannot become another"):
            await boxed.server().run(order)
        return
    outcome = await boxed.server().run(order)
    assert outcome.stdout == f"{NOBODY}\nold\n"
    assert "Read-only" in outcome.stderr
