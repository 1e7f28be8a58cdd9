"""Reranking: one score for each passage in their order, whatever their lengths, and only by models that score."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragqa.errors import ConfigError
from ragqa.models.cross_encoder import CrossEncoderReranker
from tests.services.tiny_models import save_cross_encoder

PASSAGES = [
    "snow falls on the roof",
    "rain",
    "rain falls on monday the sensor log " * 3,
    "wind on the roof",
    "雨 下 了",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("tiny"))


def test_scores_are_the_models_own_and_in_order(folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    wanted = []
    for passage in PASSAGES:
        with torch.no_grad():
            read = tokenizer("rain on monday", passage, truncation="longest_first", return_tensors="pt")
            wanted.append(float(model(**read).logits[0, 0]))
    got = CrossEncoderReranker(str(folder), batch_size=2).score("rain on monday", PASSAGES)
    assert got == pytest.approx(wanted, abs=1e-5)
    assert len({round(score, 4) for score in got}) == len(PASSAGES)


def test_no_passages_have_no_scores(folder: Path) -> None:
    assert list(CrossEncoderReranker(str(folder)).score("rain", [])) == []


def test_a_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="3 classes"):
        CrossEncoderReranker(str(save_cross_encoder(tmp_path / "model", labels=3)))


def test_an_unknown_name_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as caught:
        CrossEncoderReranker("nobody/no-such-model")
    assert "rerank.model" in caught.value.remedy
