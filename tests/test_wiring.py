"""Wiring: what the settings name is what is built, and the user hears of what takes the network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ragqa import wiring
from ragqa.config import AnswerConfig, Config, EmbeddingConfig, RerankConfig, RetrievalConfig
from ragqa.errors import ConfigError, MissingKey
from ragqa.index.lexical import Bm25Index
from ragqa.index.sparse import SparseIndex
from ragqa.index.store import Store
from ragqa.models import gemini
from ragqa.models.tokens import EstimatedTokens
from tests.fakes import HashingSparse


def sparse(lexical: str) -> Config:
    return Config(retrieval=RetrievalConfig(lexical=lexical))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / ".ragqa") as opened:
        yield opened


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
        (
            "ragqa.models.sparse_encoder.SparseEncoderModel",
            lambda notice: wiring.sparse_encoder(sparse("sparse:some/model"), notice=notice),
        ),
    ],
)
def test_a_download_is_announced(implementation: str, build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementation, Fetched)
    said: list[str] = []
    build(said.append)
    assert len(said) == 1 and "some/model" in said[0]


def over(store: Store) -> Any:
    """A search that nothing is built for: who answers needs its index alone."""
    return SimpleNamespace(reranker=None, store=store)


def test_fetching_the_table_of_tokens_is_announced(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(*_: object, on_download: Any, **__: object) -> EstimatedTokens:
        on_download()
        return EstimatedTokens()

    monkeypatch.setattr("ragqa.models.tokens.counter", fetched)
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    said: list[str] = []
    answering = wiring.answering("gemini:some-model", Config(), over(store), notice=said.append)
    assert not said
    answering.prepare("When?", [])
    assert len(said) == 1 and "tokens" in said[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read {file}: No such file or directory"),
        (b"\xff\xfe{rules}", "{file} is not UTF-8"),
        (b"{rules}\n{sources}", "{file}, line 2, character 1: there is no placeholder {{sources}}"),
        ("{rules} " + "年" * 90_000, "{file} is not UTF-8"),
    ],
)
def test_a_prompt_of_ones_own_is_checked_before_anything_is_asked(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, content: bytes | str | None, message: str
) -> None:
    file = tmp_path / "own.txt"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    settings = Config(answer=AnswerConfig(prompt=str(file)))
    with pytest.raises(ConfigError) as caught:
        wiring.answering("gemini:m", settings, over(store), notice=print)
    assert caught.value.message == message.format(file=file)


def test_a_prompt_that_is_no_file_is_not_waited_for(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    with pytest.raises(ConfigError, match="is not a file"):
        wiring.answering(
            "gemini:m", Config(answer=AnswerConfig(prompt=str(tmp_path / "pipe"))), over(store), notice=print
        )


def test_a_prompt_of_ones_own_reaches_the_model(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.txt").write_bytes(b"\xef\xbb\xbfYou work for a law firm. {rules}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    monkeypatch.setattr("ragqa.models.tokens.counter", lambda *_, **__: EstimatedTokens())
    settings = Config(answer=AnswerConfig(prompt="~/own.txt"))
    answering = wiring.answering("gemini:m", settings, over(store), notice=print)
    assert answering.prepare("When?", []).system.startswith("You work for a law firm. Rules\n1. ")


def test_the_lexical_half_is_the_one_that_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragqa.models.sparse_encoder.SparseEncoderModel", lambda name, **_: HashingSparse(name))
    words = wiring.searching(store, sparse("bm25"), notice=print)
    assert type(words.lexical) is Bm25Index and words.sparse is None
    features = wiring.searching(store, sparse("sparse:./some:model"), notice=print)
    assert type(features.lexical) is SparseIndex
    assert features.sparse is not None and features.sparse.name == "./some:model"
    with wiring.ingesting(sparse("sparse:m"), notice=print) as parts:
        made = parts.sparse()
    assert made is not None and made.name == "m"


@pytest.mark.parametrize("name", ["sparse", "sparse:", "bm26", "bm25:x", "some/model"])
def test_a_lexical_half_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wiring.sparse_encoder(sparse(name), notice=print)
    assert "sparse:" in caught.value.remedy


@pytest.mark.parametrize("model", ["auto", "none"])
def test_no_reranker_unless_one_is_named(model: str) -> None:
    assert wiring.reranker(RerankConfig(model=model), notice=print) is None


def test_a_reranker_is_torch_where_its_graph_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragqa.models.cross_encoder.CrossEncoderReranker", lambda name, **_: f"torch: {name}")
    made = wiring.reranker(RerankConfig(model="some/model", onnx_file="none"), notice=print)
    assert made == "torch: some/model"


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
