"""Retrieval over fakes that keep the ports' promises: what the fusion, the gate and the reranker may do to an order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.config import RerankConfig, RetrievalConfig
from ragqa.retrieval import Retrieval, retrieve
from ragqa.text.analyzer import analyze
from ragqa.types import Chunk, Passage, Scored


class FakeEmbedder:
    """Every question is the first axis, so that a passage's cosine is the first number of its row."""

    name = fingerprint = "fake"
    dimensions = 2
    max_tokens = 100

    def __init__(self, unknown: float = 0.0) -> None:
        self.unknown = unknown
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Any:
        assert kind == "query"
        self.embedded += texts
        return np.array([[1.0, 0.0]] * len(texts), np.float32)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def unknown_share(self, text: str) -> float:
        return self.unknown


class FakeIndex:
    """Both searches over given scores; the lexical one finds only what is above zero, as BM25 does."""

    def __init__(self, scores: Mapping[int, float], *, floor: float | None = None) -> None:
        self.given = {key: score for key, score in scores.items() if floor is None or score > floor}
        self.live = set(scores)

    name = "fake"

    def search(self, query: Any, k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        return [Scored(key, self.given[key]) for key in sorted(self.given, key=lambda key: (-self.given[key], key))[:k]]

    def scores(self, query: Any, keys: Sequence[int], *, question: str = "") -> dict[int, float]:
        return {key: self.given.get(key, 0.0) for key in keys if key in self.live}

    def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(terms, 1)

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        return dict.fromkeys(terms, 1.0)


class FakeReranker:
    name = "fake"
    batch = None

    def __init__(self, scores: Mapping[int, float]) -> None:
        self.given = scores

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        return [self.given[int(passage.removeprefix("text "))] for passage in passages]


def passages(keys: Sequence[int]) -> list[Passage]:
    return [
        Passage(key, f"{key:016x}", "a.md", b"a.md", "A", "en", Chunk(0, len(text), text))
        for key, text in ((key, f"text {key}") for key in keys)
    ]


def run(
    dense: Mapping[int, float],
    lexical: Mapping[int, float],
    *,
    question: str = "termination notice",
    unknown: float = 0.0,
    shares: Mapping[int, float] | None = None,
    reranker: FakeReranker | None = None,
    candidates_to_rerank: int = 32,
    place: Callable[[int], int] = int,
    **settings: Any,
) -> Retrieval:
    everything = dense.keys() | lexical.keys()
    ticks = itertools.count()
    return retrieve(
        question,
        embedder=FakeEmbedder(unknown),
        vectors=FakeIndex(dense),
        lexical=FakeIndex({key: lexical.get(key, 0.0) for key in everything}, floor=0.0),
        passages=passages,
        unknown_shares=None if shares is None else lambda keys: {key: shares.get(key, 0.0) for key in keys},
        reranker=reranker,
        settings=RetrievalConfig(**{"coverage_weight": 0.0, **settings}),
        rerank=RerankConfig(candidates=candidates_to_rerank),
        place=place,
        clock=lambda: float(next(ticks)),
    )


def keys(result: Retrieval) -> list[int]:
    return [hit.passage.key for hit in result.hits]


COSINES = st.dictionaries(st.integers(0, 30), st.integers(-8, 8).map(lambda step: step / 8), min_size=1, max_size=20)
WEIGHTS = st.dictionaries(st.integers(0, 30), st.integers(0, 40).map(lambda step: step / 4), max_size=20)


@pytest.mark.parametrize("fusion", ["convex", "rrf"])
@pytest.mark.parametrize("question", ["termination notice", 'the "termination notice"', "notice TB-4425"])
@pytest.mark.parametrize("coverage_weight", [0.0, 0.5])
def test_passages_that_tie_come_in_the_order_of_their_places(
    fusion: str, question: str, coverage_weight: float
) -> None:
    """Through every stage that makes an order anew."""
    places = {1: 3, 2: 1, 3: 2}
    dense, lexical = ({1: 0.9}, {3: 5.0}) if fusion == "rrf" else ({}, {1: 5.0, 2: 5.0, 3: 5.0})
    result = run(
        dense,
        lexical,
        question=question,
        unknown=0.0 if dense else 1.0,
        place=places.__getitem__,
        fusion=fusion,
        coverage_weight=coverage_weight,
        collapse=False,
    )
    assert keys(result) == ([3, 1] if fusion == "rrf" else [2, 3, 1])


@given(COSINES, WEIGHTS, st.integers(1, 12), st.integers(1, 12), st.sampled_from(["convex", "rrf"]))
def test_hits_are_ranked_without_gaps_or_repeats(
    dense: dict[int, float], lexical: dict[int, float], top_k: int, candidates: int, fusion: str
) -> None:
    lexical = {key: score for key, score in lexical.items() if key in dense}
    result = run(dense, lexical, top_k=top_k, candidates=candidates, fusion=fusion)
    assert len(set(keys(result))) == len(result.hits) <= top_k
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))
    order = [(-hit.score, hit.passage.key) for hit in result.hits]
    assert order == sorted(order)
    assert all(hit.found_by for hit in result.hits)
    assert all(hit.dense == dense[hit.passage.key] for hit in result.hits)
    assert all(hit.lexical == lexical.get(hit.passage.key, 0.0) for hit in result.hits)
    again = run(dense, lexical, top_k=top_k, candidates=candidates, fusion=fusion)
    assert again == result


