"""Where runbooks come from, and what finds them besides their words."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret

_NONE = SecretStr("")
# Runbooks and the key go there: plain http only to this machine, where nobody listens in between.
_ADDRESS = r"^(https://[^\s/?#@]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/[^\s?#]*)?)$"
_SERVER = r"^(https://[^\s/?#@]+/?|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?/?)?$"


class KnowledgeSettings(Area):
    """Keywords always find runbooks; an embedder adds what means the same in other words."""

    runbook_folders: tuple[Path, ...] = setting(
        (), "Folders the server may import Markdown runbooks from when an operator asks; empty: none."
    )
    embedder: Literal["none", "openai", "onnx"] = setting(
        "none",
        "What turns runbooks and queries into vectors: `openai` asks embedder_url, `onnx` runs the model in "
        "embedder_folder. `none`: keywords alone.",
    )
    embedder_url: str = setting(
        "https://api.openai.com/v1",
        "A server with OpenAI's `/embeddings` below this address. It is sent runbooks and queries.",
        pattern=_ADDRESS,
    )
    embedder_model: str = setting("text-embedding-3-small", "Which model it is asked for.", pattern=r"^[!-~]{1,200}$")
    embedder_api_key: Secret = setting(
        _NONE, "Key for embedder_url. OpenAI's own address takes OPENAI_API_KEY if this is not set."
    )
    embedder_folder: Path | None = setting(
        None, "Folder with model.onnx and tokenizer.json; nothing is downloaded.", shown="none"
    )
    embedder_threads: int = setting(1, "How many processor cores the local model may use.", ge=1, le=64)
    chroma_url: str = setting(
        "",
        "A Chroma server for the vectors, if several OpsAgent processes share them. Without one, Chroma works inside "
        "OpsAgent, in the data folder.",
        pattern=_SERVER,
        shown="none",
    )
    chroma_token: Secret = setting(_NONE, "Token for that server, if it wants one.")
