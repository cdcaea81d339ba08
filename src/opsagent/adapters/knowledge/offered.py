"""Which files of a folder or repository may be runbooks, and how many of them are taken."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from opsagent.adapters.knowledge.markdown import decode_runbook
from opsagent.domain.library import SourceFile
from opsagent.errors import RunbookError, TooLarge

MAX_FILES = 2000
MAX_TOTAL_BYTES = 64 * 1024**2
MAX_ORIGIN_CHARS = 500
_ENDINGS = (".md", ".markdown")
# What a repository of Markdown has besides its content: GitHub's community files, the section pages of Hugo.
_NO_RUNBOOKS = frozenset(
    {"readme", "_index", "index", "changelog", "license", "contributing", "code_of_conduct", "security", "codeowners"}
)


def is_markdown(path: str) -> bool:
    """Whether the name ends like Markdown, and no part of the path is hidden."""
    parts = path.split("/")
    return parts[-1].lower().endswith(_ENDINGS) and not any(part.startswith(".") for part in parts)


def no_runbook(path: str) -> str:
    """Why a Markdown file is no runbook by its name; empty when it may be one."""
    stem = posixpath.splitext(posixpath.basename(path))[0]
    return f"{stem} is a page about the folder" if stem.lower().replace("-", "_") in _NO_RUNBOOKS else ""


def to_file(path: str, raw: bytes) -> SourceFile:
    """A file's bytes as text, or the reason why they are none."""
    try:
        return SourceFile(path=path, text=decode_runbook(raw, path=path))
    except RunbookError as error:
        problem = error.message.removeprefix(f"{path}:{error.line}: ")
        return SourceFile(path=path, problem=problem, fix=error.fix, line=error.line)


@dataclass(slots=True)
class Budget:
    """Counts files and bytes; the whole import is refused when there are too many, before anything is stored."""

    files: int = 0
    size: int = 0

    def spend(self, size: int) -> None:
        """One more file. TooLarge."""
        self.files += 1
        self.size += size
        if self.files > MAX_FILES or self.size > MAX_TOTAL_BYTES:
            raise TooLarge(
                f"There are over {MAX_FILES} Markdown files or {MAX_TOTAL_BYTES // 1024**2} MB; nothing was taken.",
                fix="Name the folder that holds the runbooks.",
            )
