"""`opsagent policy`: what the policy would say of a command; nothing is executed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from opsagent.cli.exits import Exit
from opsagent.cli.lines import read_lines
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import finish
from opsagent.cli.policy_cases import read_cases
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError

Json = dict[str, Any]
_LISTED = ("reads", "writes", "deletes", "services", "processes", "contacts", "executes", "sensitive", "forbidden")


def group() -> typer.Typer:
    """The commands below `opsagent policy`."""
    app = typer.Typer(help="The policy: what would it say of a command?", no_args_is_help=True)
    app.callback()(_policy)
    app.command("explain")(explain)
    app.command("test")(check)
    return app


def _policy() -> None:
    """The policy: what would it say of a command? Nothing is executed."""


def explain(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND", help="One command; quote what a shell would eat.")
    ] = None,
    *,
    batch: Annotated[
        str, typer.Option("--batch", metavar="FILE", help="A command a line in (- is stdin), a JSON line out.")
    ] = "",
    connection: Annotated[
        str, typer.Option("--connection", help="The target it would run on. Default: this host, no store needed.")
    ] = "",
    address: Annotated[
        str,
        typer.Option(
            "--address", help="A target that is not registered: postgresql://H/DB, mysql://H/DB, ssh://H, https://H."
        ),
    ] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say what a command would get (ALLOW, ASK or DENY), by which rule, why, and what it would do."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json or bool(batch))

    async def work() -> Exit:
        if bool(command) == bool(batch):
            raise InputError("Give one command, or a file of them.", fix="opsagent policy explain -- 'df -h | sort'")
        texts = read_lines(batch) if batch else [_text(command or [])]
        for verdict in await _explained(place, texts, connection, address):
            say_json(verdict) if place.as_json else _say(verdict)
        return Exit.OK

    finish(place, work)


def _text(words: Sequence[str]) -> str:
    """One word is a whole command line; several are the words of one."""
    return words[0] if len(words) == 1 else shlex.join(words)


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML list of command and verdict.")],
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Compare the policy with what you expect of it; exit 1 when a command gets something else."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json)

    async def work() -> Exit:
        wrong = 0
        cases = read_cases(file)
        for case in cases:
            (found,) = await _explained(place, [case.command], case.connection, case.address, case.environment)
            as_expected = found["verdict"] == case.verdict and case.rule in ("", found["rule"])
            wrong += not as_expected
            if as_json:
                say_json({**found, "expected": case.verdict, "asExpected": as_expected})
            elif not as_expected:
                wanted = case.verdict + (f" by {case.rule}" if case.rule else "")
                say(f"{file}:{case.line}: {found['verdict']} by {found['rule']}, expected {wanted}")
                say(f"  {case.command}")
                say(f"  {found['reason']}")
        if not as_json:
            say(f"{len(cases) - wrong} of {len(cases)} as expected.")
        return Exit.FAILED if wrong else Exit.OK

    finish(place, work)


async def _explained(
    place: Place, texts: Sequence[str], connection: str, address: str = "", environment: str = "prod"
) -> Sequence[Json]:
    if connection and address:
        raise InputError("A registered connection has its own address.", fix="Give one of the two.")
    if not connection:
        from opsagent.cli.standing_policy import explain_here

        return await explain_here(place, texts, address=address, environment=environment)
    from opsagent.cli.door import open_door

    async with open_door(place) as door:
        return await door.explain(texts, connection)


def _say(verdict: Json) -> None:
    say(f"{verdict['verdict']}  {verdict['rule']}", f"  {verdict['reason']}")
    manifest = verdict["manifest"]
    for name in _LISTED:
        if manifest.get(name):
            say(f"  {name:<10} {', '.join(manifest[name])}")
    for reason in manifest.get("reasons") or []:
        if reason.rpartition(": ")[2] not in verdict["reason"]:
            say(f"  note       {reason}")
