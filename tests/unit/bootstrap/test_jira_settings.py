"""Which Jira the settings set up, that it can be logged in to, and that the guide's rule is one that is taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from opsagent.bootstrap import configs
from opsagent.errors import ConfigurationError
from opsagent.settings import Settings

GUIDE = Path(__file__).parents[3] / "docs" / "jira.md"
SITE = {"OPSAGENT_JIRA_URL": "https://acme.atlassian.net/"}
TOKEN = {"OPSAGENT_JIRA_EMAIL": "ops@acme.example", "JIRA_API_TOKEN": "hush-token"}
CLIENT = {"OPSAGENT_JIRA_OAUTH_CLIENT_ID": "c", "OPSAGENT_JIRA_OAUTH_CLIENT_SECRET": "hush-client"}
BEARER = {"OPSAGENT_JIRA_OAUTH_TOKEN": "hush-bearer"}


def loaded(tmp_path: Path, environ: Mapping[str, str]) -> Settings:
    return Settings.load({"data_dir": tmp_path}, environ)


@pytest.mark.parametrize("way", [TOKEN, BEARER, CLIENT])
def test_one_way_to_log_in_is_enough_and_no_secret_shows(tmp_path: Path, way: Mapping[str, str]) -> None:
    settings = loaded(tmp_path, {**SITE, **way})
    config = configs.jira(settings)
    assert config is not None
    assert config.site == "https://acme.atlassian.net"
    assert "hush" not in repr(config) + repr(settings)
    assert any(one.startswith("hush") for one in configs.secrets(settings)), "nothing that is written down shows it"


@pytest.mark.parametrize(
    "ways",
    [{}, TOKEN | BEARER, BEARER | CLIENT, {"JIRA_API_TOKEN": "x"}, BEARER | {"OPSAGENT_JIRA_OAUTH_CLIENT_ID": "c"}],
)
def test_without_exactly_one_the_start_is_stopped(tmp_path: Path, ways: Mapping[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="exactly one whole way"):
        configs.jira(loaded(tmp_path, {**SITE, **ways}))


def test_without_a_site_nothing_goes_out_and_readiness_says_so(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"JIRA_WEBHOOK_SECRET": "x"})
    assert configs.jira(settings) is None
    assert "jira_url" in configs.degraded_by_settings(settings)["jira"]


@pytest.mark.parametrize(
    "url", ["http://jira.example", "https://u:p@acme.example", "acme.atlassian.net", "https://x/?a"]
)
def test_credentials_go_by_https_or_stay_on_this_machine(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="jira_url"):
        loaded(tmp_path, {"OPSAGENT_JIRA_URL": url})


def test_the_rule_of_the_guide_is_taken(tmp_path: Path) -> None:
    (body,) = re.findall(r"```json\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    words = 'Bring "shop" back\n'
    for function, value in (("asJsonStringArray", ["service=shop", "b"]), ("asJsonString", words)):
        body = re.sub(r"\{\{[\w.]+\." + function + r"\}\}", lambda _, v=value: orjson.dumps(v).decode(), body)
    body = body.replace("{{issue.key}}", "OPS-42").replace("{{issue.project.key}}", "OPS")
    body = re.sub(r"\{\{[\w.]+\}\}", "plain", body)
    source = configs.triggers(loaded(tmp_path, {**SITE, **TOKEN}))["jira"]
    trigger = source.parse("acme", {}, body.encode(), 0.0).trigger
    assert trigger is not None
    assert (trigger.text, trigger.requested_by) == (words.strip(), "jira:plain")
    assert trigger.labels["service"] == "shop"
    assert [one.address for one in trigger.reply_to] == ["https://acme.atlassian.net/browse/OPS-42"]
