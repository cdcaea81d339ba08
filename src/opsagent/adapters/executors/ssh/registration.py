"""What the registration of a host must look like, and what it says in asyncssh's terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opsagent.domain.connection import Connection
from opsagent.errors import ConfigurationError, ExecutionError, InputError
from opsagent.ports.secrets import Login

if TYPE_CHECKING:
    import asyncssh

OPTIONS = frozenset({"host_key", "host_ca", "jump", "jump_host_key", "jump_host_ca", "state_dir", "at_once"})
PINNED = "On the host itself: cat /etc/ssh/ssh_host_ed25519_key.pub; register it as the option host_key."
_STATE_DIR = re.compile(r"(?!.*(?:^|/)\.\.(?:/|$))[A-Za-z0-9._/@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One machine on the way: where it listens, as whom to log in (empty: the credential says), and its keys."""

    host: str
    port: int
    user: str
    host_keys: str
    host_cas: str


def check_registration(connection: Connection) -> None:
    """Refuse a registration that cannot work. InputError; ConfigurationError where asyncssh is missing."""
    unknown = set(connection.options) - OPTIONS
    if unknown:
        raise InputError(f"Unknown option {', '.join(sorted(unknown))}.", fix=f"Known: {', '.join(sorted(OPTIONS))}.")
    for hop in hops(connection):
        if not hop.host_keys and not hop.host_cas:
            raise InputError(f"The host key of {hop.host} is not registered, so nobody knows who answers.", fix=PINNED)
        trusted(hop)
    if not connection.credential and not connection.read_credential:
        raise InputError("No credential is named.", fix="Name --credential: a private key, or a key and certificate.")
    if not _STATE_DIR.fullmatch(connection.options.get("state_dir", "x")):
        raise InputError("state_dir is not the path of a folder.", fix="Write letters, digits and slashes.")
    at_once = connection.options.get("at_once", "8")
    if not at_once.isdecimal() or not 1 <= int(at_once) <= 100:
        raise InputError("at_once is not a number from 1 to 100.", fix="OpenSSH takes 10 (its MaxSessions).")


def hops(connection: Connection) -> tuple[Hop, ...]:
    """The way to the host: the jump host where there is one, then itself. InputError."""
    options = connection.options
    target = _hop(connection.address, options.get("host_key", ""), options.get("host_ca", ""))
    if "jump" not in options:
        return (target,)
    return (_hop(options["jump"], options.get("jump_host_key", ""), options.get("jump_host_ca", "")), target)


def _hop(address: str, host_keys: str, host_cas: str) -> Hop:
    try:
        where = urlsplit(address)
        port = where.port or 22
    except ValueError:
        where, port = urlsplit(""), 0
    if where.scheme != "ssh" or not where.hostname or where.path.strip("/") or where.query or where.fragment:
        raise InputError(f"{address!r} is not the address of a host.", fix="Write ssh://USER@HOST:PORT.")
    if where.password is not None:
        raise InputError("The address holds a password.", fix="OpsAgent logs in with keys; register one.")
    return Hop(host=where.hostname, port=port, user=where.username or "", host_keys=host_keys, host_cas=host_cas)


def trusted(hop: Hop) -> tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]]:
    """Host keys, authorities, revoked keys, as asyncssh's `known_hosts` takes them. InputError."""
    return _keys(hop.host, hop.host_keys), _keys(hop.host, hop.host_cas), []


def _keys(host: str, text: str) -> list[asyncssh.SSHKey]:
    library = ssh_library()
    found = []
    for line in re.split(r"[;\n]", text):
        if not line.strip():
            continue
        try:
            found.append(library.import_public_key(line.strip()))
        except library.KeyImportError:
            raise InputError(f"The key of {host} cannot be read: {line.strip()[:60]!r}.", fix=PINNED) from None
    return found


def identity_of(login: Login) -> tuple[asyncssh.SSHKey, asyncssh.SSHCertificate] | asyncssh.SSHKey:
    """The private key of a credential, with its certificate where it has one. ExecutionError, never with the key."""
    library = ssh_library()
    values = login.values
    if "private_key" not in values:
        raise ExecutionError(
            f"{login.name} is no SSH key; nothing was sent.", fix="Register a credential of the kind ssh_key."
        )
    try:
        key: asyncssh.SSHKey = library.import_private_key(values["private_key"], values.get("passphrase") or None)
        if values.get("certificate"):
            return key, library.import_certificate(values["certificate"])
    except (library.KeyImportError, library.KeyEncryptionError):
        raise ExecutionError(
            f"The private key or certificate in {login.name} cannot be read; nothing was sent.",
            fix="Store it again: OpenSSH or PEM text, with its passphrase if it has one.",
        ) from None
    return key


def ssh_library() -> ModuleType:
    """asyncssh, imported for the first host. ConfigurationError."""
    try:
        import asyncssh
    except ImportError as error:
        raise ConfigurationError("The SSH client is not installed.", fix="pip install 'opsagent[ssh]'") from error
    return asyncssh
