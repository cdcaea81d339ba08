"""Holds in the AWS command line: bubblewrap with a network, the run's folder, the program, and one session."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from opsagent.adapters.aws_cli import CONFIG, ENVIRONMENT, AwsProgram, NotOneCommand, find_program, split_words
from opsagent.adapters.executors.aws.address import Account, account_of
from opsagent.adapters.executors.local import views
from opsagent.adapters.executors.local.config import SEARCH_PATH, LocalConfig
from opsagent.adapters.executors.local.confine import Ground, Plan, find_user
from opsagent.adapters.executors.local.interpreter import reachable_python
from opsagent.adapters.executors.local.survivors import MARK, count_tasks
from opsagent.domain.command import Reach
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, SandboxUnavailable
from opsagent.ports.executor import Order

_MOST_LINKS_LOOKED_AT = 10_000


def plan_aws(order: Order, config: LocalConfig, ground: Ground, folder: Path) -> Plan:
    """The plan for one AWS command; `order.login` is its session. ExecutionError, SandboxUnavailable: not started."""
    if ground.no_sandbox_because:
        raise SandboxUnavailable(
            f"It needs a credential, and only bubblewrap keeps it from others: {ground.no_sandbox_because}. Nothing "
            "was started.",
            fix="Mend it (`opsagent doctor` says how).",
        )
    if order.command.reach is not Reach.SANDBOX or order.command.environment:
        raise ExecutionError("An AWS command has no variables and no reach of its own; nothing was started.")
    words = words_of(order)
    user = find_user(order, config)
    program = _reachable(find_program(), user)
    cwd = folder / order.command.cwd
    _refuse_outside(order, cwd, folder)
    seen = views.sandbox_view(
        folder,
        network=True,
        scratch_bytes=config.limits.scratch_bytes,
        sees=[*config.sandbox_sees, *_sees(program)],
        close_userns=ground.close_userns,
    )
    limits = dict(config.limits.by_name())
    limits["NPROC"] += count_tasks(user.uid)
    frame = views.frame(ground.bwrap, user, filtered=bool(ground.sandbox_filter))
    return Plan(
        backend=ground.backend(Reach.SANDBOX),
        syscalls=ground.sandbox_filter,
        disk_bytes=config.limits.disk_bytes,
        user=user,
        argv=(*frame, *seen, "--chdir", str(cwd), "--", *program.argv(words)),
        environment=_environment(order, account_of(order.connection), folder),
        cwd=folder,
        base=cwd,
        limits=limits,
    )


def words_of(order: Order) -> tuple[str, ...]:
    """The words of the command. ExecutionError: it is not one command of the AWS command line."""
    try:
        words = split_words(order.command.text)
    except NotOneCommand as error:
        raise ExecutionError(f"It was not started: {error}.", fix="Write one `aws SERVICE OPERATION ...`.") from None
    if len(words) < 2 or words[0] != "aws":
        raise ExecutionError(
            "It was not started: it is no command of the AWS command line.", fix="Begin it with `aws`."
        )
    return words


def _environment(order: Order, account: Account, folder: Path) -> Mapping[str, str]:
    """All the command line knows. An effect is sent once: a request without an answer may have been carried out."""
    values = order.login.values if order.login else {}
    found = {
        "PATH": SEARCH_PATH,
        "TMPDIR": str(folder),
        MARK: order.token,
        **ENVIRONMENT,
        "AWS_DEFAULT_REGION": account.region,
        "AWS_REGION": account.region,
        "AWS_ACCESS_KEY_ID": values["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": values["secret_access_key"],
        "AWS_RETRY_MODE": "standard",
        "AWS_MAX_ATTEMPTS": "3" if order.manifest.proof is Proof.READ else "1",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
    }
    if values.get("session_token"):
        found["AWS_SESSION_TOKEN"] = values["session_token"]
    if account.endpoint:
        found["AWS_ENDPOINT_URL"] = account.endpoint
    return found


def _reachable(program: AwsProgram, user: views.User) -> AwsProgram:
    """The program as its user can run it.

    Without CONFIG the command line would fetch arguments that are addresses, so it must be reachable too.
    """
    python = reachable_python(user, (program.site / "awscli", CONFIG))
    if python is not None:
        return AwsProgram(python=python, site=program.site)
    raise SandboxUnavailable(
        f"The AWS command line in {program.site} cannot be reached by the sandbox's user {user.uid}. Nothing was "
        "started.",
        fix="Install OpsAgent where all users may read (such as /opt), not in a home folder.",
    )


def _sees(program: AwsProgram) -> list[Path]:
    base = Path(sys.base_prefix)
    return [program.site, CONFIG, *([] if program.python.is_relative_to("/usr") else [base])]


def _refuse_outside(order: Order, cwd: Path, folder: Path) -> None:
    """No file it sends may lead out of the run's folder: /proc/self/environ is the session. ExecutionError."""
    home = folder.resolve()
    local = [one for one in order.manifest.reads if not one.startswith(("aws:", "arn:")) and one != "-"]
    for name in local:
        path = cwd / name
        inside = [path] if not path.is_dir() or path.is_symlink() else [path, *_entries(path)]
        for one in inside:
            if one != folder and home not in one.resolve().parents and one.resolve() != home:
                raise ExecutionError(
                    f"It was not started: {name} leads out of the run's folder.", fix="Copy what it should send."
                )


def _entries(path: Path) -> list[Path]:
    found = [one for _, one in zip(range(_MOST_LINKS_LOOKED_AT), path.rglob("*"), strict=False)]
    if len(found) == _MOST_LINKS_LOOKED_AT:
        raise ExecutionError(f"It was not started: {path.name} holds too many files.", fix="Send a smaller folder.")
    return found
