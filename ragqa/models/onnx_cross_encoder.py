"""Reranks with a cross-encoder's exported ONNX graph, where its folder holds one: the same scores without torch."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragqa.errors import ConfigError
from ragqa.models.cross_encoder import ORGANISATION
from ragqa.models.hub import snapshot
from ragqa.models.onnx_session import open_session, processors
from ragqa.models.prompts import read_json, read_list

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PAIRS_PER_THREAD = 4
"""In one call, so that the clock is read often and a long passage at its end leaves few threads idle."""

_LONGEST = 8192
"""Tokens of a pair, for a model that names no limit."""

_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_ANY_INT8 = ("model_qint8.onnx", "model_int8.onnx", "model_quantized.onnx", "model_uint8.onnx")
_TOKENIZERS_WITHOUT_SEGMENTS = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""The library's bare classes: unless a model says so itself, they do not tell question and passage apart."""


@dataclass(frozen=True, slots=True)
class ExportedGraph:
    """A graph and what it needs: the `folder` of the model, the tokenizer in it, and the model's two settings files."""

    folder: Path
    file: Path
    tokenizer: Path
    config: dict[str, object]
    tokenizer_config: dict[str, object]

    @property
    def max_tokens(self) -> int:
        """What the model reads of a pair, special tokens included: as sentence-transformers decides it."""
        named = read_json(self.folder / "sentence_bert_config.json").get("max_seq_length")
        limits = (self.tokenizer_config.get("model_max_length"), self.config.get("max_position_embeddings"))
        found = [limit for limit in ([named] if named else limits) if isinstance(limit, int | float) and limit > 0]
        return int(min([*found, _LONGEST])) if found else _LONGEST

    @property
    def labels(self) -> int:
        """How many numbers the model gives for a pair; a configuration that does not say so means two."""
        if isinstance(count := self.config.get("num_labels"), int):
            return count
        return len(names) if isinstance(names := self.config.get("id2label"), dict) else 2

    @property
    def is_logit(self) -> bool:
        """Whether the model's makers put the logistic function behind its output, as they do unless they say so."""
        named = self.config.get("sentence_transformers")
        given = named.get("activation_fn") if isinstance(named, dict) else None
        given = given or self.config.get("sbert_ce_default_activation_function")
        return given is None or str(given).endswith(".Sigmoid")

    @property
    def has_segments(self) -> bool:
        """Whether the model is told by token types which tokens are the passage's."""
        names = self.tokenizer_config.get("model_input_names")
        if isinstance(names, list):
            return "token_type_ids" in names
        return self.tokenizer_config.get("tokenizer_class") not in _TOKENIZERS_WITHOUT_SEGMENTS


def exported_graph(name: str, *, file: str) -> ExportedGraph | None:
    """The graph in the folder `name`, or in that of a hub model that is on this machine; None where torch must do.

    `file` is `auto` (eight bits where this processor is exact with them, else the plain graph), `none`, or the path of
    one inside the folder, which must then be there.
    """
    if file == "none":
        return None
    folder = snapshot(name, organisation=ORGANISATION)
    found = None if folder is None else _chosen(folder, _automatic() if file == "auto" else (file,))
    if folder is None or found is None:
        if file == "auto":
            return None
        raise ConfigError(
            f"the model {name} has no {file} on this machine",
            remedy=f'`hf download {name}` fetches all of a hub\'s model; rerank.onnx_file = "auto" looks for itself',
        )
    tokenizer = _chosen(folder, ("tokenizer.json", "onnx/tokenizer.json"))
    config = read_json(folder / "config.json")
    if tokenizer is None or not _is_plain(folder, config):
        if file == "auto":
            return None
        raise ConfigError(
            f"{found} cannot be run by itself: it lacks a tokenizer.json, or it is not a plain sequence classifier",
            remedy='rerank.onnx_file = "none" runs the model with torch',
        )
    return ExportedGraph(folder, found, tokenizer, config, read_json(folder / "tokenizer_config.json"))


