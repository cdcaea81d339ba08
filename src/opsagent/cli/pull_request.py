"""`opsagent runbooks pull-request`: a change of files, to be proposed to the people of a repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.pull_request import ChangedFile, PullRequest
from opsagent.errors import InputError

_MOST_BYTES = 48 * 1024  # a step of a runbook has 64 KB, and JSON makes a text longer


def pull_request(
    identity: Annotated[str, typer.Argument(metavar="ID", help="A slug nobody has yet: bigger-disk.")],
    *,
    api: Annotated[Literal["github", "gitlab"], typer.Option("--api", help="Whose REST API it is.")],
    connection: Annotated[str, typer.Option("--connection", metavar="NAME", help="The registered API.")],
    repository: Annotated[
        str, typer.Option("--repository", metavar="PLACE", help="owner/name; for GitLab the project's number.")
    ],
    title: Annotated[str, typer.Option("--title", help="Of the commit and of the pull request.")],
    body: Annotated[str, typer.Option("--body", help="What its reviewers should know.")] = "",
    base: Annotated[str, typer.Option("--base", metavar="BRANCH", help="Where it should go into.")] = "main",
    branch: Annotated[str, typer.Option("--branch", help="Its own branch; the ID when left out.")] = "",
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="PATH=FILE", help="A file that is new there.")
    ] = None,
    replace: Annotated[
        list[str] | None, typer.Option("--replace", metavar="PATH=FILE", help="One that is there already.")
    ] = None,
    check_on: Annotated[
        str, typer.Option("--check-on", metavar="NAME", help="A sandbox connection where Terraform is looked at first.")
    ] = "sandbox",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Store a runbook that opens a pull request; nothing is sent before it is run and approved."""

    async def work(door: Door) -> Exit | None:
        files = (*_read(add or [], replaces=False), *_read(replace or [], replaces=True))
        wanted = PullRequest(
            id=identity,
            title=title,
            api=api,
            connection=connection,
            repository=repository,
            base=base,
            branch=branch or identity,
            body=body,
            files=files,
            check_on=check_on,
        )
        stored = await door.library.put(wanted.markdown(), f"{identity}.md")
        if as_json:
            say_json(stored)
        else:
            say(f"{stored['runbookId']}: {stored['title']} (version {stored['revision']})")
            say(f"Look: opsagent runbooks dry-run {identity} --connection {connection}")
            say(f'Then: opsagent run "{title}" --runbook {identity} --connection {connection}')
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _read(named: list[str], *, replaces: bool) -> Iterator[ChangedFile]:
    for one in named:
        path, equals, local = one.partition("=")
        if not equals or not local:
            raise InputError(f"`{one}` names no file.", fix="Write PATH=FILE: prod/disk.tf=./disk.tf")
        try:
            raw = Path(local).read_bytes()
        except OSError as error:
            raise InputError(f"{local} cannot be read: {error.strerror}.", fix="Name a file that can.") from error
        if len(raw) > _MOST_BYTES:
            raise InputError(f"{local} is larger than {_MOST_BYTES // 1024} KB.", fix="Propose it by git itself.")
        try:
            yield ChangedFile(path=path, content=raw.decode(), replaces=replaces)
        except UnicodeDecodeError:
            raise InputError(f"{local} is no text in UTF-8.", fix="Propose it by git itself.") from None
