"""Turns the `commands` of a policy file into command tables; the short notation is explained in `policy/README.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from opsagent.adapters.policy_yaml import Section
from opsagent.domain.command_table import CommandTable, Kind, Option, Wrap


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYS = _words(
    """also effect asks secret forbidden bare bare_secret reversible style numeric harmless_options harmless_globs
    letters secret_letters options effects secrets forbids only with keys arguments words secret_words subcommands
    common changes refuses reveals wrap skips privileged builtin check implies prints prints_numbers required otherwise
    alone like"""
)
_TOKEN = re.compile(r"(?P<name>[^:?]+|-\?)(?:(?P<mark>[:?])(?P<kind>[a-z_]*))?")
_KINDS, _WRAPS = frozenset(Kind), frozenset(Wrap)
_STYLES = frozenset({"getopt", "leading", "single", "none"})


def command_tables(section: Section) -> dict[str, CommandTable]:
    """Every table of a `commands` mapping, other names (`also`) included."""
    tables: dict[str, CommandTable] = {}
    for name in section:
        own = section.section(name)
        table = _table(own, name, tables, {})
        for one in (name, *own.texts("also")):
            if one in tables:
                raise section.refuse(f"the command {one!r} is described twice", key=name)
            tables[one] = replace(table, name=one)
    return tables


def _table(
    section: Section, name: str, known: Mapping[str, CommandTable], common: Mapping[str, Option]
) -> CommandTable:
    section.only(_KEYS)
    like = section.text("like")
    if like and like not in known:
        raise section.refuse(f"there is no command {like!r} above to be like", key="like")
    base = known[like] if like else CommandTable(name=name)
    style = section.text("style", base.style)
    if style not in _STYLES:
        raise section.refuse(f"{style!r} is not a style", key="style", fix="Use getopt, leading, single or none.")
    options = {**base.options, **common, **_options(section)}
    shared = {**common, **_notation(section, "common", section.text("common"))}
    wrap = section.text("wrap")
    if wrap and wrap not in _WRAPS:
        raise section.refuse(f"{wrap!r} is not a way to wrap a command", key="wrap", fix=f"Use {', '.join(Wrap)}.")
    reversible = section.get("reversible", base.reversible)
    if reversible not in {True, False, None}:
        raise section.refuse("'reversible' must be true or false", key="reversible")
    return CommandTable(
        name=name,
        effect=section.text("effect", base.effect),
        asks=section.text("asks", base.asks),
        secret=section.text("secret", base.secret),
        forbidden=section.text("forbidden", base.forbidden),
        bare=section.text("bare", base.bare),
        bare_secret=section.text("bare_secret", base.bare_secret),
        reversible=reversible,
        style=style,
        numeric=section.flag("numeric") or base.numeric,
        harmless_options=section.flag("harmless_options") or base.harmless_options,
        harmless_globs=section.flag("harmless_globs") or base.harmless_globs,
        letters=section.text("letters", base.letters),
        secret_letters=section.text("secret_letters", base.secret_letters),
        options=MappingProxyType({**shared, **options}),
        keys=MappingProxyType(_keys(section) or dict(base.keys)),
        arguments=_arguments(section, "arguments", section.text("arguments")) or base.arguments,
        only=section.pattern("words") or base.only,
        secret_words=section.pattern("secret_words") or base.secret_words,
        subcommands=MappingProxyType({**base.subcommands, **_subcommands(section, known, shared)}),
        wrap=Wrap(wrap) if wrap else base.wrap,
        skips=section.number("skips"),
        privileged=section.flag("privileged"),
        builtin=section.flag("builtin"),
        otherwise=section.text("otherwise", base.otherwise),
        alone=section.flag("alone") or base.alone,
        check=section.text("check", base.check),
        implies=_implied(section) or base.implies,
        prints=section.pattern("prints") or base.prints,
        prints_numbers=section.pattern("prints_numbers") or base.prints_numbers,
        required=frozenset(section.texts("required")) or base.required,
    )


def _subcommands(
    section: Section, known: Mapping[str, CommandTable], shared: Mapping[str, Option]
) -> dict[str, CommandTable]:
    """Those described one by one, and the short lists of those that change, reveal or are refused."""
    found: dict[str, CommandTable] = {}
    described = section.section("subcommands")
    for names in described:
        own = described.section(names)
        for name in names.split():
            found[name] = _table(own, name, {**known, **found}, shared)
    for key in ("changes", "refuses", "reveals"):
        for words, names in section.pairs(key):
            for name in names.split():
                if name in found:
                    raise section.refuse(f"the sub-command {name!r} is described twice", key=key)
                found[name] = CommandTable(
                    name=name,
                    effect=words if key == "changes" else "",
                    asks=words if key == "refuses" else "",
                    secret=words if key == "reveals" else "",
                    style="none",
                    arguments=((Kind.ANY, True),),
                    implies=_implied(section) if key == "changes" else (),
                )
    return found


def _options(section: Section) -> dict[str, Option]:
    raw = section.get("options", "")
    lines = raw if isinstance(raw, list) else [section.text("options")]
    options: dict[str, Option] = {}
    for line in lines:
        options.update(_notation(section, "options", str(line)))
    for key in ("effects", "secrets", "forbids"):
        for names, words in section.pairs(key):
            for name, option in _notation(section, key, names).items():
                described = options.get(name, option) if option.kind is None else option
                options[name] = _marked(described, key, words)
    for names, pattern in section.pairs("only"):
        for name in _described(section, "only", names, options):
            options[name] = replace(options[name], only=_compiled(section, pattern))
    for names, arguments in section.pairs("with"):
        for name in _described(section, "with", names, options):
            options[name] = replace(options[name], arguments=_arguments(section, "with", arguments))
    return options


def _marked(option: Option, key: str, words: str) -> Option:
    if key == "effects":
        return replace(option, effect=words)
    return replace(option, secret=words) if key == "secrets" else replace(option, forbidden=words)


def _described(section: Section, key: str, names: str, options: Mapping[str, Option]) -> list[str]:
    for name in names.split():
        if name not in options:
            raise section.refuse(f"{key!r} names the option {name}, which is not described", key=key)
    return names.split()


def _compiled(section: Section, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise section.refuse(f"{pattern!r} is not a regular expression: {error}", key="only") from error


def _keys(section: Section) -> dict[str, Option]:
    return {
        name: replace(option, kind=option.kind or Kind.ANY)
        for name, option in _notation(section, "keys", section.text("keys")).items()
    }


def _notation(section: Section, key: str, text: str) -> dict[str, Option]:
    """`-a` takes no value, `-n:` one, `-o:write` one of that kind, `--color?` only an attached one."""
    options: dict[str, Option] = {}
    for token in text.split():
        match = _TOKEN.fullmatch(token)
        kind = (match["kind"] or "any") if match and match["mark"] else None
        if match is None or (kind is not None and kind not in _KINDS):
            raise section.refuse(
                f"the option {token!r} is not understood", key=key, fix=f"Kinds are {', '.join(Kind)}."
            )
        options[match["name"]] = Option(kind=Kind(kind) if kind else None, attached=match["mark"] == "?")
    return options


def _implied(section: Section) -> tuple[tuple[Kind, str], ...]:
    """The kinds and names of `write:/etc/passwd service:nginx`."""
    found: list[tuple[Kind, str]] = []
    for token in section.text("implies").split():
        kind, colon, text = token.partition(":")
        if kind not in _KINDS or not colon or not text:
            raise section.refuse(f"{token!r} is not a kind and a name", key="implies", fix="Say `write:/etc/passwd`.")
        found.append((Kind(kind), text))
    return tuple(found)


def _arguments(section: Section, key: str, text: str) -> tuple[tuple[Kind, bool], ...]:
    found: list[tuple[Kind, bool]] = []
    for token in text.split():
        kind = token.removesuffix("*")
        if kind not in _KINDS:
            raise section.refuse(
                f"the argument {token!r} is not understood", key=key, fix=f"Kinds are {', '.join(Kind)}."
            )
        found.append((Kind(kind), token.endswith("*")))
    return tuple(found)
