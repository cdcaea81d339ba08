"""The frameworks that are installed are those that constraints.txt names: pip once chose an AutoGen of another age."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
FRAMEWORKS = (
    "langgraph", "langchain-core", "langchain-openai", "langchain-anthropic", "langchain-aws", "langchain-ollama",
    "crewai", "autogen-agentchat", "autogen-core",
)  # fmt: skip


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_version_is_the_intended_one(name: str) -> None:
    pinned = dict(line.split(" ;")[0].split("==") for line in CONSTRAINTS.read_text().splitlines())
    assert version(name) == pinned[name]
