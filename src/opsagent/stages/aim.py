"""Aim: pick the registered connection and the values a runbook needs; outside text selects, it never forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    """Named by the caller, else by the runbook, else the one whose labels all stand in the ticket, else the sandbox."""
    in_scope = {connection.name: connection for connection in connections if run.may_use(connection)}
    labels = dict(ticket.labels) if ticket else {}
    wanted = run.connection or (runbook.connection if runbook else "")
    if wanted:
        if wanted not in in_scope:
            return Missing(reason=f"The connection {wanted} is not registered, or not in this run's scope.")
        connection, why = in_scope[wanted], "named"
        if ticket and connection.labels and not connection.matches(labels):
            return Missing(reason=f"The runbook names {wanted}, whose labels are not those of this ticket.")
    else:
        matching = [connection for connection in in_scope.values() if connection.matches(labels)]
        if len(matching) > 1:
            names = ", ".join(sorted(connection.name for connection in matching))
            return Missing(reason=f"Several connections match the labels: {names}. Make their labels differ.")
        if matching:
            connection, why = matching[0], "its labels match"
        elif BUILT_IN_SANDBOX in in_scope and ticket is None:
            connection, why = in_scope[BUILT_IN_SANDBOX], "nothing else was named"
        else:
            return Missing(reason="No registered connection matches the labels of this ticket.")
    values = fill(run, runbook, labels)
    if isinstance(values, Missing):
        return values
    return Target(connection=connection, parameters=values, why=why)


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
