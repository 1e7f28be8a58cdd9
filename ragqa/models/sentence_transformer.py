"""Any other embedding model, by its name on the hub or its folder, through sentence-transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragqa.models import prompts
from ragqa.models.hub import open_model, silence
from ragqa.models.loaded import PROBE, digest, longest, token_ids
from ragqa.models.vectors import cut_rows, kept_dimensions

if TYPE_CHECKING:
    from ragqa.types import Vectors


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
        probe = self._encoded([PROBE], "query")[0]
        self.dimensions = kept_dimensions(dimensions, len(probe), model=name)
        self.max_tokens = longest(self._model) - self._prompt_tokens()
        kept = "" if self.dimensions == len(probe) else f"/{self.dimensions}"
        self.fingerprint = f"sentence-transformers:{digest(self._model, self.prompts)}{kept}"
        wanted = self._model.similarity_fn_name
        if notice is not None and wanted != "cosine" and not _is_same_order(wanted, probe):
            notice(f"{name} was trained to be compared by {wanted}; ragqa compares vectors by their cosine")

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return cut_rows(self._encoded(texts, kind), self.dimensions)

    def count_tokens(self, text: str) -> int:
        return len(token_ids(self._model.tokenizer, text))

    def unknown_share(self, text: str) -> float:
        tokenizer = self._model.tokenizer
        unknown = getattr(tokenizer, "unk_token_id", None)
        if unknown is None:
            return 0.0
        ids = token_ids(tokenizer, text)
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
        return max(len(token_ids(self._model.tokenizer, prompt)) for prompt in both)


def _is_same_order(similarity: str, probe: Any) -> bool:
    """Whether cosines sort as the model's own comparison does: that of vectors that it makes of unit length."""
    return similarity in ("dot", "euclidean") and abs(float(np.linalg.norm(probe)) - 1) < 1e-3