class OnnxCrossEncoder:
    """Implements `ports.Reranker`. A score depends on its pair alone: every pair is run by itself, without padding.

    Scores are the model's own logits: comparable within one question alone. `threads` pairs are run side by side
    (None: one for each processor), the longest first.
    """

    def __init__(self, name: str, graph: ExportedGraph, *, threads: int | None = None) -> None:
        if graph.labels != 1:
            raise ConfigError(
                f"{name} sorts texts into {graph.labels} classes: it does not score passages",
                remedy="rerank.model names a cross-encoder with one output",
            )
        self.name = name
        self._threads = threads or processors()
        self.batch = _PAIRS_PER_THREAD * self._threads
        self.is_logit = graph.is_logit
        self._has_segments = graph.has_segments
        self._tokenizer = _tokenizer(graph)
        self._session = open_session(
            graph.file, unusable=ConfigError, what=f"the model {graph.file}", remedy=_WITHOUT_ONNX
        )
        self._inputs = {given.name for given in self._session.get_inputs()}
        if not {"input_ids"} <= self._inputs <= _INPUTS:
            raise ConfigError(
                f"the model {graph.file} wants to be given {', '.join(sorted(self._inputs))}", remedy=_WITHOUT_ONNX
            )

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        pairs = [self._tokenizer.encode(question, passage) for passage in passages]
        order = sorted(range(len(pairs)), key=lambda number: -len(pairs[number].ids))
        scores = [0.0] * len(pairs)
        with ThreadPoolExecutor(self._threads) as pool:
            found = pool.map(self._run, (pairs[number] for number in order))
            for number, score in zip(order, found, strict=True):
                scores[number] = score
        return scores

    def _run(self, pair: Any) -> float:
        tokens: dict[str, NDArray[np.int64]] = {
            "input_ids": np.array([pair.ids], dtype=np.int64),
            "attention_mask": np.ones((1, len(pair.ids)), dtype=np.int64),
            "token_type_ids": np.array([pair.type_ids], dtype=np.int64) * self._has_segments,
        }
        logits = self._session.run(None, {name: tokens[name] for name in self._inputs})[0]
        return float(logits.reshape(-1)[0])


_WITHOUT_ONNX = 'rerank.onnx_file = "none" runs the model with torch'


def _chosen(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _automatic() -> tuple[str, ...]:
    """Where exporters put graphs, the best for this processor first."""
    return tuple(f"{folder}{name}" for name in (*_int8(), "model.onnx") for folder in ("onnx/", ""))


def _int8() -> Iterator[str]:
    """Names of eight-bit graphs. Without VNNI x86 adds up in 16 bits, which overflow unless a graph allows for it."""
    if platform.machine() in ("arm64", "aarch64"):
        yield "model_qint8_arm64.onnx"
        yield from _ANY_INT8
    elif _has_vnni():
        yield from ("model_qint8_avx512_vnni.onnx", "model_qint8_avx512.onnx", "model_quint8_avx2.onnx")
        yield from _ANY_INT8
    else:
        yield "model_quint8_avx2.onnx"


def _has_vnni() -> bool:
    try:
        return "_vnni" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def _is_plain(folder: Path, config: dict[str, object]) -> bool:
    """Whether the graph is all there is to the model: no further modules, no prompt, one score from its head."""
    architectures = config.get("architectures")
    head = str(architectures[0]) if isinstance(architectures, list) and architectures else ""
    modules = read_list(folder / "modules.json")
    has_prompt = bool(read_json(folder / "config_sentence_transformers.json").get("default_prompt_name"))
    return head.endswith("ForSequenceClassification") and len(modules) <= 1 and not has_prompt


def _tokenizer(graph: ExportedGraph) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(graph.tokenizer))
    except Exception as error:  # the library raises nothing narrower
        raise ConfigError(f"{graph.tokenizer} is not a tokenizer: {error}", remedy=_WITHOUT_ONNX) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(graph.max_tokens, strategy="longest_first")
    return tokenizer