def test_each_half_alone_decides_where_the_other_finds_nothing() -> None:
    assert keys(run({1: 0.1, 2: 0.9, 3: 0.5}, {})) == [2, 3, 1]
    assert keys(run({}, {1: 1.0, 2: 9.0, 3: 5.0})) == [2, 3, 1]
    assert run({}, {}).hits == ()


def test_a_question_without_terms_is_searched_by_meaning_alone() -> None:
    result = run({1: 0.1, 2: 0.9}, {1: 5.0}, question="what is it?")
    assert keys(result) == [2, 1]
    assert result.hits[0].found_by == ("dense",)


def test_ties_are_broken_by_the_smaller_key() -> None:
    assert keys(run({5: 0.5, 3: 0.5, 9: 0.5}, {})) == [3, 5, 9]


def test_an_unreadable_question_is_not_even_embedded() -> None:
    embedder = FakeEmbedder(unknown=0.31)
    result = retrieve(
        "保固期",
        embedder=embedder,
        vectors=FakeIndex({1: 0.9, 2: 0.1}),
        lexical=FakeIndex({1: 1.0, 2: 2.0}),
        passages=passages,
        settings=RetrievalConfig(gate_unknown=0.3),
        rerank=RerankConfig(),
    )
    assert embedder.embedded == []
    assert keys(result) == [2, 1]
    assert not result.trace.readable
    assert [hit.dense for hit in result.hits] == [None, None]
    assert [hit.found_by for hit in result.hits] == [("lexical",), ("lexical",)]


def test_a_question_at_the_gate_is_read() -> None:
    assert run({1: 0.9}, {}, unknown=0.3, gate_unknown=0.3).trace.readable


def test_the_cosine_of_an_unreadable_passage_does_not_count() -> None:
    dense, lexical = {1: 0.99, 2: 0.6, 3: 0.1}, {2: 4.0, 3: 2.0}
    assert keys(run(dense, lexical)) == [2, 1, 3]
    gated = run(dense, lexical, shares={1: 0.6})
    assert keys(gated) == [2, 3]
    assert gated.trace.unreadable == {1}
    assert gated.trace.background == (0.6, 0.1)


def test_an_unreadable_passage_is_judged_by_its_words_alone() -> None:
    """The passage with all of a question's rare terms wins, although the best readable cosine always counts 1."""
    result = run({1: 0.2, 2: 0.3, 3: 0.1}, {1: 8.0, 2: 0.5, 3: 0.0}, shares={1: 0.7})
    assert keys(result)[0] == 1
    assert result.hits[0].score == 1.0
    assert result.hits[0].dense is None
    assert result.hits[0].found_by == ("lexical",)


