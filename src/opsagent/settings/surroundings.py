"""What of the environment a child process that asks a model needs: the way out, whom to trust, AWS's own names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_WAY_OUT = (*_PROXIES, "NO_PROXY", *(name.lower() for name in (*_PROXIES, "NO_PROXY")), "SSL_CERT_FILE", "SSL_CERT_DIR")
_AWS = "AWS_"
# AWS's tools look for these below HOME, and a child has a HOME of its own
_AWS_FILES = {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"}


def surroundings(provider: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables by name; those of AWS, which may hold credentials, for Bedrock only."""
    kept = {name: environ[name] for name in _WAY_OUT if environ.get(name)}
    if provider == "bedrock":
        folder = Path(environ.get("HOME") or Path.home()) / ".aws"
        kept |= {variable: str(folder / name) for variable, name in _AWS_FILES.items()}
        kept |= {name: value for name, value in environ.items() if name.startswith(_AWS)}
    return kept


def proxies(kept: Mapping[str, str]) -> tuple[str, ...]:
    """The hosts of the proxies among them."""
    found = (urlsplit(kept.get(name, "")).hostname for one in _PROXIES for name in (one, one.lower()))
    return tuple(dict.fromkeys(host for host in found if host))
