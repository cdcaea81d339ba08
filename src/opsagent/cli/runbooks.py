"""`opsagent runbooks`: add, list, show, check, search."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from opsagent.cli.door import Door
from opsagent.cli.dry_run import dry_run
from opsagent.cli.exits import Exit, complain
from opsagent.cli.lines import read_lines
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import finish, perform
from opsagent.cli.screen import say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError, NotFound, RunbookError

Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="PATH...", help="Markdown files, or folders of them.", show_default=False)
]


def group() -> typer.Typer:
    """The commands below `opsagent runbooks`."""
    app = typer.Typer(help="Procedures people wrote: add, list, show, check and search them.", no_args_is_help=True)
    for function, name in ((add, "add"), (check, "check"), (list_all, "list"), (show, "show"), (search, "search")):
        app.command(name)(function)
    app.command("dry-run")(dry_run)
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
        texts = [*_texts(paths or []), *(_shipped() if shipped else [])]
        if not texts:
            raise InputError("No runbook was named.", fix="Name a Markdown file or a folder, or use --shipped.")
        refused = False
        for text, path in texts:
            try:
                stored = await door.add_runbook(text, path)
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

        texts, parse = _texts(paths or []), runbook_parser()
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
        found = await door.runbooks()
        if as_json:
            say_json({"runbooks": found})
        elif not found:
            say("No runbooks yet. Add those that come with OpsAgent: opsagent runbooks add --shipped")
        else:
            rows = [
                (one["runbookId"], one["revision"], ", ".join(one.get("alerts") or []), one["title"]) for one in found
            ]
            table(("id", "version", "alerts", "title"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(
    runbook: Annotated[str, typer.Argument(metavar="RUNBOOK", help="Its id, or its number in the list.")],
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Print a runbook as it was written."""

    async def work(door: Door) -> Exit | None:
        found = await door.runbook(runbook)
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
            found = _found(await door.search(one, limit))
            say_json(found) if as_json or batch else _say_found(found)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _found(answer: dict[str, Any]) -> dict[str, Any]:
    hits = [{"id": one["runbookId"], "score": one["score"], "why": one["why"]} for one in answer["hits"]]
    return {"query": answer["query"], "fits": answer["fits"], "results": hits}


def _say_found(found: dict[str, Any]) -> None:
    if not found["fits"]:
        say("No runbook fits." + (" The nearest:" if found["results"] else ""))
    if found["results"]:
        table(("id", "score", "why"), [(one["id"], f"{one['score']:.2f}", one["why"]) for one in found["results"]])


def _texts(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """(text, path) of every runbook named. NotFound, InputError."""
    found: list[tuple[str, str]] = []
    for path in paths:
        if path.is_dir():
            found += _texts(sorted(path.glob("*.md")))
            continue
        try:
            found.append((path.read_bytes().decode("utf-8"), str(path)))
        except FileNotFoundError:
            raise NotFound(f"There is no file {path}.", fix="Check the path.") from None
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.", fix="Mend its rights.") from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise RunbookError("it is not UTF-8 text", file=str(path), line=line, fix="Save it as UTF-8.") from None
    return found


def _shipped() -> list[tuple[str, str]]:
    from opsagent.bootstrap.outfit import shipped_runbooks

    return [(one.source, one.path or f"{one.id}.md") for one in shipped_runbooks()]
