"""Starts a real Prometheus and a real Alertmanager on 127.0.0.1, quick as they can be, and ends exactly those."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from servers.loopback import PLAIN, free_port, program, until

_WITHIN_S = 30.0


@contextmanager
def alertmanager(folder: Path, webhook: str, secret: str) -> Iterator[str]:
    """The address of an Alertmanager that posts every change to the webhook, with the secret as its bearer."""
    folder.mkdir()
    (folder / "secret").write_text(f"{secret}\n")
    (folder / "alertmanager.yml").write_text(
        f"""
route: {{receiver: opsagent, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: opsagent
    webhook_configs:
      - url: {webhook}
        send_resolved: true
        max_alerts: 1000
        http_config: {{authorization: {{credentials_file: {folder}/secret}}}}
"""
    )
    arguments = ["--config.file=alertmanager.yml", f"--storage.path={folder}/data", "--cluster.listen-address="]
    with _running(folder, "prometheus-alertmanager", arguments) as url:
        yield url


@contextmanager
def prometheus(folder: Path, *, target: str, alertmanager_url: str, rules: str) -> Iterator[str]:
    """The address of a Prometheus that scrapes the target (`host:port`) and judges the rules every second."""
    folder.mkdir()
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(
        f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ['{target}']}}]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ['{alertmanager_url.removeprefix("http://").rstrip("/")}']}}]
"""
    )
    arguments = ["--config.file=prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with _running(folder, "prometheus", arguments) as url:
        yield url


@contextmanager
def _running(folder: Path, name: str, arguments: list[str]) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "log"
    with log.open("wb") as said:
        child = subprocess.Popen(
            [program(name), *arguments, f"--web.listen-address=127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=folder,
        )  # fmt: skip
    try:
        until(lambda: _is_ready(child, f"{url}/-/ready", log), name)
        yield url
    finally:
        child.terminate()
        child.wait(_WITHIN_S)


def _is_ready(child: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert child.poll() is None, log.read_text()
    try:
        return httpx.get(url, timeout=5, trust_env=False, verify=PLAIN).status_code == 200
    except httpx.TransportError:
        return False
