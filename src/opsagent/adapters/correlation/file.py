"""Reads the rules about which alerts are one problem; what is not fully understood stops the start, in words."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from opsagent.adapters.policy_yaml import Section, read_file
from opsagent.domain.correlation import STORM, Correlation, Damping, GroupRule, Storm
from opsagent.domain.matcher import read_matcher
from opsagent.errors import ConfigurationError, InputError, PolicyUnloadable

_KEYS = frozenset({"rules", "storm", "reopen_within", "flapping"})
_RULE_KEYS = frozenset({"name", "match", "same", "within", "lead"})
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LENGTH = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MOST_RULES = 200  # each is tried on each signal
LEAST_REOPEN_S = 60.0  # what was closed automatically must come back to its ticket when it fires again


def load_correlation(path: Path | None = None) -> Correlation:
    """The rules of that file, or the shipped ones. ConfigurationError with file and line."""
    try:
        if path is None:
            shipped = Path(str(resources.files("opsagent") / "adapters" / "correlation" / "default.yaml"))
            return _correlation(read_file(shipped, "default.yaml", what="correlation file")[0])
        return _correlation(read_file(path, what="correlation file")[0])
    except PolicyUnloadable as error:
        raise ConfigurationError(
            error.message, fix="Correct the file that correlation_file names, then start again.", extra=error.extra
        ) from error


def _correlation(section: Section) -> Correlation:
    section.only(_KEYS)
    rules = tuple(_rule(one) for one in section.sections("rules"))
    if len(rules) > _MOST_RULES:
        raise section.refuse(f"there are {len(rules)} rules; {_MOST_RULES} are the most", key="rules")
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise section.refuse(f"the rule name {name!r} is used twice", key="rules")
    return Correlation(rules=rules, storm=_storm(section), damping=_damping(section))


def _rule(section: Section) -> GroupRule:
    section.only(_RULE_KEYS)
    name = section.text("name")
    if not _NAME.fullmatch(name) or name == STORM:
        raise section.refuse(f"{name!r} is no name for a rule: use lower-case words with dashes", key="name")
    same = section.texts("same")
    if not same:
        raise section.refuse("a rule needs `same`: without it everything that matches would be one problem", key="same")
    given = section.get("match", [])
    try:
        match = tuple(read_matcher(one) for one in ([given] if isinstance(given, str) else section.texts("match")))
    except InputError as error:
        raise section.refuse(f"{error.message} {error.fix}", key="match") from error
    return GroupRule(name=name, same=same, match=match, within_s=_within(section, 300.0), lead=section.texts("lead"))


def _storm(section: Section) -> Storm | None:
    if "storm" not in section or section["storm"] is None:
        return None
    given = section.section("storm")
    given.only({"alerts", "within"})
    alerts = given.number("alerts")
    if alerts < 1:
        raise given.refuse("`alerts` must be a whole number from 1 on", key="alerts")
    return Storm(alerts=alerts, within_s=_within(given, 60.0))


def _damping(section: Section) -> Damping:
    reopen = _length(section, "reopen_within", 3600.0)
    if reopen < LEAST_REOPEN_S:
        raise section.refuse(
            "`reopen_within` must be at least 1m: what was closed by itself must come back", key="reopen_within"
        )
    given = section.section("flapping")
    given.only({"changes", "within", "calm"})
    return Damping(
        reopen_s=reopen,
        flaps=given.number("changes"),
        flapping_s=_within(given, 900.0),
        calm_s=_length(given, "calm", 600.0),
    )


def _within(section: Section, default: float) -> float:
    """Seconds, more than none: a storm or a flapping counted over no time at all would never be seen."""
    within = _length(section, "within", default)
    if within <= 0:
        raise section.refuse("`within` must be longer than nothing", key="within")
    return within


def _length(section: Section, key: str, default: float) -> float:
    if key not in section:
        return default
    match = _LENGTH.fullmatch(section.text(key))
    if match is None:
        raise section.refuse(f"{key!r} is no length of time: write it as 30s, 5m, 1h or 2d", key=key)
    return int(match.group(1)) * _SECONDS[match.group(2)]
