from __future__ import annotations

import importlib.util

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.live import LiveHub
from opsagent.adapters.stores.memory import open_memory
from opsagent.bootstrap import reasoning
from opsagent.domain.spending import Amount, Price
from opsagent.errors import ConfigurationError
from opsagent.settings import Settings


def settings(**changes: object) -> Settings:
    return Settings.load(changes, environ={})


def plain(text: str) -> str:
    return text


def reasoner_of(given: Settings) -> str:
    clock, ids = ManualClock(), SeededIds()
    around = reasoning.Around(
        redact=plain, spending=open_memory(clock, ids).spending, live=LiveHub(), clock=clock, ids=ids
    )
    return reasoning.reasoner(given, around).name


def test_without_a_model_runbooks_decide_and_nothing_is_wrong() -> None:
    given = settings()
    assert reasoner_of(given) == "runbook"
    assert reasoning.no_model(given) == ""
    assert reasoning.models(given) == ()
    assert reasoning.said_of_model(given).startswith("none: runbooks alone decide")


def test_a_model_without_its_key_is_said_and_runbooks_decide() -> None:
    given = settings(model="anthropic:some")
    assert (
        reasoning.no_model(given)
        == "anthropic:some is set and its key is not: runbooks alone decide. Set ANTHROPIC_API_KEY."
    )
    assert reasoner_of(given) == "runbook"
    assert reasoning.models(given) == ()


@pytest.mark.parametrize("model", ["openai:some", "anthropic:some", "bedrock:some", "ollama:some"])
def test_each_provider(model: str) -> None:
    given = settings(model=model, openai_api_key="k1", anthropic_api_key="k2")
    assert reasoning.no_model(given) == ""
    assert reasoner_of(given) == "langchain"
    assert model in reasoning.said_of_model(given)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    given = settings(model="openai:some", openai_api_key="k")
    assert (
        "langchain-openai: runbooks alone decide. Install it: pip install 'opsagent[langchain]'"
        in reasoning.no_model(given)
    )
    assert reasoner_of(given) == "runbook"


def test_the_runbook_reasoner_may_be_wanted() -> None:
    given = settings(model="openai:some", openai_api_key="k", reasoner="runbook")
    assert reasoner_of(given) == "runbook"
    assert reasoning.models(given) == ()


def test_a_key_and_an_address_stay_with_their_provider() -> None:
    given = settings(
        model="openai:some",
        openai_api_key="for-openai",
        anthropic_api_key="for-anthropic",
        model_base_url="https://models.example.com/v1",
        models_allowed=("anthropic:other",),
    )
    own = reasoning.model_config(given, "openai:x")
    other = reasoning.model_config(given, "anthropic:other")
    assert (own.key, own.base_url) == ("for-openai", "https://models.example.com/v1")
    assert (other.key, other.base_url) == ("for-anthropic", "")
    assert reasoning.models(given) == ("openai:some", "anthropic:other")
    assert "for-openai" not in repr(own)


@pytest.mark.parametrize("url", ["http://models.example.com/v1", "ftp://x", "https://user:secret@x/v1"])
def test_a_key_is_not_sent_in_clear(url: str) -> None:
    with pytest.raises(ConfigurationError, match="model_base_url"):
        settings(model="openai:some", openai_api_key="k", model_base_url=url)


@pytest.mark.parametrize("model", ["gpt", "azure:some", "openai:", "openai:a b"])
def test_a_model_is_a_provider_and_a_name(model: str) -> None:
    with pytest.raises(ConfigurationError, match="model"):
        settings(model=model)


def test_a_limit_in_money_wants_a_price_for_every_model_that_may_be_asked() -> None:
    limits: dict[str, object] = {"model": "openai:a=b", "openai_api_key": "k", "model_day_cents": 250}
    without = reasoning.no_model(settings(**limits))
    assert without == (
        "openai:a=b has no price and a limit in money is set: runbooks alone decide. "
        "Set OPSAGENT_MODEL_PRICES=openai:a=b=IN/OUT."
    )
    priced = settings(**limits, model_prices=("openai:a=b=2.5/10",))
    assert reasoning.no_model(priced) == ""
    purse = reasoning.purse(priced)
    assert purse.prices == {"openai:a=b": Price(per_million_in=2.5, per_million_out=10.0)}
    assert purse.budget.day == Amount(tokens=0, micros=2_500_000)
    other = settings(**limits, model_prices=("openai:a=b=2.5/10",), models_allowed=("openai:dear",))
    assert reasoning.no_model(other).startswith("openai:dear has no price")


@pytest.mark.parametrize("price", ["openai:x", "openai:x=1", "openai:x=1/", "openai:x=-1/2", "x=1/2", "openai:x=nan/1"])
def test_a_price_that_is_none_is_refused(price: str) -> None:
    with pytest.raises(ConfigurationError, match="model_prices"):
        settings(model_prices=(price,))
