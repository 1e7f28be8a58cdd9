"""Abstention: what counts as evidence, and that it does not depend on scale, script or embedding model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.answering.evidence import REFUSE_BELOW, WEIGHTS, Evidence, assess, measure
from ragqa.types import Chunk, Hit, Passage

THRESHOLD = REFUSE_BELOW


def hit(
    text: str,
    *,
    title: str = "",
    dense: float | None = None,
    lexical: float | None = None,
    heading: tuple[str, ...] = (),
) -> Hit:
    passage = Passage(1, "1" * 16, "a.md", b"a.md", title, "en", Chunk(0, len(text), text, heading))
    return Hit(1, passage, 1.0, ("lexical",), dense, lexical)


def even(terms: Sequence[str]) -> Mapping[str, float]:
    return dict.fromkeys(terms, 1.0)


def scaled(factor: float) -> Callable[[Sequence[str]], Mapping[str, float]]:
    return lambda terms: {term: factor * (1 + len(term)) for term in terms}


ANSWERED = [
    ("When may the tenant terminate the lease?", "The tenant may terminate the lease after six months."),
    ("X200 的保固期多久？", "X200 的保固期為三十六個月。"),
    ("乙方逾期交货每天支付多少违约金？", "乙方逾期交货的，每天按货款的千分之四支付违约金。"),
]


@pytest.mark.parametrize(("question", "text"), ANSWERED)
def test_a_passage_that_says_what_is_asked_is_evidence(question: str, text: str) -> None:
    noise = [hit("The canteen opens at noon.", lexical=0.0), hit("午餐十二點開始。", lexical=0.0)]
    found = assess(question, [noise[0], hit(text, lexical=9.0), noise[1]], idf=even)
    assert found.score >= THRESHOLD
    assert found.best == 1


@pytest.mark.parametrize(("question", "text"), ANSWERED)
def test_other_passages_are_not(question: str, text: str) -> None:
    others = [hit(other, lexical=1.0) for _, other in ANSWERED if other != text]
    assert assess(question, others, idf=even).score < THRESHOLD


def test_without_hits_or_without_terms_there_is_no_evidence() -> None:
    nothing = Evidence(0.0, None, {})
    assert assess("When may the tenant terminate?", [], idf=even) == nothing
    assert assess("What is it?", [hit("It is what it is.")], idf=even) == nothing


def test_a_code_that_the_passage_lacks_counts_against_it() -> None:
    text = "Part TB-4425 costs £31.90 each."
    right = assess("What does part TB-4425 cost?", [hit(text, lexical=5.0)], idf=even)
    wrong = assess("What does part TB-4490 cost?", [hit(text, lexical=5.0)], idf=even)
    assert wrong.score < THRESHOLD <= right.score
    assert wrong.features["codes"] == 1.0


def test_everything_else_does_not_make_up_for_a_missing_code() -> None:
    text = "Under the supply contract the battery pack BP-15 costs 254.50 yuan."
    question = "What does the battery pack {} cost under the supply contract?"
    assert assess(question.format("BP-15"), [hit(text, lexical=5.0)], idf=even).score >= THRESHOLD
    assert assess(question.format("BP-20"), [hit(text, lexical=5.0)], idf=even).score < THRESHOLD


def test_another_passage_of_the_same_document_is_no_rival() -> None:
    same = [hit("The tenant leaves.", lexical=4.0), hit("The tenant pays.", lexical=3.0)]
    other = replace(same[1], passage=replace(same[1].passage, path=b"b.md"))
    assert measure("tenant", same, idf=even)[0]["lead"] == 1.0
    assert measure("tenant", [same[0], other], idf=even)[0]["lead"] == 0.25


def test_a_cosine_is_measured_from_the_mean_of_the_others() -> None:
    features = measure("tenant", [hit("x", dense=0.6)], idf=even, background=[0.6, 0.2, 0.2, 0.2, 0.2])[0]
    assert features["lift"] == pytest.approx(0.5)
    assert features["readable"] == 1.0
    few = measure("tenant", [hit("x", dense=0.6)], idf=even, background=[0.6, 0.2])[0]
    assert few["readable"] == few["lift"] == 0.0


def test_a_heading_and_a_title_are_part_of_the_evidence() -> None:
    bare = measure("warranty of the Petrel", [hit("36 months.")], idf=even)[0]
    headed = measure("warranty of the Petrel", [hit("36 months.", heading=("Warranty",), title="Petrel")], idf=even)[0]
    assert bare["window"] == 0.0
    assert headed["window"] == headed["passage"] == 1.0


def test_two_sentences_far_apart_are_less_than_two_neighbours() -> None:
    question = "station battery"
    near = measure(question, [hit("The station is new. The battery is old. Rain falls.")], idf=even)[0]
    far = measure(question, [hit("The station is new. Rain falls. The battery is old.")], idf=even)[0]
    assert far["window"] < near["window"]
    assert far["passage"] == near["passage"]


def test_simplified_and_traditional_are_the_same_evidence() -> None:
    hits = [hit("儀器的保固期為三十六個月。", lexical=3.0)]
    assert assess("儀器的保固期是多久", hits, idf=even) == assess("仪器的保固期是多久", hits, idf=even)


QUESTIONS = st.sampled_from([question for question, _ in ANSWERED])
HITS = st.lists(
    st.builds(
        hit,
        st.one_of(st.sampled_from([text for _, text in ANSWERED]), st.text(min_size=1, max_size=60).filter(str.strip)),
        dense=st.one_of(st.none(), st.floats(-1, 1)),
        lexical=st.one_of(
            st.none(), st.floats(0, 50, allow_subnormal=False)
        ),  # a quarter of the least number there is, is none
    ),
    max_size=10,
)
COSINES = st.lists(st.floats(-1, 1), max_size=30)


@given(QUESTIONS, HITS, COSINES)
def test_every_feature_is_a_share_and_the_score_a_probability(
    question: str, hits: list[Hit], background: list[float]
) -> None:
    for features in measure(question, hits, idf=even, background=background):
        assert features.keys() | {"constant"} == WEIGHTS.keys()
        assert all(0.0 <= value <= 1.0 + 1e-9 for value in features.values())
    found = assess(question, hits, idf=even, background=background)
    assert 0.0 <= found.score <= 1.0
    assert (found.best is None) == (not hits)


@given(QUESTIONS, HITS, COSINES, st.sampled_from([0.25, 0.5, 4.0]))
def test_the_size_of_idf_and_bm25_does_not_matter(
    question: str, hits: list[Hit], background: list[float], factor: float
) -> None:
    larger = [replace(hit, lexical=None if hit.lexical is None else hit.lexical * factor) for hit in hits]
    once = assess(question, hits, idf=scaled(1.0), background=background)
    again = assess(question, larger, idf=scaled(factor), background=background)
    assert again.score == pytest.approx(once.score, abs=1e-6)


@given(QUESTIONS, HITS, COSINES, st.sampled_from([0.125, 0.5]))
def test_an_embedder_with_narrower_cosines_gives_the_same_score(
    question: str, hits: list[Hit], background: list[float], width: float
) -> None:
    def narrow(cosine: float) -> float:
        return 1 - (1 - cosine) * width

    narrower = [replace(hit, dense=None if hit.dense is None else narrow(hit.dense)) for hit in hits]
    once = assess(question, hits, idf=even, background=background)
    again = assess(question, narrower, idf=even, background=[narrow(cosine) for cosine in background])
    assert again.score == pytest.approx(once.score, abs=1e-5)


def test_a_cosine_that_stands_out_is_evidence_and_one_that_does_not_is_none() -> None:
    """Words alone leave this question open; meaning closes it, both ways."""
    question = "When do holidays from last year expire?"
    text = "Unused leave must be taken by 30 June; holidays lapse after that."
    background = [0.7, *[0.1] * 20]
    near = assess(question, [hit(text, dense=0.7, lexical=2.0)], idf=even, background=background)
    far = assess(question, [hit(text, dense=0.15, lexical=2.0)], idf=even, background=background)
    assert far.score < THRESHOLD < near.score
