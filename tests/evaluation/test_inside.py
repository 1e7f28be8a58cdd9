"""A filter leaves the questions about what it lets through, with the gold that an index of nothing else would have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from ragqa.evaluation.inside import measured
from ragqa.evaluation.questions import Question
from ragqa.evaluation.relevance import Gold, Name, gather
from ragqa.types import Chunk

NAMES = [
    Name("new/hand.md", "/docs/new/hand.md", 1),
    Name("old/hand.md", "/docs/old/hand.md", 2),
    Name("old/soup.md", "/docs/old/soup.md", 3),
    Name("old/scan.pdf", "/docs/old/scan.pdf", None),
]
TEXTS = {1: ["Leave is 27 days.", "Tea is free."], 2: ["Leave is 20 days."], 3: ["Soup is 5 pounds."]}
CHUNKS = [
    (10 * content + number, content, Chunk(0, len(text), text))
    for content, texts in TEXTS.items()
    for number, text in enumerate(texts)
]
NEW, OLD = NAMES[:1], NAMES[1:]


def asked(
    questions: Sequence[Question], inside: Sequence[Name], passages: Mapping[str, int | None] | None = None
) -> dict[str, Gold]:
    def chunks() -> Iterator[tuple[int, int, Chunk]]:
        return iter(CHUNKS)

    kept, gold = measured(questions, NAMES, inside, chunks, passages)
    # The oracle: an index that holds nothing else, asked the same.
    contents = {name.content for name in inside}
    assert gold == gather(kept, inside, [chunk for chunk in CHUNKS if chunk[1] in contents], passages)
    return {question.id: right for question, right in zip(kept, gold, strict=True)}


@pytest.mark.parametrize(
    ("question", "is_in_new", "is_in_old"),
    [
        (Question("q", "?", "en", document="new/hand.md"), True, False),
        (Question("q", "?", "en", ("20 days",), "old/hand.md"), False, True),
        (Question("q", "?", "en", document="hand.md"), True, True),
        (Question("q", "?", "en", document="scan.pdf"), False, True),
        (Question("q", "?", "en", document="nowhere.md"), True, True),
        (Question("q", "?", "en", ("5 pounds",)), False, True),
        (Question("q", "?", "en", ("7 pounds",)), True, True),
        (Question("q", "?", "en"), True, True),
        (Question("q", "?", "en", answerable=False), True, True),
    ],
)
def test_a_question_about_what_is_outside_is_left_out(question: Question, is_in_new: bool, is_in_old: bool) -> None:
    assert ("q" in asked([question], NEW), "q" in asked([question], OLD)) == (is_in_new, is_in_old)


def test_gold_is_what_stands_inside() -> None:
    answers = Question("q", "?", "en", ("27 days", "20 days"))
    named = Question("r", "?", "en", ("20 days",), "hand.md")
    assert {name: gold.keys for name, gold in asked([answers, named], OLD).items()} == {"q": {20}, "r": {20}}
    assert {name: gold.keys for name, gold in asked([answers, named], NEW).items()} == {"q": {10}, "r": {10, 11}}


def test_passages_of_a_collection_that_are_outside_are_no_gold() -> None:
    passages = {"a": 1, "b": 2, "c": None}
    both = Question("both", "?", "en", relevant={"a": 2, "b": 1})
    other = Question("other", "?", "en", relevant={"b": 1})
    refused = Question("refused", "?", "en", relevant={"c": 1})
    found = asked([both, other, refused], NEW, passages)
    assert {name: (gold.keys, gold.gains) for name, gold in found.items()} == {
        "both": ({10, 11}, (2,)),
        "refused": (frozenset(), (1,)),
    }
