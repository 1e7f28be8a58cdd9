"""Sparse models (SPLADE, inference-free SPLADE, BGE-M3) through sentence-transformers' SparseEncoder."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ragqa.models import prompts
from ragqa.models.hub import open_model, silence
from ragqa.models.loaded import digest, longest, token_ids
from ragqa.types import FEATURE_SCALE

_LARGEST = (1 << 16) - 1
_MOST = 1024
"""Features that are kept of one text, the strongest; a sparse model has two or three hundred."""

_LARGEST_BATCH = 8
"""SPLADE makes a number for each token of the text and each of the vocabulary: 31 MB for 256 tokens, in BERT's."""

_ORGANISATION = "sparse-encoder"
"""Whose models bare names are."""

_TOKEN_WEIGHTS = "sparse_linear.pt"
"""The file in which BGE-M3 has its sparse half, which sentence-transformers does not know of."""


class SparseEncoderModel:
    """Implements `ports.SparseEncoder`. Text beyond the model's limit is read in pieces, and their features merged.

    Batches are padded, so a weight may move by one with what else is in its batch.
    """

    def __init__(self, name: str, *, batch_size: int = 8, on_download: Callable[[str], None] | None = None) -> None:
        silence()
        self.name = name
        self._batch_size = min(batch_size, _LARGEST_BATCH)
        self._model = open_model(
            _load, name, setting="retrieval.lexical", organisation=_ORGANISATION, on_download=on_download
        )
        if self._model.device.type == "cpu":
            self._model.float()
        self._prompts = prompts.choose(self._model.prompts, self._model.default_prompt_name, ())
        both = (self._prompts.query, self._prompts.passage)
        self._limit = longest(self._model) - max(len(token_ids(self._model.tokenizer, prompt)) for prompt in both)
        self.fingerprint = f"sparse:{digest(self._model, self._prompts)}/{FEATURE_SCALE}/{_MOST}"

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> list[Mapping[int, int]]:
        pieces = [(number, piece) for number, text in enumerate(texts) for piece in self._pieces(text)]
        pieces.sort(key=lambda numbered: len(numbered[1]))  # all of a batch are padded to its longest
        found: list[dict[int, int]] = [{} for _ in texts]
        for start in range(0, len(pieces), self._batch_size):
            batch = pieces[start : start + self._batch_size]
            for (number, _), features in zip(batch, self._encoded([text for _, text in batch], kind), strict=True):
                own = found[number]
                own.update({token: max(weight, own.get(token, 0)) for token, weight in features.items()})
        return [_strongest(features) for features in found]

    def _encoded(self, texts: list[str], kind: Literal["passage", "query"]) -> list[dict[int, int]]:
        # The prompt is named outright, as for dense models; the method chooses the model's own half for questions.
        encode, prompt = (
            (self._model.encode_query, self._prompts.query)
            if kind == "query"
            else (self._model.encode_document, self._prompts.passage)
        )
        rows = encode(texts, prompt=prompt, batch_size=len(texts), show_progress_bar=False, save_to_cpu=True).coalesce()
        numbers, tokens = rows.indices().numpy()
        weights = np.minimum(np.rint(rows.values().float().numpy() * FEATURE_SCALE), _LARGEST).astype(np.int64)
        features: list[dict[int, int]] = [{} for _ in texts]
        for number, token, weight in zip(numbers.tolist(), tokens.tolist(), weights.tolist(), strict=True):
            if weight > 0:
                features[number][token] = weight
        return features

    def _pieces(self, text: str) -> list[str]:
        """The text, in slices that the model reads to their end."""
        tokenizer = self._model.tokenizer
        read = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        if len(read) <= self._limit:
            return [text]
        starts = [0, *(read[place][0] for place in range(self._limit, len(read), self._limit)), len(text)]
        return [text[start:end] for start, end in pairwise(starts) if text[start:end].strip()]


