from __future__ import annotations

import io
import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from _pytest.logging import LogCaptureHandler

from opsagent.adapters.logs import LogConfig, close_logs, configure_logs
from opsagent.adapters.redaction import MARKER, Redaction
from opsagent.errors import ConfigurationError


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    close_logs()
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def unreported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a line out of pytest's own report, which cannot carry every text from one process to another."""
    monkeypatch.setattr(LogCaptureHandler, "emit", lambda *_: None)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_logs(LogConfig(), Redaction(["known-secret"]), stream=stream)
    return stream


def test_structlog_and_the_standard_library_write_the_same_lines(stream: io.StringIO) -> None:
    structlog.get_logger("ours").info("run %s ended", "r1", status="completed")
    logging.getLogger("theirs").warning("watch %s", "out", extra={"status": 7})
    ours, theirs = lines(stream)
    assert ours["event"] == "run r1 ended"
    assert (ours["level"], ours["logger"], ours["status"]) == ("info", "ours", "completed")
    assert (theirs["event"], theirs["level"], theirs["logger"], theirs["status"]) == (
        "watch out",
        "warning",
        "theirs",
        7,
    )
    for line in (ours, theirs):
        assert str(line["timestamp"]).endswith("Z")


def test_secrets_are_hidden_wherever_they_stand(stream: io.StringIO) -> None:
    log = structlog.get_logger()
    log.info(
        "got known-secret",
        url="postgres://u:pw-one@h/",
        password="pw-two",
        nested={"api_key": "pw-three", "l": ["known-secret"]},
    )
    logging.getLogger("uvicorn.access").info("GET %s", "/?token=pw-four")
    try:
        int("known-secret")
    except ValueError:
        log.exception("broke", number=1)
    assert "known-secret" not in stream.getvalue()
    assert "pw-" not in stream.getvalue()
    assert stream.getvalue().count(MARKER) >= 6
    assert "Traceback" in str(lines(stream)[2]["exception"])


def test_outside_text_cannot_forge_a_line_or_move_the_terminal() -> None:
    stream = io.StringIO()
    configure_logs(LogConfig(format="console"), Redaction(), stream=stream)
    structlog.get_logger().info("one\n2026-01-01 forged", title="\u202eevil\x1b[2J", **{"na\nme": 1})
    assert len(stream.getvalue().splitlines()) == 1
    assert "\\u202eevil\\x1b[2J" in stream.getvalue()


def test_strange_values_do_not_lose_the_line(stream: io.StringIO) -> None:
    loop: list[object] = []
    loop.append(loop)
    structlog.get_logger().info(
        "odd", big=2**100, raw=b"\xff", surrogate="\ud800", loop=loop, path=Path("/x"), deep={1: {2: (3,)}}
    )
    (line,) = lines(stream)
    assert line["surrogate"] == "\\ud800"
    assert line["path"] == "/x"


def test_a_long_value_is_cut_and_says_so(stream: io.StringIO) -> None:
    structlog.get_logger().info("long", text="x" * 50_000)
    (line,) = lines(stream)
    assert len(str(line["text"])) < 21_000
    assert "50000" in str(line["text"])


def test_the_level_holds_and_context_is_bound(stream: io.StringIO) -> None:
    configure_logs(LogConfig(level="WARNING"), Redaction(), stream=stream)
    with structlog.contextvars.bound_contextvars(runId="r1"):
        structlog.get_logger().info("quiet")
        structlog.get_logger().warning("loud")
    (line,) = lines(stream)
    assert (line["event"], line["runId"]) == ("loud", "r1")


def test_configuring_twice_replaces_the_first(stream: io.StringIO) -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    second = io.StringIO()
    configure_logs(LogConfig(), Redaction(), stream=second)
    logging.getLogger("x").error("once")
    assert stream.getvalue() == ""
    assert len(lines(second)) == 1
    assert other in logging.getLogger().handlers
    logging.getLogger().removeHandler(other)


@pytest.mark.usefixtures("unreported")
def test_the_file_is_private_and_gets_the_same_lines(tmp_path: Path) -> None:
    stream, file = io.StringIO(), tmp_path / "logs" / "opsagent.log"
    configure_logs(LogConfig(file=file), Redaction(), stream=stream)
    logging.getLogger("x").error("kept \ud800")
    assert file.read_text() == stream.getvalue()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigurationError, match="taken/x"):
        configure_logs(LogConfig(file=tmp_path / "taken" / "x"), Redaction())


def test_a_full_disk_loses_lines_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    configure_logs(LogConfig(file=Path("/dev/full")), Redaction(), stream=stream)
    for _ in range(3):
        logging.getLogger("x").error("lost in the file")
    assert len(lines(stream)) == 3
    assert capsys.readouterr().err.count("/dev/full cannot be written") == 1


def test_a_closed_stream_loses_lines_and_nothing_else(stream: io.StringIO) -> None:
    stream.close()
    structlog.get_logger().info("to nobody")
    close_logs()


def test_uvicorn_writes_through_us(stream: io.StringIO) -> None:
    own = logging.StreamHandler(io.StringIO())
    logging.getLogger("uvicorn").addHandler(own)
    configure_logs(LogConfig(), Redaction(), stream=stream)
    assert own not in logging.getLogger("uvicorn").handlers
    logging.getLogger("uvicorn.error").info("started")
    assert lines(stream)[0]["logger"] == "uvicorn.error"