def test_reciprocal_rank_fusion_adds_the_reciprocals() -> None:
    result = run({1: 0.9, 2: 0.8, 3: 0.1}, {2: 5.0, 3: 4.0}, fusion="rrf")
    scores = {hit.passage.key: hit.score for hit in result.hits}
    assert scores == pytest.approx({1: 1 / 61, 2: 1 / 62 + 1 / 61, 3: 1 / 63 + 1 / 62}, abs=1e-8)


def test_a_reranker_decides_the_order_and_the_score() -> None:
    reranker = FakeReranker({1: 0.1, 2: 0.7, 3: 0.4})
    result = run({1: 0.9, 2: 0.5, 3: 0.1}, {}, reranker=reranker, top_k=2)
    assert keys(result) == [2, 3]
    assert [hit.score for hit in result.hits] == [0.7, 0.4]
    assert result.trace.reranking is not None
    assert result.trace.reranking.reranker == "fake"
    assert {hit.key for hit in result.trace.reranking.scored} == {1, 2, 3}
    assert [hit.key for hit in result.trace.fused] == [1, 2, 3]
    assert "rerank" in result.trace.timings_ms


def test_a_reranker_sees_no_more_candidates_than_it_may() -> None:
    reranker = FakeReranker({key: float(key) for key in range(5)})
    dense = {key: 1 - key / 10 for key in range(5)}
    assert keys(run(dense, {}, reranker=reranker, candidates_to_rerank=3, top_k=5)) == [2, 1, 0, 3, 4]
    assert keys(run(dense, {}, reranker=reranker, candidates_to_rerank=4, top_k=1)) == [3]


def test_the_trace_tells_what_happened() -> None:
    result = run({1: 0.9, 2: 0.5}, {2: 3.0})
    assert result.trace.query.terms == ("termin", "notic")
    assert [hit.key for hit in result.trace.dense] == [1, 2]
    assert [hit.key for hit in result.trace.lexical] == [2]
    assert {"embed", "dense", "lexical", "fusion", "passages"} <= result.trace.timings_ms.keys()
    assert result.hits[1].found_by == ("dense", "lexical")


# --- exact words, coverage, near-duplicates ---------------------------------------------------------------------------


