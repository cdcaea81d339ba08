"""Makes the runbook index the settings ask for, and says plainly why it has no vectors."""

from __future__ import annotations

from pathlib import Path

from opsagent.adapters.embedders.onnx import OnnxEmbedder, missing_packages
from opsagent.adapters.embedders.openai import OpenAiEmbedder, OpenAiEmbedderConfig
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.hybrid import HybridConfig, HybridIndex
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.adapters.vectors.chroma import ChromaVectors, installed
from opsagent.adapters.vectors.chroma_server import ChromaServerConfig, ChromaServerVectors
from opsagent.ports.clock import Clock
from opsagent.ports.embedder import Embedder
from opsagent.ports.redact import Redactor
from opsagent.ports.vectors import VectorStore
from opsagent.settings import Settings

OPENAI = "https://api.openai.com/"
MAX_ANSWER_BYTES = 16 * 1024**2  # 64 vectors of 3072 numbers in JSON are some 4 MB
COMMAND_PATIENCE_S = 30.0  # one command starts from nothing and has nobody waiting behind it
_ALONE = "Keywords alone find runbooks."


def runbook_index(settings: Settings, redact: Redactor, clock: Clock, *, serving: bool) -> Fts5Index | HybridIndex:
    """Keywords, with vectors beside them where an embedder is set and can be had."""
    words = Fts5Index(settings.server.data_dir.expanduser() / "index")
    if settings.knowledge.embedder == "none" or no_vectors(settings):
        return words
    # The administrator named both addresses, so they may be of this network.
    outbound = OutboundConfig(
        allow_private=True, ca_file=settings.security.ca_file, max_response_bytes=MAX_ANSWER_BYTES
    )
    client = OutboundClient(outbound, clock)
    made, kept = _embedder(settings, client), _vectors(settings, client)
    config = HybridConfig() if serving else HybridConfig(patience_s=COMMAND_PATIENCE_S)
    return HybridIndex(words, made, kept, redact=redact, clock=clock, config=config)


def no_vectors(settings: Settings) -> str:
    """Why the embedder that is set cannot be used, and what to do; empty where it can, or none is set."""
    given = settings.knowledge
    if given.embedder == "none":
        return ""
    if not given.chroma_url and not installed():
        return f"Vectors need Chroma. {_ALONE} To mend: Install it: pip install 'opsagent[chroma]'"
    if given.embedder == "onnx":
        if lacking := missing_packages():
            install = "pip install 'opsagent[embeddings]'"
            return f"The local embedder needs {', '.join(lacking)}. {_ALONE} To mend: Install: {install}"
        if given.embedder_folder is None:
            return f"embedder is onnx and embedder_folder is not set. {_ALONE} To mend: Name the model's folder there."
    elif given.embedder_url.startswith(OPENAI) and not _key(settings):
        return f"The embedder's key is not set. {_ALONE} To mend: Set OPSAGENT_EMBEDDER_API_KEY or OPENAI_API_KEY."
    return ""


def _embedder(settings: Settings, client: OutboundClient) -> Embedder:
    given = settings.knowledge
    if given.embedder == "onnx":
        return OnnxEmbedder((given.embedder_folder or Path()).expanduser(), threads=given.embedder_threads)
    asked = OpenAiEmbedderConfig(url=given.embedder_url, model=given.embedder_model, key=_key(settings))
    return OpenAiEmbedder(asked, client)


def _vectors(settings: Settings, client: OutboundClient) -> VectorStore:
    given = settings.knowledge
    if not given.chroma_url:
        return ChromaVectors(settings.server.data_dir.expanduser() / "vectors")
    config = ChromaServerConfig(url=given.chroma_url, token=given.chroma_token.get_secret_value())
    return ChromaServerVectors(config, client)


def _key(settings: Settings) -> str:
    """Its own key; OpenAI's general one goes to OpenAI alone."""
    own = settings.knowledge.embedder_api_key.get_secret_value()
    general = settings.models.openai_api_key.get_secret_value()
    return own or (general if settings.knowledge.embedder_url.startswith(OPENAI) else "")
