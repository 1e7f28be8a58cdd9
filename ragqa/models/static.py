"""Static models (Model2Vec, StaticEmbedding): a text is the mean of its tokens' rows; no torch, ready at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragqa.errors import ConfigError
from ragqa.models import prompts
from ragqa.models.hub import snapshot
from ragqa.models.vectors import cut_rows, kept_dimensions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragqa.types import Vectors

WEIGHTS, TOKENIZER, MODULES = "model.safetensors", "tokenizer.json", "modules.json"

_UNLIMITED = 8192
"""Tokens that are read of a text where the model itself has no limit: far more than a chunk has."""

_SAMPLES = 4096
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "|i1", "U8": "|u1"}
"""Types of safetensors as numpy knows them; it has no bfloat16, whose bits are the upper half of a float32."""


def find(name: str) -> Path | None:
    """The folder of the model, where it is on this machine and a static one; None for every other model."""
    root = snapshot(name)
    if root is None:
        return None
    folder = _embedding_folder(root)
    return root if folder is not None and all((folder / file).is_file() for file in (WEIGHTS, TOKENIZER)) else None


class StaticEmbedder:
    """Implements `ports.Embedder` for a folder that `find` gave. A vector depends on its text alone, bit for bit.

    The rows stay in their file and are read as they are needed. `dimensions` 0 keeps the model's own number. Unknown
    tokens are left out, as Model2Vec does, unless the folder is laid out for sentence-transformers, which counts them.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        *,
        dimensions: int = 0,
        query_prompt: str = prompts.AUTO,
        passage_prompt: str = prompts.AUTO,
    ) -> None:
        folder = _embedding_folder(root) or root
        self.name = name
        try:
            tokenizer = (folder / TOKENIZER).read_text(encoding="utf-8")
            tensors = _Tensors(folder / WEIGHTS)
            self._rows, self._row_of, self._weight_of = tensors.rows(), tensors.get("mapping"), tensors.get("weights")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _unusable(name, str(error)) from error
        self._tokenizer = _tokenizer(name, tokenizer)
        held = [len(part) for part in (self._row_of, self._weight_of) if part is not None] or [len(self._rows)]
        if self._tokenizer.get_vocab_size() > min(held) or not self._rows.size:
            raise _unusable(name, f"{TOKENIZER} knows more tokens than {WEIGHTS} has rows")
        if self._row_of is not None and not (self._row_of.min() >= 0 and self._row_of.max() < len(self._rows)):
            raise _unusable(name, f"{WEIGHTS} sends tokens to rows that it does not have")
        own = prompts.read_json(root / "config_sentence_transformers.json")
        named = own.get("prompts")
        default = own.get("default_prompt_name")
        self.prompts = prompts.choose(
            {key: text for key, text in named.items() if isinstance(text, str)} if isinstance(named, dict) else {},
            default if isinstance(default, str) else None,
            (),
            query=query_prompt,
            passage=passage_prompt,
        )
        longest = (self._tokenizer.truncation or {}).get("max_length", _UNLIMITED)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._read_tokens = longest
        self.max_tokens = longest - max(map(self.count_tokens, (self.prompts.query, self.prompts.passage)))
        self._unknown = _unknown_id(self._tokenizer)
        self._drops_unknown = not (root / MODULES).is_file()
        self.dimensions = kept_dimensions(dimensions, self._rows.shape[1], model=name)
        kept = "" if self.dimensions == self._rows.shape[1] else f"/{self.dimensions}"
        self.fingerprint = f"static:{self._digest(tokenizer)}{kept}"

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        """A text without a token has the direction of the first axis."""
        prompt = self.prompts.query if kind == "query" else self.prompts.passage
        means = np.zeros((len(texts), self._rows.shape[1]), np.float32)
        for number, ids in enumerate(self._ids([prompt + text for text in texts])):
            if self._drops_unknown:
                ids = [token for token in ids if token != self._unknown]
            if ids:
                means[number] = self._vectors_of(ids[: self._read_tokens]).mean(axis=0)
        return cut_rows(means, self.dimensions)

    def count_tokens(self, text: str) -> int:
        return len(self._ids([text])[0])

    def unknown_share(self, text: str) -> float:
        ids = self._ids([text])[0]
        return ids.count(self._unknown) / len(ids) if ids and self._unknown is not None else 0.0

    def _vectors_of(self, ids: list[int]) -> NDArray[np.float32]:
        rows = self._rows[ids if self._row_of is None else self._row_of[ids]]
        if rows.dtype == np.uint16:
            rows = (rows.astype(np.uint32) << 16).view(np.float32)
        found: NDArray[np.float32] = rows.astype(np.float32)
        if self._weight_of is not None:
            found *= self._weight_of[ids].astype(np.float32)[:, None]
        return found

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        try:
            encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        except TypeError:
            # A lone surrogate, as in the name of a file that is not UTF-8, cannot cross into the tokenizer.
            sound = [text.encode(errors="replace").decode() for text in texts]
            encodings = self._tokenizer.encode_batch(sound, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def _digest(self, tokenizer: str) -> str:
        """Says what the model computes: its tokenizer, its prompts, and samples of its numbers (training moves all)."""
        digest = hashlib.sha256(tokenizer.encode())
        digest.update(json.dumps([self.prompts.query, self.prompts.passage]).encode())
        if self._drops_unknown:
            digest.update(b"without unknown tokens")
        for part in (self._rows, self._row_of, self._weight_of):
            if part is not None:
                values = part.reshape(-1)
                digest.update(f"{part.dtype.str}{part.shape}".encode())
                digest.update(values[:: max(1, len(values) // _SAMPLES)].tobytes())
        return digest.hexdigest()[:16]


class _Tensors:
    """The tensors of a safetensors file, mapped into memory: half a gigabyte of rows is not read for one question."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            self._parts = json.loads(opened.read(min(length, file.stat().st_size)))
        if not isinstance(self._parts, dict):
            raise ValueError(f"{file.name} is damaged")
        self._file = file
        self._start = 8 + length

    def rows(self) -> NDArray[Any]:
        """One row for each token, or for each number that `mapping` gives a token."""
        rows = self.get("embedding.weight")
        rows = self.get("embeddings") if rows is None else rows
        if rows is None or rows.ndim != 2:
            raise ValueError(f"{self._file.name} holds no table of embeddings")
        return rows

    def get(self, name: str) -> NDArray[Any] | None:
        part = self._parts.get(name)
        if part is None:
            return None
        kind = np.dtype(_TYPES[part["dtype"]])
        start, end = part["data_offsets"]
        if end - start != kind.itemsize * int(np.prod(part["shape"])) or start < 0:
            raise ValueError(f"{self._file.name} is damaged")
        return np.memmap(self._file, kind, "r", self._start + start, tuple(part["shape"]))


def _embedding_folder(root: Path) -> Path | None:
    """The folder of the one module that makes vectors, if that is a table of tokens and nothing but scaling follows."""
    if (root / MODULES).is_file():
        try:
            modules = json.loads((root / MODULES).read_text(encoding="utf-8"))
            kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
            is_static = kinds[:1] == ["StaticEmbedding"] and set(kinds[1:]) <= {"Normalize"}
            return root / str(modules[0]["path"]) if is_static else None
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None  # sentence-transformers says what is wrong with it
    return root if prompts.read_json(root / "config.json").get("model_type") == "model2vec" else None


def _tokenizer(name: str, text: str) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library has no class of its own for what it cannot read
        raise _unusable(name, f"{TOKENIZER}: {error}") from error


def _unknown_id(tokenizer: Any) -> int | None:
    """The token that stands for what the tokenizer cannot read, where it has one."""
    named = getattr(tokenizer.model, "unk_token", None)
    found = (tokenizer.token_to_id(token) for token in (named, "[UNK]", "<unk>") if token)
    return next((number for number in found if number is not None), None)


def _unusable(name: str, why: str) -> ConfigError:
    return ConfigError(
        f"the static model {name} cannot be used: {why}", remedy="embedding.model names a folder or a model of the hub"
    )
