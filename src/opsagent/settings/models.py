"""Which model is asked, by which framework, with which key, and how much of a run it is shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret

_NONE = SecretStr("")
Price = Annotated[
    str, Field(pattern=r"^(openai|anthropic|bedrock|ollama):[!-~]{1,200}=[0-9]+(\.[0-9]+)?/[0-9]+(\.[0-9]+)?$")
]
_MODEL = r"^((openai|anthropic|bedrock|ollama):[!-~]{1,200})?$"
# The key goes there with every question: plain http only to this machine, where nobody listens in between.
_ADDRESS = r"^(https://[^\s/?#@]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/[^\s?#]*)?)?$"


class ModelSettings(Area):
    """Without `model`, or without the key it needs, the runbook reasoner works alone; nothing fails for want of one."""

    model: str = setting(
        "",
        "Who is asked: `openai:NAME`, `anthropic:NAME`, `bedrock:NAME` or `ollama:NAME`. Without one, runbooks alone.",
        pattern=_MODEL,
        shown="none",
    )
    model_triage: str = setting(
        "", "Who is asked which way a run goes, if that is another: a cheaper one.", pattern=_MODEL, shown="`model`"
    )
    models_allowed: tuple[str, ...] = setting(
        (), "Models a request may ask for in place of `model`, each written like it.", shown="none"
    )
    model_base_url: str = setting(
        "",
        "Where the provider of `model` is, if not at its own address: any server that speaks OpenAI's API, say.",
        pattern=_ADDRESS,
        shown="the provider's",
    )
    openai_api_key: Secret = setting(
        _NONE, "Key for OpenAI, or for the server at model_base_url.", alias="OPENAI_API_KEY"
    )
    anthropic_api_key: Secret = setting(_NONE, "Key for Anthropic.", alias="ANTHROPIC_API_KEY")
    bedrock_region: str = setting(
        "",
        "AWS region of Bedrock; its credentials come from where AWS's own tools look.",
        alias="AWS_REGION",
        max_length=64,
        shown="none",
    )
    reasoner: Literal["runbook", "langchain", "langgraph", "crewai", "autogen"] = setting(
        "langchain", "The framework that asks the model; `runbook` asks none."
    )
    model_timeout_seconds: float = setting(60.0, "How long one answer may take.", ge=1, le=600)
    model_context_bytes: int = setting(
        48_000, "How much of a run one question shows; longer outputs are cut head and tail.", ge=4_000, le=1_000_000
    )
    model_output_tokens: int = setting(4096, "How long one answer may be.", ge=256, le=100_000)
    model_tries: int = setting(
        4, "How often a question is asked that a busy or broken server did not answer.", ge=1, le=10
    )
    model_run_tokens: int = setting(500_000, "The most tokens one run may take. 0: no limit.", ge=0, le=1_000_000_000)
    model_day_tokens: int = setting(
        0, "The most tokens a tenant may take in a day (UTC). 0: no limit.", ge=0, le=10**12
    )
    model_run_cents: int = setting(
        0, "The most one run may cost by model_prices, in hundredths of their currency. 0: no limit.", ge=0, le=10**8
    )
    model_day_cents: int = setting(
        0,
        "The most a tenant's day (UTC) may cost by model_prices, in hundredths of their currency. 0: no limit.",
        ge=0,
        le=10**8,
    )
    model_prices: tuple[Price, ...] = setting(
        (),
        "What a million tokens cost, in and out, in any one currency: `openai:NAME=2.5/10`. A model without a price is "
        "not asked where a limit in money is set.",
        shown="none",
    )
    model_cache_minutes: int = setting(
        0, "How long an answer is remembered for the same question of the same tenant. 0: not at all.", ge=0, le=1440
    )
