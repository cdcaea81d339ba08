"""Every shipped runbook, really executed: each diagnosis and each measure runs here, on real files and real servers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from opsagent.adapters.knowledge.markdown import parse
from opsagent.adapters.knowledge.pack import shipped
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.expectation import capture, holds, meets
from opsagent.domain.outcome import Outcome
from opsagent.domain.render import Values, render
from opsagent.domain.runbook import Phase, Runbook
from opsagent.domain.step import Step, StepStatus
from servers.loopback import nginx, postgres, program, tls_server, until

RUNBOOKS = {runbook.id: runbook for runbook in shipped()}
ENVIRONMENT = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}


def bash(text: str, timeout_s: float = 60.0) -> Outcome:
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", text],
        env=ENVIRONMENT, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False,
    )  # fmt: skip
    return Outcome(
        exit_code=done.returncode,
        stdout=done.stdout.decode("utf-8", "replace"),
        stderr=done.stderr.decode("utf-8", "replace"),
    )


class Trial:
    """One runbook on one target, followed as the loop would: captures, conditions, expectations."""

    def __init__(self, identity: str, values: Mapping[str, str] | None = None, **parameters: str) -> None:
        self.runbook: Runbook = RUNBOOKS[identity]
        target = Connection(id="c", tenant="t", name="here", values=values or {})
        self.values = Values(declared=self.runbook.parameters, parameters=parameters, connection=target)
        self.steps: dict[str, Step] = {}

    def measure(self) -> bool:
        check = self.runbook.measures["*"]
        outcome = bash(render(check.text, self.values).text)
        assert outcome.exit_code not in {126, 127}, outcome.stderr
        return meets(check.expect, outcome)[0]

    def diagnose(self) -> dict[str, Step]:
        for template in self.runbook.steps:
            if template.phase is Phase.DIAGNOSIS:
                self.run(template.name)
        return self.steps

    def run(self, name: str) -> Step | None:
        template = self.runbook.step(name)
        if not holds(template.when, list(self.steps.values())):
            return None
        text = render(template.text, self.values).text
        outcome = bash(text, template.timeout_s + 10)
        ok, _ = meets(template.expect, outcome)
        if ok:
            found = {**self.values.captures, **capture(template.captures, outcome)}
            self.values = replace(self.values, captures=found)
        number = len(self.steps) + 1
        step = Step(
            id=f"r.{number}", run_id="r", tenant="t", number=number, name=name, phase=template.phase, outcome=outcome,
            command=Command(executor="shell", text=text, connection_id="c"),
            status=StepStatus.SUCCEEDED if ok else StepStatus.FAILED,
        )  # fmt: skip
        self.steps[name] = step
        return step

    def said(self, name: str) -> str:
        outcome = self.steps[name].outcome
        assert outcome is not None
        return outcome.stdout

    def passes(self, name: str) -> bool:
        return self.steps[name].status is StepStatus.SUCCEEDED


def assert_sound(trial: Trial) -> None:
    """Each command was found, understood its options; whether it met its expectation depends on the machine."""
    for name, step in trial.steps.items():
        assert step.outcome is not None
        words = f"{trial.runbook.id} {name}: {step.command.text}: {step.outcome}"
        assert step.outcome.exit_code not in {126, 127}, words
        for complaint in ("syntax error", "invalid option", "unrecognized", "unknown option", "usage:", "Usage:"):
            assert complaint not in step.outcome.stderr, words


def test_all_load_without_a_warning_and_can_measure() -> None:
    assert len(RUNBOOKS) >= 12
    for runbook in RUNBOOKS.values():
        parsed = parse(runbook.source, path=runbook.path)
        assert parsed.warnings == (), runbook.id
        assert runbook.executable
        assert runbook.measures
        assert runbook.aliases
        assert runbook.summary
        phases = {step.phase for step in runbook.steps}
        assert {Phase.DIAGNOSIS, Phase.MITIGATION, Phase.VERIFY} <= phases, runbook.id
        assert all(step.why or step.when for step in runbook.steps if step.phase is Phase.MITIGATION), runbook.id


def test_no_name_means_two_runbooks() -> None:
    called = [name.casefold() for one in RUNBOOKS.values() for name in (one.id, *one.aliases, *one.alerts)]
    assert len(called) == len(set(called))


def test_every_repair_is_a_shell_command_that_parses() -> None:
    for runbook in RUNBOOKS.values():
        for step in runbook.steps:
            assert bash(f"bash -n <<'END'\n{step.text}\nEND\n").exit_code == 0, (runbook.id, step.name)


def test_disk_full(tmp_path: Path) -> None:
    (tmp_path / "large.log").touch()
    os.truncate(tmp_path / "large.log", 300 * 1024 * 1024)
    trial = Trial("disk-full", mountpoint=str(tmp_path))
    trial.diagnose()
    assert_sound(trial)
    assert trial.passes("usage")
    assert str(tmp_path) in trial.said("biggest-folders")
    assert "large.log" in trial.said("biggest-files")
    used = int(bash(f"df -P {tmp_path}").stdout.split()[-2].rstrip("%"))
    assert trial.measure() is (used < 90)


@pytest.mark.parametrize(("used", "healthy"), [("5%", True), ("89%", True), ("90%", False), ("100%", False)])
def test_disk_full_measures_a_tenth(used: str, healthy: bool) -> None:
    line = f"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 90 10 {used} /data\n"
    assert meets(RUNBOOKS["disk-full"].measures["*"].expect, Outcome(exit_code=0, stdout=line))[0] is healthy


def test_inode_exhaustion(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"session-{number}").touch()
    trial = Trial("inode-exhaustion", mountpoint=str(tmp_path))
    trial.diagnose()
    assert_sound(trial)
    assert all(trial.passes(name) for name in trial.steps)
    assert str(tmp_path) in trial.said("crowded-folders")
    assert isinstance(trial.measure(), bool)


def test_memory_pressure() -> None:
    trial = Trial("memory-pressure")
    trial.diagnose()
    assert_sound(trial)
    assert trial.passes("memory")
    assert "RSS" in trial.said("biggest-processes")
    assert isinstance(trial.measure(), bool)
    plenty = Outcome(exit_code=0, stdout="available=64%\n")
    assert meets(trial.runbook.measures["*"].expect, plenty)[0]
    starved = Outcome(exit_code=0, stdout="available=9%\n")
    assert not meets(trial.runbook.measures["*"].expect, starved)[0]


def test_cpu_high() -> None:
    trial = Trial("cpu-high")
    trial.diagnose()
    assert_sound(trial)
    assert trial.values.captures["pid"].isdigit()
    assert "load average" in trial.said("load")
    assert isinstance(trial.measure(), bool)
    for line, healthy in (("idle=9%", False), ("idle=10%", True), ("idle=100%", True)):
        assert meets(trial.runbook.measures["*"].expect, Outcome(exit_code=0, stdout=line))[0] is healthy


def test_cpu_high_lowers_a_priority_and_gives_it_back() -> None:
    trial = Trial("cpu-high")
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            trial.values = replace(trial.values, captures={"pid": str(child.pid)})
            hot = replace(trial.runbook.step("culprit"), name="culprit")
            trial.steps["culprit"] = Step(
                id="r.1", run_id="r", tenant="t", number=1, name=hot.name, phase=hot.phase, status=StepStatus.SUCCEEDED,
                command=Command(executor="shell", text=hot.text, connection_id="c"),
                outcome=Outcome(exit_code=0, stdout=f"pid={child.pid}\nshare=97\n"),
            )  # fmt: skip
            repaired = trial.run("lower-its-priority")
            assert repaired is not None
            assert os.getpriority(os.PRIO_PROCESS, child.pid) == 10
            undo = trial.runbook.step("lower-its-priority").undo
            assert undo is not None
            assert bash(render(undo.text, trial.values).text).exit_code == (0 if os.getuid() == 0 else 1)
        finally:
            child.kill()


@pytest.mark.parametrize("identity", ["service-down", "clock-drift", "dns-failing"])
def test_those_about_systemd_are_sound_commands(identity: str) -> None:
    trial = Trial(
        identity, {"name": "localhost"}, **({"service": "none-such.service"} if identity == "service-down" else {})
    )
    trial.diagnose()
    assert_sound(trial)
    if identity == "dns-failing":
        assert trial.passes("lookup")
        assert trial.measure()
    elif identity == "service-down":
        assert not trial.measure(), "there is no such service"
    else:
        assert isinstance(trial.measure(), bool)


def test_a_name_that_does_not_resolve_is_seen() -> None:
    trial = Trial("dns-failing", {"name": "no-such-name.invalid"})
    trial.diagnose()
    assert not trial.passes("lookup")
    assert not trial.measure()


def test_log_growing(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("retry\n" * 100 + "once\n")
    trial = Trial("log-growing", file=str(log))
    with log.open():
        trial.diagnose()
    assert_sound(trial)
    assert trial.said("most-frequent").split()[:2] == ["100", "retry"]
    assert f"/proc/{os.getpid()}/fd/" in trial.said("writers")
    assert trial.measure()
    os.truncate(log, 2 * 1024**3)
    assert not trial.measure()


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with nginx() as url:
        yield url


def test_nginx_bad_config(web: str, tmp_path: Path) -> None:
    config, earlier = tmp_path / "nginx.conf", tmp_path / "nginx.conf.bak"
    config.write_text("broken {")
    earlier.write_text("events {}")
    trial = Trial(
        "nginx-bad-config", {"url": web}, config=str(config), backup=str(earlier), error_log=str(tmp_path / "e.log")
    )
    program("nginx")
    trial.diagnose()
    assert_sound(trial)
    assert trial.passes("earlier-config")
    assert trial.passes("processes")
    assert trial.measure()
    config_test = trial.steps["config-test"]
    trial.steps["config-test"] = replace(config_test, status=StepStatus.FAILED)
    assert trial.run("restore-config") is not None
    assert config.read_text() == "events {}"


def test_web_endpoint_down(web: str) -> None:
    trial = Trial("web-endpoint-down", {"url": web}, service="none-such.service")
    trial.diagnose()
    assert_sound(trial)
    assert trial.passes("healthy")
    assert "200" in trial.said("answer")
    assert trial.measure()
    gone = Trial("web-endpoint-down", {"url": f"{web.rsplit(':', 1)[0]}:1/"}, service="none-such.service")
    gone.diagnose()
    assert not gone.passes("healthy")
    assert not gone.measure()
    assert not holds(trial.runbook.step("restart-service").when, list(trial.steps.values()))
    assert holds(gone.runbook.step("restart-service").when, list(gone.steps.values()))


@pytest.mark.parametrize(("days", "fresh"), [(5, False), (90, True)])
def test_tls_certificate_expiry(tmp_path: Path, days: int, fresh: bool) -> None:
    with tls_server(tmp_path, days=days) as (address, certificate):
        target = {"address": address, "server_name": "shop.example"}
        trial = Trial("tls-certificate-expiry", target, certificate=str(certificate))
        trial.diagnose()
        assert trial.measure() is fresh
    assert_sound(trial)
    assert "shop.example" in trial.said("served")
    assert trial.passes("served-is-fresh") is trial.passes("file-is-fresh") is fresh
    assert holds(trial.runbook.step("renew").when, list(trial.steps.values())) is not fresh


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    with postgres(settings="-c max_connections=20 -c superuser_reserved_connections=3") as values:
        yield values


def client(values: Mapping[str, str], text: str) -> subprocess.Popen[str]:
    """A psql that has done `text`, says so, and keeps its session open until its input is closed."""
    address = ["-h", values["host"], "-p", values["port"], "-U", values["user"], "-d", values["database"]]
    child = subprocess.Popen(
        [program("psql"), "-X", "-q", "-At", *address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin
    assert child.stdout
    child.stdin.write(f"{text}\n\\echo ready\n")
    child.stdin.flush()
    assert child.stdout.readline() == "ready\n"
    return child


def finish(*children: subprocess.Popen[str]) -> None:
    for child in children:
        child.kill()
        child.communicate()


def test_postgres_too_many_connections(database: dict[str, str]) -> None:
    trial = Trial("postgres-too-many-connections", database)
    trial.diagnose()
    assert_sound(trial)
    assert all(trial.passes(name) for name in trial.steps)
    assert trial.said("limit") == "20\n"
    assert trial.said("idle-in-transaction") == "0\n"
    assert trial.run("end-leaked-sessions") is None, "nothing is leaked"
    assert trial.measure()
    sessions = [client(database, "select 1 \\g /dev/null") for _ in range(16)]
    try:
        assert not trial.measure()
    finally:
        finish(*sessions)


def test_postgres_locks(database: dict[str, str]) -> None:
    trial = Trial("postgres-locks", database)
    assert trial.measure()
    holder = client(database, "create table orders (id int); begin; lock table orders;")
    waiter = client(database, "set lock_timeout = '20s';")
    try:
        assert waiter.stdin
        waiter.stdin.write("select * from orders;\n")
        waiter.stdin.flush()
        until(lambda: not trial.measure(), "the waiting session")
        trial.diagnose()
        assert_sound(trial)
        assert all(trial.passes(name) for name in trial.steps)
        assert "select * from orders" in trial.said("blocked")
        assert "lock table orders" in trial.said("blockers")
        assert trial.run("cancel-old-blockers") is None, "the blocker is young"
    finally:
        finish(holder, waiter)
    for name in ("cancel-old-blockers", "still-blocking", "end-idle-blockers"):
        assert bash(render(trial.runbook.step(name).text, trial.values).text).stdout == "0\n"


def test_postgres_down(database: dict[str, str], tmp_path: Path) -> None:
    up = Trial("postgres-down", database, data_directory=str(tmp_path))
    up.diagnose()
    assert_sound(up)
    assert up.passes("ready")
    assert up.passes("processes")
    assert up.measure()
    down = Trial("postgres-down", {**database, "port": "1"}, data_directory=str(tmp_path))
    down.diagnose()
    assert not down.measure()
    assert "no response" in down.said("ready")
    assert not holds(up.runbook.step("start").when, list(up.steps.values()))
    assert holds(down.runbook.step("start").when, list(down.steps.values())) is down.passes("space")
