from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from opsagent.adapters import datafolder
from opsagent.adapters.datafolder import (
    prepare_folder,
    read_server,
    remove_server,
    server_url,
    stored_server,
    write_server,
)
from opsagent.errors import ConfigurationError


async def listening() -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def test_the_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(folder.iterdir())
    assert prepare_folder(folder) == folder


def test_an_open_folder_of_ours_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    prepare_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match="file") as caught:
            prepare_folder(folder)
        assert "data_dir" in caught.value.fix


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(datafolder.os, "geteuid", lambda: mine + 1)
    with pytest.raises(ConfigurationError, match=f"belongs to user id {mine}"):
        prepare_folder(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(ConfigurationError, match="no space left"):
        prepare_folder(tmp_path)
    with pytest.raises(ConfigurationError, match="no space left"):
        write_server(tmp_path, host="127.0.0.1", port=1)


async def test_a_running_server_is_found_until_it_stops(tmp_path: Path) -> None:
    assert await read_server(tmp_path) is None
    server, port = await listening()
    written = write_server(tmp_path, host="0.0.0.0", port=port)  # noqa: S104 - written down, not bound
    assert stat.S_IMODE((tmp_path / "server.json").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["server.json"]
    assert await read_server(tmp_path) == written
    assert written.url == f"http://127.0.0.1:{port}"
    assert written.pid == os.getpid()
    server.close()
    await server.wait_closed()
    assert await read_server(tmp_path) is None
    assert stored_server(tmp_path) == written
    remove_server(tmp_path)
    remove_server(tmp_path)
    assert not list(tmp_path.iterdir())


async def test_a_server_that_was_killed_is_not_found_and_its_pid_may_be_reused(tmp_path: Path) -> None:
    server, port = await listening()
    write_server(tmp_path, host="127.0.0.1", port=port)
    found = json.loads((tmp_path / "server.json").read_text())
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    for pid, birth in ((ended.pid, found["birth"]), (found["pid"], "tick 1"), (-1, "None"), (2**70, "")):
        (tmp_path / "server.json").write_text(json.dumps({**found, "pid": pid, "birth": birth}))
        assert await read_server(tmp_path) is None
    (tmp_path / "server.json").write_text(json.dumps(found))
    assert await read_server(tmp_path) is not None
    server.close()


def test_what_another_process_has_written_stays(tmp_path: Path) -> None:
    write_server(tmp_path, host="127.0.0.1", port=1)
    found = json.loads((tmp_path / "server.json").read_text())
    (tmp_path / "server.json").write_text(json.dumps({**found, "pid": os.getppid()}))
    remove_server(tmp_path)
    assert (tmp_path / "server.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"pid": "x"}', "[" * 4000, "\xff", '{"pid": 1e999}'])
async def test_nonsense_in_the_file_is_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text, encoding="latin-1")
    assert await read_server(tmp_path) is None


async def test_a_file_of_somebody_else_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, port = await listening()
    write_server(tmp_path, host="127.0.0.1", port=port)
    about = os.stat(tmp_path / "server.json")  # noqa: PTH116 - the very call that is replaced below
    planted = os.stat_result((about.st_mode, about.st_ino, about.st_dev, 1, about.st_uid + 4242, *about[5:10]))
    monkeypatch.setattr(datafolder.os, "fstat", lambda _: planted)
    assert await read_server(tmp_path) is None
    server.close()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - named, not bound
        ("", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("[fd00::1]", "http://[fd00::1]:80"),
        ("ops.lan", "http://ops.lan:80"),
    ],
)
def test_how_a_server_is_called(host: str, url: str) -> None:
    assert server_url(host, 80) == url