def _strongest(features: Mapping[int, int]) -> dict[int, int]:
    """The features of most weight, by token; of equal ones those of the smaller token."""
    kept = sorted(features, key=lambda token: (-features[token], token))[:_MOST]
    return {token: features[token] for token in sorted(kept)}


def _load(place: str, *, trust_remote_code: bool, local_files_only: bool = False) -> Any:
    """A model that makes sparse vectors. ValueError for one that does not: the library would add a random layer."""
    from sentence_transformers import SentenceTransformer, SparseEncoder
    from sentence_transformers.util import load_file_path

    repository = place if "/" in place or Path(place).is_dir() else f"{_ORGANISATION}/{place}"

    def file_of(name: str) -> str | None:
        found: str | None = load_file_path(
            repository,
            name,
            cache_folder=os.environ.get("SENTENCE_TRANSFORMERS_HOME"),  # which this function alone does not look into
            local_files_only=local_files_only,
        )
        return found

    def described(name: str) -> dict[str, object]:
        found = file_of(name)
        return prompts.read_json(Path(found)) if found else {}

    options = {"trust_remote_code": trust_remote_code, "local_files_only": local_files_only}
    if file := file_of(_TOKEN_WEIGHTS):
        states = SentenceTransformer(place, **options)[0]
        return SparseEncoder(modules=[states, _token_weights(file, states.tokenizer)])
    kind = described("config_sentence_transformers.json").get("model_type", "SentenceTransformer")
    is_saved = file_of("modules.json") is not None
    body = described("config.json")
    heads = body.get("architectures")
    guesses_words = isinstance(heads, list) and any(str(head).endswith("ForMaskedLM") for head in heads)
    if kind != "SparseEncoder" if is_saved else body and not guesses_words:
        raise ValueError("it makes no sparse vectors")
    return SparseEncoder(place, **options)


def _token_weights(file: str, tokenizer: Any) -> Any:
    """BGE-M3's sparse half: each token of the text weighs as much as a trained line through its vector says."""
    import torch

    class TokenWeights(torch.nn.Module):  # type: ignore[misc]  # torch is not looked into
        def __init__(self) -> None:
            super().__init__()
            slope, level = _trained_line(file)
            self.register_buffer("slope", torch.from_numpy(slope))
            self.register_buffer("level", torch.from_numpy(level))
            self.register_buffer("special", torch.tensor(sorted(set(tokenizer.all_special_ids))))
            self.vocabulary = len(tokenizer)

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            weights = torch.relu(features["token_embeddings"].to(self.slope.dtype) @ self.slope + self.level)
            weights = weights * features["attention_mask"]
            found = weights.new_zeros(len(weights), self.vocabulary)
            found = found.scatter_reduce(1, features["input_ids"], weights, "amax")
            found[:, self.special] = 0
            features["sentence_embedding"] = found
            return features

    return TokenWeights()


def _trained_line(file: str) -> tuple[Any, Any]:
    """Slope and level of a line that torch has saved, out of the archive itself: it is never unpickled.

    The archive holds the bytes of each tensor as a file of its own, and the program that would put them together.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            program = next((archive.read(name) for name in names if name.endswith("/data.pkl")), b"")
            parts = [archive.read(name) for name in names if re.search(r"/data/\d+$", name)]
    except zipfile.BadZipFile as error:
        raise ValueError(f"{_TOKEN_WEIGHTS} is damaged") from error
    level, slope = sorted(parts, key=len) if len(parts) == 2 else (b"", b"")
    if not level or len(level) not in (2, 4) or len(slope) % len(level):
        raise ValueError(f"{_TOKEN_WEIGHTS} does not hold a line")
    if len(level) == 4:
        lines = [np.frombuffer(part, "<f4") for part in (slope, level)]
    elif b"BFloat16Storage" in program:
        lines = [(np.frombuffer(part, "<u2").astype(np.uint32) << 16).view(np.float32) for part in (slope, level)]
    else:
        lines = [np.frombuffer(part, "<f2") for part in (slope, level)]
    return lines[0].astype(np.float32), lines[1].astype(np.float32)
