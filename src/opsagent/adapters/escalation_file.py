"""Reads escalation policies from a YAML file; a file that is not understood as a whole stops the start."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from opsagent.adapters.calendar import zone_of
from opsagent.adapters.policy_yaml import Section, read_file
from opsagent.domain.escalation_policy import Addressee, EscalationPolicy, EscalationStep, Occasion, QuietHours
from opsagent.domain.matcher import Matcher, read_matcher
from opsagent.domain.priority import Priority
from opsagent.errors import ConfigurationError, InputError, PolicyUnloadable

_POLICY_KEYS = frozenset(
    {"name", "on", "priority", "environment", "tenant", "match", "steps", "quiet", "even_in_quiet_hours"}
)
_STEP_KEYS = frozenset({"after", "tell", "repeat"})
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LENGTH = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUIET = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9]) (\S+)")
MOST_POLICIES, MOST_STEPS, MOST_REPEATS = 200, 20, 50  # of each: a slip of the finger is no flood of messages
LONGEST_S = 30 * 86400.0
LEAST_EVERY_S = 60.0
Word = TypeVar("Word", bound=StrEnum)
People = Mapping[str, tuple[Addressee, ...]]


def load_escalations(path: Path | None, channels: Collection[str]) -> tuple[EscalationPolicy, ...]:
    """The policies of the file, in order; none without one. ConfigurationError with file, line and what to do."""
    if path is None:
        return ()
    try:
        file, _ = read_file(path, str(path), what="escalation file")
        file.only({"people", "policies"})
        named = file.section("people")
        people = {name: _ways(named, name, channels) for name in named}
        found = tuple(_policy(one, people, channels) for one in file.sections("policies"))
        if len(found) > MOST_POLICIES:
            raise file.refuse(f"there are {len(found)} policies; {MOST_POLICIES} are the most", key="policies")
        names = [policy.name for policy in found]
        for name, section in zip(names, file.sections("policies"), strict=True):
            if names.count(name) > 1:
                raise section.refuse(f"the name {name!r} is used twice", key="name")
    except PolicyUnloadable as error:
        raise ConfigurationError(error.message, fix=error.fix, extra=error.extra) from error
    return found


def _policy(section: Section, people: People, channels: Collection[str]) -> EscalationPolicy:
    section.only(_POLICY_KEYS)
    name = section.text("name")
    if not _NAME.fullmatch(name):
        raise section.refuse(f"{name!r} is no name for a policy: use lower-case words with dashes", key="name")
    given = section.sections("steps")
    if not 1 <= len(given) <= MOST_STEPS:
        raise section.refuse(f"a policy has 1 to {MOST_STEPS} steps, not {len(given)}", key="steps")
    quiet = _quiet(section)
    even = _words(section, "even_in_quiet_hours", Priority)
    if even and quiet is None:
        raise section.refuse("there are no quiet hours", key="even_in_quiet_hours", fix="Give `quiet` as well.")
    made = EscalationPolicy(
        name=name,
        version="",
        on=_word(section, "on", Occasion),
        steps=tuple(_step(one, people, channels) for one in given),
        priorities=_words(section, "priority", Priority),
        environments=frozenset(section.texts("environment")),
        tenant=section.text("tenant"),
        match=_matchers(section),
        quiet=quiet,
        even_in_quiet_hours=even,
    )
    return _with_version(made)


def _with_version(policy: EscalationPolicy) -> EscalationPolicy:
    sets = (sorted(policy.priorities), sorted(policy.environments), sorted(policy.even_in_quiet_hours))
    quiet = policy.quiet and (policy.quiet.starts, policy.quiet.ends, str(policy.quiet.zone))
    said = repr((policy.name, policy.on.value, policy.tenant, policy.steps, sets, policy.match, quiet))
    return replace(policy, version=hashlib.sha256(said.encode()).hexdigest()[:12])


def _step(section: Section, people: People, channels: Collection[str]) -> EscalationStep:
    section.only(_STEP_KEYS)
    if "after" not in section:
        raise section.refuse("a step needs `after`", fix="Say how long after the step before it, as in 10m.")
    after = _length(section, "after")
    tell = _tell(section, people, channels)
    if "repeat" not in section:
        return EscalationStep(after_s=after, tell=tell)
    repeat = section.section("repeat")
    repeat.only({"times", "every"})
    times, every = repeat.number("times"), _length(repeat, "every")
    if not 1 <= times <= MOST_REPEATS:
        raise repeat.refuse(f"`times` must be a whole number from 1 to {MOST_REPEATS}", key="times")
    if every < LEAST_EVERY_S:
        raise repeat.refuse("`every` must be 1m at least", key="every")
    return EscalationStep(after_s=after, tell=tell, repeats=times, every_s=every)


def _tell(section: Section, people: People, channels: Collection[str]) -> tuple[Addressee, ...]:
    given = section.get("tell")
    entries = given.split() if isinstance(given, str) else given if isinstance(given, list) else [given]
    found: list[Addressee] = []
    for entry in entries:
        if isinstance(entry, Section):
            found.append(_way(entry, "", channels))
        elif isinstance(entry, str) and entry in people:
            found += people[entry]
        elif isinstance(entry, str):
            raise section.refuse(f"nobody has the name {entry!r}", key="tell", fix="Put it under `people`.")
        else:
            raise section.refuse("`tell` names nobody", key="tell", fix="Write it as [ada, ops-room].")
    if not found:
        raise section.refuse("`tell` names nobody", key="tell", fix="Write it as [ada, ops-room].")
    return tuple(dict.fromkeys(found))


def _ways(named: Section, name: str, channels: Collection[str]) -> tuple[Addressee, ...]:
    """The addresses of one person: a mapping, or a list of them."""
    ways = named.sections(name) if isinstance(named[name], list) else [named.section(name)]
    if not ways:
        raise named.refuse(f"{name!r} has no address", key=name, fix="Give a channel and an address.")
    return tuple(_way(one, name, channels) for one in ways)


def _way(section: Section, name: str, channels: Collection[str]) -> Addressee:
    section.only({"channel", "address"})
    channel, address = section.text("channel"), section.text("address")
    if channel not in channels:
        known = ", ".join(sorted(channels))
        raise section.refuse(f"the channel {channel!r} is not set up", key="channel", fix=f"Set up: {known}.")
    if not address.strip() or not address.isprintable():
        raise section.refuse("there is no address", key="address", fix="Say where to.")
    return Addressee(name=name, channel=channel, address=address)


def _quiet(section: Section) -> QuietHours | None:
    if "quiet" not in section:
        return None
    text = section.text("quiet")
    match = _QUIET.fullmatch(text)
    if match is None:
        fix = 'Write them as "22:00-07:00 Europe/Berlin".'
        raise section.refuse(f"{text!r} are no quiet hours", key="quiet", fix=fix)
    starts, ends = (int(match.group(at)) * 60 + int(match.group(at + 1)) for at in (1, 3))
    if starts == ends:
        raise section.refuse("quiet hours that never end would tell nobody", key="quiet")
    try:
        return QuietHours(starts=starts, ends=ends, zone=zone_of(match.group(5)))
    except InputError as error:
        raise section.refuse(error.message, key="quiet", fix=error.fix) from error


def _matchers(section: Section) -> tuple[Matcher, ...]:
    given = section.get("match", [])
    try:
        return tuple(read_matcher(one) for one in ([given] if isinstance(given, str) else section.texts("match")))
    except InputError as error:
        raise section.refuse(error.message, key="match", fix=error.fix) from error


def _length(section: Section, key: str) -> float:
    given = section.get(key)
    match = _LENGTH.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise section.refuse(f"{key!r} is no length of time", key=key, fix="Write it as 30s, 5m, 1h or 2d.")
    found = int(match.group(1)) * _SECONDS[match.group(2)]
    if found > LONGEST_S:
        raise section.refuse(f"{key!r} is longer than 30 days", key=key)
    return found


def _words(section: Section, key: str, kind: type[Word]) -> frozenset[Word]:
    return frozenset(_known(section, key, one, kind) for one in section.texts(key))


def _word(section: Section, key: str, kind: type[Word]) -> Word:
    return _known(section, key, section.text(key), kind)


def _known(section: Section, key: str, text: str, kind: type[Word]) -> Word:
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(word.value for word in kind)
        raise section.refuse(f"{text!r} is not known in {key!r}", key=key, fix=f"Use {allowed}.") from None
