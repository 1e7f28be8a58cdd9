"""What every SparseEncoder promises: each text its own features, in positive whole numbers, by the model's formula."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from ragqa.errors import ConfigError
from ragqa.models.sparse_encoder import SparseEncoderModel
from ragqa.ports import SparseEncoder
from tests.fakes import HashingSparse
from tests.services.tiny_models import MAX_TOKENS, VOCABULARY, save_body, save_embedder, save_splade, save_token_weights

TEXTS = ["rain falls on monday", "雨 下 了", "", "snow nobody knows", "rain falls on monday"]
KINDS: tuple[Literal["passage", "query"], ...] = ("passage", "query")
Saved = Mapping[str, Path]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return {
        "splade": save_splade(tmp_path_factory.mktemp("splade")),
        "inference-free": save_splade(tmp_path_factory.mktemp("free"), inference_free=True),
        "token weights": save_token_weights(tmp_path_factory.mktemp("weights")),
    }


@pytest.fixture(params=["fake", "splade", "inference-free", "token weights"])
def encoder(request: pytest.FixtureRequest, saved: Saved) -> SparseEncoder:
    return HashingSparse() if request.param == "fake" else SparseEncoderModel(str(saved[request.param]), batch_size=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_its_own_positive_features(encoder: SparseEncoder, kind: Literal["passage", "query"]) -> None:
    together = encoder.encode(TEXTS, kind=kind)
    assert len(together) == len(TEXTS) and together[0] and together[0] == together[-1]
    assert together[0] != together[1]
    for text, features in zip(TEXTS, together, strict=True):
        assert all(token >= 0 and weight > 0 for token, weight in features.items())
        assert all(type(number) is int for pair in features.items() for number in pair)
        [alone] = encoder.encode([text], kind=kind)
        assert alone.keys() == features.keys()
        assert all(abs(alone[token] - features[token]) <= 1 for token in alone)  # padding moves the last digit
    assert list(encoder.encode([], kind=kind)) == []


def splade(folder: Path) -> Callable[[str], np.ndarray]:
    """SPLADE by its formula: log(1 + relu(logit)) of each word of the vocabulary, at the token where it is largest."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    body, tokenizer = AutoModelForMaskedLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def weights(text: str) -> np.ndarray:
        with torch.no_grad():
            logits = body(**tokenizer(text, return_tensors="pt")).logits[0]
        return np.log1p(np.maximum(logits.numpy(), 0)).max(axis=0)

    return weights


def token_weights(folder: Path) -> Callable[[str], np.ndarray]:
    """BGE-M3's sparse half by its formula: relu of a line through each token's vector; a token's largest counts."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    body, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    line = torch.load(folder / "sparse_linear.pt", weights_only=True)

    def weights(text: str) -> np.ndarray:
        read = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            states = body(**read).last_hidden_state[0].numpy()
        each = np.maximum(states @ line["weight"].float().numpy()[0] + line["bias"].float().numpy(), 0)
        found = np.zeros(len(VOCABULARY))
        np.maximum.at(found, read["input_ids"][0].numpy(), each)
        found[tokenizer.all_special_ids] = 0
        return found

    return weights


def agree(found: Mapping[int, int], wanted: np.ndarray) -> bool:
    got = np.zeros(len(wanted))
    got[list(found)] = list(found.values())
    return bool(np.abs(got - wanted * 1000).max() <= 1) and got.any() == wanted.round(3).any()


@pytest.mark.parametrize("text", TEXTS)
def test_features_are_those_of_the_formulas(saved: Saved, text: str) -> None:
    def features(model: str, kind: Literal["passage", "query"]) -> Mapping[int, int]:
        return SparseEncoderModel(str(saved[model])).encode([text], kind=kind)[0]

    by_formula = splade(saved["splade"])(text)
    assert agree(features("splade", "passage"), by_formula) and agree(features("splade", "query"), by_formula)
    assert agree(features("inference-free", "passage"), by_formula)
    looked_up = np.zeros(len(VOCABULARY))
    held = [VOCABULARY.get(word, VOCABULARY["[UNK]"]) for word in text.split()]
    looked_up[held] = np.arange(len(VOCABULARY))[held] / 7
    assert agree(features("inference-free", "query"), looked_up)
    assert agree(features("token weights", "passage"), token_weights(saved["token weights"])(text))


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_token_weights_may_be_short_floats(tmp_path: Path, kind: str) -> None:
    folder = save_token_weights(tmp_path, kind=kind)
    [found] = SparseEncoderModel(str(folder)).encode(["rain falls"], kind="passage")
    assert agree(found, token_weights(folder)("rain falls"))


@pytest.mark.parametrize("content", [b"", b"PK", "text"])
def test_damaged_token_weights_are_named(tmp_path: Path, content: bytes | str) -> None:
    """Also where they hold something else: nothing in them is ever run."""
    folder = save_token_weights(tmp_path)
    if isinstance(content, str):
        with zipfile.ZipFile(folder / "sparse_linear.pt", "w") as archive:
            archive.writestr("line/data/0", content)
    else:
        (folder / "sparse_linear.pt").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be used"):
        SparseEncoderModel(str(folder))


def test_text_beyond_the_limit_is_read_to_its_end(saved: Saved) -> None:
    encoder = SparseEncoderModel(str(saved["splade"]))
    pieces = ["rain " * (MAX_TOKENS - 2), "rain " * 9 + "snow"]
    first, second = encoder.encode(pieces, kind="passage")
    merged = {token: max(first.get(token, 0), second.get(token, 0)) for token in first.keys() | second.keys()}
    [whole] = encoder.encode(["".join(pieces)], kind="passage")
    assert whole.keys() == merged.keys()
    assert all(abs(whole[token] - merged[token]) <= 1 for token in merged)


def test_only_the_strongest_features_are_kept(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    [everything] = SparseEncoderModel(str(saved["splade"])).encode(["rain"], kind="passage")
    monkeypatch.setattr("ragqa.models.sparse_encoder._MOST", 3)
    [kept] = SparseEncoderModel(str(saved["splade"])).encode(["rain"], kind="passage")
    assert sorted(kept.values()) == sorted(everything.values())[-3:]


def test_the_fingerprint_follows_the_model_not_the_place(saved: Saved, tmp_path: Path) -> None:
    own = SparseEncoderModel(str(saved["splade"])).fingerprint
    assert SparseEncoderModel(str(save_splade(tmp_path / "same"))).fingerprint == own
    others: Sequence[Any] = [saved["inference-free"], saved["token weights"], save_splade(tmp_path / "other", seed=1)]
    assert len({own, *(SparseEncoderModel(str(other)).fingerprint for other in others)}) == 4


def test_a_model_that_is_not_sparse_is_refused(tmp_path: Path) -> None:
    """The library would put a random layer on top, and search with it."""
    for folder in (save_embedder(tmp_path / "dense"), save_body(tmp_path / "body")):
        with pytest.raises(ConfigError, match="no sparse vectors"):
            SparseEncoderModel(str(folder))
    with pytest.raises(ConfigError, match="there is no model in") as caught:
        SparseEncoderModel(str(tmp_path / "nothing"))
    assert "retrieval.lexical" in caught.value.remedy
