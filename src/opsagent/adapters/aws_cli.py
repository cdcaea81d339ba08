"""The AWS command line as a program: how a command's text becomes its words, where it lies, and how it is started."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsagent.errors import ConfigurationError

CONFIG = Path(__file__).with_name("aws_cli.config")  # without it an argument that is a URL would be fetched
NO_HOME = "/nonexistent"  # ~/.aws may hold aliases (which run shell commands), plugins and models of services
# What decides how the program reads its arguments; parser and executor must have the same.
ENVIRONMENT: Mapping[str, str] = {
    "AWS_CONFIG_FILE": str(CONFIG),
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
    "HOME": NO_HOME,
    "LANG": "C.UTF-8",
}
MAX_CHARS = 20_000
_OPERATORS = frozenset(";|&<>()`$\n\r")
_IN_QUOTES = frozenset("$`")
_START = (
    "import sys, runpy; sys.path.append({site!r}); sys.argv[0] = 'aws'; "
    "runpy.run_module('awscli', run_name='__main__', alter_sys=False)"
)


class NotOneCommand(Exception):
    """The text is not the words of one command; carries why, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsProgram:
    """The installed command line: the interpreter that runs it, and the folder its package lies in."""

    python: Path
    site: Path

    def argv(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """What starts it with these words, the first of which is `aws`; no file of the folder it stands in is read."""
        return (str(self.python), "-I", "-S", "-c", _START.format(site=str(self.site)), *words[1:])


def find_program() -> AwsProgram:
    """The command line beside the server's own interpreter, found without importing it. ConfigurationError."""
    found = importlib.util.find_spec("awscli")
    if found is None or found.origin is None:
        raise ConfigurationError("The AWS command line is not installed.", fix="pip install 'opsagent[aws]'")
    return AwsProgram(python=Path(sys.executable).resolve(), site=Path(found.origin).parent.parent)


def split_words(text: str) -> tuple[str, ...]:
    """The words of one command, quoted as for a POSIX shell; no shell ever sees it. NotOneCommand.

    What a shell would act on (operators, substitutions, a comment, a home folder) is refused where it is not quoted,
    so that nobody takes for one command what a shell would take for two. Patterns such as `web*` stay as they are.
    """
    if len(text) > MAX_CHARS:
        raise NotOneCommand(f"it is longer than {MAX_CHARS} characters")
    if any(ord(one) < 32 and one not in "\n\t" or 0xD800 <= ord(one) < 0xE000 for one in text):  # noqa: RUF021 - reads well
        raise NotOneCommand("it holds a control character")
    words = _Words(text.strip(" \t\n"))
    return words.split()


class _Words:
    """The splitting of one text; `word` is None between words."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.word: list[str] | None = None
        self.words: list[str] = []

    def split(self) -> tuple[str, ...]:
        while (one := self._next()) is not None:
            if one in " \t":
                self._end()
            elif one == "'":
                self._single()
            elif one == '"':
                self._double()
            elif one == "\\":
                self._escaped()
            elif one in _OPERATORS or (self.word is None and one in "#~"):
                raise NotOneCommand(f"it holds {one!r} outside quotes, and no shell runs it")
            else:
                self._add(one)
        self._end()
        return tuple(self.words)

    def _next(self) -> str | None:
        if self.at >= len(self.text):
            return None
        self.at += 1
        return self.text[self.at - 1]

    def _add(self, piece: str) -> None:
        if self.word is None:
            self.word = []
        self.word.append(piece)

    def _end(self) -> None:
        if self.word is not None:
            self.words.append("".join(self.word))
        self.word = None

    def _single(self) -> None:
        end = self.text.find("'", self.at)
        if end < 0:
            raise NotOneCommand("a quote is not closed")
        self._add(self.text[self.at : end])
        self.at = end + 1

    def _double(self) -> None:
        self._add("")
        while (one := self._next()) != '"':
            if one is None:
                raise NotOneCommand("a quote is not closed")
            if one in _IN_QUOTES:
                raise NotOneCommand(f"it holds {one!r} in double quotes, and no shell runs it")
            if one == "\\" and self.text[self.at : self.at + 1] in ("$", "`", '"', "\\", "\n"):
                following = self._next() or ""
                self._add("" if following == "\n" else following)
            else:
                self._add(one)

    def _escaped(self) -> None:
        following = self._next()
        if following is None:
            raise NotOneCommand("it ends with a backslash")
        if following != "\n":  # a line that goes on
            self._add(following)
