"""What is known about commands, as data: which options and arguments only read, and what the others do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What one argument or option value is to its command."""

    ANY = "any"  # plain data: may be dynamic
    FIXED = "fixed"  # must be written out: it decides what the command does
    NAME = "name"  # a shell variable's name, written out
    READ = "read"  # a file whose content is read
    TREE = "tree"  # a folder whose files are all read
    LIST = "list"  # a path whose name, size or rights are looked at, not its content
    WRITE = "write"  # a file that is made or changed
    DELETE = "delete"  # a path that is removed
    DELETE_TREE = "delete_tree"  # a path removed with everything below
    CHANGE_TREE = "change_tree"  # rights or owners changed on everything below
    HOST = "host"  # a host that is contacted
    URL = "url"  # an address that is contacted
    SERVICE = "service"  # what a supervisor starts or stops
    PROCESS = "process"  # what a signal reaches
    EXECUTE = "execute"  # a file that is run as a program or script
    AWK = "awk"  # a program in that little language, proven by its own reader
    SED = "sed"
    JQ = "jq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option. `kind` None: it takes no value. `attached`: the value only stands attached (`--color=auto`).

    `effect` and `secret` say in words what it changes or reveals; `only` must match the whole written-out value;
    `arguments` replaces the table's arguments when the option is given (`grep -e`).
    """

    kind: Kind | None = None
    attached: bool = False
    effect: str = ""
    secret: str = ""
    forbidden: str = ""
    only: re.Pattern[str] | None = None
    arguments: tuple[tuple[Kind, bool], ...] | None = None


class Wrap(StrEnum):
    """How a command starts another one."""

    COMMAND = "command"  # the remaining words are a command
    SHELL = "shell"  # the remaining words, joined, are a script
    SCRIPT = "script"  # the value of -c is a script, else the first word is a script file
    XARGS = "xargs"  # the remaining words are a command that gets more words from standard input
    FIND = "find"  # -exec ... ; among its expressions
    HOST_SHELL = "host_shell"  # the first word is a host, the rest a script there


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTable:
    """One command, or one sub-command.

    `style` is how options are written: `getopt` (-abc, --long), `leading` (the same, only before the first argument),
    `single` (-long), `none` (every word is data).
    `arguments` lists the positional words; True repeats it. `skips` is how many words stand before a wrapped command.
    `bare` says what happens when there is no argument at all. `asks` says why it is never proven to read. `only` must
    match every positional word; `required` is a set of options of which one must be given, `otherwise` the words
    when none is; `alone` says
    that it only reads without a sub-command; `check` names a rule in code; `harmless_globs`: a file's
    name that looks like an option does no harm; `implies` is what
    a change touches although no word says so.
    `prints` and `prints_numbers` match the arguments with which its output is only plain names, or only numbers.
    """

    name: str
    effect: str = ""
    asks: str = ""
    secret: str = ""
    forbidden: str = ""
    bare: str = ""
    bare_secret: str = ""
    reversible: bool | None = None
    style: str = "getopt"
    numeric: bool = False
    harmless_options: bool = False
    harmless_globs: bool = False
    letters: str = ""
    secret_letters: str = ""
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    keys: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    arguments: tuple[tuple[Kind, bool], ...] = ()
    only: re.Pattern[str] | None = None
    secret_words: re.Pattern[str] | None = None
    subcommands: Mapping[str, CommandTable] = field(default_factory=lambda: MappingProxyType({}))
    wrap: Wrap | None = None
    skips: int = 0
    privileged: bool = False
    builtin: bool = False
    check: str = ""
    implies: tuple[tuple[Kind, str], ...] = ()
    prints: re.Pattern[str] | None = None
    prints_numbers: re.Pattern[str] | None = None
    required: frozenset[str] = frozenset()
    otherwise: str = ""
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Every command that is known, and the lists that stand beside them. `version` is a hash over the files.

    `paths` are the absolute names an admin registered beside the system's folders. `sensitive` and `devices` are path
    patterns (`*` within one name, `**` across names). `watched` are the folders that rules speak of.
    """

    commands: Mapping[str, CommandTable]
    folders: tuple[str, ...] = ()
    paths: frozenset[str] = frozenset()
    harmless_environment: tuple[str, ...] = ()
    dangerous_variables: tuple[str, ...] = ()
    secret_variables: tuple[str, ...] = ()
    sensitive: tuple[tuple[str, str], ...] = ()
    watched: tuple[str, ...] = ()
    harmless_paths: tuple[str, ...] = ()
    quiet_folders: tuple[str, ...] = ()
    system_roots: tuple[str, ...] = ()
    forbidden_writes: tuple[tuple[str, str], ...] = ()
    forbidden_services: tuple[tuple[str, str], ...] = ()
    version: str = ""
