"""Reranks with any cross-encoder, by its name on the hub or its folder, through sentence-transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ragqa.errors import ConfigError
from ragqa.models.hub import open_model, silence

ORGANISATION = "cross-encoder"
"""Whose models bare names are."""


class CrossEncoderReranker:
    """Implements `ports.Reranker`. Scores are the model's own logits: comparable within one question alone.

    A call is given two batches' worth of passages: sorted by length, these need a quarter less work than one of both.
    """

    def __init__(self, name: str, *, batch_size: int = 4, on_download: Callable[[str], None] | None = None) -> None:
        silence()
        from sentence_transformers import CrossEncoder

        self.name = name
        self.batch = 2 * batch_size
        self._batch_size = batch_size
        self._model = open_model(
            CrossEncoder, name, setting="rerank.model", organisation=ORGANISATION, on_download=on_download
        )
        if self._model.num_labels != 1:
            raise ConfigError(
                f"{name} sorts texts into {self._model.num_labels} classes: it does not score passages",
                remedy="rerank.model names a cross-encoder with one output",
            )
        from torch.nn import Sigmoid

        self.is_logit = isinstance(self._model.activation_fn, Sigmoid)

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """Passages of like length share a batch, since all of a batch are padded to its longest."""
        if not passages:
            return []
        from torch.nn import Identity

        order = sorted(range(len(passages)), key=lambda number: len(passages[number]))
        pairs = [(question, passages[number]) for number in order]
        found = self._model.predict(
            pairs, batch_size=self._batch_size, show_progress_bar=False, activation_fn=Identity()
        )
        scores = [0.0] * len(passages)
        for number, score in zip(order, found, strict=True):
            scores[number] = float(score)
        return scores
