"""Writes the built-in embedder as an ONNX graph, straight from its safetensors: BERT, mean pooling, unit length.

The graph reads one text at a time (`ids`, shape (1, length), special tokens included) and gives one unit vector. With
no second text there is no padding and no mask, and the range that quantises the activations is the text's own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragqa.errors import StorageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

Precision = Literal["int8", "float32"]

GRAPH = "model.onnx"
DATA = "model.onnx.data"
LAYERS, HEADS, EPSILON = 6, 12, 1e-12

_LARGEST_WEIGHT = 63
"""Seven bits: two products of an eight-bit activation and such a weight fit in 16 bits, so that processors without
VNNI, whose multiply-add saturates there, compute the same sums as those that have it."""


def export(weights: Weights, folder: Path, *, precision: Precision) -> None:
    """Write graph and weights as `folder`, whole or not at all; whoever comes second keeps what the first wrote."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _save(_Graph(weights, precision).model(), unfinished)
        unfinished.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        if not (folder / GRAPH).exists():
            raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _save(model: Any, folder: Path) -> None:
    """The weights lie beside the graph, where the runtime maps them instead of reading them."""
    import onnx

    onnx.save_model(model, folder / GRAPH, save_as_external_data=True, location=DATA, size_threshold=1024)
    for path in (folder / GRAPH, folder / DATA, folder):
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the built-in model cannot be prepared in {folder.parent}: {error.strerror or error}",
        remedy="RAGQA_CACHE_DIR names another folder; about 40 MB must be free",
    )


class _Graph:
    """The nodes and constants of one encoder, collected while its layers are written down in order."""

    def __init__(self, weights: Weights, precision: Precision) -> None:
        self.weights = weights
        self.precision = precision
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def model(self) -> Any:
        """The whole graph, from token ids to the unit vector."""
        from onnx import TensorProto, helper

        state = self._embeddings()
        for layer in range(LAYERS):
            state = self._layer(layer, state)
        self._add("ReduceMean", [state, self._constant("sequence_axis", np.array([1]))], "mean", keepdims=0)
        self._add("LpNormalization", ["mean"], "vector", axis=-1, p=2)
        graph = helper.make_graph(
            self.nodes,
            "encoder",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "length"])],
            [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, "dimensions"])],
            self.constants,
        )
        versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=9)

    def _embeddings(self) -> str:
        from onnx import TensorProto

        words = self.weights["embeddings.word_embeddings.weight"]
        positions = self.weights["embeddings.position_embeddings.weight"]
        # Every token is of the first segment, so that segment's row is part of each position's.
        placed = positions + self.weights["embeddings.token_type_embeddings.weight"][0]
        if self.precision == "int8":
            self._add("Gather", [self._constant("words", words.astype(np.float16)), "ids"], "half_words")
            self._add("Cast", ["half_words"], "read", to=TensorProto.FLOAT)
        else:
            self._add("Gather", [self._constant("words", words), "ids"], "read")
        self._add("Shape", ["ids"], "length", start=1, end=2)
        first = self._constant("first", np.array([0]))
        self._add("Slice", [self._constant("positions", placed), first, "length", first], "places")
        self._add("Add", ["read", "places"], "embedded")
        scale, shift = self._norm("embeddings.LayerNorm")
        return self._add("LayerNormalization", ["embedded", scale, shift], "state", epsilon=EPSILON)

    def _layer(self, layer: int, state: str) -> str:
        prefix = f"encoder.layer.{layer}."
        joined = self._dense(state, *(f"{prefix}attention.self.{part}" for part in ("query", "key", "value")))
        parts = [f"{prefix}{part}" for part in ("q", "k", "v")]
        self._add("Split", [joined], parts, axis=-1, num_outputs=3)
        self._contributed("MultiHeadAttention", parts, f"{prefix}heads", num_heads=HEADS)
        attended = self._dense(f"{prefix}heads", f"{prefix}attention.output.dense")
        middle = self._skip(state, attended, f"{prefix}attention.output.LayerNorm")
        wide = self._dense(middle, f"{prefix}intermediate.dense")
        self._add("Gelu", [wide], f"{prefix}gelu")
        narrow = self._dense(f"{prefix}gelu", f"{prefix}output.dense")
        return self._skip(middle, narrow, f"{prefix}output.LayerNorm")

    def _dense(self, read: str, *names: str) -> str:
        """One product for all `names`, their outputs side by side; each output column has its own scale."""
        weight = np.concatenate([self.weights[f"{name}.weight"] for name in names]).T
        bias = self._constant(f"{names[0]}.bias", np.concatenate([self.weights[f"{name}.bias"] for name in names]))
        if self.precision == "float32":
            product = self._add("MatMul", [read, self._constant(f"{names[0]}.weight", weight)], f"{names[0]}.product")
            return self._add("Add", [product, bias], f"{names[0]}.sum")
        scales = np.abs(weight).max(axis=0) / np.float32(_LARGEST_WEIGHT)
        scales[scales == 0] = 1
        small = self._constant(f"{names[0]}.weight", np.rint(weight / scales).astype(np.int8))
        inputs = [read, small, self._constant(f"{names[0]}.scales", scales), "", bias]
        return self._contributed("DynamicQuantizeMatMul", inputs, f"{names[0]}.sum")

    def _skip(self, state: str, change: str, name: str) -> str:
        scale, shift = self._norm(name)
        inputs = [state, change, scale, shift]
        return self._contributed("SkipLayerNormalization", inputs, f"{name}.state", epsilon=EPSILON)

    def _norm(self, name: str) -> tuple[str, str]:
        return (
            self._constant(f"{name}.weight", self.weights[f"{name}.weight"]),
            self._constant(f"{name}.bias", self.weights[f"{name}.bias"]),
        )

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _add(self, operator: str, inputs: list[str], output: str | list[str], **settings: Any) -> str:
        from onnx import helper

        outputs = [output] if isinstance(output, str) else output
        self.nodes.append(helper.make_node(operator, inputs, outputs, **settings))
        return outputs[0]

    def _contributed(self, operator: str, inputs: list[str], output: str, **settings: Any) -> str:
        """An operator that ONNX Runtime has and the standard lacks."""
        return self._add(operator, inputs, output, domain="com.microsoft", **settings)
