"""Starts the real servers that runbooks are tried on, on 127.0.0.1, and ends exactly those."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.found import NEEDED

_WITHIN_S = 30.0
# For httpx and http:// addresses: by default each client reads the world's certificates, 35 ms of processor time.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def program(name: str) -> str:
    """The full path of a program the tests need; says what to install when it is missing."""
    needed = next(one for one in NEEDED if one.program == name)
    found = needed.path()
    assert found, f"apt-get install {needed.package}"
    return found


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(ready: Callable[[], bool], what: str) -> None:
    """Wait for a condition, by looking often."""
    end = time.monotonic() + _WITHIN_S
    while not ready():
        assert time.monotonic() < end, f"{what} did not come up"
        os.sched_yield()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _folder(owner: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="opsagent-server-"))
    os.chown(folder, owner, -1)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _child(argv: list[str]) -> Iterator[None]:
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait(timeout=_WITHIN_S)


@contextmanager
def nginx() -> Iterator[str]:
    """The address of an nginx that answers 200."""
    with _folder(os.getuid()) as folder:
        port = free_port()
        config = folder / "nginx.conf"
        temporary = " ".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config.write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary}\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 well; }} }} }}\n"
        )
        with _child([program("nginx"), "-c", str(config), "-e", f"{folder}/error.log"]):
            until(lambda: listens(port), "nginx")
            yield f"http://127.0.0.1:{port}/"


@contextmanager
def tls_server(folder: Path, *, days: int) -> Iterator[tuple[str, Path]]:
    """The address of a TLS server whose certificate is valid for so many days, and the certificate's file."""
    key, certificate, port = folder / "key.pem", folder / "certificate.pem", free_port()
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
         "/CN=shop.example", "-days", str(days), "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    with _child(
        [
            program("openssl"),
            "s_server",
            "-accept",
            f"127.0.0.1:{port}",
            "-key",
            str(key),
            "-cert",
            str(certificate),
            "-www",
        ]
    ):
        until(lambda: listens(port), "the TLS server")
        ssl.get_server_certificate(("127.0.0.1", port))
        yield f"127.0.0.1:{port}", certificate


@contextmanager
def postgres(*, settings: str = "") -> Iterator[dict[str, str]]:
    """A PostgreSQL with trusted log-ins: host, port, user, database. As root it runs as the user postgres."""
    account = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    bin_folder = Path(program("pg_ctl")).resolve().parent
    as_account = (
        [] if os.getuid() else ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    )
    with _folder(account.pw_uid) as folder:
        port, data = free_port(), folder / "data"
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off {settings}"

        def run(*argv: str) -> None:
            subprocess.run(
                [*as_account, *argv], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/"
            )

        run(str(bin_folder / "initdb"), "-D", str(data), "-U", "ops", "-A", "trust", "--no-sync", "-E", "UTF8")
        run(str(bin_folder / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield {"host": "127.0.0.1", "port": str(port), "user": "ops", "database": "postgres"}
        finally:
            run(str(bin_folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
