"""How the server proves to Vault who it is, and one exchange with Vault, with its failures in words."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi

from opsagent.errors import ConfigurationError, OpsAgentError, UnavailableError

KUBERNETES_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultConfig:
    """Where Vault is, and exactly one way to log in: a token, a file that holds one, an AppRole, or Kubernetes.

    `token_sink` is read anew for each use, so that an agent may renew it. `login_path` is where the log-in method is
    mounted (empty: under its own name). `ca_file` (PEM) is trusted in addition to the usual authorities. `timeout_s`
    bounds each wait, in seconds.
    """

    address: str
    token: str = field(default="", repr=False)
    token_sink: Path | None = None
    role_id: str = ""
    secret_id: str = field(default="", repr=False)
    kubernetes_role: str = ""
    kubernetes_token_file: Path = KUBERNETES_TOKEN
    login_path: str = ""
    namespace: str = ""
    ca_file: Path | None = None
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """ConfigurationError where the address would show the token to the network, or no one way is named."""
        parts = urlsplit(self.address)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        ):
            raise ConfigurationError(
                "vault_address is not an https address: a token sent to it could be read on the way.",
                fix="Write https://HOST:8200, or http://127.0.0.1:8100 for a Vault agent beside this server.",
            )
        ways = (self.token, self.token_sink, self.role_id, self.kubernetes_role)
        if sum(bool(way) for way in ways) != 1:
            raise ConfigurationError(
                "Vault needs exactly one way to log in.",
                fix="Set one of vault_token, vault_token_sink, vault_role_id (with vault_secret_id), "
                "vault_kubernetes_role.",
            )

    @property
    def logs_in(self) -> bool:
        """Whether a token is got by a log-in, and not given."""
        return bool(self.role_id or self.kubernetes_role)


class AccessRefused(ConfigurationError):
    """Vault answered 403: the token has ended, or its policy does not allow this."""


_FAILED: tuple[type[OpsAgentError], str, str] = (UnavailableError, "failed on {}", "Look at the log of Vault.")
_NOT_ALLOWED: tuple[type[OpsAgentError], str, str] = (
    AccessRefused,
    "refuses {}: the token has ended, or its policy does not allow it",
    "Renew the token, or allow `read` on that path in the policy of its role.",
)
_REFUSALS: Mapping[str, tuple[type[OpsAgentError], str, str]] = {
    "InvalidRequest": (  # 400
        ConfigurationError,
        "does not accept {}",
        "Check the role, its secret id, and vault_login_path.",
    ),
    "Unauthorized": _NOT_ALLOWED,  # 401
    "Forbidden": _NOT_ALLOWED,  # 403
    "InvalidPath": (  # 404
        ConfigurationError,
        "has nothing for {}: there is none, or it was deleted",
        "Write the secret (`vault kv put`), or correct the reference: MOUNT/data/PATH.",
    ),
    "RateLimitExceeded": (UnavailableError, "has had too many questions", "Wait, or raise its quota."),  # 429
    "VaultNotInitialized": (UnavailableError, "is not initialised", "Run: vault operator init."),  # 501
    "VaultDown": (UnavailableError, "is sealed, or in maintenance", "Unseal it: vault operator unseal."),  # 503
}


def given_token(config: VaultConfig) -> str:
    """The token that needs no log-in. Blocking. ConfigurationError when its file cannot be read."""
    return _text(config.token_sink) if config.token_sink else config.token


def log_in(config: VaultConfig) -> tuple[str, float]:
    """A fresh token and how many seconds it lives. Blocking. ConfigurationError, UnavailableError."""

    def by_role(client: Any) -> Any:
        return client.auth.approle.login(
            config.role_id, config.secret_id or None, mount_point=config.login_path or "approle"
        )

    def by_pod(client: Any) -> Any:
        token = _text(config.kubernetes_token_file)
        return client.auth.kubernetes.login(
            config.kubernetes_role, token, mount_point=config.login_path or "kubernetes"
        )

    answer = exchange(config, "", by_role if config.role_id else by_pod, "the log-in")
    try:
        return str(answer["auth"]["client_token"]), float(answer["auth"]["lease_duration"])
    except (KeyError, TypeError, ValueError) as error:
        raise _strange(config) from error


def exchange(config: VaultConfig, token: str, ask: Callable[[Any], Any], about: str) -> dict[str, Any]:
    """What Vault answers to one question; a deleted secret is an answer too. Blocking.

    AccessRefused: 403. ConfigurationError: what a person must change. UnavailableError: sealed, silent, overloaded.
    Redirects are not followed: the token would go with them.
    """
    try:
        import hvac  # type: ignore[import-untyped]
        import requests
    except ImportError as error:
        raise ConfigurationError("hvac is not installed.", fix="pip install 'opsagent[vault]'") from error
    with _session(config) as session:
        client = hvac.Client(
            url=config.address,
            token=token,
            verify=True,
            timeout=config.timeout_s,
            allow_redirects=False,
            session=session,
            namespace=config.namespace or None,
        )
        try:
            answer = ask(client)
        except hvac.exceptions.VaultError as error:
            raise _refusal(config, error, about) from None
        except requests.exceptions.SSLError as error:
            raise ConfigurationError(
                f"The certificate of Vault at {_place(config)} is not trusted.", fix="Name its authority in ca_file."
            ) from error
        except requests.exceptions.RequestException as error:
            raise UnavailableError(
                f"Vault at {_place(config)} does not answer.", fix="Check vault_address, and that Vault runs."
            ) from error
    if not isinstance(answer, dict):
        raise _strange(config)
    return answer


def _session(config: VaultConfig) -> Any:
    import requests
    from requests.adapters import HTTPAdapter

    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    if config.ca_file is not None:
        try:
            context.load_verify_locations(cafile=config.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The certificates in {config.ca_file} cannot be read.",
                fix="Name a PEM file in ca_file, or leave it empty.",
            ) from error

    class Trusting(HTTPAdapter):
        """Checks servers against our own authorities too."""

        def init_poolmanager(self, *given: Any, **named: Any) -> None:
            super().init_poolmanager(*given, **named, ssl_context=context)

    session = requests.Session()
    session.trust_env = False  # no ~/.netrc, no proxy: what is sent here is a key to everything
    session.mount("https://", Trusting())
    return session


def _refusal(config: VaultConfig, error: Exception, about: str) -> OpsAgentError:
    """By the names of hvac's exceptions, each of which is one HTTP status."""
    made, said, fix = _REFUSALS.get(type(error).__name__, _FAILED)
    return made(f"Vault at {_place(config)} {said.format(about)}.", fix=fix)


def _strange(config: VaultConfig) -> ConfigurationError:
    return ConfigurationError(
        f"What answers at {_place(config)} does not answer as Vault does.",
        fix="Check vault_address; it must be Vault itself (redirects are not followed).",
    )


def _place(config: VaultConfig) -> str:
    return urlsplit(config.address).netloc.rpartition("@")[2]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"The token in {path} cannot be read: {why}.", fix="Look at who writes it.") from error
