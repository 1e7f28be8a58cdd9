"""Drafts of questions: what a rule or a model proposes for a passage, checked by code, and spread over documents."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ragqa.evaluation.answers import holds, key
from ragqa.text.folding import fold, fold_with_offsets
from ragqa.text.language import detect, is_han
from ragqa.text.sentences import spans

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question, its answer in the passage's own words, and the rule or model it is from."""

    question: str
    answer: str
    by: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked proposal: `answer` stands in `evidence`, which stands in the document, line breaks as blanks.

    A person has to review it all the same: code cannot tell whether the question makes sense.
    """

    id: str
    question: str
    answer: str
    document: str
    page: int | None
    language: str
    evidence: str
    heading: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A proposal that passed: its answer as the passage has it, and the sentence around that, by offsets."""

    question: str
    answer: str
    start: int
    end: int


def flat(text: str) -> str:
    """The text on one line: line breaks and blanks as one blank, none between Chinese characters."""
    words = text.split()
    pieces: list[str] = []
    for word in words:
        if pieces and not (_is_wide(pieces[-1][-1]) and _is_wide(word[0])):
            pieces.append(" ")
        pieces.append(word)
    return "".join(pieces)


def _is_wide(character: str) -> bool:
    return is_han(character) or character in "，。、；：？！（）「」『』《》“”"


_LONGEST_QUESTION = 240
_LONGEST_ANSWER = 240
_SHORTEST_QUESTION = {True: 5, False: 12}
"""By whether it is Chinese."""
_POINTS_AT_TEXT = re.compile(
    r"\b(?:the|this|that) (?:above |following |given )?(?:passage|text|document|excerpt|section|table|paragraph)\b"
    r"|\b(?:mentioned|described|stated) (?:above|below|here)\b|本文|文中|本段|[该該这這]段|上文|下文|[该該]文",
    re.IGNORECASE,
)


def checked(proposal: Proposal, text: str) -> Checked | None:
    """The proposal if it can be asked of all documents and its answer stands in `text`; None where it cannot be used.

    The answer must stand there word for word (letter case, width and line breaks aside), and not in the question; the
    question must be one, in the language of the text, and not speak of "the passage", which nobody will see.
    """
    question = flat(proposal.question)
    chinese = detect(question).startswith("zh")
    if not question.endswith(("?", "？")) or chinese != detect(text).startswith("zh"):
        return None
    if not _SHORTEST_QUESTION[chinese] <= len(question) <= _LONGEST_QUESTION or _POINTS_AT_TEXT.search(question):
        return None
    answer = key(proposal.answer)
    if len(proposal.answer) > _LONGEST_ANSWER or len(answer) <= 2 or holds(key(question), [answer]):
        return None
    place = _locate(proposal.answer, text)
    if place is None:
        return None
    around = [span for span in spans(text) if span[0] < place[1] and place[0] < span[1]]
    start, end = min(place[0], around[0][0]), max(place[1], around[-1][1])
    return Checked(question, flat(text[slice(*place)]), start, end)


def _locate(answer: str, text: str) -> tuple[int, int] | None:
    """Where the answer stands in the text, white space aside; whole numbers and words only."""
    folded, offsets = fold_with_offsets(text)
    kept = [place for place, character in enumerate(folded) if not character.isspace()]
    wanted = "".join(fold(answer).split())
    squashed = "".join(folded[place] for place in kept)
    at = squashed.find(wanted) if wanted else -1
    while at >= 0:
        first, last = kept[at], kept[at + len(wanted) - 1]
        if not (_joined(folded, first - 1) or _joined(folded, last)):
            return offsets[first], max(offsets[last + 1], offsets[last] + 1)
        at = squashed.find(wanted, at + 1)
    return None


def _joined(text: str, place: int) -> bool:
    """Whether the characters at `place` and behind it are of one number or one Latin word."""
    if not 0 <= place < len(text) - 1:
        return False
    before, behind = text[place], text[place + 1]
    return (before.isdigit() and behind.isdigit()) or (
        before.isalpha() and behind.isalpha() and not is_han(before) and not is_han(behind)
    )


def identity(question: str) -> str:
    """The id of a draft: the same question has the same one in every run."""
    return f"draft-{hashlib.sha256(question.encode()).hexdigest()[:10]}"


def spread(items: Mapping[str, Mapping[str, Sequence[Item]]], *, seed: int) -> Iterator[Item]:
    """All items, given by language and document, in an order that takes turns: languages, then their documents.

    The order of documents, and of the items of one, is drawn by `seed` alone.
    """
    chance = random.Random(seed)
    turns: list[Iterator[Item]] = []
    for language in sorted(items):
        documents = sorted(items[language])
        chance.shuffle(documents)
        columns = []
        for document in documents:
            column = list(items[language][document])
            chance.shuffle(column)
            columns.append(iter(column))
        turns.append(_in_turn(columns))
    return _in_turn(turns)


def _in_turn(iterators: Sequence[Iterator[Item]]) -> Iterator[Item]:
    left = list(iterators)
    while left:
        for iterator in list(left):
            try:
                yield next(iterator)
            except StopIteration:
                left.remove(iterator)
