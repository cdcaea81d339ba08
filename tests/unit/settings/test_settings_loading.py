from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsagent.errors import ConfigurationError
from opsagent.settings import Settings

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def refused(overrides: dict[str, object], environ: dict[str, str]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(overrides, environ)
    assert caught.value.fix
    return caught.value


def test_the_defaults_are_safe(home: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.load({}, home)
    assert settings.server.host == "127.0.0.1"
    assert settings.server.data_dir == tmp_path / ".local/share/opsagent"
    assert settings.intake.enabled
    assert settings.intake.auto_close == "off"
    assert not settings.execution.host_reach
    assert not settings.security.allow_private_callbacks
    assert settings.security.credential_encryption_key.get_secret_value() == ""


def test_the_data_folder_follows_xdg_when_it_is_absolute(home: dict[str, str], tmp_path: Path) -> None:
    assert Settings.load({}, home | {"XDG_DATA_HOME": "/srv/data"}).server.data_dir == Path("/srv/data/opsagent")
    assert Settings.load({}, home | {"XDG_DATA_HOME": "data"}).server.data_dir == tmp_path / ".local/share/opsagent"


def test_arguments_win_over_environment_over_file_over_default(home: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("server: {host: file, port: 1}\nworker: {runs_per_tenant: 3}\nlogs: {log_level: ERROR}\n")
    environ = home | {"OPSAGENT_CONFIG": "~/config.yaml", "OPSAGENT_PORT": "2", "OPSAGENT_LOG_LEVEL": "DEBUG"}
    settings = Settings.load({"log_level": "WARNING", "port": None}, environ)
    assert settings.logs.log_level == "WARNING"
    assert settings.server.port == 2
    assert settings.server.host == "file"
    assert settings.worker.runs_per_tenant == 3
    assert settings.worker.workers_per_process == 16


def test_the_file_of_the_data_folder_is_found(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server: {port: 99}\n")
    assert Settings.load({"data_dir": tmp_path}, home).server.port == 99


def test_the_file_may_name_the_data_folder(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "here.yaml").write_text("server: {data_dir: ~/elsewhere}\n")
    settings = Settings.load({}, home | {"OPSAGENT_CONFIG": str(tmp_path / "here.yaml")})
    assert settings.server.data_dir == tmp_path / "elsewhere"


def test_the_names_of_the_source_documents_work(home: dict[str, str]) -> None:
    environ = home | {
        "CREDENTIAL_ENCRYPTION_KEY": KEY,
        "AGENT_OPS_ENABLED": "false",
        "SLACK_SIGNING_SECRET": "one",
        "JIRA_WEBHOOK_SECRET": "two",
        "OPSAGENT_JIRA_WEBHOOK_SECRET": "three",
    }
    settings = Settings.load({}, environ)
    assert not settings.intake.enabled
    assert settings.security.credential_encryption_key.get_secret_value() == KEY
    assert settings.security.slack_signing_secret.get_secret_value() == "one"
    assert settings.security.jira_webhook_secret.get_secret_value() == "three"


def test_lists_and_secrets_by_name(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("b" * 20 + "\n")
    environ = home | {
        "OPSAGENT_PRIVATE_CALLBACK_HOSTS": "hooks.lan, ci.lan:8080",
        "OPSAGENT_WEBHOOK_SECRET_ALERTMANAGER": "a" * 20,
        "OPSAGENT_WEBHOOK_SECRET_PROMETHEUS_FILE": str(tmp_path / "secret"),
    }
    security = Settings.load({}, environ).security
    assert security.private_callback_hosts == ("hooks.lan", "ci.lan:8080")
    found = {name: secret.get_secret_value() for name, secret in security.webhook_secrets.items()}
    assert found == {"alertmanager": "a" * 20, "prometheus": "b" * 20}


def test_an_empty_variable_counts_as_not_set(home: dict[str, str]) -> None:
    assert Settings.load({}, home | {"OPSAGENT_PORT": "", "OPSAGENT_COMMAND_UID": ""}).server.port == 8080


def test_kubernetes_service_links_are_not_settings(home: dict[str, str]) -> None:
    environ = home | {
        "OPSAGENT_PORT": "tcp://10.0.0.1:8080",
        "OPSAGENT_SERVICE_HOST": "10.0.0.1",
        "OPSAGENT_SERVICE_PORT": "8080",
        "OPSAGENT_SERVICE_PORT_HTTP": "8080",
        "OPSAGENT_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "OPSAGENT_PORT_8080_TCP_ADDR": "10.0.0.1",
        "OPSAGENT_POSTGRES_PORT": "tcp://10.0.0.2:5432",
    }
    assert Settings.load({}, environ).server.port == 8080


@pytest.mark.parametrize(
    ("overrides", "environ", "words"),
    [
        ({}, {"OPSAGENT_PORT": "70000"}, ["port", "'70000'", "65535", "OPSAGENT_PORT"]),
        ({"port": "x"}, {}, ["port", "'x'", "argument port"]),
        ({}, {"OPSAGENT_PROT": "1"}, ["OPSAGENT_PROT", "OPSAGENT_PORT"]),
        ({"prot": 1}, {}, ["prot", "port"]),
        ({}, {"OPSAGENT_LOG_FORMAT": "xml"}, ["log_format", "'xml'", "console"]),
        ({}, {"AGENT_OPS_ENABLED": "perhaps"}, ["enabled", "'perhaps'", "AGENT_OPS_ENABLED"]),
        ({}, {"OPSAGENT_LEASE_SECONDS": "nan"}, ["lease_seconds", "finite"]),
        ({}, {"OPSAGENT_CONFIG": "/does/not/exist.yaml"}, ["/does/not/exist.yaml", "OPSAGENT_CONFIG"]),
        ({}, {"SLACK_SIGNING_SECRET_FILE": "/does/not/exist"}, ["SLACK_SIGNING_SECRET_FILE", "/does/not/exist"]),
        ({}, {"OPSAGENT_WEBHOOK_SECRETS": "a=b"}, ["OPSAGENT_WEBHOOK_SECRETS", "OPSAGENT_WEBHOOK_SECRET_<SOURCE>"]),
    ],
)
def test_a_wrong_value_is_named_with_its_origin(
    overrides: dict[str, object], environ: dict[str, str], words: list[str], home: dict[str, str]
) -> None:
    problem = refused(overrides, home | environ)
    for word in words:
        assert word in f"{problem.message} {problem.fix}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("server: {prot: 1}", ["prot", "port"]),
        ("sever: {port: 1}", ["sever", "server"]),
        ("server: 5", ["server", "section"]),
        ("- a", ["no settings"]),
        ("server: {port: 1\nx: [", ["line", "not YAML"]),
        ("server:\n  port: many", ["port", "'many'", "server.port in"]),
        ("\x00", ["not YAML"]),
    ],
)
def test_a_wrong_file_is_named_with_its_place(
    content: str, words: list[str], home: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(content)
    problem = refused({"data_dir": tmp_path}, home)
    for word in words:
        assert word in f"{problem.message} {problem.fix}"


@pytest.mark.parametrize(
    "environ",
    [
        {"CREDENTIAL_ENCRYPTION_KEY": "my-private-passphrase"},
        {"OPSAGENT_WEBHOOK_SECRET_ALERTMANAGER": "my-private"},
        {"SLACK_SIGNING_SECRET": "my-private-\u20ac"},
        {"OPSAGENT_CALLBACK_SECRET": " my-private"},
    ],
)
def test_the_value_of_a_secret_is_never_said(environ: dict[str, str], home: dict[str, str]) -> None:
    problem = refused({}, home | environ)
    assert "my-private" not in f"{problem.message} {problem.fix} {problem.extra} {problem!r} {problem.__cause__!r}"


def test_secrets_do_not_show_in_the_settings(home: dict[str, str]) -> None:
    settings = Settings.load({}, home | {"CREDENTIAL_ENCRYPTION_KEY": KEY, "OPSAGENT_WEBHOOK_SECRET_X": "y" * 30})
    assert KEY not in repr(settings)
    assert "y" * 30 not in f"{settings} {settings.model_dump_json()}"


@example(text="\0", name="data_dir")
@example(text="~nobody-of-that-name/x", name="data_dir")
@example(text="~", name="data_dir")
@given(text=st.text(max_size=30), name=st.sampled_from(sorted(Settings.catalogue())))
def test_any_text_is_a_value_or_a_configuration_error(text: str, name: str) -> None:
    with contextlib.suppress(ConfigurationError):
        assert Settings.load({name: text}, {"HOME": "/nonexistent"})
