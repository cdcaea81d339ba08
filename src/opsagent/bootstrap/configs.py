"""The small frozen config of each adapter, made from the settings."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from pydantic import SecretStr

from opsagent.adapters.alertmanager.config import AlertmanagerConfig
from opsagent.adapters.alertmanager.source import AlertmanagerSource
from opsagent.adapters.analysers.shell.analyser import ShellAnalyserConfig
from opsagent.adapters.artifacts.files import ArtifactConfig
from opsagent.adapters.clock import SystemIds
from opsagent.adapters.executors.local import Backend, LocalConfig
from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.notify.webhook import WebhookConfig
from opsagent.adapters.outbound import OutboundConfig
from opsagent.adapters.prometheus.config import PrometheusConfig
from opsagent.adapters.prometheus.source import PrometheusSource
from opsagent.adapters.secrets.sealing import Sealing
from opsagent.errors import ConfigurationError
from opsagent.loop.limits import Limits
from opsagent.loop.worker import WorkerConfig
from opsagent.ports.intake import SignalSource
from opsagent.settings import Settings

KEY_BYTES = 32


def sources(settings: Settings, ids: SystemIds) -> dict[str, SignalSource]:
    """The monitoring systems by name. ConfigurationError for a secret of a source that does not exist."""
    secrets = {name: secret.get_secret_value() for name, secret in settings.security.webhook_secrets.items()}
    made: tuple[SignalSource, ...] = (
        AlertmanagerSource(AlertmanagerConfig(secret=secrets.pop("alertmanager", "")), ids),
        PrometheusSource(PrometheusConfig(secret=secrets.pop("prometheus", "")), ids),
    )
    if secrets:
        raise ConfigurationError(
            f"webhook_secrets names {', '.join(sorted(secrets))}, which is no source.",
            fix=f"The sources are {', '.join(source.name for source in made)}.",
        )
    return {source.name: source for source in made}


def local(settings: Settings) -> LocalConfig:
    """For the local executor."""
    execution, folder = settings.execution, settings.server.data_dir.expanduser()
    forced = {"bwrap": Backend.BWRAP, "rlimits": Backend.RLIMITS}.get(execution.sandbox_backend)
    return LocalConfig(
        state=folder / "state",
        sandbox_root=execution.sandbox_root,
        command_uid=execution.command_uid,
        hidden=(folder.resolve(),),
        force=forced,
        output_cap_bytes=execution.output_cap_bytes,
    )


def shell(settings: Settings) -> ShellAnalyserConfig:
    """For the analyser of shell commands; it protects the agent's own folder."""
    return ShellAnalyserConfig(protected=(str(settings.server.data_dir.expanduser().resolve()),))


def artifacts(settings: Settings) -> ArtifactConfig:
    """For the artifacts."""
    text = settings.security.credential_encryption_key.get_secret_value()
    key = base64.urlsafe_b64decode(text) if text else None
    return ArtifactConfig(folder=settings.server.data_dir.expanduser(), key=key)


def sealing(settings: Settings) -> Sealing:
    """What seals credentials: the present key first, then the former ones."""
    security = settings.security
    texts = [security.credential_encryption_key, *security.credential_decryption_keys]
    given = [text.get_secret_value() for text in texts]
    if not given[0] and any(given):
        raise ConfigurationError(
            "There are former encryption keys and no present one.", fix="Set CREDENTIAL_ENCRYPTION_KEY as well."
        )
    try:
        keys = [base64.b64decode(text.encode(), altchars=b"-_", validate=True) for text in given if text]
    except ValueError as error:
        raise ConfigurationError(
            "credential_decryption_keys holds what is no key.", fix="Use the former keys."
        ) from error
    if any(len(key) != KEY_BYTES for key in keys):
        raise ConfigurationError("credential_decryption_keys holds what is no key.", fix="Use the former keys.")
    return Sealing(keys)


def sql(settings: Settings) -> SqlConfig:
    """For databases."""
    return SqlConfig(output_cap_bytes=settings.execution.output_cap_bytes, ca_file=settings.security.ca_file)


def outbound(settings: Settings) -> OutboundConfig:
    """For the one client that leaves the house."""
    security = settings.security
    return OutboundConfig(
        allow_private=security.allow_private_callbacks,
        allowed_hosts=security.private_callback_hosts,
        ca_file=security.ca_file,
    )


def webhook(settings: Settings) -> WebhookConfig:
    """For callbacks."""
    return WebhookConfig(secret=settings.security.callback_secret.get_secret_value())


def limits(settings: Settings) -> Limits:
    """How far a run may go."""
    worker = settings.worker
    return Limits(
        active_s=worker.run_active_seconds,
        measure_every_s=worker.measure_every_seconds,
        settle_s=worker.settle_seconds,
        cooldown_s=worker.cooldown_seconds,
        per_hour=worker.effects_per_hour,
        per_target=worker.commands_per_target,
    )


def worker(settings: Settings, ids: SystemIds) -> WorkerConfig:
    """For the worker of this process; its name is new each time, so that no lease is taken for its own."""
    about = settings.worker
    return WorkerConfig(
        name=f"worker-{ids.uuid()[:8]}",
        at_once=about.workers_per_process,
        per_tenant=about.runs_per_tenant,
        lease_s=about.lease_seconds,
        sweep_s=about.sweep_seconds,
    )


def secrets(settings: Settings) -> list[str]:
    """Every secret value the settings hold, whatever it is for: nothing that is written down may show one."""
    found: list[object] = []
    for area, name, _ in Settings.each():
        value = getattr(getattr(settings, area), name)
        found += list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, tuple) else [value]
    return [one.get_secret_value() for one in found if isinstance(one, SecretStr) and one.get_secret_value()]


def degraded_by_settings(settings: Settings) -> Mapping[str, str]:
    """What the settings leave out, and how to have it: part -> words."""
    degraded = {}
    if not settings.security.credential_encryption_key.get_secret_value():
        degraded["encryption"] = (
            "CREDENTIAL_ENCRYPTION_KEY is not set: no credential is stored, and steps that save files are refused."
        )
    if not settings.execution.host_reach:
        degraded["host"] = "Connections that reach this machine are off (OPSAGENT_HOST_REACH=true enables them)."
    if not settings.intake.enabled:
        degraded["intake"] = "AGENT_OPS_ENABLED is false: nothing new is taken in."
    return degraded
