"""`opsagent runbooks`: add, list, show, check, search; what else there is stands in the files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opsagent.cli.coverage import coverage
from opsagent.cli.door import Door
from opsagent.cli.drafts import delete_draft, dismiss, draft, drafts, merge
from opsagent.cli.dry_run import dry_run
from opsagent.cli.exits import Exit, complain
from opsagent.cli.instruct import instruct
from opsagent.cli.lines import read_lines
from opsagent.cli.options import AsJson, DataDir, Place, RunbookId, TenantName
from opsagent.cli.perform import finish, perform
from opsagent.cli.pull_request import pull_request
from opsagent.cli.runbook_files import read_runbooks
from opsagent.cli.runbook_import import import_runbooks
from opsagent.cli.runbook_versions import diff, disable, enable, remove, restore, versions
from opsagent.cli.screen import say, say_json, table
from opsagent.cli.uses import helped
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError, RunbookError

Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="PATH...", help="Markdown files, or folders of them.", show_default=False)
]


def group() -> typer.Typer:
    """The commands below `opsagent runbooks`."""
    app = typer.Typer(
        help="Procedures people wrote: add, import, list, show, compare, check and search them.", no_args_is_help=True
    )
    for function, name in (
        (add, "add"),
        (instruct, "instruct"),
        (pull_request, "pull-request"),
        (import_runbooks, "import"),
        (check, "check"),
        (list_all, "list"),
        (show, "show"),
        (search, "search"),
        (dry_run, "dry-run"),
        (coverage, "coverage"),
        (versions, "versions"),
        (diff, "diff"),
        (restore, "restore"),
        (enable, "enable"),
        (disable, "disable"),
        (remove, "remove"),
        (drafts, "drafts"),
        (draft, "draft"),
        (merge, "merge"),
        (dismiss, "dismiss"),
        (delete_draft, "delete-draft"),
    ):
        app.command(name)(function)
    return app


def add(
    paths: Paths = None,
    *,
    shipped: Annotated[bool, typer.Option("--shipped", help="Add the runbooks that come with OpsAgent.")] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Check runbooks and store them; what is refused is named with file, line and fix, the rest is stored."""

    async def work(door: Door) -> Exit | None:
        texts = [*read_runbooks(paths or []), *(_shipped() if shipped else [])]
        if not texts:
            raise InputError("No runbook was named.", fix="Name a Markdown file or a folder, or use --shipped.")
        refused = False
        for text, path in texts:
            try:
                stored = await door.library.put(text, path)
            except RunbookError as error:
                refused = True
                complain(error, as_json=as_json)
                continue
            say_json(stored) if as_json else say(
                f"{stored['runbookId']}: {stored['title']} (version {stored['revision']})"
            )
        return Exit.FAILED if refused else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def check(paths: Paths = None, *, as_json: AsJson = False) -> None:
    """Read runbooks and say what is wrong with them; nothing is stored."""

    async def work() -> Exit:
        from opsagent.bootstrap.outfit import runbook_parser

        texts, parse = read_runbooks(paths or []), runbook_parser()
        if not texts:
            raise InputError("No runbook was named.", fix="Name a Markdown file or a folder of them.")
        refused = False
        for text, path in texts:
            try:
                found = parse(text, path)
            except RunbookError as error:
                refused = True
                complain(error, as_json=as_json)
                continue
            kind = f"{len(found.steps)} steps" if found.executable else "to read only: it has no front matter"
            if as_json:
                say_json({"path": path, "id": found.id, "steps": len(found.steps), "executable": found.executable})
            else:
                say(f"{path}: {found.id}, {kind}")
        return Exit.FAILED if refused else Exit.OK

    finish(Place(as_json=as_json), work)


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the runbooks that are stored."""

    async def work(door: Door) -> Exit | None:
        found = await door.library.runbooks()
        if as_json:
            say_json({"runbooks": found})
        elif not found:
            say("No runbooks yet. Add those that come with OpsAgent: opsagent runbooks add --shipped")
        else:
            rows = [
                (
                    one["runbookId"],
                    str(one["revision"]) if one["enabled"] else f"{one['revision']} off",
                    helped(one["uses"]),
                    _short(one["alerts"]),
                    one["title"],
                )
                for one in found
            ]
            table(("id", "version", "helped", "alerts", "title"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(
    runbook: RunbookId,
    *,
    version: Annotated[str, typer.Option("--version", metavar="VERSION", help="An earlier one: see versions.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Print a runbook as it was written."""

    async def work(door: Door) -> Exit | None:
        found = await (door.library.version(runbook, version) if version else door.library.runbook(runbook))
        say_json(found) if as_json else say(found["source"].rstrip("\n"))
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def search(
    query: Annotated[str | None, typer.Argument(metavar="QUERY", show_default=False)] = None,
    *,
    batch: Annotated[
        str, typer.Option("--batch", metavar="FILE", help="A query a line in (- is stdin), a JSON line out.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=50)] = 5,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Find the runbooks for a problem, best first; says so when none fits."""

    async def work(door: Door) -> Exit | None:
        if (query is None) == (not batch):
            raise InputError("Give one query, or a file of them.", fix='opsagent runbooks search "disk full"')
        for one in [query] if query is not None else read_lines(batch):
            found = _found(await door.library.search(one, limit))
            say_json(found) if as_json or batch else _say_found(found)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _short(names: list[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)


def _found(answer: dict[str, Any]) -> dict[str, Any]:
    hits = [
        {"id": one["runbookId"], "score": one["score"], "why": one["why"], "uses": one["uses"]}
        for one in answer["hits"]
    ]
    return {"query": answer["query"], "fits": answer["fits"], "results": hits}


def _say_found(found: dict[str, Any]) -> None:
    if not found["fits"]:
        say("No runbook fits." + (" The nearest:" if found["results"] else ""))
    if found["results"]:
        rows = [(one["id"], f"{one['score']:.2f}", helped(one["uses"]), one["why"]) for one in found["results"]]
        table(("id", "score", "helped", "why"), rows)


def _shipped() -> list[tuple[str, str]]:
    from opsagent.bootstrap.outfit import shipped_runbooks

    return [(one.source, one.path or f"{one.id}.md") for one in shipped_runbooks()]
