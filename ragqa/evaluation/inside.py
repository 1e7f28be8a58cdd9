"""What a filter leaves to be measured: questions about what it lets through, and their gold there; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ragqa.evaluation.questions import Question
from ragqa.evaluation.relevance import Gold, Name, gather, named
from ragqa.types import Chunk

Chunks = Callable[[], Iterable[tuple[int, int, Chunk]]]
"""Every chunk of an index, as (key, content, chunk); may be walked again."""


def measured(
    questions: Sequence[Question],
    names: Sequence[Name],
    inside: Sequence[Name],
    chunks: Chunks,
    passages: Mapping[str, int | None] | None = None,
) -> tuple[list[Question], list[Gold]]:
    """The questions that can be asked of the paths `inside` alone, and the gold that an index of these would have.

    Left out is a question whose document is known and outside, or whose answers stand outside and not inside, or all
    of whose passages are outside. Of passages on both sides it keeps those inside. What the index does not know, and
    what cannot be answered, is asked all the same.
    """
    contents = {name.content for name in inside if name.content is not None}
    paths = {name.path for name in inside}
    if passages is None:
        kept = [question for question in questions if _may_be_inside(question, names, paths)]
    else:
        stored = {passage: content for passage, content in passages.items() if content is not None}
        outside = {passage for passage, content in stored.items() if content not in contents}
        kept = [left for question in questions if (left := _without(question, outside))]
    gold = gather(kept, inside, (chunk for chunk in chunks() if chunk[1] in contents), passages)
    # Answers without a document may stand anywhere: not inside, but outside.
    unplaced = [question for question, right in zip(kept, gold, strict=True) if _is_unplaced(question, right)]
    if passages is None and unplaced:
        everywhere = gather(unplaced, names, chunks())
        elsewhere = {question.id for question, right in zip(unplaced, everywhere, strict=True) if right.keys}
        pairs = [pair for pair in zip(kept, gold, strict=True) if pair[0].id not in elsewhere]
        kept, gold = [question for question, _ in pairs], [right for _, right in pairs]
    return kept, gold


def _may_be_inside(question: Question, names: Sequence[Name], paths: set[str]) -> bool:
    meant = named(question.document, names) if question.document is not None else []
    return not meant or any(name.path in paths for name in meant)


def _without(question: Question, outside: set[str]) -> Question | None:
    """The question without passages that are outside; None where it has no others."""
    relevant = {passage: gain for passage, gain in question.relevant.items() if passage not in outside}
    if len(relevant) == len(question.relevant):
        return question
    return replace(question, relevant=relevant) if relevant else None


def _is_unplaced(question: Question, right: Gold) -> bool:
    return question.document is None and bool(question.answers) and not right.keys
