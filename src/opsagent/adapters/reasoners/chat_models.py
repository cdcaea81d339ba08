"""Makes the chat model a setting names, by LangChain's integrations, and says which hosts it talks to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opsagent.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Which model, where, with which key. `timeout_s` is for one request, from its start to the end of its answer.

    `model` is `provider:name`; the provider is openai, anthropic, bedrock or ollama. `base_url` replaces the provider's
    own address. `key` may be empty where none is needed. `region` is for Bedrock.
    """

    model: str
    key: str = field(default="", repr=False)
    base_url: str = ""
    region: str = ""
    timeout_s: float = 60.0


def chat_model(config: ModelConfig, *, output_tokens: int) -> BaseChatModel:
    """The model, which answers with at most so many tokens and never tries again by itself.

    ConfigurationError: an unknown provider, or its package is not installed.
    """
    provider, _, name = config.model.partition(":")
    make = _MAKERS.get(provider)
    if make is None or not name:
        raise ConfigurationError(
            f"The model `{config.model}` is not `provider:name` with a provider known here.",
            fix=f"Write one of {', '.join(f'{one}:NAME' for one in _MAKERS)}.",
        )
    try:
        return make(config, name, output_tokens)
    except ImportError as error:
        raise ConfigurationError(
            f"The model `{config.model}` needs the package {error.name}, which is not installed.",
            fix="Install it: pip install 'opsagent[langchain]'.",
        ) from error


def hosts(config: ModelConfig) -> tuple[str, ...]:
    """The names of the hosts it talks to, in lower case; one that starts with a dot stands for all below it."""
    if config.base_url:
        return ((urlsplit(config.base_url).hostname or "").lower(),)
    return _HOSTS.get(config.model.partition(":")[0], ())


# The integrations keep one client for all, and a kept connection belongs to the event loop that opened it
_NOT_KEPT: Mapping[str, str] = {"Connection": "close"}


def _openai(config: ModelConfig, name: str, output_tokens: int) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=name,
        api_key=(lambda: config.key),
        base_url=config.base_url or "https://api.openai.com/v1",
        timeout=config.timeout_s,
        max_retries=0,
        stream_usage=True,  # else another server than OpenAI's own is not asked what a streamed answer cost
        max_completion_tokens=output_tokens,
        default_headers=_NOT_KEPT,
    )


def _anthropic(config: ModelConfig, name: str, output_tokens: int) -> BaseChatModel:
    from langchain_anthropic import ChatAnthropic
    from pydantic import SecretStr

    return ChatAnthropic(
        model_name=name,
        api_key=SecretStr(config.key),
        base_url=config.base_url or "https://api.anthropic.com",
        timeout=config.timeout_s,
        max_retries=0,
        max_tokens_to_sample=output_tokens,
        stop=None,
        default_headers=_NOT_KEPT,
    )


def _bedrock(config: ModelConfig, name: str, output_tokens: int) -> BaseChatModel:
    from botocore.config import Config  # type: ignore[import-untyped]
    from langchain_aws import ChatBedrockConverse

    patience = Config(
        read_timeout=config.timeout_s, connect_timeout=config.timeout_s, retries={"total_max_attempts": 1}
    )
    given: dict[str, Any] = {"region_name": config.region} if config.region else {}
    given |= {"endpoint_url": config.base_url} if config.base_url else {}
    return ChatBedrockConverse(model=name, max_tokens=output_tokens, config=patience, **given)


def _ollama(config: ModelConfig, name: str, output_tokens: int) -> BaseChatModel:
    from langchain_ollama import ChatOllama

    address = config.base_url or "http://localhost:11434"
    patience = {"timeout": config.timeout_s, "headers": _NOT_KEPT}
    return ChatOllama(model=name, base_url=address, num_predict=output_tokens, client_kwargs=patience)


_MAKERS: Mapping[str, Callable[[ModelConfig, str, int], BaseChatModel]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "bedrock": _bedrock,
    "ollama": _ollama,
}
_HOSTS: Mapping[str, tuple[str, ...]] = {
    "openai": ("api.openai.com",),
    "anthropic": ("api.anthropic.com",),
    # the second and third give a machine or a container its role's credentials
    "bedrock": (".amazonaws.com", "169.254.169.254", "169.254.170.2"),
    "ollama": ("localhost",),
}
