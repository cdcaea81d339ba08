"""Which places in a simple shell command take a word as code, so that no value from outside may stand there.

The lists follow bash(1), SHELL BUILTIN COMMANDS, and the manual pages of the programs they name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

# They run, evaluate or pass on their arguments as code, or put them where a later `$name` is split and globbed.
_CODE_WORDS = (
    "eval source . exec let declare typeset local export readonly unset read mapfile readarray trap alias set "
    "getopts enable hash bind complete sh bash dash ash zsh ksh fish busybox su runuser ssh watch parallel script "
    "chroot nsenter unshare flock strace expect tmux screen"
)
_CODE = frozenset(_CODE_WORDS.split())
_WRAPPER_WORDS = "sudo doas env nice ionice nohup setsid stdbuf timeout command builtin xargs"
_WRAPPERS = frozenset(_WRAPPER_WORDS.split())
_LONE_OPTIONS = frozenset({"-n", "-E", "-H", "-k", "-0", "-r", "-p", "--", "-oL", "--preserve-env"})
_QUOTING = re.compile(r"['\"\\]")
_UNFIXED = re.compile(r"[$*?\[{~]")
_NUMBER = re.compile(r"[0-9.]+[smhd]?|[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_SQL = re.compile(r"-[A-Za-z0-9]*[cev]|--(?:command|execute|set|variable)")
_INTERPRETER = re.compile(r"-[A-Za-z]*[ceEmrnp]")
_FILTER = re.compile(r"-[A-Za-z]*[efvi]|--(?:file|expression|assign)")
_CODE_AFTER: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(("psql", "mysql", "mariadb", "sqlite3"), _SQL),
    **dict.fromkeys(("python", "python3", "perl", "ruby", "node", "php"), _INTERPRETER),
    **dict.fromkeys(("awk", "gawk", "mawk", "sed"), _FILTER),
    **dict.fromkeys(("test", "[", "printf"), re.compile("-[vR]")),
    "env": re.compile("-S|--split-string"),
}
_PROGRAM_FIRST = frozenset(
    {"awk", "gawk", "mawk", "sed", "sqlite3", "perl", "python", "python3", "ruby", "node", "php"}
)
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


def code_place(words: Sequence[str]) -> str:  # noqa: PLR0911 - one return per reason
    """What would run the word that follows `words` as code, in words; empty when nothing does.

    `words` is a simple command so far: its name, then its arguments as written, without assignments and redirects.
    """
    if not words:
        return "it is the name of the command"
    called = [posixpath.basename(_QUOTING.sub("", word)) for word in words]
    if _UNFIXED.search(words[0]):
        return "the name of its command is not fixed"
    wrapped = called[0] in _WRAPPERS
    if wrapped and not _behind_wrapper(called):
        return f"it may be the command that `{called[0]}` runs"
    names = called if wrapped else called[:1]
    if code := next((name for name in names if name in _CODE), ""):
        return f"`{code}` would take it as code"
    if "find" in names and _FIND_RUNS.intersection(called):
        return "`find -exec` would take it as part of a command"
    for name in names:
        if name in _CODE_AFTER and _CODE_AFTER[name].fullmatch(called[-1]):
            return f"`{name} {called[-1]}` would take it as code"
        if name in _PROGRAM_FIRST and all(word.startswith("-") for word in called[called.index(name) + 1 :]):
            return f"`{name}` would take it as its program"
    return ""


def _behind_wrapper(called: Sequence[str]) -> bool:
    """Whether the wrapped command has certainly been named; an option that may take a value makes that uncertain."""
    rest = list(called)
    needed = 0
    while rest and rest[0] in _WRAPPERS:
        needed = 1
        rest.pop(0)
        while rest and (rest[0].startswith("-") or _NUMBER.fullmatch(rest[0])):
            needed = 2 if rest[0].startswith("-") and rest[0] not in _LONE_OPTIONS else needed
            rest.pop(0)
    return len(rest) >= needed
