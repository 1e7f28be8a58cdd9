"""A document in memory is scored as an index of it would be: rank_bm25 and brute force are the oracles."""

from __future__ import annotations

import random

import numpy as np
import pytest
from rank_bm25 import BM25Plus

from ragqa.index.held import HeldBm25, HeldDocument, HeldVectors
from ragqa.text.analyzer import analyze
from ragqa.types import Chunk, Document
from tests.fakes import HashingEmbedder

WORDS = ["gate", "garden", "roof", "lamp", "river", "stone", "水", "土壤", "警報", "4711", "TB-4425", "windows"]


@pytest.fixture
def texts() -> list[str]:
    source = random.Random(7)
    return [" ".join(source.choices(WORDS, k=source.randint(1, 30))) for _ in range(60)]


def test_scores_are_those_of_rank_bm25(texts: list[str]) -> None:
    oracle = BM25Plus([analyze(text) for text in texts], k1=1.2, b=0.75, delta=0)
    held = HeldBm25(texts, k1=1.2, b=0.75)
    for question in ("gate garden gate", "警報 lamp TB-4425", "roof"):
        terms = analyze(question)
        wanted = oracle.get_scores([term for term in terms if term in oracle.idf])
        best = sorted((number for number in range(60) if wanted[number]), key=lambda n: (-wanted[n], n))[:10]
        found = held.search(terms, 10)
        assert [hit.key for hit in found] == [number + 1 for number in best]
        assert [hit.score for hit in found] == [wanted[number] for number in best]
        assert held.scores(terms, [1, 60]) == {1: wanted[0], 60: wanted[59]}


def test_required_terms_and_frequencies_are_counted(texts: list[str]) -> None:
    held = HeldBm25(texts, k1=1.2, b=0.75)
    both = [n + 1 for n, text in enumerate(texts) if "roof" in text and "lamp" in text]
    assert sorted(hit.key for hit in held.search(["gate"], 60, required=["roof", "lamp"])) == both
    assert held.frequencies(["roof", "nothing"]) == {"roof": sum("roof" in text for text in texts), "nothing": 0}
    assert held.search(["nothing"], 5) == [] == held.search([], 5)
    idf = held.idf(["roof", "nothing"])
    assert idf["nothing"] > idf["roof"] > 0


def test_vectors_are_searched_as_by_brute_force(texts: list[str]) -> None:
    embedder = HashingEmbedder()
    some = {number: texts[number] for number in range(0, 60, 2)}
    held = HeldVectors(some, embedder)
    query = embedder.embed(["gate garden"], kind="query")[0]
    cosines = {number: float(embedder.embed([text], kind="query")[0] @ query) for number, text in some.items()}
    found = held.search(query, 5)
    assert [hit.key for hit in found] == sorted(cosines, key=lambda n: (-round(cosines[n], 6), n))[:5]
    assert np.allclose([hit.score for hit in found], [cosines[hit.key] for hit in found], atol=1e-6)
    assert set(held.scores(query, [0, 1, 2])) == {0, 2}
    assert len(embedder.embedded) == 30, "embedded once, however often it is searched"


def test_neighbours_end_where_the_document_was_not_held() -> None:
    text = "one two three four five six"
    words = [(0, 3), (4, 7), (14, 18), (19, 23)]
    chunks = [Chunk(start, end, text[start:end]) for start, end in words]
    held = HeldDocument("x", "0" * 64, Document(text, loader="text"), chunks, lambda _: 0.0)
    assert [passage.key for passage in held.neighbours(2, before=3, after=3)] == [1, 2]
    assert [passage.key for passage in held.neighbours(3, before=1, after=1)] == [3, 4]
    assert held.text_of(1) == text
