"""Prompts: those of the model's own files, else of a table of families that publish none; settings over both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from ragqa.models.prompts import Prompts, choose, published_names
from ragqa.models.sentence_transformer import SentenceTransformerEmbedder
from tests.services.tiny_models import save_embedder

BGE = "Represent this sentence for searching relevant passages: "
QWEN = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"


@pytest.mark.parametrize(
    ("name", "prompts", "pooling", "wanted"),
    [
        pytest.param(
            "embeddinggemma",
            {"query": "task: search result | query: ", "document": "title: none | text: ", "Clustering": "task: x | "},
            "mean",
            Prompts("task: search result | query: ", "title: none | text: "),
            id="EmbeddingGemma",
        ),
        pytest.param("qwen", {"query": QWEN, "document": ""}, "lasttoken", Prompts(QWEN), id="Qwen3-Embedding"),
        pytest.param("multilingual-e5-small", {}, "mean", Prompts("query: ", "passage: "), id="E5"),
        pytest.param("bge-small-en-v1.5", {}, "cls", Prompts(BGE), id="BGE en"),
        pytest.param("bge-base-zh-v1.5", {}, "cls", Prompts("为这个句子生成表示以用于检索相关文章："), id="BGE zh"),
        pytest.param("bge-m3", {}, "cls", Prompts(), id="BGE-M3"),
        pytest.param(
            "p", {"query": "query: ", "passage": "passage: "}, "mean", Prompts("query: ", "passage: "), id="passage"
        ),
    ],
)
def test_texts_are_embedded_behind_the_prompts_of_their_family(
    tmp_path: Path, name: str, prompts: Mapping[str, str], pooling: str, wanted: Prompts
) -> None:
    """Saved as the family's models are; the library itself, given the text with its prompt, is the oracle."""
    from sentence_transformers import SentenceTransformer

    folder = save_embedder(tmp_path, name=name, prompts=prompts, pooling=pooling, normalize=True)
    embedder = SentenceTransformerEmbedder(str(folder))
    assert embedder.prompts == wanted
    bare = SentenceTransformer(str(folder), device="cpu")
    query, passage, without = bare.encode([wanted.query + "rain 雨", wanted.passage + "rain 雨", "rain 雨"], prompt="")
    assert np.allclose(embedder.embed(["rain 雨"], kind="query")[0], query, atol=1e-5)
    assert np.allclose(embedder.embed(["rain 雨"], kind="passage")[0], passage, atol=1e-5)
    assert np.allclose(query, without, atol=1e-4) == (not wanted.query)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["intfloat/e5-large-v2"], Prompts("query: ", "passage: ")),
        (["/models/multilingual-e5-base/"], Prompts("query: ", "passage: ")),
        (["/cache/BAAI_bge-small-en/"], Prompts(BGE)),
        (["models--BAAI--bge-large-en-v1.5"], Prompts(BGE)),
        (["/anywhere", "bge-large-en"], Prompts(BGE)),
        (["intfloat/multilingual-e5-large-instruct"], Prompts(QWEN + " ")),
        (["BAAI/bge-m3"], Prompts()),
        (["me/my-e5-base"], Prompts()),
        (["me/e5-base-finetuned"], Prompts()),
        (["me/bge-small-english"], Prompts()),
    ],
)
def test_a_family_is_known_by_its_published_names_alone(names: list[str], wanted: Prompts) -> None:
    assert choose({"query": "", "document": ""}, None, names) == wanted


def test_what_the_configuration_says_beats_the_table() -> None:
    assert choose({"query": "Q: ", "document": ""}, None, ["intfloat/e5-base"]) == Prompts("Q: ")


@pytest.mark.parametrize(
    ("default", "wanted"),
    [
        ("sts", Prompts("Q: ", "S: ")),
        ("query", Prompts("Q: ")),
        (None, Prompts("Q: ")),
        ("unheard of", Prompts("Q: ")),
    ],
)
def test_a_default_prompt_stands_in_unless_it_is_the_other_sides(default: str | None, wanted: Prompts) -> None:
    assert choose({"query": "Q: ", "sts": "S: "}, default, []) == wanted


def test_settings_beat_everything() -> None:
    own = {"query": "Q: ", "document": "D: "}
    assert choose(own, None, [], query="Ask: ") == Prompts("Ask: ", "D: ")
    assert choose(own, None, ["e5-base"], query="none", passage="none") == Prompts()


def test_a_renamed_folder_is_known_by_its_card_and_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\ntags:\n- mteb\nmodel-index:\n- name: e5-small-v2\n  results: []\n---\n")
    (tmp_path / "config.json").write_text(json.dumps({"_name_or_path": "/root/BAAI_bge-small-en/"}))
    assert {"e5-small-v2", "/root/BAAI_bge-small-en/"} < set(published_names(str(tmp_path)))
    assert choose({}, None, published_names(str(tmp_path))) == Prompts("query: ", "passage: ")


def test_a_folder_of_the_hubs_cache_is_known_by_its_repository(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--intfloat--e5-base" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    assert choose({}, None, published_names(str(snapshot))) == Prompts("query: ", "passage: ")


@pytest.mark.parametrize("content", ["[", "[]", '{"_name_or_path": 3}', "\udc80"])
def test_files_that_say_nothing_are_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    assert published_names(str(tmp_path))[:2] == [str(tmp_path), tmp_path.name]


def test_chosen_prompts_are_part_of_the_fingerprint_and_take_from_the_limit(tmp_path: Path) -> None:
    folder = str(save_embedder(tmp_path))
    own, none = SentenceTransformerEmbedder(folder), SentenceTransformerEmbedder(folder, query_prompt="none")
    same = SentenceTransformerEmbedder(folder, query_prompt="query : ", passage_prompt="passage : ")
    assert own.fingerprint == same.fingerprint != none.fingerprint
    longer = SentenceTransformerEmbedder(folder, passage_prompt="the rain : ")
    assert longer.max_tokens == own.max_tokens - 1
