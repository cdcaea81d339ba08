"""Tells options from arguments the way the command itself would, by its table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from opsagent.adapters.analysers.shell.words import ANY, Word
from opsagent.domain.command_table import CommandTable, Option

_NUMERIC = re.compile(r"[-+][0-9]+[kKmMgGbc]?")
_TIME_BACK = re.compile(r"-[0-9]+[a-z]*")


_ENVIRONMENT = Option(secret="shows the environment")  # noqa: S106 - words, not a password


@dataclass(slots=True)
class Placed:
    """`options` as (as written, table entry, value); `given` their names; `positional` the rest, in order."""

    options: list[tuple[str, Option, Word | None]] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    positional: list[Word] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, label: str, option: Option, value: Word | None) -> None:
        """Note one option."""
        self.options.append((label, option, value))
        self.given.add(label)


def place(table: CommandTable, words: Sequence[Word]) -> Placed:
    """Split a command's words; what follows a sub-command or belongs to a wrapped command is left alone."""
    placed = Placed()
    rest = list(words)
    if table.style == "none":
        placed.positional = rest
        return placed
    text = rest[0].text if rest else None
    if table.letters and text and set(text) <= set(table.letters + table.secret_letters):
        _letters(table, text, placed)
        rest = rest[1:]
    # Where options end: after the wrapped command's own words, at the sub-command, at the first argument, or never.
    if table.wrap is not None:
        limit = table.skips + 1
    else:
        limit = 1 if table.subcommands or table.style == "leading" else len(rest) + 1
    while rest and len(placed.positional) < limit:
        word = rest.pop(0)
        if word.text == "--":
            break
        _word(table, word, rest, placed)
    placed.positional.extend(rest)
    return placed


def _word(table: CommandTable, word: Word, rest: list[Word], placed: Placed) -> None:
    text = word.text
    if text is None:
        if word.may_be_option and not _harmless(table, word):
            placed.problems.append(f"{word.shown} could turn into an option")
        placed.positional.append(word)
    elif len(text) > 1 and (text.startswith("-") or (table.numeric and _NUMERIC.fullmatch(text))):
        _option(table, text, rest, placed)
    elif key := _key(table, text):
        placed.add(*key)
    else:
        placed.positional.append(word)


def _harmless(table: CommandTable, word: Word) -> bool:
    """A word that may become an option, of a command none of whose options (or none in a file's name) does harm."""
    if table.harmless_globs and not word.unknown:
        return True
    return table.harmless_options and not any(one.startswith("-") and ANY in one for one in word.alternatives)


def _letters(table: CommandTable, text: str, placed: Placed) -> None:
    """Options without a dash (`ps aux`, `tar tzf`)."""
    for letter in text:
        option = table.options.get("-" + letter, Option())
        if letter in table.secret_letters:
            placed.add(letter, _ENVIRONMENT, None)
        elif option.effect:
            placed.add("-" + letter, option, None)
        else:
            placed.given.add("-" + letter)


def _key(table: CommandTable, text: str) -> tuple[str, Option, Word | None] | None:
    """`if=FILE` as dd has it."""
    name, equals, value = text.partition("=")
    option = table.keys.get(name) if equals else None
    return (name + "=", option, Word((value,))) if option is not None else None


def _option(table: CommandTable, text: str, rest: list[Word], placed: Placed) -> None:
    if table.numeric and _NUMERIC.fullmatch(text):
        return
    if table.style == "single" or text.startswith("--"):
        name, equals, value = text.partition("=")
        option = table.options.get(name)
        if option is None or (equals and option.kind is None):
            placed.problems.append(f"the option {text} is not known to only read")
        else:
            _long(name, option, Word((value,)) if equals else None, rest, placed)
        return
    _cluster(table, text, rest, placed)


def _long(name: str, option: Option, value: Word | None, rest: list[Word], placed: Placed) -> None:
    if option.kind is None or (option.attached and value is None):
        placed.add(name, option, None)
    elif value is not None:
        placed.add(name, option, value)
    else:
        _value(name, option, rest, placed)


def _value(name: str, option: Option, rest: list[Word], placed: Placed) -> None:
    if not rest:
        placed.problems.append(f"the option {name} lacks its value")
        return
    value = rest.pop(0)
    text = value.text
    if text is not None and len(text) > 1 and text.startswith("-") and not _TIME_BACK.fullmatch(text):
        # Some options take a value only sometimes: what looks like an option may be one.
        placed.problems.append(f"{text} after {name} may be an option")
    if value.many and value.numeric:
        placed.positional.append(value)  # more numbers may follow as arguments of their own
    elif value.many:
        placed.problems.append(f"the value of {name} may become several words: quote it")
    placed.add(name, option, value)


def _cluster(table: CommandTable, text: str, rest: list[Word], placed: Placed) -> None:
    """`-tlnp`, `-n5`, `-ofile`: letters until one that takes a value."""
    whole = table.options.get(text)
    if whole is not None and len(text) > 2:  # a word with one dash that this command knows as such
        _long(text, whole, None, rest, placed)
        return
    for index, letter in enumerate(text[1:], start=1):
        name = "-" + letter
        option = table.options.get(name)
        if option is None:
            placed.problems.append(
                f"the option {name if len(text) == 2 else f'{name} in {text}'} is not known to only read"
            )
            return
        attached = text[index + 1 :]
        if option.kind is None:
            placed.add(name, option, None)
        elif attached:
            placed.add(name, option, Word((attached,)))
            return
        elif option.attached:
            placed.add(name, option, None)
        else:
            _value(name, option, rest, placed)
            return
