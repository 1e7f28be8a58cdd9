"""A reranker's probability lifts a sentence in other words, never one with a wrong number or name; within its time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import pytest

from ragqa.answering.citations import Scorer, compose
from ragqa.answering.scoring import scorer
from ragqa.errors import ServiceError
from ragqa.ports import Finish
from ragqa.types import Answer, Hit

DONE = Finish(complete=True, reason="stop")
LEEDS = "Annual leave at the Leeds office is 25 days a year. Unused leave lapses on 31 March."


class Sure:
    """Says the same of every passage."""

    name, batch, is_logit = "sure", 4, True

    def __init__(self, logit: float, *, failing: bool = False) -> None:
        self.logit = logit
        self.failing = failing
        self.asked: list[str] = []

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        self.asked.append(question)
        if self.failing:
            raise ServiceError("down")
        return [self.logit - number for number in range(len(passages))]


@pytest.fixture
def sources(make_hit: Callable[..., Hit]) -> list[Hit]:
    return [make_hit(LEEDS), make_hit("The canteen opens at noon.", rank=2)]


def answer(output: str, sources: list[Hit], score: Scorer | None) -> Answer:
    return compose("?", output, DONE, sources, page_of=lambda passage, offset: (None, None), scorer=score)


OTHER_WORDS = "Holiday entitlement expires if nobody takes it before spring [1]."


def test_a_sentence_in_other_words_is_supported_where_the_reranker_is_sure(sources: list[Hit]) -> None:
    assert answer(OTHER_WORDS, sources, None).status == "not_found"
    sure = answer(OTHER_WORDS, sources, scorer(Sure(4.0), budget_s=1))
    assert (sure.status, [sentence.support for sentence in sure.sentences]) == ("answered", ["supported"])
    assert sure.sentences[0].score == pytest.approx(1 / (1 + math.exp(-4)))
    # The words of the source that come closest are its quote.
    assert [citation.quote.text in LEEDS and citation.verified for citation in sure.citations] == [True]
    unsure = answer(OTHER_WORDS + " Annual leave is 25 days [1].", sources, scorer(Sure(2.0), budget_s=1))
    assert [sentence.support for sentence in unsure.sentences] == ["unsupported", "supported"]
    assert [sentence.score is None for sentence in unsure.sentences] == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        "Holiday entitlement of 26 days expires [1].",
        "Holiday entitlement in Bradford expires [1].",
        "Holiday entitlement expires on 1 April [1].",
        "Holiday entitlement expires.",
    ],
)
def test_a_wrong_number_or_name_is_never_lifted_nor_asked_about(sources: list[Hit], wrong: str) -> None:
    reranker = Sure(9.0)
    judged = answer(f"Annual leave is 25 days a year [1]. {wrong}", sources, scorer(reranker, budget_s=1))
    assert [sentence.support for sentence in judged.sentences] == ["supported", "unsupported"]
    assert reranker.asked == []


def test_all_sentences_of_an_answer_share_the_time(sources: list[Hit]) -> None:
    ticks = itertools.count(step=0.4)
    score = scorer(Sure(4.0), budget_s=1.0, clock=lambda: next(ticks))
    assert [score(f"sentence {number}", ["text"]) is not None for number in range(4)] == [True, True, False, False]
    # The first is scored whatever it costs.
    hurried = scorer(Sure(4.0), budget_s=0.0, clock=lambda: next(ticks))
    assert [hurried("a", ["text"]) is not None, hurried("b", ["text"]) is not None] == [True, False]


def test_what_cannot_be_scored_has_no_score() -> None:
    assert scorer(Sure(1.0, failing=True), budget_s=1)("a", ["text"]) is None
    assert scorer(Sure(math.nan), budget_s=1)("a", ["text"]) is None
    assert scorer(Sure(1.0), budget_s=1)("a", []) is None
    assert scorer(Sure(1e9), budget_s=1)("a", ["text"]) == 1.0
