"""The small frozen config of each adapter, made from the settings."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from pydantic import SecretStr

from opsagent.adapters.analysers.shell.analyser import ShellAnalyserConfig
from opsagent.adapters.artifacts.files import ArtifactConfig
from opsagent.adapters.clock import SystemIds
from opsagent.adapters.executors.http.config import HttpConfig
from opsagent.adapters.executors.local import Backend, LocalConfig
from opsagent.adapters.executors.mcp.config import McpConfig
from opsagent.adapters.executors.powershell.config import PowerShellConfig
from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.jira.config import JiraConfig, JiraIntakeConfig
from opsagent.adapters.jira.source import JiraSource
from opsagent.adapters.notify.webhook import WebhookConfig
from opsagent.adapters.outbound import OutboundConfig
from opsagent.adapters.secrets.aws_manager import AwsSecretsConfig, AwsSecretsKeeper
from opsagent.adapters.secrets.environment import EnvironmentKeeper
from opsagent.adapters.secrets.files import FileKeeper
from opsagent.adapters.secrets.kept import OutsideKeeper
from opsagent.adapters.secrets.sealing import Sealing
from opsagent.adapters.secrets.vault import VaultKeeper
from opsagent.adapters.secrets.vault_login import VaultConfig
from opsagent.adapters.slack.config import SlackConfig
from opsagent.bootstrap.reasoning import no_model
from opsagent.bootstrap.vectors import no_vectors
from opsagent.domain.credential import Keeper
from opsagent.domain.policy import Policy
from opsagent.errors import ConfigurationError
from opsagent.loop.limits import Limits
from opsagent.loop.worker import WorkerConfig
from opsagent.ports.clock import Clock
from opsagent.ports.intake import TriggerSource
from opsagent.settings import Settings

KEY_BYTES = 32
PLAIN = ("_username", "_header")


def local(settings: Settings, policy: Policy) -> LocalConfig:
    """For the local executor; it holds to the policy's minimum, too, should the sandbox get weaker after judging."""
    execution, folder = settings.execution, settings.server.data_dir.expanduser()
    forced = None if execution.sandbox_backend == "auto" else Backend(execution.sandbox_backend)
    return LocalConfig(
        state=folder / "state",
        sandbox_root=execution.sandbox_root,
        command_uid=execution.command_uid,
        hidden=(folder.resolve(),),
        force=forced,
        least_for_reads=Backend(policy.minimum_reads or Backend.RLIMITS),
        least_for_effects=Backend(policy.minimum_effects or Backend.RLIMITS),
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


def keepers(settings: Settings, clock: Clock) -> Mapping[Keeper, OutsideKeeper]:
    """Who keeps credentials besides our own store, as far as it is set up. ConfigurationError."""
    given = settings.keepers
    logins = {name.lower(): value.get_secret_value() for name, value in given.logins.items()}
    made: dict[Keeper, OutsideKeeper] = {
        Keeper.FILE: FileKeeper(settings.security.secret_files_root),
        Keeper.ENV: EnvironmentKeeper(logins),
    }
    if given.vault_address:
        made[Keeper.VAULT] = VaultKeeper(_vault(settings), clock)
    if given.aws_secrets_region:
        config = AwsSecretsConfig(region=given.aws_secrets_region, endpoint=given.aws_secrets_endpoint)
        made[Keeper.AWS] = AwsSecretsKeeper(config)
    return made


def _vault(settings: Settings) -> VaultConfig:
    given = settings.keepers
    return VaultConfig(
        address=given.vault_address,
        token=given.vault_token.get_secret_value(),
        token_sink=given.vault_token_sink,
        role_id=given.vault_role_id,
        secret_id=given.vault_secret_id.get_secret_value(),
        kubernetes_role=given.vault_kubernetes_role,
        kubernetes_token_file=given.vault_kubernetes_token_path,
        login_path=given.vault_login_path,
        namespace=given.vault_namespace,
        ca_file=settings.security.ca_file,
        timeout_s=given.vault_timeout_seconds,
    )


def sql(settings: Settings) -> SqlConfig:
    """For databases."""
    return SqlConfig(output_cap_bytes=settings.execution.output_cap_bytes, ca_file=settings.security.ca_file)


def ssh(settings: Settings) -> SshConfig:
    """For other machines."""
    return SshConfig(output_cap_bytes=settings.execution.output_cap_bytes)


def powershell(settings: Settings) -> PowerShellConfig:
    """For Windows hosts."""
    return PowerShellConfig(output_cap_bytes=settings.execution.output_cap_bytes)


def http(settings: Settings, policy: Policy) -> HttpConfig:
    """For HTTP APIs."""
    folder = settings.server.data_dir.expanduser()
    return HttpConfig(
        local=replace(local(settings, policy), sandbox_root=folder / "http"),
        output_cap_bytes=settings.execution.output_cap_bytes,
        ca_file=settings.security.ca_file,
    )


def mcp(settings: Settings, policy: Policy) -> McpConfig:
    """For MCP servers."""
    return McpConfig(
        local=local(settings, policy),
        output_cap_bytes=settings.execution.output_cap_bytes,
        folders=settings.execution.mcp_folders,
        ca_file=settings.security.ca_file,
    )


def outbound(settings: Settings) -> OutboundConfig:
    """For the one client that leaves the house."""
    security = settings.security
    return OutboundConfig(
        allow_private=security.allow_private_callbacks,
        allowed_hosts=security.private_callback_hosts,
        ca_file=security.ca_file,
    )


def jira_outbound(settings: Settings) -> OutboundConfig:
    """The same for Jira, whose pages of comments are long."""
    return replace(outbound(settings), max_response_bytes=16 * 1024**2, total_timeout_s=20.0)


def webhook(settings: Settings) -> WebhookConfig:
    """For callbacks."""
    return WebhookConfig(secret=settings.security.callback_secret.get_secret_value())


def slack(settings: Settings) -> SlackConfig:
    """For Slack."""
    return SlackConfig(
        signing_secret=settings.security.slack_signing_secret.get_secret_value(),
        bot_token=settings.slack.slack_bot_token.get_secret_value(),
        api_url=settings.slack.slack_api_url.rstrip("/"),
        command=settings.slack.slack_command,
        public_url=settings.server.public_url,
        webhook_url=settings.notify.slack_webhook_url.get_secret_value(),
    )


def triggers(settings: Settings) -> dict[str, TriggerSource]:
    """The brands that ask for work, by name."""
    secret = settings.security.jira_webhook_secret.get_secret_value()
    jira_source = JiraSource(JiraIntakeConfig(secret=secret, site=settings.jira.jira_url.rstrip("/")))
    return {jira_source.name: jira_source}


def jira(settings: Settings) -> JiraConfig | None:
    """For what is written to Jira; None without a site. ConfigurationError without exactly one way to log in."""
    given = settings.jira
    if not given.jira_url:
        return None
    config = JiraConfig(
        site=given.jira_url.rstrip("/"),
        email=given.jira_email,
        api_token=given.jira_api_token.get_secret_value(),
        oauth_token=given.jira_oauth_token.get_secret_value(),
        client_id=given.jira_oauth_client_id,
        client_secret=given.jira_oauth_client_secret.get_secret_value(),
        token_url=given.jira_oauth_token_url,
        on_verified=given.jira_transition_verified,
        on_completed=given.jira_transition_completed,
        on_failed=given.jira_transition_failed,
    )
    ways = ((config.email, config.api_token), (config.oauth_token,), (config.client_id, config.client_secret))
    if [all(way) for way in ways].count(True) != 1 or any(any(way) and not all(way) for way in ways):
        raise ConfigurationError(
            "jira_url is set, and there is not exactly one whole way to log in there.",
            fix="Set jira_email and jira_api_token, or jira_oauth_token, or jira_oauth_client_id and its secret.",
        )
    return config


def limits(settings: Settings) -> Limits:
    """How far a run may go."""
    worker = settings.worker
    return Limits(
        active_s=worker.run_active_seconds,
        measure_every_s=worker.measure_every_seconds,
        settle_s=worker.settle_seconds,
        busy_s=worker.busy_seconds,
        cooldown_s=worker.cooldown_seconds,
        per_hour=worker.effects_per_hour,
        per_run=worker.effects_per_run,
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
        if name == "logins":  # hiding a user's name would hide the word everywhere
            value = {key: one for key, one in value.items() if not key.lower().endswith(PLAIN)}
        found += list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, tuple) else [value]
    return [one.get_secret_value() for one in found if isinstance(one, SecretStr) and one.get_secret_value()]


def host_reach_tenants(settings: Settings) -> frozenset[str]:
    """Whose connections may reach this machine; `*` stands for every tenant."""
    execution = settings.execution
    return frozenset(execution.host_reach_tenants) if execution.host_reach else frozenset()


def degraded_by_settings(settings: Settings) -> Mapping[str, str]:
    """What the settings leave out, and how to have it: part -> words."""
    degraded = {}
    if not settings.security.credential_encryption_key.get_secret_value():
        degraded["encryption"] = (
            "CREDENTIAL_ENCRYPTION_KEY is not set: no credential is stored, and steps that save files are refused."
        )
    if not settings.execution.host_reach:
        degraded["host"] = "Connections that reach this machine are off (OPSAGENT_HOST_REACH=true enables them)."
    if settings.security.jira_webhook_secret.get_secret_value() and not settings.jira.jira_url:
        degraded["jira"] = "Jira's runs are taken in and nothing is answered there: jira_url is not set."
    if trouble := no_model(settings):
        degraded["model"] = trouble
    if trouble := no_vectors(settings):
        degraded["vectors"] = trouble
    if not settings.intake.enabled:
        degraded["intake"] = "AGENT_OPS_ENABLED is false: nothing new is taken in."
    return degraded
