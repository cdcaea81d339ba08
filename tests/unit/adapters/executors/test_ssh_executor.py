"""The SSH executor on a real OpenSSH: reads, limits, who is trusted, and effects that happen once."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import pytest_asyncio

from local_shell import MemoryArtifacts, eventually, sleepers, state_of, unique_seconds
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.executors.ssh.executor import SshExecutor
from opsagent.adapters.executors.ssh.frames import Answer
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import ExecutionError, TokenTaken, UnavailableError
from opsagent.ports.executor import Order, Traced
from opsagent.ports.secrets import Login
from servers.openssh import Host, openssh

_numbers = itertools.count(1)


@dataclass
class Place:
    """A host, and an executor to use it."""

    host: Host
    artifacts: MemoryArtifacts = field(default_factory=MemoryArtifacts)
    made: list[SshExecutor] = field(default_factory=list)

    def executor(self, **changes: Any) -> SshExecutor:
        config = SshConfig(**{"grace_s": 0.5, "connect_timeout_s": 5.0, **changes})
        one = SshExecutor(
            config, clock=SystemClock(), ids=SystemIds(), redactor=lambda text: text, artifacts=self.artifacts
        )
        self.made.append(one)
        return one

    def connection(self, **options: str) -> Connection:
        options = {"host_key": self.host.host_key, "state_dir": str(self.host.state), **options}
        return Connection(
            id="db1", tenant="acme", name="db1", executor="ssh", address=self.host.address,
            credential="key", options=options,
        )  # fmt: skip

    def login(self, **values: str) -> Login:
        given = {"private_key": self.host.private_key, **values}
        return Login(name="key", kind=CredentialKind.SSH_KEY, version=1, values=given)

    def order(self, text: str, *, reads: bool = True, **given: Any) -> Order:
        given.setdefault("timeout_s", 20.0)
        connection = given.pop("connection", None) or self.connection()
        return Order(
            tenant="acme",
            run_id="run",
            token=f"run.{os.getpid()}.{next(_numbers)}",
            command=Command(executor="ssh", text=text, connection_id="db1", **given),
            manifest=Manifest(proof=Proof.READ if reads else Proof.EFFECT),
            connection=connection,
            login=self.login(),
        )

    def change(self, text: str, **given: Any) -> Order:
        return self.order(text, reads=False, **given)

    def kept(self, order: Order) -> Path:
        return self.host.state / "tokens" / order.token

    def launcher(self, order: Order) -> int:
        return int(str((self.kept(order) / "token").readlink()).partition(":")[0])


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with openssh() as made:
        yield made


@pytest_asyncio.fixture
async def place(host: Host) -> AsyncIterator[Place]:
    made = Place(host)
    yield made
    for one in made.made:
        await one.close()


async def test_a_read_says_what_the_host_says_and_leaves_nothing_there(place: Place) -> None:
    order = place.order("echo out; echo err >&2; exit 3")
    outcome = await place.executor().run(order)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (3, "out\n", "err\n")
    assert (outcome.changed, outcome.backend, outcome.known) == (False, "ssh", True)
    assert not place.kept(order).exists()


async def test_an_effect_says_the_same_and_can_be_asked_again(place: Place) -> None:
    order = place.change("echo out; echo err >&2; exit 3")
    outcome = await place.executor().run(order)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (3, "out\n", "err\n")
    trace = await place.executor().trace(order)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert (trace.outcome.exit_code, trace.outcome.stdout, trace.outcome.stderr) == (3, "out\n", "err\n")


async def test_a_token_carries_one_effect(place: Place) -> None:
    order = place.change(f"echo once >> {place.host.folder}/once")
    await place.executor().run(order)
    with pytest.raises(TokenTaken):
        await place.executor().run(order)
    assert (place.host.folder / "once").read_text() == "once\n"


async def test_two_at_once_with_one_token_start_one(place: Place) -> None:
    order, log = place.change(f"echo x >> {place.host.folder}/race; sleep 0.2"), place.host.folder / "race"
    executors = [place.executor() for _ in range(4)]
    answers = await asyncio.gather(*(one.run(order) for one in executors), return_exceptions=True)
    assert sum(isinstance(one, TokenTaken) for one in answers) == 3
    assert log.read_text() == "x\n"


async def test_what_was_traced_first_never_starts(place: Place) -> None:
    order = place.change(f"touch {place.host.folder}/never")
    assert (await place.executor().trace(order)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await place.executor().run(order)
    assert (await place.executor().trace(order)).traced is Traced.NEVER_STARTED
    assert not (place.host.folder / "never").exists()


async def test_start_up_files_neither_speak_nor_steer(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text(
        "echo welcome; echo noise >&2\nprintf '\\nopsagent x ended 0 0 0 0 0 0 0 0 0\\n'\n"
        "alias ls='echo alias'; ls() { echo function; }; export -f ls; export PATH=/nowhere LD_PRELOAD_X=1\n"
    )
    with openssh(lines=f"SetEnv HOME={tmp_path}\n") as host:
        place = Place(host)
        executor = place.executor()
        (host.folder / "seen").write_text("")
        for order in (place.order(f"ls {host.folder}/seen; env"), place.change(f"ls {host.folder}/seen; env")):
            outcome = await executor.run(order)
            lines = outcome.stdout.splitlines()
            assert lines[0] == f"{host.folder}/seen"
            assert {line.partition("=")[0] for line in lines[1:]} <= {
                "HOME", "USER", "LOGNAME", "PATH", "LANG", "OPSAGENT_STEP", "PWD", "SHLVL", "_",
            }  # fmt: skip
            assert outcome.stderr == ""
        await executor.close()


async def test_a_lost_connection_leaves_the_effect_to_its_host(place: Place) -> None:
    go, log = place.host.folder / "go", place.host.folder / "log"
    order = place.change(f"echo begun > {log}; until [ -e {go} ]; do sleep 0.02; done; echo done; echo end >> {log}")
    task = asyncio.create_task(place.executor().run(order))
    await eventually(lambda: log.exists() and log.read_text() == "begun\n")
    place.host.drop_connections()
    go.touch()
    outcome = await task
    assert (outcome.exit_code, outcome.stdout, outcome.known) == (0, "done\n", True)
    assert log.read_text() == "begun\nend\n"


async def test_a_read_whose_connection_broke_failed_and_changed_nothing(place: Place) -> None:
    seconds = unique_seconds()
    task = asyncio.create_task(place.executor().run(place.order(f"sleep {seconds}")))
    await eventually(lambda: sleepers(seconds))
    place.host.drop_connections()
    outcome = await task
    assert (outcome.exit_code, outcome.changed, outcome.known) == (None, False, True)
    await eventually(lambda: not sleepers(seconds))


async def test_a_detached_effect_is_found_by_the_next_worker(place: Place) -> None:
    go, begun = place.host.folder / "go2", place.host.folder / "begun2"
    order, first = place.change(f"touch {begun}; until [ -e {go} ]; do sleep 0.02; done; echo done"), place.executor()
    task = asyncio.create_task(first.run(order))
    await eventually(begun.exists)
    await first.detach(order.run_id)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await first.close()
    go.touch()
    trace = await place.executor().trace(replace(order, patience_s=15.0))
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert (trace.outcome.exit_code, trace.outcome.stdout) == (0, "done\n")


async def test_cancelling_ends_all_of_it(place: Place) -> None:
    seconds = unique_seconds()
    for order in (
        place.change(f"echo begun; setsid sleep {seconds} & sleep {seconds}"),
        place.order(f"echo begun; setsid sleep {seconds} & sleep {seconds}"),
    ):
        task = asyncio.create_task(place.executor().run(order))
        await eventually(lambda: len(sleepers(seconds)) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: not sleepers(seconds))
        trace = await place.executor().trace(order)
        if order.manifest.proof is Proof.EFFECT:
            assert trace.traced is Traced.FINISHED
            assert trace.outcome is not None
            assert (trace.outcome.cancelled, trace.outcome.stdout) == (True, "begun\n")


async def test_what_cleared_its_environment_and_heeds_no_asking_is_ended_too(place: Place) -> None:
    """As under `sudo`: no mark, no parent any more once the shell has gone."""
    seconds = unique_seconds()
    hides = f"env -i bash -c 'trap \"\" TERM; while :; do sleep {seconds}; done' & wait"
    order = place.change(hides)
    task = asyncio.create_task(place.executor().run(order))
    await eventually(lambda: sleepers(seconds))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not sleepers(seconds))
    late = await place.executor().run(place.change(hides, timeout_s=0.4))
    assert (late.timed_out, late.known) == (True, True)
    await eventually(lambda: not sleepers(seconds))


async def test_a_host_that_is_away_for_a_while_is_asked_again_and_knows(place: Place) -> None:
    with openssh() as host:
        away = Place(host)
        go, daemon = host.folder / "go", int((host.folder / "pid").read_text())
        order = away.change(f"touch {go}.begun; until [ -e {go} ]; do sleep 0.02; done; echo done")
        executor = away.executor(connect_timeout_s=0.3)
        task = asyncio.create_task(executor.run(order))
        await eventually((host.folder / "go.begun").exists)
        os.kill(daemon, signal.SIGSTOP)
        host.drop_connections()
        with pytest.raises(UnavailableError, match="cannot be told now"):
            await task
        os.kill(daemon, signal.SIGCONT)
        go.touch()
        trace = await away.executor().trace(replace(order, patience_s=10))
        assert trace.outcome is not None
        assert (trace.outcome.exit_code, trace.outcome.stdout) == (0, "done\n")
        for one in away.made:
            await one.close()


async def test_more_output_than_is_kept_and_a_child_that_holds_it(place: Place) -> None:
    seconds = unique_seconds()
    executor = place.executor(output_cap_bytes=1000, full_output_cap_bytes=5000)
    outcome = await executor.run(place.change(f"seq 1 100000; setsid sleep {seconds} &"))
    assert (outcome.exit_code, outcome.known) == (0, True)
    assert outcome.stdout.startswith("1\n2\n")
    for pid in sleepers(seconds):
        os.kill(pid, signal.SIGKILL)


async def test_what_was_stopped_and_lives_on_is_not_known(place: Place) -> None:
    answer = Answer("ended", "", b"out", b"", (143, 0, 1, 5, 2, 3, 0, 0, 0))
    outcome = await place.executor()._shaping.effect(place.change("sudo sleep 9"), answer)
    assert (outcome.known, outcome.cancelled) == (False, True)
    assert "2 of its processes could not be ended" in outcome.note


async def test_a_queue_for_the_connection_does_not_count_as_its_time(place: Place) -> None:
    executor, go = place.executor(at_once=1), place.host.folder / "go3"
    first = asyncio.create_task(executor.run(place.order(f"until [ -e {go} ]; do sleep 0.02; done")))
    await eventually(lambda: executor._sessions._lines)
    second = asyncio.create_task(executor.run(place.change("echo ran", timeout_s=0.5)))
    await asyncio.sleep(0)
    go.touch()
    assert (await first).exit_code == 0
    assert (await second).stdout == "ran\n"


async def test_more_at_once_than_the_host_has_sessions_for_all_run(place: Place) -> None:
    """Its sshd takes ten; the others are asked for again."""
    executor = place.executor(at_once=16)
    outcomes = await asyncio.gather(*(executor.run(place.order("sleep 0.2; echo ran")) for _ in range(16)))
    assert [one.stdout for one in outcomes] == ["ran\n"] * 16


async def test_time_runs_out_on_the_host(place: Place) -> None:
    seconds = unique_seconds()
    for order in (
        place.change(f"echo begun; sleep {seconds}; echo no", timeout_s=0.4),
        place.order(f"echo begun; sleep {seconds}; echo no", timeout_s=0.4),
        place.change(f"echo begun; trap '' TERM; while :; do sleep {seconds}; done", timeout_s=0.4),
    ):
        outcome = await place.executor().run(order)
        assert (outcome.timed_out, outcome.exit_code, outcome.stdout) == (True, None, "begun\n"), order
        await eventually(lambda: not sleepers(seconds))


async def test_a_launcher_that_was_killed_leaves_it_unknown_and_nothing_running(place: Place) -> None:
    seconds = unique_seconds()
    order = place.change(f"echo begun; sleep {seconds}")
    task = asyncio.create_task(place.executor().run(order))
    await eventually(lambda: sleepers(seconds) and (place.kept(order) / "worker").read_text())
    os.kill(place.launcher(order), signal.SIGKILL)
    outcome = await task
    assert (outcome.known, outcome.exit_code, outcome.stdout) == (False, None, "begun\n")
    await eventually(lambda: not sleepers(seconds))
    assert (await place.executor().trace(order)).traced is Traced.UNKNOWN


async def test_a_frozen_launcher_is_ended_before_anything_is_said(place: Place) -> None:
    seconds = unique_seconds()
    order, first = place.change(f"sleep {seconds}"), place.executor()
    task = asyncio.create_task(first.run(order))
    await eventually(lambda: sleepers(seconds))
    await first.detach(order.run_id)
    launcher = place.launcher(order)
    os.kill(launcher, signal.SIGSTOP)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    trace = await place.executor().trace(order)
    # the kernel thaws what is frozen when its session's leader goes, so it may have come to write its own end
    assert trace.traced is Traced.UNKNOWN or (trace.outcome is not None and trace.outcome.cancelled)
    await eventually(lambda: not sleepers(seconds))
    await eventually(lambda: state_of(launcher) in ("", "Z"))


async def test_input_arrives_whole_or_nothing_starts(place: Place) -> None:
    target, content = place.host.folder / "content", bytes(range(256)) * 4000
    order = replace(place.change(f"cat > {target}", stdin="other"), stdin=content)
    assert (await place.executor().run(order)).exit_code == 0
    assert target.read_bytes() == content
    assert (await place.executor().run(replace(place.order("wc -c", stdin="other"), stdin=b""))).stdout == "0\n"
    assert (await place.executor().run(place.order("cat", stdin="words"))).stdout == "words"
    assert not [one for one in place.kept(order).iterdir() if one.name.startswith("in.")]


async def test_an_input_that_stops_halfway_starts_nothing(place: Place) -> None:
    """A worker dies while it sends: the host has half, and writes nothing."""
    target = place.host.folder / "half"
    target.write_text("whole")
    order, executor = place.change(f"cat > {target}"), place.executor()
    request = replace(executor._request(order), stdin=b"x" * 1000)
    cut = executor.exchange._order(request, order.connection, "n" * 20)[:-500]
    async with executor.exchange.sessions.use(order.connection, order.login) as held:
        from opsagent.adapters.executors.ssh.frames import decode, remote_command

        process = await held.create_process(remote_command(), encoding=None)
        process.stdin.write(cut)
        process.stdin.write_eof()
        answer = decode(await process.stdout.read(), "n" * 20)
    assert answer is not None
    assert (answer.state, answer.words) == ("refused", "its input did not arrive")
    assert target.read_text() == "whole"
    assert (await place.executor().trace(order)).traced is Traced.NEVER_STARTED


async def test_output_is_capped_and_drained(place: Place) -> None:
    executor = place.executor(output_cap_bytes=1000, full_output_cap_bytes=5000)
    for order in (place.order("seq 1 100000"), place.change("seq 1 100000")):
        outcome = await executor.run(order)
        assert (outcome.exit_code, outcome.truncated) == (0, True)
        assert outcome.stdout.startswith("1\n2\n")
        assert len(outcome.stdout) < 1200
        assert "bytes left out here" in outcome.stdout
        assert len(place.artifacts.kept[outcome.artifact]) > 5000
    assert outcome.stdout.count("left out") == 1


async def test_a_daemon_it_starts_lives_on_and_holds_nobody_up(place: Place) -> None:
    seconds = unique_seconds()
    outcome = await place.executor().run(place.change(f"setsid sleep {seconds} & echo started"))
    assert (outcome.exit_code, outcome.stdout) == (0, "started\n")
    assert "left 1 processes running" in outcome.note
    (left,) = sleepers(seconds)
    os.kill(left, signal.SIGKILL)


async def test_a_changed_script_is_not_started(place: Place) -> None:
    script = place.host.folder / "repair.sh"
    script.write_text("echo one\n")
    import hashlib

    digest = hashlib.sha256(b"echo one\n").hexdigest()
    order = place.change(f"bash {script}", files=((str(script), digest),))
    assert (await place.executor().run(order)).stdout == "one\n"
    script.write_text("echo two\n")
    other = replace(order, token=order.token + ".2")
    with pytest.raises(ExecutionError, match="changed since it was judged"):
        await place.executor().run(other)
    assert (await place.executor().trace(other)).traced is Traced.NEVER_STARTED


async def test_refusals_start_nothing(place: Place) -> None:
    executor = place.executor()
    for order, words in (
        (place.change("true", cwd="/no/such/folder"), "no folder"),
        (place.change("true", uid=1000), "user to run as"),
        (place.change("echo \0"), "NUL"),
        (place.change("true", environment=(("LD_PRELOAD", "x"),)), "could change what runs"),
        (place.change("true", connection=place.connection(state_dir="/proc/nowhere")), "start token cannot be written"),
        (replace(place.change("true"), login=None), "no credential"),
    ):
        with pytest.raises(ExecutionError, match=words):
            await executor.run(order)


async def test_variables_and_place(place: Place) -> None:
    order = place.order("echo $A; pwd", environment=(("A", "x y\n'z'"),), cwd="/usr")
    assert (await place.executor().run(order)).stdout == "x y 'z'\n/usr\n"


async def test_another_host_key_is_refused_and_shown(place: Place) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    connection = place.connection(host_key=other)
    with pytest.raises(ExecutionError, match="another host key"):
        await place.executor().run(place.order("true", connection=connection))
    tested = await place.executor().test(connection, place.login())
    assert not tested.ok
    real = asyncssh.import_public_key(place.host.host_key).get_fingerprint()
    assert real in tested.text


async def test_another_key_is_refused(place: Place) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    order = replace(place.order("true"), login=place.login(private_key=key))
    with pytest.raises(ExecutionError, match="does not let"):
        await place.executor().run(order)
    with pytest.raises(ExecutionError, match="cannot be read"):
        await place.executor().run(replace(order, login=place.login(private_key="nonsense")))


async def test_the_users_own_keys_agent_and_config_are_not_used(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_text(place.host.private_key)
    (tmp_path / ".ssh" / "id_ed25519").chmod(0o600)
    (tmp_path / ".ssh" / "config").write_text(f"Host *\n  IdentityFile {tmp_path}/.ssh/id_ed25519\n  User nobody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with pytest.raises(ExecutionError, match="does not let"):
        await place.executor().run(replace(place.order("true"), login=place.login(private_key=key)))


async def test_a_certificate_and_a_passphrase(tmp_path: Path) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    with openssh(authority=authority) as host:
        place = Place(host)
        key = asyncssh.generate_private_key("ssh-ed25519")
        certificate = authority.generate_user_certificate(key, "ops", principals=[host.user])
        login = place.login(
            private_key=key.export_private_key(passphrase="open sesame").decode(),
            passphrase="open sesame",
            certificate=certificate.export_certificate().decode(),
        )
        executor = place.executor()
        assert (await executor.run(replace(place.order("echo in"), login=login))).stdout == "in\n"
        await executor.close()


async def test_through_a_jump_host(place: Place) -> None:
    with openssh(lines="AllowTcpForwarding yes\n") as jump:
        (jump.folder / "authorized_keys").write_bytes(
            asyncssh.import_private_key(place.host.private_key).export_public_key()
        )
        executor = place.executor()
        via = place.connection(jump=jump.address, jump_host_key=jump.host_key)
        executor.check(via)
        assert (await executor.run(place.order("echo through", connection=via))).stdout == "through\n"
        wrong = place.connection(jump=jump.address, jump_host_key=place.host.host_key)
        with pytest.raises(ExecutionError, match="another host key"):
            await place.executor().run(place.order("true", connection=wrong))
        await executor.close()


async def test_one_connection_carries_many_and_a_dead_one_is_replaced(place: Place) -> None:
    executor = place.executor()
    outcomes = await asyncio.gather(*(executor.run(place.order(f"echo {n}")) for n in range(30)))
    assert [one.stdout for one in outcomes] == [f"{n}\n" for n in range(30)]
    assert len(executor._sessions._lines) == 1
    (line,) = executor._sessions._lines.values()
    before = line.way[-1]
    place.host.drop_connections()
    await eventually(before.is_closed)
    assert (await executor.run(place.order("echo again"))).stdout == "again\n"


async def test_an_idle_connection_is_closed(place: Place) -> None:
    executor = place.executor(idle_s=0.05)
    await executor.run(place.order("true"))
    await eventually(lambda: not executor._sessions._lines)


async def test_files_are_kept_to_the_byte(place: Place) -> None:
    executor, folder = place.executor(), place.host.folder
    content = bytes(range(256)) * 3000
    (folder / "config").write_bytes(content)
    (folder / "config").chmod(0o640)
    (folder / "link").symlink_to("config")
    (folder / "dangling").symlink_to("nowhere")
    order = place.change("true")
    for name in ("config", "link"):
        kept = await executor.keep(order, f"{folder}/{name}")
        assert (kept.content, kept.mode, kept.uid) == (content, 0o640, os.getuid())
    assert (await executor.keep(order, f"{folder}/absent")).content is None
    with (folder / "huge").open("wb") as huge:
        huge.truncate(17 * 1024**2)
    for name, words in (
        ("dangling", "leads nowhere"),
        ("", "a folder"),
        ("no/such/file", "No such file"),
        ("huge", "larger than 16 MiB"),
        ("state/..", "a folder"),
    ):
        with pytest.raises(ExecutionError, match=words):
            await executor.keep(order, f"{folder}/{name}")
    with pytest.raises(ExecutionError, match="regular file"):
        await executor.keep(order, "/dev/null")
    with pytest.raises(ExecutionError, match="process"):
        await executor.keep(order, "/proc/self/environ")


async def test_a_host_that_is_away_is_said_in_words(place: Place) -> None:
    with openssh() as host:
        gone = Place(host)
        order = gone.change("true")
    executor = gone.executor()
    with pytest.raises(ExecutionError, match="cannot be reached"):
        await executor.run(order)
    with pytest.raises(UnavailableError, match="cannot be told now"):
        await executor.trace(order)
    assert not (await executor.test(gone.connection(), gone.login())).ok


async def test_a_test_says_who_we_are_there(place: Place) -> None:
    tested = await place.executor().test(place.connection(), place.login())
    assert tested.ok, tested
    assert tested.facts["user"] == place.host.user
    assert "bash" in tested.text


async def test_the_private_key_is_in_no_process_list_nor_output(place: Place) -> None:
    seconds = unique_seconds()
    middle = place.host.private_key.splitlines()[2]
    task = asyncio.create_task(place.executor().run(place.change(f"sleep {seconds}; cat /proc/*/cmdline")))
    await eventually(lambda: sleepers(seconds))
    for pid in sleepers(seconds):
        os.kill(pid, signal.SIGTERM)
    outcome = await task
    assert middle not in outcome.stdout
    for entry in Path("/proc").glob("[0-9]*/environ"):
        if entry.parent.name != str(os.getpid()):
            try:
                assert middle.encode() not in entry.read_bytes(), entry
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
