"""Picks the sentences that most probably hold the answer, verbatim, from the best passages; pure."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ragqa.answering.cues import Cue, asked_for
from ragqa.text.analyzer import analyze
from ragqa.text.sentences import spans
from ragqa.types import Hit

PASSAGES = 3
"""Sentences come from this many of the best passages."""
LONGEST = 600
"""Text without full stops is cut into pieces of at most so many characters, or half as many where it is Chinese."""

MARGIN = 3.0
"""A sentence this far below the best adds noise: without a margin there are always three, with this one 2.7, and no
answer is lost with the others; with 2.0 there are 2.3, and 1 to 2 of 100 answers are lost."""

_WEIGHTS = {"coverage": 2.2, "around": 1.5, "pairs": 1.4, "rank": 2.9, "cue": 0.4, "asks": -2.5}
"""A logistic regression of "this sentence holds the answer" on public question sets in three languages, rounded. Their
texts hold no questions; that a question is not its own answer, as in a FAQ, is our own rule."""
_CLAUSE = re.compile(r"[，、；：]|[,;:](?=\s)|\s")
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_ASKS = re.compile(r"[?？][\"'”’」』)）]*$")


@dataclass(frozen=True, slots=True)
class Selected:
    """A sentence of `hits[source]`: `passage.chunk.text[start:end] == text`. Scores compare within one question."""

    source: int
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence with its terms, and those of its neighbourhood: the sentences beside it and the heading path."""

    source: int
    start: int
    end: int
    text: str
    terms: tuple[str, ...]
    around: frozenset[str]


def select(
    question: str,
    hits: Sequence[Hit],
    *,
    idf: Callable[[Sequence[str]], Mapping[str, float]],
    limit: int = 3,
) -> tuple[Selected, ...]:
    """At most `limit` sentences from the first passages, by rank of the passage, then as they stand in it.

    `idf` weighs the question's terms. A sentence that says nothing beyond the question (a heading, the question itself)
    is not picked, nor the same sentence twice.
    """
    terms = list(dict.fromkeys(analyze(question)))
    weights = idf(terms)
    wanted = asked_for(question)
    scored = []
    for candidate in _candidates(hits[:PASSAGES]):
        if set(candidate.terms) - weights.keys():
            values = _features(candidate, terms, weights, wanted)
            scored.append((sum(_WEIGHTS[name] * value for name, value in values.items()), candidate))
    scored.sort(key=lambda pair: (-round(pair[0], 9), pair[1].source, pair[1].start))
    chosen: dict[tuple[str, ...], Selected] = {}
    for score, candidate in scored:
        if len(chosen) == limit or score < scored[0][0] - MARGIN:
            break
        chosen.setdefault(
            candidate.terms,
            Selected(candidate.source, candidate.start, candidate.end, candidate.text, score),
        )
    return tuple(sorted(chosen.values(), key=lambda sentence: (sentence.source, sentence.start)))


def _features(
    candidate: _Candidate, terms: Sequence[str], weights: Mapping[str, float], wanted: Cue | None
) -> dict[str, float]:
    """What speaks for a sentence, each about 0 to 1.

    `coverage` and `around` are the shares of the question, weighed by idf, in the sentence and in its neighbourhood;
    `pairs` the share of the question's neighbouring terms that are neighbours here too; `rank` falls with that of the
    passage; `cue` is 1 where the sentence holds what the question asks for (a date, a number), -1 where it does not.
    """
    total = math.fsum(weights.values()) or 1.0
    own = set(candidate.terms)
    pairs = set(itertools.pairwise(terms))
    found = pairs & set(itertools.pairwise(candidate.terms))
    return {
        "coverage": math.fsum(weight for term, weight in weights.items() if term in own) / total,
        "around": math.fsum(weight for term, weight in weights.items() if term in candidate.around) / total,
        "pairs": len(found) / len(pairs) if pairs else 0.0,
        "rank": 1 / (1 + candidate.source),
        "cue": 0.0 if wanted is None else 1.0 if wanted(candidate.text) else -1.0,
        "asks": 1.0 if _ASKS.search(candidate.text) else 0.0,
    }


def _candidates(hits: Sequence[Hit]) -> list[_Candidate]:
    candidates = []
    for source, hit in enumerate(hits):
        text = hit.passage.chunk.text
        heading = set(analyze(" ".join(hit.passage.chunk.heading)))
        places = [piece for start, end in spans(text) for piece in _pieces(text, start, end)]
        terms = [tuple(analyze(text[start:end])) for start, end in places]
        for number, (start, end) in enumerate(places):
            around = heading.union(*terms[max(0, number - 1) : number + 2])
            candidates.append(_Candidate(source, start, end, text[start:end], terms[number], frozenset(around)))
    return candidates


def _longest(text: str, start: int) -> int:
    """How many characters from `start` can be read as one sentence: half as many where they are Chinese."""
    wide = len(_WIDE.findall(text, start, start + LONGEST))
    return LONGEST // 2 if wide > LONGEST // 4 else LONGEST


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence whole, or, where it is too long to be read as one, cut at clauses, else at blanks, else anywhere."""
    pieces = []
    while start < end:
        longest = _longest(text, start)
        cut = end
        if end - start > longest:
            marks = [match.end() for match in _CLAUSE.finditer(text, start + longest // 2, start + longest)]
            commas = [mark for mark in marks if not text[mark - 1].isspace()]
            cut = (commas or marks or [start + longest])[-1]
        piece = text[start:cut]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            pieces.append((start + lead, start + len(piece.rstrip())))
        start = cut
    return pieces
