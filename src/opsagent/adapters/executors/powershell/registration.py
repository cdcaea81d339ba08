"""What the registration of a Windows host must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from opsagent.adapters.executors.powershell.over_ssh import PROGRAMS
from opsagent.adapters.executors.powershell.over_winrm import AUTHS
from opsagent.adapters.executors.ssh.registration import check_registration as check_ssh
from opsagent.domain.connection import Connection
from opsagent.errors import InputError

_WINRM_OPTIONS = frozenset({"auth", "certificate", "configuration_name", "jea", "state_dir"})
_WITHOUT_TLS = 5985  # Microsoft's port for WinRM over plain HTTP
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FOLDER = re.compile(r"[A-Za-z0-9 :\\/._-]{1,200}")


def is_winrm(connection: Connection) -> bool:
    """Whether it is reached over WinRM."""
    return urlsplit(connection.address).scheme == "winrm"


def is_jea(connection: Connection) -> bool:
    """Whether its endpoint takes commands by name only, and no script."""
    return connection.options.get("jea") == "true"


def check_registration(connection: Connection) -> None:
    """Refuse a registration that cannot work. InputError; ConfigurationError where a library is missing."""
    where, options = urlsplit(connection.address), connection.options
    if where.scheme not in ("ssh", "winrm") or not where.hostname:
        raise InputError(
            f"{connection.address!r} is not the address of a host.",
            fix="Write ssh://USER@HOST:22 or winrm://HOST:5986.",
        )
    if not _FOLDER.fullmatch(options.get("state_dir", "x")) or ".." in options.get("state_dir", ""):
        raise InputError("state_dir is not the path of a folder.", fix="Write one like C:\\ProgramData\\OpsAgent.")
    if where.scheme == "ssh":
        if options.get("program", PROGRAMS[0]) not in PROGRAMS:
            raise InputError("The option program is not known.", fix=f"Use one of {', '.join(PROGRAMS)}.")
        ours = {"program", "state_dir"}
        check_ssh(replace(connection, options={name: one for name, one in options.items() if name not in ours}))
        return
    if where.username or where.password or where.path.strip("/") or where.query:
        raise InputError("The address holds more than host and port.", fix="The credential has the user.")
    if where.port == _WITHOUT_TLS:
        raise InputError("5985 is WinRM without TLS.", fix="Set up a listener with TLS: winrm://HOST:5986.")
    _check_winrm_options(options)
    if not connection.credential and not connection.read_credential:
        raise InputError("No credential is named.", fix="Name --credential: one of the kind password.")


def _check_winrm_options(options: Mapping[str, str]) -> None:
    if unknown := set(options) - _WINRM_OPTIONS:
        known = ", ".join(sorted(_WINRM_OPTIONS))
        raise InputError(f"Unknown option {', '.join(sorted(unknown))}.", fix=f"Known: {known}.")
    if options.get("auth", AUTHS[0]) not in AUTHS:
        raise InputError("The option auth is not known.", fix=f"Use one of {', '.join(AUTHS)}.")
    if not _NAME.fullmatch(options.get("configuration_name", "x")):
        raise InputError("configuration_name is no name of an endpoint.", fix="Get-PSSessionConfiguration shows them.")
    if options.get("jea", "true") not in ("true", "false"):
        raise InputError("The option jea is not understood.", fix="Write true or false.")
    if options.get("jea") == "true" and "configuration_name" not in options:
        raise InputError("A JEA endpoint has a name.", fix="Give it as the option configuration_name.")
    if "certificate" in options and "BEGIN CERTIFICATE" not in options["certificate"]:
        raise InputError("The option certificate is no PEM text.", fix="Export the certificate as Base-64 X.509.")
