"""A server that is told to stop, or loses its power, in the middle of its work."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from served import PARKED, Caller, serve, shop_in, until

SLOW = """---
id: slow
title: Three slow looks
---
## Diagnosis

```shell name=first
sleep 0.7
```

```shell name=second
sleep 0.7
```

```shell name=third
sleep 0.7
```
"""
RUNS = 4
TRIGGERS = 200


def test_told_to_stop_it_parks_what_runs_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, "shop")
    with serve(tmp_path / "data") as served:
        admin = served.admin()
        shop.register(admin)
        admin.json_of("POST", "/api/v1/runbooks", {"text": SLOW}, status=201)
        waiting = shop.execute(admin)
        asked = admin.question(waiting)
        body = {"runbookId": "slow", "issueDescription": "look slowly"}
        runs = [admin.json_of("POST", "/api/v1/agent/execute", body)["runId"] for _ in range(RUNS)]
        for run_id in runs:
            until(lambda run_id=run_id: steps_of(admin, run_id), "a command runs")
        begun = time.monotonic()
        assert served.stop(within_s=10) == 0
        print(f"stopped within {time.monotonic() - begun:.2f} s, {RUNS} runs in progress")
        assert not (served.folder / "server.json").exists()
    with serve(tmp_path / "data") as again:
        admin = again.admin()
        for run_id in runs:
            assert admin.run_once(run_id)["status"] == "completed"
            steps = steps_of(admin, run_id)
            assert [(one["name"], one["status"]) for one in steps] == [
                (name, "succeeded") for name in ("first", "second", "third")
            ], "each ran once"
        assert admin.run(waiting)["status"] == "awaiting_approval"
        assert admin.question(waiting)["digest"] == asked["digest"], "the same question as before"
        assert admin.approve(asked).status_code == 200
        assert admin.run_once(waiting)["status"] == "completed"
        assert shop.healthy.exists()


def test_open_streams_do_not_keep_it_from_stopping(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, "shop")
    with serve(tmp_path / "data") as served:
        admin = served.admin()
        shop.register(admin)
        run_id = shop.execute(admin)
        admin.question(run_id)
        accept = {"Accept": "text/event-stream"}
        with admin.watch(run_id) as socket, admin.stream("GET", f"/api/agent-ops/{run_id}/events", headers=accept) as s:
            socket.recv(timeout=10)
            lines = s.iter_lines()
            next(lines)
            assert served.stop(within_s=10) == 0
            assert "event: end" not in list(lines), "the run has not ended"
            assert [text for text in socket if '"end"' in text] == []
            assert (socket.close_code, socket.close_reason) == (1001, "the server goes down; come back")


def test_killed_amid_many_triggers_it_has_all_it_acknowledged_and_ends_them(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    half = threading.Event()
    # The new owner of the folder takes over at once: nobody waits for the lease of a dead worker.
    with serve(tmp_path / "data", lease_seconds=600) as served:
        key = served.new_caller("intake").key

        def send(_: int) -> None:
            with Caller(served.url, key) as caller:
                try:
                    answer = caller.post("/api/v1/trigger/api", json={"taskDescription": "look after it"})
                except httpx.TransportError:
                    return  # the plug was pulled: not acknowledged
            assert answer.status_code == 202
            acknowledged.append(answer.json()["runId"])
            if len(acknowledged) >= TRIGGERS // 2:
                half.set()

        with ThreadPoolExecutor(20) as pool:
            sending = [pool.submit(send, number) for number in range(TRIGGERS)]
            assert half.wait(30)
            served.kill()
            for one in sending:
                one.result()
    assert TRIGGERS // 2 <= len(acknowledged) < TRIGGERS
    with serve(tmp_path / "data", lease_seconds=600) as again:
        admin = again.admin()
        runs = admin.every("/api/agent-ops", "runs")
        assert set(acknowledged) <= {run["runId"] for run in runs}
        print(f"{len(acknowledged)} acknowledged, {len(runs)} stored, killed in between")

        def over() -> bool:
            return all(run["status"] in PARKED for run in admin.every("/api/agent-ops", "runs"))

        until(over, "every run has ended")


def steps_of(admin: Caller, run_id: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = admin.get_json(f"/api/v1/agent/{run_id}")["steps"]
    return found
