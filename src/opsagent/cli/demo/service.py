"""The demo's shop: a small real web service with a config file, a data folder with a quota, a log and /healthz."""

from __future__ import annotations

import argparse
import json
import logging
import os
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from opsagent.cli.demo.lifeline import when_parent_ends

POOL_SIZES = range(1, 100)  # what the shop can work with: at least one database connection, at most 99
MAX_ORDER_BYTES = 4096

log = logging.getLogger("shop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `shop.conf` says; `wrong` holds the reason why the shop cannot work with it, or nothing."""

    pool_size: int = 0
    quota_kib: int = 0
    wrong: str = ""


def read_config(path: Path) -> Config:
    """Read `name = value` lines. A value that is missing or bad is not raised: the shop starts and refuses orders."""
    lines = [line.partition("=") for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    values = {name.strip(): value.strip() for name, _, value in lines}
    try:
        pool_size, quota_kib = int(values.get("pool_size", "")), int(values.get("quota_kib", ""))
    except ValueError as problem:
        return Config(wrong=f"{path.name}: pool_size and quota_kib must be whole numbers ({problem})")
    if pool_size not in POOL_SIZES:
        allowed = f"{POOL_SIZES.start}..{POOL_SIZES.stop - 1}"
        return Config(wrong=f"{path.name}: pool_size = {pool_size} is outside {allowed}, no database connection")
    return Config(pool_size=pool_size, quota_kib=quota_kib)


def used_kib(folder: Path) -> int:
    """How much the files under `folder` hold, in whole KiB; a file that vanishes meanwhile counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(parent) / name).st_size
            except FileNotFoundError:
                continue
    return total // 1024


class Shop:
    """The shop's state: its config as of its start, and where its data is."""

    def __init__(self, config: Config, data: Path) -> None:
        self._config = config
        self._data = data
        self._lock = threading.Lock()
        self._said = ""

    def problem(self) -> str:
        """Why it cannot take orders now, or nothing; every change of the answer is a line in the log."""
        problem = self._config.wrong
        used = 0 if problem else used_kib(self._data)
        if not problem and used > self._config.quota_kib:
            problem = f"data folder full: {used} KiB of {self._config.quota_kib} KiB"
        with self._lock:
            if problem != self._said and not (self._said and problem.startswith("data folder")):
                if problem:
                    log.error("refusing orders: %s", problem)
                else:
                    log.info("taking orders again")
            self._said = problem
        return problem

    def order(self, item: object) -> int:
        """Write one order; its number."""
        with self._lock:
            folder = self._data / "orders"
            number = len(list(folder.glob("*.json"))) + 1
            (folder / f"{number:05d}.json").write_text(json.dumps({"number": number, "item": item}), "utf-8")
        log.info("order %d taken", number)
        return number


class Handler(BaseHTTPRequestHandler):
    """`GET /healthz` and `POST /orders`; what is wrong stands in the log, not in the answer."""

    shop: ClassVar[Shop]

    def do_GET(self) -> None:
        """Say whether the shop can take orders: 200 or 503."""
        if self.path != "/healthz":
            self._answer(404, {"error": "not found"})
        elif self.shop.problem():
            self._answer(503, {"status": "unhealthy"})
        else:
            self._answer(200, {"status": "ok"})

    def do_POST(self) -> None:
        """Take an order: 201, or 503 when the shop cannot."""
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/orders" or length > MAX_ORDER_BYTES:
            self._answer(404, {"error": "not found"})
        elif self.shop.problem():
            self._answer(503, {"error": "the shop takes no orders"})
        else:
            self._answer(201, {"order": self.shop.order(self.rfile.read(length).decode("utf-8", "replace"))})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it)
        """Requests are not logged: the log says what happens to the shop."""

    def _answer(self, status: int, body: dict[str, object]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def main() -> None:
    """Serve until stopped, or until the supervisor is gone."""
    parser = argparse.ArgumentParser(prog="shop", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(
        filename=options.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    Handler.shop = Shop(read_config(options.config), options.data)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    when_parent_ends(server.shutdown)
    log.info("started on port %d, pid %d", options.port, os.getpid())
    Handler.shop.problem()
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
