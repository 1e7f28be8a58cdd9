"""From what a model wrote to a checked Answer: each citation's quote is found again in its passage, or marked."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ragqa.answering.markers import StreamFilter as StreamFilter
from ragqa.answering.markers import citations_in, claimed_quotes, lift
from ragqa.answering.quotes import locate
from ragqa.answering.support import check, content, judge, overlap
from ragqa.ports import Finish
from ragqa.text.sentences import spans
from ragqa.types import Answer, Citation, Hit, Passage, Quote, Sentence

PageOf: TypeAlias = Callable[[Passage, int], tuple[int | None, str | None]]
"""The page, and the label printed on it, of an offset in the passage's document; (None, None) without pages."""

_TELLING_TERMS = 3
"""A quote with fewer content words does not tell what it is about."""
_LEADING_MARKUP = re.compile(r"\A(?:[-*•>#]+\s+|\*\*(?=\s))+")


def stream_filter(sources: Sequence[Hit]) -> StreamFilter:
    """What shows a model's output while it comes, exactly as `compose` will show it at the end."""
    return StreamFilter(len(sources), [text for hit in sources for text in (_context(hit), hit.passage.document)])


Scorer: TypeAlias = Callable[[str, Sequence[str]], float | None]
"""How probably one of some texts bears a sentence out, 0 to 1; None where there is no time left to tell."""

SURE = 0.9
"""A sentence in other words than its sources is supported where a scorer is so sure of it."""


def compose(
    question: str,
    output: str,
    finish: Finish,
    sources: Sequence[Hit],
    *,
    page_of: PageOf,
    strict: bool = False,
    scorer: Scorer | None = None,
) -> Answer:
    """Read a generator's whole output. `sources[i]` is what the model knew as `[i + 1]`, and stays so in the answer.

    A citation's quote is the model's own if it stands in the passage, else the sentence there that bears the answer
    out, chosen by code; only such a quote is verified. Several quotes of one source are several citations with the same
    marker. An answer without markers gets the citations that code can find for its sentences. `strict` leaves out every
    sentence that is unsupported, and what only it cites. An answer without a sentence that is borne out, or without any
    verified citation, is `not_found`: nothing in the documents stands behind it.
    """
    shown = stream_filter(sources)
    text = shown.feed(output) + shown.finish()
    if shown.refused and finish.complete:
        return Answer(question, "not_found", "", usage=finish.usage, reason="the sources do not hold the answer")
    claimed = claimed_quotes(shown.quotes)
    judging = _Judging(sources, claimed, scorer)
    sentences = judging.sentences(text)
    dropped = 0
    # What is left may be cut into sentences otherwise, where a line break went: it is judged again.
    while strict and (wrong := [place for place, each in enumerate(sentences) if each.support == "unsupported"]):
        dropped += len(wrong)
        text = _without(text, wrong)
        sentences = judging.sentences(text)
    citations = tuple(_citations(sentences, claimed, sources, page_of))
    if not finish.complete:
        return Answer(
            question,
            "incomplete",
            text,
            sentences,
            citations,
            reason=finish.reason,
            usage=finish.usage,
            dropped=dropped,
        )
    is_borne_out = any(sentence.support != "unsupported" for sentence in sentences)
    if not is_borne_out or not any(citation.verified for citation in citations):
        reason = (
            "nothing in the sources bears the model's answer out" if text or dropped else "the model wrote no answer"
        )
        return Answer(question, "not_found", "", usage=finish.usage, reason=reason, dropped=dropped)
    return Answer(question, "answered", text, sentences, citations, usage=finish.usage, dropped=dropped)


# --- sentences --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    text: str
    begin: int
    """Where it, or a citation of its own before it, begins in the answer."""
    citations: dict[int, None] = field(default_factory=dict)


