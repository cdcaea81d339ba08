"""Makes the reasoner the settings ask for, and says plainly why it is the one with no model."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opsagent.adapters.reasoners.chat_models import ModelConfig
from opsagent.adapters.reasoners.child import ChildConfig, ChildThinker
from opsagent.adapters.reasoners.model.aloud import Aloud
from opsagent.adapters.reasoners.model.answering import ModelAnswerer
from opsagent.adapters.reasoners.model.asking import Asking, AskingConfig
from opsagent.adapters.reasoners.model.calling import Calling, CallingConfig
from opsagent.adapters.reasoners.model.purse import Purse, PurseConfig
from opsagent.adapters.reasoners.model.reasoner import ModelReasoner
from opsagent.adapters.reasoners.model.remembering import Remembering
from opsagent.adapters.reasoners.providers import ByProvider
from opsagent.adapters.reasoners.runbook import RunbookReasoner
from opsagent.adapters.reasoners.thinking import Thinker
from opsagent.domain.spending import MICROS, Amount, Budget, Price
from opsagent.ports.answering import Answerer
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.dispatch import Live
from opsagent.ports.reasoner import Reasoner
from opsagent.ports.redact import Redactor
from opsagent.ports.spending import SpendingStore
from opsagent.settings import Settings
from opsagent.settings.surroundings import proxies, surroundings

_NEEDS: Mapping[str, str] = {  # provider -> the package that talks to it, in the extra `langchain`
    "openai": "langchain_openai",
    "anthropic": "langchain_anthropic",
    "bedrock": "langchain_aws",
    "ollama": "langchain_ollama",
}

_CALLS: Mapping[str, int] = {"runbook": 1, "langchain": 1, "langgraph": 3, "crewai": 2, "autogen": 3}  # for a question
_FRAMEWORKS: Mapping[str, str] = {"crewai": "crewai", "autogen": "autogen_agentchat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a reasoner with a model works with."""

    redact: Redactor
    spending: SpendingStore
    live: Live
    clock: Clock
    ids: Ids


def reasoner(settings: Settings, around: Around) -> Reasoner:
    """The reasoner in force; without a model that can be asked, the one that needs none."""
    asking = _asking(settings, around)
    return RunbookReasoner() if asking is None else ModelReasoner(asking)


def answerer(settings: Settings, around: Around) -> Answerer | None:
    """The model behind the chat; None where none can be asked, and then a rule answers."""
    asking = _asking(settings, around)
    return None if asking is None else ModelAnswerer(asking)


def _asking(settings: Settings, around: Around) -> Asking | None:
    if _runbooks_alone(settings) or no_model(settings):
        return None
    given = settings.models
    config = AskingConfig(
        model=given.model,
        triage_model=given.model_triage,
        allowed=models(settings),
        context_bytes=given.model_context_bytes,
        output_tokens=given.model_output_tokens,
    )
    make = _THINKERS[given.reasoner]
    thinkers = {one: make(model_config(settings, f"{one}:")) for one in _NEEDS}
    calling = Calling(
        thinker=ByProvider(given.reasoner, thinkers),
        purse=Purse(store=around.spending, clock=around.clock, config=purse(settings)),
        clock=around.clock,
        ids=around.ids,
        config=CallingConfig(tries=given.model_tries),
    )
    return Asking(
        calling=calling,
        config=config,
        redact=around.redact,
        aloud=Aloud(live=around.live, clock=around.clock, redact=around.redact),
        remembering=Remembering(clock=around.clock, keep_s=given.model_cache_minutes * 60.0),
    )


