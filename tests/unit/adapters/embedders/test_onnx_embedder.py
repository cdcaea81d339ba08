"""The local embedder, run for real over a model of three words made here."""

from __future__ import annotations

import asyncio
import math
import struct
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from opsagent.adapters.embedders.onnx import OnnxEmbedder
from opsagent.errors import ConfigurationError, UnavailableError

WORDS = {"[UNK]": 0, "disk": 1, "full": 2, "clock": 3}
ROWS = ((0.1, 0.1), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a protobuf message (protobuf.dev/programming-guides/encoding)."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2]) + varint(len(raw)) + raw


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def info(name: str, kind: int, *dimensions: str) -> bytes:
    shape = b"".join(field(1, field(2, one)) for one in dimensions)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def model(rows: tuple[tuple[float, ...], ...] = ROWS) -> bytes:
    """ONNX (onnx.proto3): the last hidden state is the row of each word."""
    numbers = b"".join(struct.pack("<f", one) for row in rows for one in row)
    table = field(1, len(rows)) + field(1, len(rows[0])) + field(2, 1) + field(8, "table") + field(9, numbers)
    node = field(1, "table") + field(1, "input_ids") + field(2, "last_hidden_state") + field(4, "Gather")
    graph = field(1, node) + field(2, "words") + field(5, table)
    graph += field(11, info("input_ids", 7, "batch", "words"))
    graph += field(12, info("last_hidden_state", 1, "batch", "words", "size"))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "three-words"
    made.mkdir()
    (made / "model.onnx").write_bytes(model())
    tokenizer = Tokenizer(WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()  # type: ignore[assignment] - the library's own example does it
    tokenizer.save(str(made / "tokenizer.json"))
    return made


async def test_words_are_averaged_to_length_one(folder: Path) -> None:
    one, both, none = await OnnxEmbedder(folder).embed(["disk", "disk full", "nothing"])
    assert list(one) == pytest.approx([1, 0])
    assert list(both) == pytest.approx([math.sqrt(0.5)] * 2)
    assert list(none) == pytest.approx([math.sqrt(0.5)] * 2)


async def test_a_text_beside_a_longer_one_is_what_it_is_alone(folder: Path) -> None:
    embedder = OnnxEmbedder(folder)
    (alone,) = await embedder.embed(["disk"])
    beside, _ = await embedder.embed(["disk", "clock full clock full full"])
    assert list(alone) == pytest.approx(list(beside))


async def test_many_long_empty_and_broken_texts(folder: Path) -> None:
    found = await OnnxEmbedder(folder).embed(["disk " * 10_000, "", "\ud800", *["full"] * 40])
    assert len(found) == 43
    assert list(found[0]) == pytest.approx([1, 0])
    assert all(math.isfinite(number) for vector in found for number in vector)


async def test_calls_at_once_share_one_model(folder: Path) -> None:
    embedder = OnnxEmbedder(folder)
    found = await asyncio.gather(*(embedder.embed(["disk"]) for _ in range(8)))
    assert len(found) == 8


async def test_other_weights_are_another_identity(folder: Path) -> None:
    first = await OnnxEmbedder(folder).identity()
    (folder / "model.onnx").write_bytes(model((*ROWS[:-1], (0.0, -1.0))))
    second = await OnnxEmbedder(folder).identity()
    assert first.startswith("onnx:three-words@")
    assert first != second


async def test_the_folder_may_have_its_model_below(folder: Path) -> None:
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    assert await OnnxEmbedder(folder).embed(["disk"])


@pytest.mark.parametrize("lacks", ["model.onnx", "tokenizer.json"])
async def test_a_folder_without_a_model_is_named(folder: Path, lacks: str) -> None:
    (folder / lacks).unlink()
    with pytest.raises(ConfigurationError) as told:
        await OnnxEmbedder(folder).embed(["disk"])
    assert str(folder) in told.value.message


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json"])
async def test_a_broken_file_is_said_without_a_traceback(folder: Path, broken: str) -> None:
    (folder / broken).write_bytes(b"garbage")
    with pytest.raises(ConfigurationError) as told:
        await OnnxEmbedder(folder).identity()
    assert "\n" not in told.value.message


async def test_a_model_that_fails_at_work_is_said(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(model(ROWS[:1]))  # no row for any word
    with pytest.raises(UnavailableError):
        await OnnxEmbedder(folder).embed(["disk"])
