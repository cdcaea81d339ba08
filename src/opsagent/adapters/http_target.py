"""What the registration of an HTTP API says: what is its own, what may be read there, what acts or reveals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

from opsagent.adapters.target_url import parse_url
from opsagent.domain.connection import Connection
from opsagent.domain.request import is_below, origin, parse_request
from opsagent.errors import InputError

# Answers that are secrets themselves: Kubernetes, Vault and Consul (their HTTP API pages), Prometheus and Grafana,
# Spring Boot's actuators, Docker, GitHub and GitLab, cloud metadata; then names that say so anywhere.
_SENSITIVE_WORDS = """
*/secrets */secrets/* /v1/secret/* /v1/*/data/* /v1/*/creds/* /v1/*/static-creds/* /v1/cubbyhole/* /v1/kv/*
/v1/auth/token/* /v1/*/export/* /v1/snapshot */api/v1/status/config */api/auth/keys* */actuator/env*
*/actuator/heapdump */actuator/configprops* */debug/pprof/heap* */variables */variables/* */latest/meta-data*
*/latest/user-data* */computemetadata/* */metadata/identity* */credentials */credentials/* */api-keys* */api_keys*
*/apikeys* */tokens */tokens/* */token */private-keys* */private_keys* */.env* */.git/* */backup */backups/*
"""
_SENSITIVE = tuple(_SENSITIVE_WORDS.split())
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_SWITCHES = ("allow_private", "allow_link_local", "allow_plain")
_LISTS = ("effects", "sensitive_paths", "read_headers")
_OPTIONS = (*_SWITCHES, *_LISTS, "idempotency_header", "test_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """One registered API.

    Paths are globs over the whole path, or over what is below the base, with or without the query. `effects` are
    paths where a GET changes something; `read_headers` are headers a read may carry besides the usual.
    `idempotency_header` names the header under which the API promises to act once on the same key.
    """

    base: SplitResult
    effects: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    read_headers: frozenset[str] = frozenset()
    allow_private: bool = False
    allow_link_local: bool = False
    allow_plain: bool = False
    idempotency_header: str = ""
    test_path: str = ""

    def owns(self, url: SplitResult) -> bool:
        """Whether scheme, host and port are the registered ones."""
        return origin(url) == origin(self.base)

    def stranger(self, url: SplitResult) -> str:
        """Why it is not the registered API that is asked, in words; empty when it is."""
        if not self.owns(url):
            return f"{url.netloc} is not the registered address"
        if not is_below(url.path or "/", self.base.path or "/"):
            return f"the path is not below the registered {self.base.path}"
        return ""

    def acts(self, url: SplitResult) -> bool:
        """Whether a GET of it is registered as one that changes something."""
        return self._fits(self.effects, url)

    def reveals(self, url: SplitResult) -> bool:
        """Whether its answer may be a secret."""
        return self._fits((*_SENSITIVE, *self.sensitive), url)

    def _fits(self, globs: tuple[str, ...], url: SplitResult) -> bool:
        """Whether a glob fits the path, with or without the base and the query."""
        whole, base = _plain(url.path), _plain(self.base.path).rstrip("/")
        below = whole.removeprefix(base) or "/"
        queried = [f"{path}?{unquote_plus(url.query).lower()}" for path in (whole, below)] if url.query else []
        return any(fnmatchcase(one, glob.lower()) for glob in globs for one in (whole, below, *queried))


def _plain(path: str) -> str:
    """A path as the most lenient server reads it: decoded, letters of one case, no parameters and no dots at an end."""
    parts = [unquote(part).partition(";")[0].rstrip(" .").lower() for part in path.split("/")]
    return "/".join(parts).rstrip("/") or "/"


def http_target(connection: Connection) -> HttpTarget:
    """What a connection says. InputError, with the fix, when it cannot be an HTTP API."""
    base = _base(connection.address)
    options = connection.options
    unknown = set(options) - set(_OPTIONS)
    if unknown:
        raise InputError(f"Unknown option {', '.join(sorted(unknown))}.", fix=f"Known: {', '.join(_OPTIONS)}.")
    switches = {name: _switch(options, name) for name in _SWITCHES}
    lists = {name: tuple(options.get(name, "").replace(",", " ").split()) for name in _LISTS}
    headers = (*lists["read_headers"], *filter(None, [options.get("idempotency_header", "")]))
    if wrong := [name for name in headers if not _NAME.fullmatch(name)]:
        raise InputError(f"{wrong[0]!r} cannot name a header.", fix="Use letters, digits and dashes.")
    if wrong := [glob for name in ("effects", "sensitive_paths") for glob in lists[name] if glob[0] not in "/*"]:
        raise InputError(f"The path {wrong[0]!r} fits nothing.", fix="Begin it with / or *.")
    test_path = options.get("test_path", "")
    if test_path:
        parse_request(f"GET {test_path}")
    if test_path and not test_path.startswith("/"):
        raise InputError("test_path is no path.", fix="Begin it with /; it is below the address.")
    opens = connection.credential or connection.read_credential
    if base.scheme == "http" and opens and not (switches["allow_private"] or switches["allow_plain"]):
        raise InputError(
            "A credential would cross the network in clear text.",
            fix="Write https://, or set allow_plain=true (allow_private=true for a host in your own network).",
        )
    return HttpTarget(
        base=base,
        effects=lists["effects"],
        sensitive=lists["sensitive_paths"],
        read_headers=frozenset(name.lower() for name in lists["read_headers"]),
        idempotency_header=options.get("idempotency_header", ""),
        test_path=test_path,
        **switches,
    )


def _base(address: str) -> SplitResult:
    fix = "Write https://HOST:PORT/BASE, without a password."
    parse_url(address)
    if "?" in address or "#" in address:
        raise InputError("The address of an API has no query and no fragment.", fix=fix)
    try:
        parse_request(f"GET {address.rstrip('/')}/")
    except InputError as error:
        raise InputError(f"{address!r} cannot be the address of an API: {error.message}", fix=fix) from None
    return urlsplit(address.rstrip("/"))


def _switch(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise InputError(f"The option {name} is {value!r}.", fix="Write true or false.")
    return value == "true"
