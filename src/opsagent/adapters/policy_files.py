"""Loads the policy and the command tables: the shipped ones, then the admin's file, then the users' file."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from opsagent.adapters.policy_tables import command_tables
from opsagent.adapters.policy_yaml import Section, read_file
from opsagent.domain.command_table import CommandTable, Tables
from opsagent.domain.manifest import Decision
from opsagent.domain.policy import SANDBOXES, Policy, Rule, weaker


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LISTS = _words(
    """folders harmless_environment dangerous_variables secret_variables sensitive harmless_paths quiet_folders
    system_roots forbidden_writes forbidden_services"""
)
_USER_KEYS = frozenset({"rules", "sensitive", "minimum_sandbox"})
_ADMIN_KEYS = _USER_KEYS | {"commands", "paths", "scratch_backends"}
_RULE_KEYS = frozenset({"id", "decide", "because", "when", "persons", "four_eyes"})
_MOST_PERSONS = 5
_WHEN_KEYS = frozenset({"command", "path", "environment", "connection", "privileged", "effect"})
_RULE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_BUILT_IN_IDS = _words(
    """forbidden invisible-characters out-of-scope sensitive unregistered-host proven-read sandbox-scratch effect
    not-proven weak-sandbox"""
)


def load_policy(admin_file: Path | None = None, user_file: Path | None = None) -> tuple[Policy, Tables]:
    """The policy and the tables. Raises PolicyUnloadable (file, line, fix) for anything that is not fully understood.

    The users' file can only tighten (rules that ASK or DENY, more sensitive paths, a stronger sandbox). The admin's
    file may also add command tables and absolute program names, which is how something becomes a read.
    """
    shipped = _shipped()
    fingerprint = hashlib.sha256(shipped.raw)
    commands, lists, rules = dict(shipped.commands), dict(shipped.lists), list(shipped.rules)
    scratch, least = shipped.scratch_backends, shipped.least
    sensitive: list[tuple[str, str]] = list(lists.pop("sensitive"))
    paths: set[str] = set()
    for file, keys in ((admin_file, _ADMIN_KEYS), (user_file, _USER_KEYS)):
        if file is None:
            continue
        section, raw = read_file(file)
        fingerprint.update(raw)
        _check_loosening(section, keys)
        rules.extend(_rules(section))
        least = _minimum(section, least)
        sensitive.extend(section.pairs("sensitive"))
        commands.update(command_tables(section.section("commands")))
        paths.update(_programs(section, commands))
        scratch = section.texts("scratch_backends") if "scratch_backends" in section else scratch
    _check_ids(rules)
    version = fingerprint.hexdigest()
    tables = Tables(
        commands=MappingProxyType(commands),
        paths=frozenset(paths),
        sensitive=tuple(sensitive),
        version=version,
        **lists,
    )
    plain = tuple(rule for rule, _ in rules)
    tables = replace(tables, watched=tuple(dict.fromkeys(path for rule in plain for path in rule.paths)))
    about = {"minimum_reads": least.get("reads", ""), "minimum_effects": least.get("effects", "")}
    return Policy(version=version, rules=plain, scratch_backends=scratch, **about), tables


def _shipped_folder() -> Path:
    return Path(str(resources.files("opsagent") / "policy"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shipped:
    """What the shipped files say, and their bytes one after the other."""

    commands: Mapping[str, CommandTable]
    lists: Mapping[str, Any]
    rules: tuple[tuple[Rule, Section], ...]
    scratch_backends: tuple[str, ...]
    least: Mapping[str, str]
    raw: bytes


@cache  # they are part of the program, and reading them is most of what building an app costs
def _shipped() -> _Shipped:
    folder = _shipped_folder()
    commands: dict[str, CommandTable] = {}
    whole: list[bytes] = []
    for file in sorted((folder / "commands").glob("*.yaml")):
        section, raw = read_file(file, f"commands/{file.name}")
        whole.append(raw)
        for name, table in command_tables(section.section("commands")).items():
            if name in commands:
                raise section.refuse(f"the command {name!r} is described in two files")
            commands[name] = table
    lists: dict[str, Any] = {}
    for name in ("sensitive.yaml", "forbidden.yaml", "environment.yaml"):
        section, raw = read_file(folder / name, name)
        whole.append(raw)
        section.only(_LISTS)
        for key in section:
            lists[key] = section.pairs(key) if isinstance(section[key], Section) else section.texts(key)
    if not commands or not lists.get("sensitive"):
        raise section.refuse("the shipped policy is incomplete", fix="Install OpsAgent again.")
    default, raw = read_file(folder / "default.yaml", "default.yaml")
    whole.append(raw)
    default.only(_ADMIN_KEYS)
    return _Shipped(
        commands=MappingProxyType(commands),
        lists=MappingProxyType(lists),
        rules=tuple(_rules(default)),
        scratch_backends=default.texts("scratch_backends"),
        least=MappingProxyType(dict(_minimum(default, {}))),
        raw=b"".join(whole),
    )


def _check_loosening(section: Section, keys: frozenset[str]) -> None:
    for key in section:
        if key in _ADMIN_KEYS and key not in keys:
            raise section.refuse(
                f"the key {key!r} can loosen the policy, and only the admin's file may do that",
                key=key,
                fix="Ask the installation's admin to add it to the admin's policy file.",
            )
    section.only(keys)


def _programs(section: Section, commands: dict[str, CommandTable]) -> Iterable[str]:
    """Absolute names an admin registers: `paths: {/opt/tools/bin/x: x}` says that it behaves like the command x."""
    for path, like in section.section("paths").items():
        if not path.startswith("/") or posixpath.normpath(path) != path:
            raise section.refuse(f"{path!r} is not an absolute path without detours", key="paths")
        if like not in commands:
            raise section.refuse(f"there is no command {like!r} for {path!r} to be like", key="paths")
        commands[path] = replace(commands[like], name=path)
        yield path


def _minimum(section: Section, least: Mapping[str, str]) -> Mapping[str, str]:
    """The weakest sandbox for `reads` and for `effects`: of two files that say one, the stronger holds."""
    given, known = section.section("minimum_sandbox"), dict(least)
    given.only({"reads", "effects"})
    for kind in given:
        backend = given.text(kind)
        if backend not in SANDBOXES:
            raise given.refuse(
                f"{backend!r} is no sandbox of this machine", key=kind, fix=f"Use one of: {', '.join(SANDBOXES)}."
            )
        if kind not in known or weaker(known[kind], backend):
            known[kind] = backend
    return known


def _rules(section: Section) -> list[tuple[Rule, Section]]:
    return [(_rule(one), one) for one in section.sections("rules")]


def _rule(section: Section) -> Rule:
    section.only(_RULE_KEYS)
    rule_id, decide = section.text("id"), section.text("decide")
    if not _RULE_ID.fullmatch(rule_id) or rule_id in _BUILT_IN_IDS:
        raise section.refuse(
            f"{rule_id!r} is not a free rule id",
            key="id",
            fix="Use lower-case words with dashes that no other rule has.",
        )
    if decide not in {"ASK", "DENY"}:
        raise section.refuse(
            f"a rule decides ASK or DENY, not {decide or 'nothing'}",
            key="decide",
            fix="A rule can only tighten. To allow more, an admin describes the command under `commands`.",
        )
    persons = section.number("persons") or 1
    if not 1 <= persons <= _MOST_PERSONS:
        raise section.refuse(f"`persons` is a number from 1 to {_MOST_PERSONS}", key="persons")
    if decide == "DENY" and ("persons" in section or "four_eyes" in section):
        raise section.refuse("nobody is asked about what is denied", key="decide", fix="Decide ASK, or leave them out.")
    when = section.section("when")
    when.only(_WHEN_KEYS)
    if not when:
        raise section.refuse("a rule needs a `when` with at least one condition", key="when")
    return Rule(
        id=rule_id,
        decision=Decision(decide),
        reason=section.text("because") or f"The rule {rule_id} says so.",
        commands=when.texts("command"),
        paths=when.texts("path"),
        environments=when.texts("environment"),
        connections=when.texts("connection"),
        privileged=when.flag("privileged"),
        effects_only=when.flag("effect"),
        persons=persons,
        four_eyes=section.flag("four_eyes"),
    )


def _check_ids(rules: list[tuple[Rule, Section]]) -> None:
    seen: set[str] = set()
    for rule, section in rules:
        if rule.id in seen:
            raise section.refuse(f"the rule id {rule.id!r} is used twice", key="id", fix="Give each rule its own id.")
        seen.add(rule.id)
