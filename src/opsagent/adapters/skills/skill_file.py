"""Reads one folder in the open SKILL.md format: front matter with name and description, a body, further files.

The format: https://agentskills.io/specification
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

from opsagent.domain.skill import Shelf, Skill
from opsagent.domain.text_safety import hidden_character
from opsagent.errors import InputError

FILE = "SKILL.md"
MAX_FILE_BYTES = 256 * 1024
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME_CHARS, _DESCRIPTION_CHARS = 64, 1024
_MOST_FILES = 100
_FENCE = "---"


def read_skill(folder: Path, shelf: Shelf) -> Skill:
    """The skill in a folder. InputError, with the fix, for what is none."""
    text = read_text(folder / FILE)
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE or _FENCE not in [line.rstrip() for line in lines[1:]]:
        raise InputError(f"{FILE} has no front matter.", fix="Begin it with ---, name: and description:, and ---.")
    end = 1 + [line.rstrip() for line in lines[1:]].index(_FENCE)
    name, description = _header("\n".join(lines[1:end]))
    if name != folder.name:
        raise InputError(f"It is called {name}, and its folder {folder.name}.", fix="Give both one name.")
    body = "\n".join(lines[end + 1 :])
    if hidden := hidden_character(text, allow="\n\t"):
        raise InputError(f"{FILE} has a character that cannot be seen ({hidden[1]}).", fix="Leave it out.")
    return Skill(name=name, description=description, body=body, files=_files(folder), shelf=shelf)


def read_text(path: Path) -> str:
    """A regular file as text, no link. InputError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.", fix="Make it a readable file.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is no text.", fix="Save it as UTF-8.") from None
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{path.name} has more than {MAX_FILE_BYTES} bytes.", fix="Move what is rarely needed out.")
    return text.replace("\r\n", "\n")


def _header(text: str) -> tuple[str, str]:
    """Name and description. What else stands there (license, allowed-tools) is another reader's."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 2})" if where else ""
        raise InputError(f"Its front matter is no YAML{line}.", fix="Put texts with a colon into quotes.") from None
    given = found if isinstance(found, dict) else {}
    name, description = given.get("name"), given.get("description")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _NAME_CHARS:
        raise InputError("It has no name of small letters, digits and dashes.", fix="Write name: its-folder.")
    if not isinstance(description, str) or not 0 < len(description.strip()) <= _DESCRIPTION_CHARS:
        raise InputError(
            f"It has no description of up to {_DESCRIPTION_CHARS} characters.",
            fix="Write description: what it is about, and when it is of use.",
        )
    return name, " ".join(description.split())


def _files(folder: Path) -> tuple[str, ...]:
    """Its further files, by name; what a link leads to is not its own."""
    found: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in sorted(folders) if not name.startswith(".")]
        for name in sorted(names):
            path = Path(place, name)
            relative = path.relative_to(folder).as_posix()
            if relative != FILE and not name.startswith(".") and path.is_file() and not path.is_symlink():
                found.append(relative)
        if len(found) > _MOST_FILES:
            raise InputError(f"It has more than {_MOST_FILES} files.", fix="Keep what the work needs.")
    return tuple(sorted(found))
