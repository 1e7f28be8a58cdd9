"""Any other embedding model, by its name on the hub or its folder, through sentence-transformers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragqa.models import prompts
from ragqa.models.hub import open_model, silence
from ragqa.models.vectors import cut_rows, kept_dimensions

if TYPE_CHECKING:
    from ragqa.models.prompts import Prompts
    from ragqa.types import Vectors

_PROBE = "Rain fell on 3 roofs — 屋頂下雨了, 屋顶下雨了."
_SAMPLES = 256


class SentenceTransformerEmbedder:
    """Implements `ports.Embedder`. Queries and passages get the prompts that `prompts.choose` finds for the model.

    Batches are padded, so a text's vector may move by rounding (about 1e-7) with what else is in its batch.
    `dimensions` 0 keeps the model's own number. `notice` is told where cosines are not what the model was trained for.
    """

    def __init__(
        self,
        name: str,
        *,
        dimensions: int = 0,
        query_prompt: str = prompts.AUTO,
        passage_prompt: str = prompts.AUTO,
        batch_size: int = 32,
        on_download: Callable[[str], None] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        silence()
        from sentence_transformers import SentenceTransformer

        self.name = name
        self._batch_size = batch_size
        self._model = open_model(SentenceTransformer, name, setting="embedding.model", on_download=on_download)
        if self._model.device.type == "cpu":
            self._model.float()  # half precision is slower here, and less exact
        self.prompts = prompts.choose(
            self._model.prompts,
            self._model.default_prompt_name,
            prompts.published_names(name),
            query=query_prompt,
            passage=passage_prompt,
        )
        probe = self._encoded([_PROBE], "query")[0]
        self.dimensions = kept_dimensions(dimensions, len(probe), model=name)
        self.max_tokens = _longest(self._model) - self._prompt_tokens()
        kept = "" if self.dimensions == len(probe) else f"/{self.dimensions}"
        self.fingerprint = f"sentence-transformers:{_digest(self._model, self.prompts)}{kept}"
        wanted = self._model.similarity_fn_name
        if notice is not None and wanted != "cosine" and not _is_same_order(wanted, probe):
            notice(f"{name} was trained to be compared by {wanted}; ragqa compares vectors by their cosine")

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return cut_rows(self._encoded(texts, kind), self.dimensions)

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
        # The prompt is named outright: left to itself, the library prefers an absent `document` to a present `passage`.
        encode, prompt = (
            (self._model.encode_query, self.prompts.query)
            if kind == "query"
            else (self._model.encode_document, self.prompts.passage)
        )
        return encode(
            list(texts), prompt=prompt, batch_size=self._batch_size, show_progress_bar=False, convert_to_numpy=True
        ).astype(np.float32)

    def _prompt_tokens(self) -> int:
        """What the longer of the two prompts takes from every text."""
        both = (self.prompts.query, self.prompts.passage)
        return max(len(_token_ids(self._model.tokenizer, prompt)) for prompt in both)


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
    # Static models bring the bare tokenizer, and use it without special tokens.
    return tokens - (model.tokenizer.num_special_tokens_to_add(pair=False) if callable(model.tokenizer) else 0)


def _is_same_order(similarity: str, probe: Any) -> bool:
    """Whether cosines sort as the model's own comparison does: that of vectors that it makes of unit length."""
    return similarity in ("dot", "euclidean") and abs(float(np.linalg.norm(probe)) - 1) < 1e-3


def _pooling(module: Any) -> object:
    """How a module pools token vectors, where it does: what tells two models of the same weights apart."""
    mode = getattr(module, "pooling_mode", None) or getattr(module, "get_pooling_mode_str", lambda: None)()
    return [mode, getattr(module, "include_prompt", True)] if mode else None


def _digest(model: Any, chosen: Prompts) -> str:
    """Says what the model computes, not where its files lie: parts, limits, prompts, tokens of a probe, weights.

    The weights are sampled, evenly from each tensor: training moves them all, and reading gigabytes would take longer
    than loading them.
    """
    parts = [type(module).__name__ for module in model.modules()]
    pooling = [found for module in model.modules() if (found := _pooling(module))]
    both = [chosen.query, chosen.passage]
    settings = [parts, pooling, model.max_seq_length, both, _token_ids(model.tokenizer, _PROBE)]
    digest = hashlib.sha256(json.dumps(settings, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.reshape(-1)
        sample = values[:: max(1, len(values) // _SAMPLES)][: _SAMPLES + 1]
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(sample.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