def sentence_places(text: str) -> list[tuple[int, int]]:
    """Where each sentence of an answer stands in its text, its citations included: one for each of its `sentences`."""
    begins = [draft.begin for draft in _drafts(text)]
    ends = [*begins[1:], len(text)]
    return [
        (begin, begin + len(text[begin:end].rstrip())) for begin, end in zip(begins, ends[: len(begins)], strict=True)
    ]


def _drafts(text: str) -> list[_Draft]:
    """The sentences of an answer, each with the numbers that stand in it or right behind it."""
    bare, _ = lift(text)
    found = list(citations_in(text))
    offsets = list(itertools.accumulate((start - end for start, end, _ in found), initial=0))
    # Of each citation: where it stood in the bare text.
    lifted = [start + cut for (start, _, _), cut in zip(found, offsets, strict=False)]
    drafts: list[_Draft] = []
    starts: list[int] = []
    for start, end in spans(bare):
        if any(map(str.isalnum, bare[start:end])):
            cut = offsets[bisect_right(lifted, start)]
            drafts.append(_Draft(_LEADING_MARKUP.sub("", bare[start:end], count=1), start - cut))
            starts.append(start)
    last = 0
    for offset, (begin, _, number) in zip(lifted, found, strict=True):
        if not drafts:
            break
        opens_a_line = bare[:offset].endswith("\n") and bare[offset : offset + 1].strip(" \t") != "\n"
        before = bisect_left(starts, offset)
        is_before = before < len(drafts) and (opens_a_line or not before)
        # Citations never go back behind a sentence that one before them belongs to.
        last = max(last, before if is_before else before - 1)
        chosen = drafts[last]
        chosen.citations[number] = None
        chosen.begin = min(chosen.begin, begin)
    return drafts


def _without(text: str, dropped: Sequence[int]) -> str:
    """The answer without some of its sentences; paragraphs stay apart."""
    begins = [draft.begin for draft in _drafts(text)]
    kept = ["" if 0 in dropped else text[: begins[0]]]
    for place, (begin, end) in enumerate(zip(begins, [*begins[1:], len(text)], strict=True)):
        if place not in dropped:
            kept.append(text[begin:end])
            continue
        piece, before = text[begin:end], kept[-1]
        blank = max(_blank_behind(before), _blank_behind(piece), key=lambda blank: blank.count("\n"))
        kept[-1] = before.rstrip() + blank if before.strip() else ""
    return "".join(kept).strip()


def _blank_behind(text: str) -> str:
    return text[len(text.rstrip()) :]


class _Judging:
    """Judges the sentences of one answer, however often; a score that was asked for once is not asked for again."""

    def __init__(self, sources: Sequence[Hit], claimed: Mapping[int, Sequence[str]], scorer: Scorer | None) -> None:
        self._sources = sources
        self._claimed = claimed
        self._scorer = scorer
        self._scores: dict[tuple[str, tuple[int, ...]], float | None] = {}

    def sentences(self, text: str) -> tuple[Sentence, ...]:
        drafts = _drafts(text)
        if not any(draft.citations for draft in drafts):
            self._attribute(drafts)
        return tuple(self._judge(draft.text, tuple(draft.citations)) for draft in drafts)

    def _attribute(self, drafts: Sequence[_Draft]) -> None:
        """For an answer without any citation: give each sentence the first source that bears it out."""
        for draft in drafts:
            judged = [(check(draft.text, [_context(hit)]), number) for number, hit in enumerate(self._sources, 1)]
            for wanted in ("quoted", "supported"):
                found = next((number for support, number in judged if support == wanted), None)
                if found is not None:
                    draft.citations[found] = None
                    break

    def _judge(self, sentence: str, cited: tuple[int, ...]) -> Sentence:
        verdict = judge(sentence, [_context(self._sources[number - 1]) for number in cited])
        support, score = verdict.support, None
        if verdict.fault == "language" and self._has_quote(cited):
            support = "supported"
        elif verdict.fault == "words":
            score = self._score(sentence, cited)
            if score is not None and score >= SURE:
                support = "supported"
        return Sentence(sentence, cited, support, score)

    def _has_quote(self, cited: Sequence[int]) -> bool:
        """Whether the model has named words of a source that it relied on, and they stand there."""
        return any(
            _telling(quote, self._sources[number - 1].passage.chunk.text) is not None
            for number in cited
            for quote in self._claimed.get(number, ())
        )

    def _score(self, sentence: str, cited: tuple[int, ...]) -> float | None:
        if self._scorer is None:
            return None
        if (sentence, cited) not in self._scores:
            texts = [_context(self._sources[number - 1]) for number in cited]
            self._scores[sentence, cited] = self._scorer(sentence, texts)
        return self._scores[sentence, cited]


