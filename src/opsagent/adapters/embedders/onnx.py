"""A sentence embedder of this machine: an ONNX model and its tokenizer, in a folder the administrator names.

The folder is laid out as sentence-transformers exports it: `model.onnx` (or `onnx/model.onnx`) whose first output is
the last hidden state, and `tokenizer.json`. The words' vectors are averaged (sbert.net, "mean pooling"). Nothing is
downloaded.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsagent.errors import ConfigurationError, UnavailableError
from opsagent.ports.embedder import Vector

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGES = ("numpy", "onnxruntime", "tokenizers")
_MAX_TOKENS = 256  # what all-MiniLM-L6-v2 and its kin were trained on; more is cut
_BATCH = 16  # 32 texts of 256 tokens took 700 MB
_FIX = "Name a folder with model.onnx and tokenizer.json in embedder_folder."


@dataclass(frozen=True, slots=True)
class _Model:
    """What was loaded once."""

    identity: str
    tokenizer: Tokenizer
    session: Any
    wanted: frozenset[str] = field(default_factory=frozenset)


def missing_packages() -> tuple[str, ...]:
    """What is not installed here and needed."""
    return tuple(name for name in PACKAGES if importlib.util.find_spec(name) is None)


class OnnxEmbedder:
    """An `Embedder` over the folder; loaded at its first use, in a thread, with `threads` threads."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._folder = folder
        self._threads = threads
        self._model: _Model | None = None
        self._lock = asyncio.Lock()

    async def identity(self) -> str:
        """The folder's name and the first digits of the weights' hash. ConfigurationError."""
        return (await self._loaded()).identity

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector for each text. ConfigurationError."""
        model = await self._loaded()
        found: list[Vector] = []
        for start in range(0, len(texts), _BATCH):
            async with self._lock:  # one at a time: it uses all the threads it may
                found += await asyncio.to_thread(_embedded, model, texts[start : start + _BATCH])
        return found

    async def _loaded(self) -> _Model:
        async with self._lock:
            if self._model is None:
                self._model = await asyncio.to_thread(_load, self._folder, self._threads)
            return self._model


def _load(folder: Path, threads: int) -> _Model:
    if lacking := missing_packages():
        raise ConfigurationError(
            f"The embedder of {folder} needs {', '.join(lacking)}.", fix="Install: pip install 'opsagent[embeddings]'"
        )
    import onnxruntime  # type: ignore[import-untyped] # it ships no types
    from tokenizers import Tokenizer

    weights = next((path for path in (folder / "model.onnx", folder / "onnx" / "model.onnx") if path.is_file()), None)
    if weights is None or not (folder / "tokenizer.json").is_file():
        raise ConfigurationError(f"{folder} holds no embedder.", fix=_FIX)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that waits by spinning takes the cores of what is being repaired.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as wrong:  # both libraries are compiled and raise what they like
        raise ConfigurationError(
            f"The embedder of {folder} cannot be loaded: {_first_line(wrong)}.", fix=_FIX
        ) from wrong
    tokenizer.enable_truncation(_MAX_TOKENS)
    tokenizer.enable_padding()
    wanted = frozenset(one.name for one in session.get_inputs())
    return _Model(f"onnx:{folder.name}@{digest[:12]}", tokenizer, session, wanted)


def _embedded(model: _Model, texts: Sequence[str]) -> Sequence[Vector]:
    try:
        return _embed(model, texts)
    except Exception as wrong:  # compiled, too
        raise UnavailableError(f"{model.identity} does not embed: {_first_line(wrong)}.", fix=_FIX) from wrong


def _embed(model: _Model, texts: Sequence[str]) -> Sequence[Vector]:
    import numpy as np

    encoded = model.tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])
    mask = np.array([one.attention_mask for one in encoded], dtype="int64")
    given = {
        "input_ids": np.array([one.ids for one in encoded], dtype="int64"),
        "attention_mask": mask,
        "token_type_ids": np.array([one.type_ids for one in encoded], dtype="int64"),
    }
    output = model.session.run(None, {name: value for name, value in given.items() if name in model.wanted})[0]
    if output.ndim == 2:  # the model averages by itself
        return _unit(output)
    counted = mask[:, :, None].astype("float32")
    mean = (output * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1.0)
    return _unit(mean)


def _unit(rows: Any) -> Sequence[Vector]:
    import numpy as np

    vectors: list[Vector] = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).tolist()
    return vectors


def _first_line(wrong: Exception) -> str:
    return (str(wrong).splitlines() or [type(wrong).__name__])[0].rstrip(".")
