from __future__ import annotations

import pytest

from opsagent.adapters.reasoners.chat_models import ModelConfig, chat_model, hosts
from opsagent.errors import ConfigurationError


@pytest.mark.parametrize("model", ["", "openai", "openai:", "nobody:gpt", ":gpt", "gpt-5"])
def test_a_model_is_a_provider_and_a_name(model: str) -> None:
    with pytest.raises(ConfigurationError, match="provider:name") as caught:
        chat_model(ModelConfig(model=model), output_tokens=10)
    assert "anthropic:NAME" in caught.value.fix


@pytest.mark.parametrize(
    ("model", "base_url", "expected"),
    [
        ("openai:gpt", "", ("api.openai.com",)),
        ("openai:gpt", "http://Models.Example:8000/v1", ("models.example",)),
        ("ollama:llama3.3:70b", "", ("localhost",)),
        ("ollama:llama3.3:70b", "http://[::1]:11434", ("::1",)),
    ],
)
def test_the_hosts_a_model_talks_to(model: str, base_url: str, expected: tuple[str, ...]) -> None:
    assert hosts(ModelConfig(model=model, base_url=base_url)) == expected


def test_the_key_is_not_shown() -> None:
    assert "sk-secret" not in repr(ModelConfig(model="openai:gpt", key="sk-secret"))


@pytest.mark.parametrize(
    ("model", "more"),
    [("openai:o", {}), ("anthropic:a", {}), ("ollama:l:70b", {}), ("bedrock:b", {"region": "eu-central-1"})],
)
def test_each_provider_is_made(model: str, more: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    made = chat_model(ModelConfig(model=model, key="sk-secret", timeout_s=3.0, **more), output_tokens=77)
    assert "77" in str(made.model_dump().values())
    assert "sk-secret" not in f"{made!r}{made.model_dump()}"
