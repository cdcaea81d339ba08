"""Starts a real OpenSSH server on 127.0.0.1, which lets the user of the tests in with one key."""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from servers.loopback import _child, _folder, free_port, listens, program, until


@dataclass(frozen=True)
class Host:
    """Where it listens, its key, the user's key, and a folder for what commands leave there."""

    port: int
    user: str
    host_key: str
    private_key: str
    folder: Path

    @property
    def address(self) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def drop_connections(self) -> None:
        """End the server's end of every connection, as a network that breaks would; what runs there goes on."""
        for pid in sessions(int((self.folder / "pid").read_text())):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def sessions(daemon: int) -> list[int]:
    """The processes of sshd that serve a connection: its children, and theirs that are sshd as well."""
    found = []
    for child in children(daemon):
        if (Path("/proc") / str(child) / "comm").read_text().startswith("sshd"):
            found += [child, *sessions(child)]
    return found


def children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(one) for one in (Path("/proc") / str(pid) / f"task/{pid}/children").read_text().split()]
    return []


@contextmanager
def openssh(*, lines: str = "", authority: asyncssh.SSHKey | None = None) -> Iterator[Host]:
    """An sshd; `lines` are added to its configuration. With an authority it takes its certificates, and no key."""
    with _folder(os.getuid()) as folder:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd gives up its privileges
        host_key, key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        host_file = folder / "host_key"
        host_file.write_bytes(host_key.export_private_key())
        host_file.chmod(0o600)
        (folder / "authorized_keys").write_bytes(b"" if authority else key.export_public_key())
        port = free_port()
        trust = ""
        if authority is not None:
            (folder / "authority.pub").write_bytes(authority.export_public_key())
            trust = f"TrustedUserCAKeys {folder}/authority.pub\n"
        config = folder / "sshd_config"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_file}\nPidFile {folder}/pid\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin prohibit-password\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\nMaxSessions 10\n"
            f"Subsystem sftp {program('sftp-server')}\n{trust}{lines}"
        )
        with _child([program("sshd"), "-D", "-e", "-f", str(config)]):
            pid = folder / "pid"
            until(lambda: listens(port) and pid.exists() and pid.read_text().strip() != "", "sshd")
            yield Host(
                port=port,
                user=pwd.getpwuid(os.getuid()).pw_name,
                host_key=host_key.export_public_key().decode().strip(),
                private_key=key.export_private_key().decode(),
                folder=folder,
            )
