"""Binds the arguments of each command to its parameters, and says what they would touch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from opsagent.adapters.analysers.powershell.paths import host_of, is_system_root, problem_of, sensitive
from opsagent.adapters.analysers.powershell.table import Known, Table
from opsagent.domain.powershell_plain import PlainArgument, PlainCall

_HOST = re.compile(r"[A-Za-z0-9_.:-]+")
_ERRORS = frozenset({"silentlycontinue", "continue", "stop", "ignore"})
_FILTER_KEY = re.compile(r"[{;]\s*([A-Za-z]+)\s*=")
_FILTER_KEYS = frozenset({"logname", "providername", "id", "level", "keywords", "data", "userid"})
_NAMES = frozenset({"service", "process", "task"})
_PATHS = frozenset({"path", "content", "write", "delete"})


@dataclass(slots=True)
class Found:
    """What all commands of a text would touch; `unknown` says what nothing is claimed of, `effects` what is changed."""

    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    sensitive: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def judge_pipeline(calls: Sequence[PlainCall], table: Table, found: Found) -> None:
    """Add what one pipeline would do."""
    before_gives_text = False
    for position, call in enumerate(calls):
        name = table.full_name(call.name)
        pattern, known = table.programs.get(name), table.commands.get(name)
        if pattern is not None:
            _program(call, pattern, found)
            if position:
                found.unknown.append(f"{call.name} reads what comes through the pipe")
        elif known is None:
            found.unknown.append(f"calls {call.name}, of which nothing is known")
        else:
            bound = _bind(call, known, found)
            behind = known.is_filter or (
                name == "select-string" and before_gives_text and not bound.keys() & {"path", "literalpath"}
            )
            if position and not behind:
                found.unknown.append(f"what comes through the pipe chooses what {known.name} works on")
            _judge(known, bound, table, found)
        before_gives_text = pattern is not None or (known is not None and known.gives_text)


def _program(call: PlainCall, pattern: re.Pattern[str], found: Found) -> None:
    fits = pattern.fullmatch(" ".join(call.words))
    if fits is None:
        found.unknown.append(f"nothing is known of {call.name} with these arguments")
    elif host := fits.groupdict().get("host"):
        found.contacts.append(host)


def _bind(call: PlainCall, known: Known, found: Found) -> dict[str, PlainArgument]:
    """Each parameter with its value; a switch with an empty one."""
    bound: dict[str, PlainArgument] = {}
    unnamed: list[PlainArgument] = []
    waiting = list(call.arguments)
    while waiting:
        one = waiting.pop(0)
        name = one.parameter.lower()
        if not name:
            unnamed.append(one)
        elif name in bound:
            found.unknown.append(f"{known.name} has -{one.parameter} twice")
        elif name in known.switches:
            bound[name] = PlainArgument()
        elif name in known.takes and waiting and not waiting[0].parameter:
            bound[name] = waiting.pop(0)
        elif name in known.takes:
            found.unknown.append(f"{known.name} -{one.parameter} has no value")
        else:
            found.unknown.append(f"nothing is known of {known.name} -{one.parameter}")
    free = [name for name in known.order if name not in bound]
    if len(unnamed) > len(free):
        found.unknown.append(f"{known.name} has more unnamed arguments than are known")
    return bound | dict(zip(free, unnamed, strict=False))


def _judge(known: Known, bound: dict[str, PlainArgument], table: Table, found: Found) -> None:
    touched: list[str] = []
    if known.needs and not known.needs & bound.keys():
        found.unknown.append(f"{known.name} does not say what it works on")
    for parameter, argument in bound.items():
        if parameter in known.switches:
            continue
        kind = known.takes[parameter]
        if argument.written:
            _written(known, kind, argument.written, found)
            continue
        if any(value.startswith("-") for value in argument.values):
            found.unknown.append(f"a value of {known.name} looks like a parameter")
        for value in argument.values:
            touched += _value(known, kind, value, bound, table, found)
    if known.does:
        what = f" {', '.join(touched)}" if touched else "" if " " in known.does else f" ({known.name})"
        found.effects.append(f"{known.does}{what}")


def _written(known: Known, kind: str, written: str, found: Found) -> None:
    if kind in ("block", "condition") and written.startswith("{"):
        return
    keys = {key.lower() for key in _FILTER_KEY.findall(written)}
    if kind != "filter" or not written.startswith("@") or not keys <= _FILTER_KEYS:
        found.unknown.append(f"nothing is known of {known.name} with {written[:30]}")


def _value(
    known: Known, kind: str, value: str, bound: dict[str, PlainArgument], table: Table, found: Found
) -> tuple[str, ...]:
    """Note one value; what an effect would touch comes back."""
    if kind in _PATHS:
        return _path(known, kind, value, table, found)
    if kind in _NAMES:
        found.services += [value] if kind == "service" else []
        found.processes += [value] if kind == "process" else []
        return (value,)
    if kind == "host":
        port = bound.get("port")
        found.contacts.append(f"{value}:{port.values[0]}" if port and port.values else value)
    elif kind == "counter" and host_of(value):
        found.contacts.append(host_of(value))
    if _is_strange(kind, value, table):
        found.unknown.append(f"nothing is known of {known.name} with {value}")
    return ()


def _is_strange(kind: str, value: str, table: Table) -> bool:
    match kind:
        case "host":
            return not _HOST.fullmatch(value)
        case "class":
            return value.lower() not in table.classes
        case "errors":
            return value.lower() not in _ERRORS
        case _:
            return kind in ("block", "filter")


def _path(known: Known, kind: str, value: str, table: Table, found: Found) -> tuple[str, ...]:
    content = kind == "content"
    if problem := problem_of(value, content=content):
        found.unknown.append(problem)
    if host := host_of(value):
        found.contacts.append(host)
    if kind == "write":
        found.writes.append(value)
        return (value,)
    if kind == "delete":
        found.deletes.append(value)
        if known.name == "Remove-Item" and is_system_root(value):
            found.forbidden.append("deletes a folder the machine cannot do without")
        return (value,)
    found.reads.append(value)
    if what := sensitive(value, table.sensitive, content=content):
        found.sensitive.append(what)
    return ()
