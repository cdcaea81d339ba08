"""What a server says when it cannot start, and that the one that runs is not disturbed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from served import Caller, Served, fix_of, serve, tried
from servers.loopback import free_port


def test_a_second_server_on_the_folder_is_refused_and_the_first_goes_on(served: Served, admin: Caller) -> None:
    before = (served.folder / "server.json").read_bytes()
    second = tried(served.folder, "--port", "0")
    assert second.returncode == 4, second.stderr
    assert f"pid {served.process.pid}" in second.stderr
    assert str(served.folder) in second.stderr
    assert "Stop that server first" in fix_of(second)
    assert (served.folder / "server.json").read_bytes() == before
    assert admin.get_json("/healthz") == {"status": "ok"}
    assert [run["runId"] for run in served.cli("runs")["runs"]] == [
        run["runId"] for run in admin.get_json("/api/agent-ops", limit=20)["runs"]
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"effects_per_hour": "often"}, ["effects_per_hour", "often", "OPSAGENT_EFFECTS_PER_HOUR"]),
        ({"lease_seconds": "0"}, ["lease_seconds", "OPSAGENT_LEASE_SECONDS"]),
        ({"wokers_per_process": "3"}, ["OPSAGENT_WOKERS_PER_PROCESS", "OPSAGENT_WORKERS_PER_PROCESS"]),
        ({"admin_policy_file": "/no/such/policy.yaml"}, ["/no/such/policy.yaml"]),
        ({"host": "192.0.2.1"}, ["192.0.2.1"]),
    ],
    ids=["word", "range", "name", "policy", "address"],
)
def test_a_wrong_setting_is_named_with_where_it_came_from(
    tmp_path: Path, settings: dict[str, str], words: list[str]
) -> None:
    done = tried(tmp_path / "data", "--port", "0", **settings)
    assert done.returncode in (1, 2), done.stderr
    assert fix_of(done)
    for word in words:
        assert word in done.stderr


def test_a_wrong_secret_is_named_and_not_shown(tmp_path: Path) -> None:
    done = tried(tmp_path / "data", "--port", "0", credential_encryption_key="hunter2-hunter2")
    assert done.returncode == 2
    assert "credential_encryption_key" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_a_port_that_is_taken_is_named(served: Served, tmp_path: Path) -> None:
    port = served.url.rpartition(":")[2]
    done = tried(tmp_path / "data", "--port", port)
    assert done.returncode == 2
    assert port in done.stderr
    assert "--port 0" in fix_of(done)
    assert not (tmp_path / "data" / "server.json").exists()


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    done = tried(tmp_path / "data", "--port", "0")
    assert done.returncode == 2
    assert str(tmp_path / "data") in done.stderr
    assert (tmp_path / "data").read_text() == "not a folder"


def test_what_a_start_leaves_is_for_its_owner_alone(tmp_path: Path) -> None:
    port = free_port()
    with serve(tmp_path / "data", port=port) as served:
        folder = served.folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert (folder / "admin.key").read_text().strip() not in served.said()
        key = (folder / "admin.key").read_bytes()
        assert served.stop() == 0
        assert not (folder / "server.json").exists()
    with serve(folder) as again:
        assert (folder / "admin.key").read_bytes() == key
        assert again.admin().get_json("/api/v1/keys")["keys"]
