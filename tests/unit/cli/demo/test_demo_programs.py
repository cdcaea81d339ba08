"""The shop, its supervisor, its control program and its prober, as real processes: each breaks and heals for real."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from opsagent.adapters.clock import SystemClock
from opsagent.cli.demo import democtl, prober, service
from opsagent.cli.demo.incidents import INCIDENTS
from opsagent.cli.demo.shop import GOOD_CONFIG, SERVICE, Shop, free_port, program

KILLED, MISCONFIGURED, FULL, FALSE_ALARM = INCIDENTS
LABELS = {"alertname": "HighErrorRate", "service": "shop", "severity": "critical"}


async def until(condition, limit_s=10.0):
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.02)


def running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
async def shop(tmp_path):
    one = Shop(folder=tmp_path / "shop", scratch=tmp_path / "shop", clock=SystemClock())
    one.folder.mkdir()
    await one.start()
    yield one
    await one.close()


async def by_hand(*argv):
    child = await asyncio.create_subprocess_exec(*map(str, argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await child.communicate()
    return child.returncode, said.decode()


async def test_a_killed_shop_is_given_up_and_heals_by_a_start(shop):
    await KILLED.happens(shop)
    assert await shop.until_healthy(2.0, wanted=False)
    status = await shop.ctl("status")
    assert (status["state"], status["pid"], status["restarts"]) == ("gave_up", "none", "2")
    assert status["last_exit"] == "signal-9"
    await shop.ctl("start")
    assert await shop.until_healthy(5.0)
    assert (await shop.ctl("status"))["state"] == "running"


async def test_one_death_is_mended_by_the_supervisor_itself(shop):
    before = await shop.ctl("status")
    os.kill(int(before["pid"]), signal.SIGKILL)
    async with asyncio.timeout(10):
        while (after := await shop.ctl("status"))["pid"] in (before["pid"], "none"):
            await asyncio.sleep(0.02)
    assert await shop.until_healthy(5.0)
    assert after["restarts"] == "1"


async def until_said(shop, words: str) -> None:
    async with asyncio.timeout(10):
        while words not in shop.log.read_text():
            await asyncio.sleep(0.01)


async def test_a_bad_configuration_is_said_in_the_log_and_heals_by_the_good_one(shop):
    await MISCONFIGURED.happens(shop)
    assert await shop.until_healthy(2.0, wanted=False)
    await until_said(shop, "pool_size = 0 is outside 1..99")  # while it restarts it is unhealthy and silent
    assert (await shop.ctl("status"))["state"] == "running"
    shop.config.write_bytes(shop.good_config.read_bytes())
    await shop.ctl("restart")
    assert await shop.until_healthy(5.0)


async def test_a_full_data_folder_heals_by_deleting_what_is_expendable(shop):
    orders = (await shop.facts()).orders
    await FULL.happens(shop)
    assert await shop.until_healthy(2.0, wanted=False)
    await until_said(shop, "data folder full: 1536 KiB of 1000 KiB")
    assert (await by_hand("find", shop.cache, "-name", "*.tmp", "-delete"))[0] == 0
    assert await shop.until_healthy(5.0)
    assert (await shop.facts()).orders == orders == 3


async def test_a_false_alarm_breaks_nothing(shop):
    before = await shop.facts()
    await FALSE_ALARM.happens(shop)
    assert await shop.healthy()
    assert await shop.facts() == before


async def test_democtl_says_how_things_are_and_how_it_is_used(shop):
    code, said = await by_hand(shop.democtl, "probe", shop.health_url)
    assert (code, said) == (0, '200 {"status": "ok"}\n')
    code, said = await by_hand(shop.democtl, "probe", "http://127.0.0.1:1/")
    assert code == democtl.UNHEALTHY
    assert said.startswith("no answer:")
    assert (await by_hand(shop.democtl, "explode", SERVICE)) == (democtl.MISUSED, democtl.USAGE)
    code, said = await by_hand(shop.democtl, "status", "nothing")
    assert code == democtl.MISUSED
    assert "no service is called" in said
    (shop.folder / "control").write_text("1 wrong\n")
    code, said = await by_hand(shop.democtl, "status", SERVICE)
    assert code == democtl.UNREACHABLE
    assert "does not answer" in said


async def test_the_supervisor_obeys_nobody_without_the_secret(shop):
    port = (shop.folder / "control").read_text().split()[0]
    (shop.folder / "control").write_text(f"{port} guessed\n")
    code, said = await by_hand(shop.democtl, "stop", SERVICE)
    assert code == democtl.MISUSED
    assert "secret is needed" in said
    assert await shop.healthy()


async def test_stop_and_start_keep_it_as_wanted(shop):
    assert (await shop.ctl("stop"))["state"] == "stopped"
    assert not await shop.healthy()
    assert (await shop.ctl("start"))["state"] == "running"
    assert await shop.until_healthy(5.0)


async def test_nothing_is_left_when_the_starter_is_killed(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    script = f"""
import asyncio, pathlib, sys
from opsagent.adapters.clock import SystemClock
from opsagent.cli.demo.shop import Shop
async def main():
    shop = Shop(folder=pathlib.Path({str(folder)!r}), scratch=pathlib.Path({str(folder)!r}), clock=SystemClock())
    await shop.start()
    print(shop._children[0].pid, (await shop.ctl("status"))["pid"], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    supervisor, served = map(int, (await starter.stdout.readline()).split())
    assert running(supervisor)
    starter.kill()
    await starter.wait()
    await until(lambda: not running(supervisor) and not running(served) and not folder.exists())


class Inbox(BaseHTTPRequestHandler):
    received: list[dict]
    answer = 200

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append({"body": body, "key": self.headers.get("Authorization", "")})
        self.send_response(self.answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        return


@pytest.fixture
def inbox():
    kind = type("OneInbox", (Inbox,), {"received": [], "answer": 200})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    kind.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield kind
    server.shutdown()
    server.server_close()
    thread.join()


async def test_the_prober_fires_after_two_failed_checks_and_resolves(shop, inbox, tmp_path):
    key = tmp_path / "key"
    key.write_text("opsa_test\n")
    arguments = ("--webhook", inbox.url, "--secret-file", str(key), "--service", SERVICE, "--url", shop.health_url)
    await shop.run_beside("prober", *arguments, "--every", "0.1", "--log", str(tmp_path / "prober.log"))
    await MISCONFIGURED.happens(shop)
    await until(lambda: inbox.received)
    fired = inbox.received[0]
    assert fired["key"] == "Bearer opsa_test"
    assert fired["body"]["version"] == "4"
    alert = fired["body"]["alerts"][0]
    assert (alert["status"], alert["labels"]["alertname"], alert["labels"]["service"]) == ("firing", "ShopDown", "shop")
    said = alert["annotations"]["summary"]  # while it restarts, it does not answer at all
    assert re.fullmatch(r"shop /healthz (answered 503|did not answer), [2-9] checks in a row", said)
    shop.config.write_text(GOOD_CONFIG)
    await shop.ctl("restart")
    await until(lambda: len(inbox.received) > 1)
    resolved = inbox.received[1]["body"]["alerts"][0]
    assert (resolved["status"], resolved["startsAt"]) == ("resolved", alert["startsAt"])
    assert resolved["endsAt"] > resolved["startsAt"]


async def test_an_alert_nobody_took_is_told_again(inbox, tmp_path):
    inbox.answer = 503
    one = prober.Prober(prober.Hook(url=inbox.url), SERVICE, f"http://127.0.0.1:{free_port()}/healthz")
    for _ in range(2):
        await asyncio.to_thread(one.check)
    inbox.answer = 200
    for _ in range(3):
        await asyncio.to_thread(one.check)
    assert [one["body"]["status"] for one in inbox.received] == ["firing", "firing"]


def test_the_fingerprint_is_alertmanagers():
    assert prober.fingerprint(LABELS) == "caabbd059ced5a11"  # of a recorded webhook of Alertmanager 0.25


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (GOOD_CONFIG, ""),
        (GOOD_CONFIG.replace("8", "0"), "shop.conf: pool_size = 0 is outside 1..99, no database connection"),
        (GOOD_CONFIG.replace("8", "100"), "shop.conf: pool_size = 100 is outside 1..99, no database connection"),
        (GOOD_CONFIG.replace("8", "eight"), "must be whole numbers"),
        ("", "must be whole numbers"),
    ],
)
def test_the_shop_says_what_is_wrong_with_its_configuration(tmp_path, text, wrong):
    path = tmp_path / "shop.conf"
    path.write_text(text)
    said = service.read_config(path).wrong
    assert wrong in said
    assert bool(said) is bool(wrong)


def test_a_free_port_is_not_one_the_kernel_gives_away():
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = free_port()
    assert port < lowest
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_the_folder_a_person_stands_in_shadows_nothing(tmp_path):
    (tmp_path / "argparse.py").write_text("raise SystemExit(66)\n")
    done = subprocess.run([*program("service", "--help")], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0
