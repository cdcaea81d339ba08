"""Parses shell text with `shfmt`, many texts per process, into its typed syntax tree.

Why shfmt: it found every command of thousands of random scripts that really ran, where other parsers silently hid
those behind backticks. A text it refuses is never judged harmless.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

Node = dict[str, Any]
_SEPARATOR = "\n__opsagent_next__\n"  # a plain word: only at the top level can it be a command of its own
_MARKER = "__opsagent_next__"
_BATCH_TEXTS = 200
_BATCH_BYTES = 60_000
MAX_TEXT_BYTES = 64_000  # longer than any command a person can review


@dataclass(frozen=True, slots=True)
class Unparsed:
    """Why a text has no syntax tree, in words."""

    reason: str


Parsed = list[Node] | Unparsed


def find_shfmt() -> Path | None:
    """The `shfmt` that was installed with this Python, else the one on the path."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        candidate = folder / "shfmt"
        if candidate.is_file():
            return candidate
    found = shutil.which("shfmt")
    return Path(found) if found else None


@dataclass(slots=True)
class ShellParser:
    """`binary` None: every text is Unparsed. At most `processes` run at once, each for at most `timeout_s` seconds."""

    binary: Path | None
    processes: int = 2
    timeout_s: float = 20.0
    _gate: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._gate = asyncio.Semaphore(self.processes)

    async def parse(self, texts: Sequence[str]) -> list[Parsed]:
        """One tree (the list of its statements) or Unparsed per text, in order."""
        if self.binary is None:
            missing = Unparsed("the shell parser (shfmt) is not installed, so nothing can be proven")
            return [missing for _ in texts]
        results: list[Parsed | None] = [_refused(text) for text in texts]
        waiting = [index for index, result in enumerate(results) if result is None]
        batches: list[list[int]] = []
        size = _BATCH_BYTES
        for index in waiting:
            size += len(texts[index]) + len(_SEPARATOR)
            if size > _BATCH_BYTES or len(batches[-1]) >= _BATCH_TEXTS:
                batches.append([])
                size = len(texts[index])
            batches[-1].append(index)
        done = await asyncio.gather(*(self._batch([texts[index] for index in batch]) for batch in batches))
        for batch, parsed in zip(batches, done, strict=True):
            for index, one in zip(batch, parsed, strict=True):
                results[index] = one
        return [result for result in results if result is not None]

    async def _batch(self, texts: list[str]) -> list[Parsed]:
        """Parse texts together; where one of them disturbs its neighbours, halve until it stands alone."""
        output, error = await self._run(_SEPARATOR.join(texts).encode())
        if len(texts) == 1:
            return [
                Unparsed(f"it does not parse: {error}") if output is None else await asyncio.to_thread(_one, output)
            ]
        if output is not None:
            parts = await asyncio.to_thread(_split, output, [len(text.encode()) for text in texts])
            if parts is not None:
                return list(parts)
        half = len(texts) // 2
        return await self._batch(texts[:half]) + await self._batch(texts[half:])

    async def _run(self, source: bytes) -> tuple[bytes | None, str]:
        """The JSON for `source`, or None and what was wrong."""
        async with self._gate:
            process = await asyncio.create_subprocess_exec(
                str(self.binary),
                "--language-dialect=bash",
                "--to-json",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
            )
            try:
                async with asyncio.timeout(self.timeout_s):
                    output, error = await process.communicate(source)
            except TimeoutError:
                return None, "the parser took too long"
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            return None, error.decode(errors="replace").removeprefix("<standard input>:").strip() or "no reason given"
        return output, ""


_REFUSALS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("it holds a NUL character", lambda text: "\0" in text),
    (
        f"it is longer than {MAX_TEXT_BYTES} bytes",
        lambda text: len(text.encode(errors="surrogatepass")) > MAX_TEXT_BYTES,
    ),
    (
        "it holds characters that have no agreed meaning",
        lambda text: any("\ud800" <= one <= "\udfff" or "\ue000" <= one <= "\uf8ff" for one in text),
    ),
    ("it holds carriage returns", lambda text: "\r" in text),
    ("it ends in a backslash", lambda text: text.endswith("\\")),
    ("it holds a word that is reserved for judging", lambda text: _MARKER in text),
)


def _refused(text: str) -> Unparsed | None:
    """Texts that are not handed to the parser, because a shell and the parser might read them differently."""
    return next((Unparsed(reason) for reason, refuses in _REFUSALS if refuses(text)), None)


def _one(output: bytes) -> Parsed:
    try:
        return _statements(output)
    except orjson.JSONDecodeError:
        return Unparsed("it is nested too deeply to read")


def _statements(output: bytes) -> list[Node]:
    tree: Node = orjson.loads(output)
    statements: list[Node] = tree.get("Stmts") or []
    return statements


def _split(output: bytes, lengths: list[int]) -> list[list[Node]] | None:
    """The statements of each text, or None unless every separator is a top-level command exactly where it was put.

    A separator at the top level at its own offset proves that the text before it was complete: no open quote, bracket
    or here-document can have swallowed it.
    """
    expected = []
    offset = 0
    for length in lengths[:-1]:
        offset += length
        expected.append(offset + 1)
        offset += len(_SEPARATOR)
    parts: list[list[Node]] = [[]]
    try:
        statements = _statements(output)
    except orjson.JSONDecodeError:  # nested too deeply: find out which text
        return None
    for statement in statements:
        if len(parts) <= len(expected) and statement["Pos"]["Offset"] == expected[len(parts) - 1]:
            if not _is_separator(statement):
                return None
            parts.append([])
        else:
            parts[-1].append(statement)
    return parts if len(parts) == len(lengths) else None


def _is_separator(statement: Node) -> bool:
    if any(statement.get(mark) for mark in ("Negated", "Background", "Coprocess", "Redirs")):
        return False
    command = statement.get("Cmd") or {}
    words = command.get("Args") or []
    if command.get("Type") != "CallExpr" or command.get("Assigns") or len(words) != 1:
        return False
    parts = words[0].get("Parts") or []
    return len(parts) == 1 and parts[0].get("Type") == "Lit" and parts[0].get("Value") == _MARKER
