"""What a command of reach `sandbox` sees, may do, and cannot reach."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from local_shell import NOBODY, Bench, eventually
from opsagent.adapters.executors.local import Backend, Limits
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Proof
from opsagent.errors import SandboxUnavailable
from opsagent.ports.executor import Traced
from opsagent.ports.secrets import Login

ROOT = os.geteuid() == 0
UID = NOBODY if ROOT else os.geteuid()

HUNTER = Login(name="shop", kind=CredentialKind.TOKEN, version=1, values={"token": "hunter2"})


async def said(bench: Bench, text: str, **given: object) -> str:
    outcome = await bench.server().run(bench.order(text, **given))
    return outcome.stdout + outcome.stderr


async def test_it_stands_in_the_folder_of_its_run(bench: Bench) -> None:
    folder = bench.folder / "sandbox" / bench.run_id
    assert await said(bench, 'pwd; echo "$HOME"; echo mine > f') == f"{folder}\n{folder}\n"
    assert (folder / "f").read_text() == "mine\n"
    assert await said(bench, "cat f") == "mine\n"


async def test_its_environment_is_clean(bench: Bench) -> None:
    names = (await said(bench, "env", environment=(("COLOUR", "blue"),))).splitlines()
    assert {line.partition("=")[0] for line in names} == {
        *("PATH", "LANG", "HOME", "TMPDIR", "OPSAGENT_STEP"),
        *("COLOUR", "PWD", "SHLVL", "_"),  # given; set by bash
    }
    assert "COLOUR=blue" in names
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in names


async def test_its_input_is_what_was_given_or_nothing(bench: Bench) -> None:
    assert await said(bench, "cat") == ""
    assert await said(bench, "wc -c", stdin="x" * 3_000_000) == "3000000\n"


async def test_it_has_no_rights(bench: Bench) -> None:
    text = "id -u; grep -E 'CapEff|NoNewPrivs|CoreDump|Seccomp:' /proc/self/status; ulimit -c"
    lines = (await said(bench, text)).split()
    assert lines[0] == str(UID)
    assert lines[lines.index("CapEff:") + 1] == "0" * 16
    assert lines[lines.index("NoNewPrivs:") + 1] == "1"
    assert lines[-1] == "0"


async def test_no_other_run_can_be_read(bench: Bench) -> None:
    server = bench.server()
    await server.run(bench.order("echo private > f", run_id="another"))
    if not ROOT and bench.backend is Backend.RLIMITS:
        return  # the same user owns both folders; `describe` says so
    outcome = await server.run(bench.order(f"cat {bench.folder}/sandbox/another/f; ls {bench.folder}/sandbox/another"))
    assert outcome.exit_code != 0
    assert outcome.stdout == ""


async def test_the_sandbox_root_cannot_be_listed_by_others(bench: Bench) -> None:
    await said(bench, "true")
    assert (bench.folder / "sandbox").stat().st_mode & 0o777 == 0o711
    assert (bench.folder / "sandbox" / bench.run_id).stat().st_mode & 0o077 == 0


async def test_the_tokens_are_out_of_reach(bench: Bench) -> None:
    if not ROOT and bench.backend is Backend.RLIMITS:
        return  # as above
    outcome = await bench.server().run(bench.order(f"ls {bench.folder}/state; rm -rf {bench.folder}/state"))
    assert outcome.stdout == ""
    assert (bench.folder / "state" / bench.run_id).is_dir()


async def test_files_of_this_machine_are_not_there(boxed: Bench) -> None:
    (boxed.folder / "secret").write_text("secret")
    text = f"ls /root /home /etc/passwd /etc/shadow /var/log {boxed.folder}/secret; ls /etc"
    outcome = await boxed.server().run(boxed.order(text))
    assert outcome.stderr.count("No such file") == 6
    assert "passwd" not in outcome.stdout


async def test_only_scratch_can_be_written(boxed: Bench) -> None:
    text = (
        "for d in / /usr /etc /dev /run /var /proc/sys /tmp /dev/shm .; do touch $d/mark 2>/dev/null && echo $d; done"
    )
    assert (await said(boxed, text)).split() == ["/tmp", "/dev/shm", "."]
    text = "head -c 5M /dev/zero > /tmp/fill; head -c 5M /dev/zero > /dev/shm/fill; stat -c %s /tmp/fill /dev/shm/fill"
    server = boxed.server(limits=Limits(scratch_bytes=1 << 20))
    assert (await server.run(boxed.order(text))).stdout.split() == ["1048576", "1048576"]


async def test_processes_of_this_machine_are_not_there(boxed: Bench) -> None:
    text = f"kill -0 {os.getpid()}; ls /proc | grep -c '^[0-9]'; cat /proc/1/environ | tr '\\0' '\\n'"
    outcome = await boxed.server().run(boxed.order(text))
    assert "No such process" in outcome.stderr
    assert int(outcome.stdout.split()[0]) < 8


async def test_there_is_no_network_unless_asked(boxed: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected"
        assert "connected" not in await said(boxed, text)
        assert await said(boxed, text, network=True) == "connected\n"
    assert "inet " not in await said(boxed, "ip addr show up scope global")


async def test_no_namespace_can_be_nested(boxed: Bench) -> None:
    assert "yes" not in await said(boxed, "unshare -Ur echo yes")


async def test_the_servers_environment_is_unreadable(bench: Bench) -> None:
    program = (
        "import sys; sys.path[:0] = %r\n"
        "from opsagent.adapters.executors.local import harden_process\n"
        "assert harden_process()\nprint('hard', flush=True)\nsys.stdin.read()\n"
    )
    import sys

    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program % sys.path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"API_KEY": "very-secret"},
    )
    assert server.stdin is not None
    assert server.stdout is not None
    assert await server.stdout.readline() == b"hard\n"
    looks = (
        f"cat /proc/{server.pid}/environ; tr '\\0' '\\n' < /proc/{server.pid}/environ; head -c 1 /proc/{server.pid}/mem"
    )
    for order in (bench.order(looks), bench.host(looks)):
        outcome = await bench.server().run(order)
        assert "very-secret" not in outcome.stdout
        assert outcome.exit_code != 0
    server.stdin.close()
    await server.wait()


async def test_a_launchers_memory_is_closed(bench: Bench) -> None:
    order = bench.order("read -t 20 < <(sleep 20)")
    task = asyncio.create_task(bench.server().run(order))
    await eventually(lambda: bench.token(order).with_name(f"{order.token}.started").is_symlink())
    launcher = bench.holder(order)
    assert Path(f"/proc/{launcher}/environ").stat().st_uid == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("limits", "text", "words"),
    [
        (Limits(file_size_bytes=1 << 20), "head -c 5M /dev/zero > f; stat -c %s f", "1048576"),
        (Limits(cpu_s=1), "bash -c 'while :; do :; done'; echo $?", "152"),
        (Limits(open_files=32), "ulimit -n", "32"),
        (Limits(address_space_bytes=200 << 20), "head -c 400M /dev/zero | tail -c 390M | wc -c", "0"),
    ],
    ids=["FSIZE", "CPU", "NOFILE", "AS"],
)
async def test_limits_hold(bench: Bench, limits: Limits, text: str, words: str) -> None:
    outcome = await bench.server(limits=limits).run(bench.order(text))
    assert outcome.stdout.split()[-1] == words


async def test_a_credential_needs_a_pid_namespace(boxed: Bench, weak: Bench) -> None:
    order = boxed.order('test "$OPSAGENT_TOKEN" = hunter2 && echo "have $OPSAGENT_TOKEN"', login=HUNTER)
    if boxed.backend.boxed:
        assert (await boxed.server().run(order)).stdout == "have [redacted]\n"
    with pytest.raises(SandboxUnavailable, match="credential"):
        await weak.server().run(weak.order("true", login=HUNTER))


async def test_a_weak_sandbox_says_so(weak: Bench) -> None:
    outcome = await weak.server().run(weak.order("true"))
    assert outcome.backend == "rlimits"
    assert "Weak sandbox" in outcome.note


async def test_a_squatted_sandbox_root_is_refused(bench: Bench) -> None:
    root, server = bench.folder / "sandbox", bench.server()
    (bench.folder / "elsewhere").mkdir()
    root.symlink_to(bench.folder / "elsewhere")
    for mode in (None, 0o777):
        if mode is not None:
            root.unlink()
            root.mkdir()
            root.chmod(mode)
        order = bench.order("true")
        with pytest.raises(SandboxUnavailable, match="does not belong") as caught:
            await server.run(order)
        assert str(root) in caught.value.fix
        assert (await server.trace(order)).traced is Traced.NEVER_STARTED
        with pytest.raises(SandboxUnavailable, match="does not belong"):
            await server.keep(order, "notes")
        assert "To mend: Look at who made" in (await server.describe())["sandbox"]
        assert server.backend == "rlimits"
    root.rmdir()
    assert (await server.run(bench.order("echo mended"))).stdout == "mended\n"
    assert "To mend: Look" not in (await server.describe())["sandbox"]
    assert server.backend == bench.backend


async def test_a_root_that_is_squatted_later_shows(boxed: Bench) -> None:
    root, server = boxed.folder / "sandbox", boxed.server()
    await server.run(boxed.order("true"))
    root.chmod(0o777)
    assert "does not belong" in (await server.describe())["sandbox"]
    assert server.backend == "rlimits"
    with pytest.raises(SandboxUnavailable, match="does not belong"):
        await server.run(boxed.order("true"))


async def test_a_root_that_cannot_be_made(bench: Bench) -> None:
    (bench.folder / "sandbox").write_text("")
    server = bench.server(sandbox_root=bench.folder / "sandbox" / "below")
    with pytest.raises(SandboxUnavailable, match="Not a directory"):
        await server.run(bench.order("true"))
    assert "Not a directory" in (await server.describe())["sandbox"]


async def test_what_fills_the_disk_is_ended_and_cleared_away(bench: Bench) -> None:
    server = bench.server(limits=Limits(disk_bytes=32 << 20))
    text = "for i in $(seq 100); do head -c 16M /dev/zero > f$i; sleep 0.05; done"
    outcome = await server.run(bench.order(text))
    assert (outcome.exit_code, outcome.signal) == (None, 9)
    assert "lost too much room" in outcome.note
    assert not (bench.folder / "sandbox" / bench.run_id).exists()
    assert (await server.run(bench.order("ls"))).stdout == ""


async def test_no_effect_on_this_machine_is_ended_for_the_room_it_takes(bench: Bench) -> None:
    server = bench.server(limits=Limits(disk_bytes=1 << 20))
    text = f"head -c 64M /dev/zero > {bench.effects}/f; sleep 0.6; rm {bench.effects}/f"
    order = bench.host(text, proof=Proof.EFFECT, manifest={"writes": (f"{bench.effects}/f",)})
    assert (await server.run(order)).exit_code == 0


async def test_a_tree_of_any_depth_is_cleared_away(bench: Bench) -> None:
    server = bench.server()
    deep = "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')"
    assert (await server.run(bench.order(f'/usr/bin/python3 -c "{deep}"'))).exit_code == 0
    assert (bench.folder / "sandbox" / bench.run_id / "d" / "d").is_dir()
    await server.release(bench.run_id)
    assert not (bench.folder / "sandbox" / bench.run_id).exists()
