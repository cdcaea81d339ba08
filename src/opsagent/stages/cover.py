"""Cover: for each alert that can fire, is there a runbook, does it work here, and does it tell whether it helped?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from opsagent.domain.connection import Connection
from opsagent.domain.coverage import AlertRule, Cover, Covered
from opsagent.domain.library import Uses
from opsagent.domain.manifest import Decision
from opsagent.domain.rehearsed import Rehearsed
from opsagent.domain.runbook import Parameter, Phase, Runbook

MAX_TARGETS = 10  # of the targets an alert may be about, how many a runbook is rehearsed on
LINKS_AT_ONCE = 8
# What parameters usually hold; the first that fits the pattern stands in for the value an alert would bring.
_SAMPLES = (
    "sample", "sample.service", "sample-1", "1", "80", "/var/log/sample.log", "/", "eth0", "sample.example.com",
    "https://sample.example.com/", "192.0.2.1", "192.0.2.1:80", "8080:80", "SAMPLE", "SampleName", "a",
)  # fmt: skip
_CAPTURED = "1"  # a number stands where a word, a path, a row or a field of JSON may

Rehearsing = Callable[[Runbook, Connection, Mapping[str, str]], Awaitable[Sequence[Rehearsed]]]
Following = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """A runbook, rehearsed on one target: what does not work there."""

    target: str = ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverAlerts:
    """Looks at stored runbooks and registered connections.

    `rehearse` judges a runbook's commands on a target and runs none. `follow` tries an address and says what is wrong
    with it (empty: nothing); None: links are not tried.
    """

    runbooks: Sequence[Runbook]
    connections: Sequence[Connection]
    uses: Mapping[str, Uses]
    rehearse: Rehearsing
    follow: Following | None = None
    _tried: dict[tuple[str, str], _Tried] = field(default_factory=dict)

    async def __call__(self, rules: Sequence[AlertRule]) -> tuple[Covered, ...]:
        """One line for each rule, in their order; `severity: none` (Watchdog and the like) asks for nobody."""
        rules = [rule for rule in rules if rule.severity != "none"]
        links = await self._links(rules)
        found = []
        for rule in rules:
            covered = await self._rule(rule)
            problem = self._about_link(rule, links)
            if problem:
                cover = Cover.PARTLY if covered.cover is Cover.READY else covered.cover
                covered = replace(covered, cover=cover, problems=(*covered.problems, problem))
            found.append(covered)
        return tuple(found)

    async def _rule(self, rule: AlertRule) -> Covered:
        runbook, why, problems = self._runbook(rule)
        if runbook is None:
            return Covered(rule=rule, cover=Cover.NONE, why=why, problems=problems)
        covered = Covered(
            rule=rule, cover=Cover.PARTLY, runbook_id=runbook.id, why=why, problems=problems,
            uses=self.uses.get(runbook.id),
        )  # fmt: skip
        if not runbook.enabled:
            return replace(covered, problems=(*problems, "it is disabled"))
        if not runbook.executable:
            return replace(covered, problems=(*problems, "it is a page to read: it has no front matter"))
        tried = await self._best(rule, runbook)
        problems += (*_unverified(runbook, rule.name), *tried.problems)
        notes = tuple(
            f"it is only for alerts with {name}={value}"
            for name, value in runbook.labels.items()
            if name not in rule.labels
        )
        cover = Cover.PARTLY if problems else Cover.READY
        return replace(covered, cover=cover, target=tried.target, problems=problems, notes=(*notes, *tried.notes))

    def _runbook(self, rule: AlertRule) -> tuple[Runbook | None, str, tuple[str, ...]]:
        """The one that would be followed, else one of that name; in the order of `find_runbook`."""
        serving = [one for one in self.runbooks if rule.name in one.alerts and _may_match(one, rule)]
        running = [one for one in serving if one.enabled and one.executable]
        if running:
            closest = max(len(one.labels) for one in running)
            best = [one for one in running if len(one.labels) == closest]
            several = ", ".join(one.id for one in best)
            problems = (f"several runbooks are for it, so none is followed: {several}",) if len(best) > 1 else ()
            return best[0], "it names the alert", problems
        if serving:
            return serving[0], "it names the alert", ()
        name = _folded(rule.name)
        for one in self.runbooks:
            if name in {_folded(one.id), *map(_folded, one.aliases)}:
                return one, "it has its name", (f"it is shown, not followed: add {rule.name} to its alerts",)
        return None, "no runbook is for it", ()

    async def _best(self, rule: AlertRule, runbook: Runbook) -> _Tried:
        targets = self._targets(rule, runbook)
        if isinstance(targets, str):
            return _Tried(problems=(targets,))
        tried = [await self._try(runbook, connection) for connection in targets[:MAX_TARGETS]]
        return min(tried, key=lambda one: len(one.problems))

    def _targets(self, rule: AlertRule, runbook: Runbook) -> Sequence[Connection] | str:
        """What it may be followed on, by the rules of `aim`; or why on nothing."""
        by_name = {one.name: one for one in self.connections}
        if runbook.connection:
            named = by_name.get(runbook.connection)
            return [named] if named else f"its connection {runbook.connection} is not registered"
        fitting = [
            one
            for one in self.connections
            if one.labels and all(rule.labels.get(name, value) == value for name, value in one.labels.items())
        ]
        return fitting or "no registered connection has labels this alert could bring"

    async def _try(self, runbook: Runbook, connection: Connection) -> _Tried:
        key = (runbook.id, connection.name)
        if key not in self._tried:
            given, lacking = _samples(runbook)
            rehearsed = await self.rehearse(runbook, connection, given)
            self._tried[key] = _judged(connection, rehearsed, lacking)
        return self._tried[key]

    async def _links(self, rules: Sequence[AlertRule]) -> Mapping[str, str]:
        """What is wrong with each address, tried once."""
        if self.follow is None:
            return {}
        follow, gate = self.follow, asyncio.Semaphore(LINKS_AT_ONCE)

        async def tried(link: str) -> str:
            async with gate:
                return await follow(link)

        links = sorted({rule.link for rule in rules if _is_address(rule.link)})
        return dict(zip(links, await asyncio.gather(*map(tried, links)), strict=True))

    def _about_link(self, rule: AlertRule, links: Mapping[str, str]) -> str:
        link = rule.link
        if not link or "{{" in link:
            return ""
        if _is_address(link):
            return f"its link does not work: {links[link]}" if links.get(link) else ""
        known = {_folded(name) for one in self.runbooks for name in (one.id, *one.aliases)}
        return "" if _folded(link) in known else f"its link is no address and no runbook here: {link[:100]}"


def _may_match(runbook: Runbook, rule: AlertRule) -> bool:
    return all(rule.labels.get(name, value) == value for name, value in runbook.labels.items())


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _is_address(link: str) -> bool:
    return "{{" not in link and urlsplit(link[:2000]).scheme in {"http", "https"}


def _unverified(runbook: Runbook, alert: str) -> tuple[str, ...]:
    if runbook.measure_for(alert) or any(step.phase is Phase.VERIFY for step in runbook.steps):
        return ()
    return ("nothing in it measures whether it helped, so a person has to close the ticket",)


def _samples(runbook: Runbook) -> tuple[Mapping[str, str], frozenset[str]]:
    """Values that stand in for those of an alert and of earlier steps, and the parameters none was found for."""
    given = {name: _CAPTURED for step in runbook.steps for name in step.captures}
    found = {one.name: _sample(one) for one in runbook.parameters}
    given |= {name: value for name, value in found.items() if value is not None}
    return given, frozenset(name for name, value in found.items() if value is None)


def _sample(parameter: Parameter) -> str | None:
    if parameter.default is not None:
        return parameter.default
    return next((one for one in _SAMPLES if parameter.accepts(one)), None)


def _judged(connection: Connection, rehearsed: Sequence[Rehearsed], lacking: frozenset[str]) -> _Tried:
    problems: list[str] = []
    notes: list[str] = []
    for one in rehearsed:
        if one.problem and any(name in one.command for name in lacking):
            notes.append(f"{one.name} could not be tried: nothing stands in for {', '.join(sorted(lacking))}")
        elif one.problem:
            problems.append(f"{one.name} does not work on {connection.name}: {one.problem}")
        elif one.verdict is None:
            continue
        elif one.verdict.decision is Decision.DENY:
            problems.append(f"{one.name} would be denied on {connection.name}: {one.verdict.reason}")
        elif one.phase == Phase.TRIAGE and one.verdict.decision is not Decision.ALLOW:
            problems.append(f"{one.name} is not proven to be a read, so it measures nothing: {one.verdict.reason}")
        elif one.phase in {Phase.DIAGNOSIS, Phase.VERIFY} and one.verdict.decision is not Decision.ALLOW:
            notes.append(f"{one.name} asks a person, although it only looks: {one.verdict.reason}")
    return _Tried(target=connection.name, problems=tuple(problems), notes=tuple(notes))