def _context(hit: Hit) -> str:
    """What a model is told with a source: the title and the headings name what the text speaks of."""
    return f"{hit.passage.title}\n{hit.passage.chunk.indexed_text}"


# --- quotes -----------------------------------------------------------------------------------------------------------


def _citations(
    sentences: Sequence[Sentence], claimed: Mapping[int, Sequence[str]], sources: Sequence[Hit], page_of: PageOf
) -> Iterator[Citation]:
    """The quotes of each cited source, sources in the order of their first citation."""
    for number in dict.fromkeys(number for sentence in sentences for number in sentence.citations):
        hit = sources[number - 1]
        chunk = hit.passage.chunk
        quoted = [span for quote in claimed.get(number, ()) if (span := _telling(quote, chunk.text))]
        if not quoted:
            citing = [sentence for sentence in sentences if number in sentence.citations]
            quoted = [span for sentence in citing if (span := _bearing(sentence, hit))]
        for start, end in _merged(quoted, chunk.text):
            page, label = page_of(hit.passage, chunk.start + start)
            quote = Quote(chunk.text[start:end], chunk.start + start, chunk.start + end, page, label)
            yield Citation(number, hit, quote, verified=True)
        if not quoted:
            words = next(iter(claimed.get(number, ())), "")
            unfound = Quote(words, chunk.start, chunk.end, chunk.page_start, chunk.page_label)
            yield Citation(number, hit, unfound, verified=False)


def _telling(quote: str, text: str) -> tuple[int, int] | None:
    """Where a model's quote stands; one of a word or two is widened to its sentence, one that says nothing is none."""
    terms = len(content(quote))
    span = locate(quote, text) if terms else None
    if span is None or terms >= _TELLING_TERMS:
        return span
    around = [place for place in spans(text) if place[0] < span[1] and span[0] < place[1]]
    return min(span[0], around[0][0]), max(span[1], around[-1][1])


def _bearing(sentence: Sentence, hit: Hit) -> tuple[int, int] | None:
    """The words of a passage that bear a sentence out: the sentence itself, else the best of its own that do.

    Of a sentence that a score bears out, the words that come closest.

    Title and headings say what the words speak of ("Leeds", "Annual leave"), as they do for a reader.
    """
    text = hit.passage.chunk.text
    if span := locate(sentence.text, text):
        return span
    above = "\n".join((hit.passage.title, *hit.passage.chunk.heading))
    places = spans(text)
    # Two neighbouring sentences are tried together after each alone: facts are often stated across a full stop.
    pairs = [(first[0], second[1]) for first, second in itertools.pairwise(places)]
    for candidates in (places, pairs):
        bearing = [
            place for place in candidates if check(sentence.text, [f"{above}\n{text[slice(*place)]}"]) != "unsupported"
        ]
        if bearing:
            return _closest(sentence.text, text, bearing)
    return _closest(sentence.text, text, places) if sentence.score is not None and sentence.score >= SURE else None


def _closest(sentence: str, text: str, places: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return max(places, key=lambda place: (overlap(sentence, text[slice(*place)]), -place[0]))


def _merged(found: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Spans in order; those that overlap, or have only white space between them, are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and not text[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
