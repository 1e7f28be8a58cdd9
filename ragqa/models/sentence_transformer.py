"""Any other embedding model, by its name on the hub or its folder, through sentence-transformers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragqa.models.hub import open_model, silence

if TYPE_CHECKING:
    from ragqa.types import Vectors

_PROBE = "Rain fell on 3 roofs — 屋頂下雨了, 屋顶下雨了."
_SAMPLES = 256
_PASSAGE_PROMPTS = ("document", "passage", "corpus")


class SentenceTransformerEmbedder:
    """Implements `ports.Embedder`. Queries and passages get the prompts that the model's own settings name.

    Batches are padded, so a text's vector may move by rounding (about 1e-7) with what else is in its batch.
    """

    def __init__(self, name: str, *, batch_size: int = 32, on_download: Callable[[str], None] | None = None) -> None:
        silence()
        from sentence_transformers import SentenceTransformer

        self.name = name
        self._batch_size = batch_size
        self._model = open_model(SentenceTransformer, name, setting="embedding.model", on_download=on_download)
        if self._model.device.type == "cpu":
            self._model.float()  # half precision is slower here, and less exact
        self.dimensions = len(self._encoded(["dimensions"], "query")[0])
        self.max_tokens = _longest(self._model) - self._prompt_tokens()
        self.fingerprint = f"sentence-transformers:{_digest(self._model)}"

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        if texts:
            found = self._encoded(texts, kind)
            rows[:] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return rows

    def count_tokens(self, text: str) -> int:
        return len(_token_ids(self._model.tokenizer, text))

    def unknown_share(self, text: str) -> float:
        tokenizer = self._model.tokenizer
        unknown = getattr(tokenizer, "unk_token_id", None)
        if unknown is None:
            return 0.0
        ids = _token_ids(tokenizer, text)
        return ids.count(unknown) / len(ids) if ids else 0.0

    def _encoded(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Any:
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        return encode(list(texts), batch_size=self._batch_size, show_progress_bar=False, convert_to_numpy=True).astype(
            np.float32
        )

    def _prompt_tokens(self) -> int:
        """What the longer of the two prompts takes from every text."""
        prompts = self._model.prompts
        passage = next((prompts[name] for name in _PASSAGE_PROMPTS if prompts.get(name)), "")
        return max(len(_token_ids(self._model.tokenizer, prompt)) for prompt in (passage, prompts.get("query") or ""))


def _token_ids(tokenizer: Any, text: str) -> list[int]:
    """The tokens of the whole text, without special ones; static models bring the bare tokenizer."""
    if not callable(tokenizer):
        bare: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return bare
    ids: list[int] = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    return ids


def _longest(model: Any) -> int:
    """Tokens that the model reads of a text, special ones not counted; a model without a limit gets a generous one."""
    limit = model.max_seq_length
    tokens = int(limit) if limit and limit < 1_000_000 else 8192
    specials = getattr(model.tokenizer, "num_special_tokens_to_add", None)
    return tokens - (specials(pair=False) if specials is not None else 0)


def _digest(model: Any) -> str:
    """Says what the model computes, not where its files lie: parts, limits, prompts, tokens of a probe, weights.

    The weights are sampled, evenly from each tensor: training moves them all, and reading gigabytes would take longer
    than loading them.
    """
    parts = [type(module).__name__ for module in model.modules()]
    settings = [parts, model.max_seq_length, sorted(model.prompts.items()), _token_ids(model.tokenizer, _PROBE)]
    digest = hashlib.sha256(json.dumps(settings, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.reshape(-1)
        sample = values[:: max(1, len(values) // _SAMPLES)][: _SAMPLES + 1]
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(sample.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
