"""Wiring: what the settings name is what is built, and the user hears of what takes the network."""

from __future__ import annotations

from typing import Any

import pytest

from ragqa import wiring
from ragqa.config import AnswerConfig, Config, EmbeddingConfig, RerankConfig
from ragqa.errors import ConfigError, MissingKey
from ragqa.models import gemini
from ragqa.models.tokens import EstimatedTokens


class Fetched:
    """Stands for a class of models that are not on this machine: each is fetched at once."""

    def __init__(self, name: str, *, on_download: Any, **_: object) -> None:
        on_download(name)


@pytest.mark.parametrize(
    ("implementation", "build"),
    [
        (
            "ragqa.models.sentence_transformer.SentenceTransformerEmbedder",
            lambda notice: wiring.embedder(EmbeddingConfig(model="some/model"), notice=notice),
        ),
        (
            "ragqa.models.cross_encoder.CrossEncoderReranker",
            lambda notice: wiring.reranker(RerankConfig(model="some/model"), notice=notice),
        ),
    ],
)
def test_a_download_is_announced(implementation: str, build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementation, Fetched)
    said: list[str] = []
    build(said.append)
    assert len(said) == 1 and "some/model" in said[0]


def test_fetching_the_table_of_tokens_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(*_: object, on_download: Any, **__: object) -> EstimatedTokens:
        on_download()
        return EstimatedTokens()

    monkeypatch.setattr("ragqa.models.tokens.counter", fetched)
    monkeypatch.setenv("GEMINI_API_KEY", "a key")
    said: list[str] = []
    # Nothing of the index is touched before a question is asked.
    answering = wiring.answering("gemini:some-model", Config(), None, notice=said.append)  # type: ignore[arg-type]
    assert not said
    answering.prepare("When?", [])
    assert len(said) == 1 and "tokens" in said[0]


@pytest.mark.parametrize("model", ["auto", "none"])
def test_no_reranker_unless_one_is_named(model: str) -> None:
    assert wiring.reranker(RerankConfig(model=model), notice=print) is None


def test_gemini_answers_where_its_key_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in wiring.GEMINI_KEYS:
        monkeypatch.delenv(key, raising=False)
    settings = AnswerConfig(gemini_model="some-model")
    assert wiring.generator_name(settings) == "extractive"
    monkeypatch.setenv(wiring.GEMINI_KEYS[1], " ")
    assert wiring.generator_name(settings) == "extractive"
    monkeypatch.setenv(wiring.GEMINI_KEYS[1], "a key")
    assert wiring.generator_name(settings) == "gemini:some-model"
    assert wiring.generator_name(AnswerConfig(model="openai:m")) == "openai:m"


def test_a_service_without_its_key_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in wiring.GEMINI_KEYS:
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(MissingKey):
        wiring.embedder(EmbeddingConfig(model="gemini:some-model"), notice=print)


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        (EmbeddingConfig(dimensions=128), "embedding.dimensions at 0"),
        (EmbeddingConfig(query_prompt="query: "), "embedding.query_prompt"),
        (EmbeddingConfig(model="gemini:m", passage_prompt="none"), "embedding.passage_prompt"),
    ],
)
def test_a_setting_that_the_model_has_no_use_for_is_refused(settings: EmbeddingConfig, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wiring.embedder(settings, notice=print)
    assert remedy in caught.value.remedy


def test_the_keys_are_those_that_gemini_takes() -> None:
    assert wiring.GEMINI_KEYS == gemini.KEYS
