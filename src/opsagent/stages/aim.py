"""Aim: pick the registered connection and the values a runbook needs; outside text selects, it never forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opsagent.domain.account import EXECUTOR as ACCOUNTS
from opsagent.domain.account import FoundAccount, find_account
from opsagent.domain.connection import BUILT_IN_SANDBOX, Connection
from opsagent.domain.run import Run
from opsagent.domain.runbook import Runbook
from opsagent.domain.ticket import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was picked: the connection, and the values by parameter name."""

    connection: Connection
    parameters: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why nothing can be aimed at, in words, with what to do."""

    reason: str


def aim(
    run: Run, runbook: Runbook | None, ticket: Ticket | None, connections: Sequence[Connection]
) -> Target | Missing:
    """Named by the caller, else by the runbook, else the one whose labels all stand in the ticket, else the sandbox.

    Without a ticket the labels of the request count.

    Where labels do not decide, the cloud account the request or the ticket names does, if the runbook works on one.
    """
    in_scope = {connection.name: connection for connection in connections if run.may_use(connection)}
    labels = dict(ticket.labels if ticket else run.labels)
    wanted = run.connection or (runbook.connection if runbook else "")
    if wanted:
        if wanted not in in_scope:
            return Missing(reason=f"The connection {wanted} is not registered, or not in this run's scope.")
        connection, why = in_scope[wanted], "named"
        if ticket and connection.labels and not connection.matches(labels):
            return Missing(reason=f"The runbook names {wanted}, whose labels are not those of this ticket.")
    else:
        selected = _selected(run, runbook, ticket, in_scope)
        if isinstance(selected, Missing):
            return selected
        connection, why = selected
    values = fill(run, runbook, labels)
    if isinstance(values, Missing):
        return values
    return Target(connection=connection, parameters=values, why=why)


def _selected(
    run: Run, runbook: Runbook | None, ticket: Ticket | None, in_scope: Mapping[str, Connection]
) -> tuple[Connection, str] | Missing:
    """What labels or a named account select, and why."""
    labels = ticket.labels if ticket else run.labels
    matching = [connection for connection in in_scope.values() if connection.matches(labels)]
    if len(matching) == 1:
        return matching[0], "its labels match"
    account = _account(run, runbook, ticket, matching or list(in_scope.values()))
    if account.connection is not None:
        return account.connection, "its account is named"
    if matching:
        names = ", ".join(sorted(connection.name for connection in matching))
        return Missing(reason=f"Several connections match the labels: {names}. Make their labels differ.")
    if account.reason:
        return Missing(reason=account.reason)
    if BUILT_IN_SANDBOX in in_scope and ticket is None:
        return in_scope[BUILT_IN_SANDBOX], "nothing else was named"
    return Missing(reason="No registered connection matches the labels of this ticket.")


def _account(
    run: Run, runbook: Runbook | None, ticket: Ticket | None, connections: Sequence[Connection]
) -> FoundAccount:
    """The account that is named, if the runbook has a step for the run's own target that works on one."""
    if runbook is None or not any(step.executor == ACCOUNTS and not step.connection for step in runbook.steps):
        return FoundAccount()
    told = [run.task, run.account_id]
    if ticket is not None:
        told += [ticket.title, ticket.description, *ticket.labels.values(), *ticket.annotations.values()]
    return find_account("\n".join(told), connections)


def fill(run: Run, runbook: Runbook | None, labels: Mapping[str, str]) -> Mapping[str, str] | Missing:
    """A value for each declared parameter: the caller's, the label's, the default; each must fit its pattern."""
    values: dict[str, str] = {}
    for parameter in runbook.parameters if runbook else ():
        value = run.parameters.get(parameter.name)
        if value is None and parameter.source:
            value = labels.get(parameter.source)
        if value is None:
            value = parameter.default
        if value is None:
            return Missing(reason=f"The runbook needs {parameter.name}; give it with the request.")
        if not parameter.accepts(value):
            return Missing(reason=f"The value for {parameter.name} does not fit its pattern {parameter.pattern}.")
        values[parameter.name] = value
    return values