class WordIndex(FakeIndex):
    """Scores as given, and the words of texts, so that what is required and how often words stand can be asked."""

    def __init__(self, scores: Mapping[int, float], texts: Mapping[int, str]) -> None:
        super().__init__(scores, floor=0.0)
        self.words = {key: set(analyze(text)) for key, text in texts.items()}
        self.live = set(texts)

    def search(self, query: Any, k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        if not required:
            return super().search(query, k)
        held = [key for key, own in self.words.items() if own >= set(required)]
        return [Scored(key, self.given.get(key, 0.0)) for key in held][:k]

    def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        return {term: sum(term in own for own in self.words.values()) for term in terms}


def read(
    question: str,
    texts: Mapping[int, str],
    dense: Mapping[int, float],
    lexical: Mapping[int, float],
    *,
    reranker: Any = None,
    place: Any = int,
    **settings: Any,
) -> Retrieval:
    return retrieve(
        question,
        embedder=FakeEmbedder(),
        vectors=FakeIndex({key: dense.get(key, 0.0) for key in texts}),
        lexical=WordIndex(lexical, texts),
        passages=lambda keys: [
            Passage(key, f"{key:016x}", "a.md", b"a.md", "A", "en", Chunk(0, len(texts[key]), texts[key]))
            for key in keys
        ],
        reranker=reranker,
        settings=RetrievalConfig(**{"coverage_weight": 0.0, "spelling": False, **settings}),
        rerank=RerankConfig(),
        place=place,
    )


CLAUSES = {
    1: "The tenant pays rent to the landlord.",
    2: "Storms are force majeure.",
    3: "By force or majeure.",
    4: "Pump TB-4425 leaks.",
    5: "Pump TB-4426 leaks.",
}


@pytest.mark.parametrize("fusion", ["convex", "rrf"])
@pytest.mark.parametrize("coverage_weight", [0.0, 0.3, 1.0])
def test_a_passage_with_the_quoted_phrase_comes_before_every_other(fusion: str, coverage_weight: float) -> None:
    result = read(
        'Does the tenant pay the landlord rent after "force majeure"?',
        CLAUSES,
        {1: 0.9, 3: 0.5, 2: -0.5},
        {1: 9.0, 3: 5.0},
        fusion=fusion,
        coverage_weight=coverage_weight,
    )
    assert keys(result)[:2] == [2, 1]
    assert [each.text for each in result.trace.exact[2]] == ["force majeure"]
    assert 3 not in result.trace.exact
    assert result.hits[0].found_by[-1] == "lexical"


def test_an_identifier_decides_between_near_equals_and_no_more() -> None:
    near = read("Does pump TB-4425 leak?", CLAUSES, {4: 0.5, 5: 0.55, 1: 0.0}, {4: 5.0, 5: 5.0})
    assert keys(near)[:2] == [4, 5]
    far = read("Does pump TB-4425 leak?", CLAUSES, {4: 0.1, 5: 0.9, 1: 0.0}, {4: 1.0, 5: 5.0})
    assert keys(far)[:2] == [5, 4]


def test_a_question_that_is_nothing_but_an_identifier_demands_it() -> None:
    assert keys(read("What is TB-4425?", CLAUSES, {4: 0.1, 5: 0.9, 1: 0.0}, {4: 1.0, 5: 5.0}))[:2] == [4, 5]


def test_whoever_writes_an_identifier_in_another_way_is_found_where_no_search_finds_it() -> None:
    texts = {1: "第四十五条", 2: "44条", 3: "44", 9: "第四十四條：押金"}
    result = read("第44条", texts, {1: 0.9, 2: 0.8, 9: -0.9}, {2: 5.0}, candidates=1)
    assert keys(result)[0] == 9
    assert result.hits[0].found_by == ("lexical",)


def test_a_reranker_does_not_take_the_quoted_phrase_from_its_place() -> None:
    class ByLength:
        name, batch = "length", None

        def score(self, question: str, passages: Sequence[str]) -> list[float]:
            return [float(len(passage)) for passage in passages]

    result = read('"force majeure" or rent?', CLAUSES, {1: 0.9, 2: 0.1}, {1: 5.0}, reranker=ByLength())
    assert keys(result)[:2] == [2, 1]
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)


def test_equals_with_exact_words_come_in_the_order_of_their_places() -> None:
    texts = dict.fromkeys((1, 2, 3), "Under force majeure.")
    result = read('"force majeure"', texts, {}, {}, collapse=False, place=lambda key: -key)
    assert keys(result) == [3, 2, 1]


QUESTIONS = st.sampled_from(
    ['"force majeure" rent', "TB-4425", '"force majeure" TB-4425 § 4', "rent", 'the "pump leaks"']
)


@given(
    QUESTIONS,
    st.dictionaries(st.integers(1, 5), st.floats(-1, 1)),
    st.dictionaries(st.integers(1, 5), st.floats(0.1, 30)),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(1, 6),
)
def test_scores_of_convex_fusion_are_shares_and_never_rise(
    question: str, dense: dict[int, float], lexical: dict[int, float], coverage_weight: float, top_k: int
) -> None:
    result = read(question, CLAUSES, dense, lexical, coverage_weight=coverage_weight, top_k=top_k)
    for scores in ([hit.score for hit in result.hits], [hit.score for hit in result.trace.fused]):
        assert scores == sorted(scores, reverse=True)
    assert all(0 <= hit.score <= 1 for hit in result.hits)
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))


def test_what_stands_together_counts_by_the_weight_that_words_have() -> None:
    texts = {1: "Deposits earn. Refunds take time.", 2: "Refunds of deposits are free.", 3: "Other."}
    dense, lexical = {1: 0.5, 2: 0.5}, {1: 5.0, 2: 4.5}
    assert keys(read("refunds deposits", texts, dense, lexical, coverage_weight=0.0))[0] == 1
    together = read("refunds deposits", texts, dense, lexical, coverage_weight=0.3)
    assert keys(together)[0] == 2
    assert "coverage" in together.trace.timings_ms
    assert keys(read("refunds deposits", texts, dense, lexical, coverage_weight=1.0, dense_weight=1.0))[0] == 1


