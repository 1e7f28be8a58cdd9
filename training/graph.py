"""Writes a trained cross-encoder as one ONNX file: eight-bit products and word vectors, one pair at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragqa.models.onnx_export import EPSILON, HEADS, _Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUTS = ("input_ids", "token_type_ids")


def write(weights: Mapping[str, NDArray[np.float32]], path: Path, *, layers: int, precision: str = "int8") -> None:
    """`weights` are named as in BertModel, and `head.weight` (1, width), `head.bias` (1,) beside them."""
    import onnx

    onnx.save_model(_CrossEncoder(weights, precision, layers).model(), path)


class _CrossEncoder(_Graph):
    """The embedder's layers over a pair; the first token's state gives one logit."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], precision: Any, layers: int) -> None:
        super().__init__(weights, precision)
        self.layers = layers

    def model(self) -> Any:
        """The whole graph, from the ids of a pair to its logit."""
        from onnx import TensorProto, helper

        state = self._embeddings()
        for layer in range(self.layers - 1):
            state = self._layer(layer, state)
        first = self._last_layer(self.layers - 1, state)
        self._add("Squeeze", [first, self._constant("sequence_axis", np.array([1]))], "first")
        head = self._constant("head.weight", self.weights["head.weight"].T)
        self._add("MatMul", ["first", head], "projected")
        self._add("Add", ["projected", self._constant("head.bias", self.weights["head.bias"])], "logits")
        graph = helper.make_graph(
            self.nodes,
            "cross_encoder",
            [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "length"]) for name in INPUTS],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1])],
            self.constants,
        )
        versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=9)

    def _last_layer(self, layer: int, state: str) -> str:
        """For the first token alone, which reads all others: nothing else of this layer is read."""
        prefix = f"encoder.layer.{layer}."
        ends = [self._constant(name, np.array([place])) for name, place in (("begin", 0), ("end", 1), ("axis", 1))]
        first = self._add("Slice", [state, *ends], f"{prefix}first")
        query = self._dense(first, f"{prefix}attention.self.query")
        others = self._dense(state, f"{prefix}attention.self.key", f"{prefix}attention.self.value")
        parts = [f"{prefix}k", f"{prefix}v"]
        self._add("Split", [others], parts, axis=-1, num_outputs=2)
        self._contributed("MultiHeadAttention", [query, *parts], f"{prefix}heads", num_heads=HEADS)
        attended = self._dense(f"{prefix}heads", f"{prefix}attention.output.dense")
        middle = self._skip(first, attended, f"{prefix}attention.output.LayerNorm")
        wide = self._dense(middle, f"{prefix}intermediate.dense")
        self._add("Gelu", [wide], f"{prefix}gelu")
        narrow = self._dense(f"{prefix}gelu", f"{prefix}output.dense")
        return self._skip(middle, narrow, f"{prefix}output.LayerNorm")

    def _embeddings(self) -> str:
        words = self.weights["embeddings.word_embeddings.weight"]
        if self.precision == "int8":
            self._quantized_words(words)
        else:
            self._add("Gather", [self._constant("words", words), "input_ids"], "read")
        self._add("Shape", ["input_ids"], "length", start=1, end=2)
        first = self._constant("first_place", np.array([0]))
        positions = self._constant("positions", self.weights["embeddings.position_embeddings.weight"])
        self._add("Slice", [positions, first, "length", first], "places")
        segments = self._constant("segments", self.weights["embeddings.token_type_embeddings.weight"])
        self._add("Gather", [segments, "token_type_ids"], "sides")
        self._add("Add", ["read", "places"], "placed")
        self._add("Add", ["placed", "sides"], "embedded")
        scale, shift = self._norm("embeddings.LayerNorm")
        return self._add("LayerNormalization", ["embedded", scale, shift], "state", epsilon=EPSILON)

    def _quantized_words(self, words: NDArray[np.float32]) -> None:
        """Eight bits and a scale for each word: half precision alone would fill the file."""
        from onnx import TensorProto

        scales = np.abs(words).max(axis=1, keepdims=True) / np.float32(127)
        scales[scales == 0] = 1
        small = self._constant("words", np.rint(words / scales).astype(np.int8))
        self._add("Gather", [small, "input_ids"], "small_words")
        self._add("Cast", ["small_words"], "cast_words", to=TensorProto.FLOAT)
        self._add("Gather", [self._constant("word_scales", scales), "input_ids"], "read_scales")
        self._add("Mul", ["cast_words", "read_scales"], "read")
