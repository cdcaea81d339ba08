"""Sets up logging: one redacted line per event, for machines or people, from structlog and the standard library."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from opsagent.adapters.redaction import MARKER
from opsagent.domain.visible import visible
from opsagent.errors import ConfigurationError
from opsagent.ports.redact import Redactor

FILE_BYTES = 10 * 1024**2
FILES_KEPT = 5
MAX_TEXT_CHARS = 20_000
MAX_DEPTH = 8
_SECRET_NAMES = ("password", "passwd", "secret", "token", "authorization", "api_key", "apikey", "cookie", "private_key")
_LIBRARIES = ("uvicorn", "uvicorn.error", "uvicorn.access", "fastapi", "asyncio", "alembic", "sqlalchemy")
_CHATTY = ("httpx", "httpcore", "asyncio", "alembic", "aiosqlite", "markdown_it")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """`level` is a standard name; `file` is kept at mode 0600, 10 MiB, five old ones."""

    format: Literal["json", "console"] = "json"
    level: str = "INFO"
    file: Path | None = None


def configure_logs(config: LogConfig, redact: Redactor, *, stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (default: standard error) and the file. Calling it again replaces the set-up.

    Raises ConfigurationError when the file cannot be opened. Nothing secret and no control character is written.
    """
    handlers: list[logging.Handler] = [_Console(stream or sys.stderr)]
    if config.file is not None:
        handlers.append(_open_file(config.file))
    clean = _Clean(redact)
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    close_logs()
    root = logging.getLogger()
    for handler in handlers:
        colours = config.format == "console" and handler is handlers[0] and _is_terminal(handler)
        ending: list[Processor] = [_time, structlog.stdlib.ProcessorFormatter.remove_processors_meta, clean]
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder()],
                processors=[*ending, _renderer(config.format, colours=colours)],
            )
        )
        root.addHandler(handler)
    root.setLevel(config.level)
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def close_logs() -> None:
    """Take our handlers away and close the file; other handlers stay."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, (_Console, _File))]:
        root.removeHandler(handler)
        handler.close()


class _Console(logging.StreamHandler[TextIO]):
    """Ours, so that it can be found again. A closed pipe loses lines, never the program."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Nobody is left to tell: standard error is what failed."""


class _File(logging.handlers.RotatingFileHandler):
    """A full disk loses lines, never the program; the first loss is said on standard error."""

    failed = False

    def _open(self) -> Any:
        return open(self.baseFilename, self.mode, encoding="utf-8", errors="backslashreplace", opener=_private)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name is logging's
        """Say it once."""
        if not self.failed:
            self.failed = True
            sys.stderr.write(f"The log file {self.baseFilename} cannot be written; lines are lost from here on.\n")

    def close(self) -> None:
        """Let go of the file; what a full disk did not take is lost."""
        with contextlib.suppress(OSError):
            super().close()


class _Clean:
    """The last step before a line is written: secrets hidden, hidden characters shown, values cut to a sane size."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.pop("color_message", None)  # uvicorn says each line twice, once for coloured terminals
        return {self._text(str(name)): self._named(str(name), value) for name, value in event.items()}

    def _named(self, name: str, value: object) -> object:
        lowered = name.lower().replace("-", "_")
        if value and isinstance(value, (str, bytes)) and lowered.endswith(_SECRET_NAMES):
            return MARKER
        return self._value(value, MAX_DEPTH, lines=name in {"exception", "stack"})

    def _value(self, value: object, depth: int, *, lines: bool = False) -> object:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if depth > 0 and isinstance(value, Mapping):
            return {self._text(str(name)): self._inner(str(name), one, depth - 1) for name, one in value.items()}
        if depth > 0 and isinstance(value, (list, tuple, set, frozenset)):
            return [self._value(one, depth - 1) for one in value]
        return self._text(value if isinstance(value, str) else str(value), lines=lines)

    def _inner(self, name: str, value: object, depth: int) -> object:
        return MARKER if self._named(name, value) is MARKER else self._value(value, depth)

    def _text(self, text: str, *, lines: bool = False) -> str:
        shown = visible(self._redact(text), lines=lines)
        return shown if len(shown) <= MAX_TEXT_CHARS else f"{shown[:MAX_TEXT_CHARS]} [cut, {len(shown)} characters]"


def _renderer(kind: str, *, colours: bool) -> Processor:
    if kind == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=40)


def _time(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When the record was made (not when it is written), ISO 8601 UTC."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        made = datetime.fromtimestamp(record.created, UTC)
        event["timestamp"] = made.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _is_terminal(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream.isatty()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _open_file(path: Path) -> _File:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _File(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
    except OSError as problem:
        raise ConfigurationError(
            f"The log file {path} cannot be opened: {problem.strerror}.",
            fix="Name a file in a folder you may write (log_file), or leave it empty.",
        ) from None