def test_what_was_not_looked_into_stays_below_in_its_order() -> None:
    texts = {key: f"Passage {'x' * key}." for key in range(1, 60)}
    dense = {key: 1 - key / 100 for key in texts}
    result = read("zebra", texts, dense, {}, coverage_weight=1.0, dense_weight=0.5, top_k=10)
    assert [hit.key for hit in result.trace.fused] == sorted(texts)
    scores = [hit.score for hit in result.trace.fused]
    assert scores == sorted(scores, reverse=True)


def test_copies_are_left_out_and_named_with_what_stands_for_them() -> None:
    texts = {1: "Rent is due.", 2: "Rent is due!", 3: "Rent is paid.", 4: "rent, is due", 5: "Rent is due in 2024."}
    dense = {key: 1 - key / 10 for key in texts}
    result = read("zebra", texts, dense, {}, top_k=3)
    assert keys(result) == [1, 3, 5]
    assert result.trace.duplicates == {2: 1, 4: 1}
    everything = read("zebra", texts, dense, {}, top_k=3, collapse=False)
    assert keys(everything) == [1, 2, 3]
    assert everything.trace.duplicates == {}


def test_what_is_left_out_makes_room_for_what_was_not_looked_into() -> None:
    texts = {key: "Rent is due." for key in range(1, 30)} | {key: f"Clause {key} holds." for key in range(30, 50)}
    dense = {key: 1 - key / 100 for key in texts}
    result = read("zebra", texts, dense, {}, top_k=8)
    assert len(result.hits) == 8
    assert keys(result)[0] == 1
    assert [hit.rank for hit in result.hits] == list(range(1, 9))


@given(st.integers(2, 40), st.integers(1, 30), st.booleans())
def test_scores_never_rise_behind_a_reranker_where_copies_are_left_out(copies: int, top_k: int, negative: bool) -> None:
    """A reranker's scale is its own; what comes after what it saw goes on from its lowest score."""
    dense = {key: 1 - key / 100 for key in range(50)}
    reranker = FakeReranker({key: (-40.0 if negative else 40.0) - key for key in range(50)})
    texts = {key: "the same words" for key in range(copies)}

    def stored(keys: Sequence[int]) -> list[Passage]:
        return [
            replace(each, chunk=Chunk(0, len(text), text))
            for each in passages(keys)
            for text in [texts.get(each.key, each.chunk.text)]
        ]

    class AnyText(FakeReranker):
        def score(self, question: str, passages: Sequence[str]) -> list[float]:
            return [self.given[place] for place in range(len(passages))]

    hits = retrieve(
        "notice",
        embedder=FakeEmbedder(),
        vectors=FakeIndex(dense),
        lexical=FakeIndex(dict.fromkeys(dense, 0.0), floor=0.0),
        passages=stored,
        reranker=AnyText(reranker.given),
        settings=RetrievalConfig(coverage_weight=0.0, top_k=top_k),
        rerank=RerankConfig(candidates=20),
    ).hits
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_a_model_whose_tokens_are_estimated_corrects_nothing() -> None:
    class Service(FakeEmbedder):
        def count_tokens(self, text: str) -> int:
            return 2 * len(text.split())

    class Words(FakeIndex):
        def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
            return {term: int(term != "bolt") for term in terms}

    def asked(embedder: FakeEmbedder) -> str:
        index = Words({1: 1.0})
        retrieval = retrieve(
            "bolt",
            embedder=embedder,
            vectors=index,
            lexical=index,
            passages=passages,
            settings=RetrievalConfig(),
            rerank=RerankConfig(),
        )
        return retrieval.trace.query.text

    class Reader(FakeEmbedder):
        def count_tokens(self, text: str) -> int:
            return 1 if text == "house" else 2

    assert asked(Service()) == "bolt"
    assert asked(Reader()) != "bolt"