def purse(settings: Settings) -> PurseConfig:
    """What may be spent, and what it costs."""
    given = settings.models
    return PurseConfig(
        budget=Budget(
            run=Amount(tokens=given.model_run_tokens, micros=given.model_run_cents * MICROS // 100),
            day=Amount(tokens=given.model_day_tokens, micros=given.model_day_cents * MICROS // 100),
        ),
        prices=dict(map(_priced, given.model_prices)),
        calls=_CALLS[given.reasoner],
    )


def _priced(text: str) -> tuple[str, Price]:
    """`openai:NAME=2.5/10`; a name may hold a `=` itself."""
    model, _, price = text.rpartition("=")
    taken, given = price.split("/")
    return model, Price(per_million_in=float(taken), per_million_out=float(given))


def models(settings: Settings) -> tuple[str, ...]:
    """What a request may ask for; empty where no model is asked at all, so that its wish has no effect."""
    if _runbooks_alone(settings) or no_model(settings):
        return ()
    return tuple(dict.fromkeys((settings.models.model, *settings.models.models_allowed)))


def no_model(settings: Settings) -> str:
    """Why the model that is set cannot be asked, and what to do; empty where it can, or none is set."""
    given = settings.models
    if _runbooks_alone(settings):
        return ""
    for model in dict.fromkeys((given.model, given.model_triage or given.model, *given.models_allowed)):
        if missing := _missing(settings, model):
            return missing
    framework = _FRAMEWORKS.get(given.reasoner, "")
    if framework and importlib.util.find_spec(framework) is None:
        extra = f"pip install 'opsagent[{given.reasoner}]'"
        return f"{given.reasoner} is not installed: runbooks alone decide. Install it: {extra}."
    return ""


def _missing(settings: Settings, model: str) -> str:
    """What one of the models lacks; empty when nothing."""
    given = settings.models
    provider, _, name = model.partition(":")
    if provider not in _NEEDS or not name:
        return f"`{model}` in models_allowed names no model. Write it like `model`, or leave it out."
    variable = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}.get(provider, "")
    config = model_config(settings, model)
    if variable and not config.key and not config.base_url:
        return f"{model} is set and its key is not: runbooks alone decide. Set {variable}."
    if (given.model_run_cents or given.model_day_cents) and model not in purse(settings).prices:
        priced = f"OPSAGENT_MODEL_PRICES={model}=IN/OUT"
        return f"{model} has no price and a limit in money is set: runbooks alone decide. Set {priced}."
    if importlib.util.find_spec(_NEEDS[provider]) is None:
        package = _NEEDS[provider].replace("_", "-")
        return f"{model} needs {package}: runbooks alone decide. Install it: pip install 'opsagent[langchain]'."
    return ""


def said_of_model(settings: Settings) -> str:
    """What `doctor` says of it when all is well."""
    if _runbooks_alone(settings):
        return "none: runbooks alone decide; OpsAgent needs no model and no key"
    return f"{settings.models.model}, asked by {settings.models.reasoner}; where a runbook fits, that is followed"


def _runbooks_alone(settings: Settings) -> bool:
    return not settings.models.model or settings.models.reasoner == "runbook"


def model_config(settings: Settings, model: str) -> ModelConfig:
    """Where a model is and what opens it; another address is that of the main model's provider only."""
    given = settings.models
    provider = model.partition(":")[0]
    keys = {"openai": given.openai_api_key, "anthropic": given.anthropic_api_key}
    own = given.model.partition(":")[0] == provider
    return ModelConfig(
        model=model,
        key=keys[provider].get_secret_value() if provider in keys else "",
        base_url=given.model_base_url if own else "",
        region=given.bedrock_region if provider == "bedrock" else "",
        timeout_s=given.model_timeout_seconds,
    )


def _langchain(config: ModelConfig) -> Thinker:
    from opsagent.adapters.reasoners.langchain import LangChainThinker

    return LangChainThinker(config)


def _langgraph(config: ModelConfig) -> Thinker:
    from opsagent.adapters.reasoners.langgraph import LangGraphThinker

    return LangGraphThinker(config)


def _crewai(config: ModelConfig) -> Thinker:
    return _child("crewai", config)


def _autogen(config: ModelConfig) -> Thinker:
    return _child("autogen", config)


def _child(framework: str, config: ModelConfig) -> Thinker:
    kept = surroundings(config.model.partition(":")[0])
    return ChildThinker(ChildConfig(framework=framework, model=config, surroundings=kept, also=proxies(kept)))


_THINKERS: Mapping[str, Callable[[ModelConfig], Thinker]] = {
    "langchain": _langchain,
    "langgraph": _langgraph,
    "crewai": _crewai,
    "autogen": _autogen,
}
