"""The command tree of `opsagent`; commands import what they need when they run, so that `--help` is instant."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opsagent.cli import (
    acting,
    approve,
    audit,
    cancel,
    channels,
    chat,
    connections,
    credentials,
    doctor,
    escalations,
    freeze,
    intake,
    keys,
    maintenance,
    mcp,
    notices,
    pause,
    people,
    policy,
    resolve,
    retry,
    run,
    runbooks,
    runs,
    schedules,
    serve,
    show,
    silences,
    skills,
    slack,
    spending,
    take,
    tickets,
    triage,
)
from opsagent.cli.demo.command import demo
from opsagent.cli.exits import EPILOG
from opsagent.cli.perform import TRACEBACKS

WORK, DECIDE, SET_UP = "Runs", "Decide and stop", "Set up and look"


def build() -> typer.Typer:
    """A fresh command tree."""
    app = typer.Typer(
        name="opsagent",
        help="A self-hosted operations agent: it checks, asks, repairs, measures, undoes, and writes down what it did.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, function in (("run", run.run), ("runs", runs.runs), ("show", show.show), ("retry", retry.retry)):
        app.command(name, rich_help_panel=WORK, epilog=EPILOG)(function)
    app.command("spending", rich_help_panel=WORK, epilog=EPILOG)(spending.spending)
    app.command("chat", rich_help_panel=WORK, epilog=EPILOG)(chat.chat)
    app.add_typer(tickets.group(), name="tickets", rich_help_panel=WORK, epilog=EPILOG)
    app.add_typer(triage.group(), name="triage", rich_help_panel=WORK, epilog=EPILOG)
    app.command("approve", rich_help_panel=DECIDE, epilog=EPILOG)(approve.approve)
    app.command("reject", rich_help_panel=DECIDE, epilog=EPILOG)(approve.reject)
    app.command("resolve", rich_help_panel=DECIDE, epilog=EPILOG)(resolve.resolve)
    app.command("cancel", rich_help_panel=DECIDE, epilog=EPILOG)(cancel.cancel)
    app.command("pause", rich_help_panel=DECIDE, epilog=EPILOG)(pause.pause)
    app.command("resume", rich_help_panel=DECIDE, epilog=EPILOG)(pause.resume)
    app.command("acting", rich_help_panel=DECIDE, epilog=EPILOG)(acting.acting)
    app.command("take", rich_help_panel=DECIDE, epilog=EPILOG)(take.take)
    app.command("hand-back", rich_help_panel=DECIDE, epilog=EPILOG)(take.hand_back)
    app.command("demo", rich_help_panel=SET_UP, epilog=EPILOG)(demo)
    app.command("serve", rich_help_panel=SET_UP, epilog=EPILOG)(serve.serve)
    app.command("mcp", rich_help_panel=SET_UP, epilog=EPILOG)(mcp.mcp)
    app.command("doctor", rich_help_panel=SET_UP, epilog=EPILOG)(doctor.doctor)
    app.add_typer(escalations.group(), name="escalations", rich_help_panel=DECIDE, epilog=EPILOG)
    app.add_typer(freeze.group(), name="freeze", rich_help_panel=DECIDE, epilog=EPILOG)
    app.add_typer(silences.group(), name="silences", rich_help_panel=DECIDE, epilog=EPILOG)
    app.add_typer(maintenance.group(), name="maintenance", rich_help_panel=DECIDE, epilog=EPILOG)
    app.add_typer(schedules.group(), name="schedules", rich_help_panel=WORK, epilog=EPILOG)
    for name, group in (
        ("runbooks", runbooks.group),
        ("skills", skills.group),
        ("policy", policy.group),
        ("connections", connections.group),
        ("credentials", credentials.group),
        ("intake", intake.group),
        ("people", people.group),
        ("keys", keys.group),
        ("slack", slack.group),
        ("audit", audit.group),
        ("channels", channels.group),
        ("notices", notices.group),
    ):
        app.add_typer(group(), name=name, rich_help_panel=SET_UP, epilog=EPILOG)
    return app


def main() -> None:
    """The entry point of the `opsagent` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a C locale shows \u2026, it does not crash
    build()()


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"opsagent {version('opsagent')}")
        raise typer.Exit


def _root(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="OPSAGENT_DEBUG", hidden=True, help="Show tracebacks.")
    ] = False,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    TRACEBACKS.set(debug)
