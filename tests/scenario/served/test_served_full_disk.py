"""The disk under the store runs full while people and programs hand in work."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from served import Served, Shop, serve, shop_in, until

TRIGGER = "/api/v1/trigger/api"
DISK_BYTES = 8 * 1024**2


@dataclass
class Disk:
    """How to fill the disk under a server, and to make room again."""

    fill: Callable[[], None]
    free: Callable[[], None]


@contextmanager
def tmpfs(folder: Path) -> Iterator[bool]:
    """A small disk of its own at the folder; False where that cannot be had (no root, a container)."""
    folder.mkdir()
    options = f"size={DISK_BYTES},mode=0700"
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "opsagent-test", folder], stderr=subprocess.DEVNULL
        ).returncode
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def limited(served: Served) -> Disk:
    """No file of the server may grow: for SQLite a disk that takes nothing more. Works without root, and live."""
    pid = served.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def fill() -> None:
        written = (served.folder / "opsagent.db-wal").stat().st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (written, most))

    return Disk(fill, lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most)) and None)


def ballasted(served: Served) -> Disk:
    """The real thing: a file that takes all the room there is."""
    ballast = served.folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    return Disk(fill, ballast.unlink)


@pytest.mark.parametrize("kind", ["real where it can be", "limit"])
def test_a_full_disk_loses_nothing_and_says_so_and_heals(tmp_path: Path, kind: str) -> None:
    with tmpfs(tmp_path / "data") as mounted, serve(tmp_path / "data", lease_seconds=600) as served:
        disk = ballasted(served) if mounted and kind != "limit" else limited(served)
        intake = served.new_caller("intake")
        admin = served.admin()
        acknowledged = [handed_in(intake).json()["runId"] for _ in range(20)]

        disk.fill()
        refused = until(lambda: one_of(handed_in(intake), 503, acknowledged), "intake says that it cannot")
        assert refused["code"] == "store-unavailable"
        assert refused["retryable"] is True
        assert "disk" in refused["detail"]
        assert "Nothing of this request was stored" in refused["detail"]
        assert "space" in refused["fix"]
        ready = httpx.get(f"{served.url}/readyz", trust_env=False)
        assert ready.status_code == 503
        (why,) = [one["why"] for one in ready.json()["degraded"] if one["part"] == "store"]
        assert "disk" in why
        assert httpx.get(f"{served.url}/healthz", trust_env=False).status_code == 200
        shop = Shop("shop", tmp_path)
        webhook = admin.post("/api/v1/tickets/webhook/alertmanager", json=shop.alerts())
        assert webhook.status_code == 503
        assert set(acknowledged) <= {run["runId"] for run in admin.every("/api/agent-ops", "runs")}, "it can be read"

        disk.free()
        until(lambda: one_of(handed_in(intake), 202, acknowledged), "intake takes work again")
        assert httpx.get(f"{served.url}/readyz", trust_env=False).status_code == 200
        assert admin.post("/api/v1/tickets/webhook/alertmanager", json=shop.alerts()).status_code == 202
        for run_id in acknowledged:
            admin.run_once(run_id)
        listed = {run["runId"] for run in admin.every("/api/agent-ops", "runs") if run["source"] == "api"}
        assert listed == set(acknowledged), "what was refused was not stored"


def test_an_effect_whose_end_cannot_be_stored_is_done_once(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, "shop")
    with serve(tmp_path / "data", lease_seconds=600) as served:
        admin = served.admin()
        counted = "tee -a {{connection.counter}}"
        fix = f"echo begun | {counted} && sleep 1 && touch {{{{connection.healthy}}}} && echo x | {counted}"
        shop.register(admin, fix)
        run_id = shop.execute(admin)
        admin.approve(admin.question(run_id))

        until((shop.folder / "counter").exists, "the effect has begun")
        disk = limited(served)
        disk.fill()
        until(shop.healthy.exists, "the effect has happened")
        until(lambda: f"run {run_id} not released yet" in served.said(), "its end could not be stored")
        assert admin.run(run_id)["status"] == "in_progress"
        disk.free()
        run = admin.run_once(run_id)
        assert (run["status"], run["hadEffect"]) == ("completed", True), run
        assert (shop.folder / "counter").read_text() == "begun\nx\n"
        steps = [one for one in admin.get_json(f"/api/v1/agent/{run_id}")["steps"] if one["name"] == "mend"]
        assert [(one["attempt"], one["status"]) for one in steps] == [(1, "succeeded")]


def handed_in(caller: httpx.Client) -> httpx.Response:
    return caller.post(TRIGGER, json={"taskDescription": "x" * 5000})


def one_of(answer: httpx.Response, status: int, acknowledged: list[str]) -> object:
    """The answer's JSON if it has the status; what was acknowledged meanwhile is noted."""
    if answer.status_code == 202:
        acknowledged.append(answer.json()["runId"])
    return answer.json() if answer.status_code == status else None
