"""From what a model wrote to a checked Answer: each citation's quote is found again in its passage, or marked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ragqa.answering.markers import StreamFilter as StreamFilter
from ragqa.answering.markers import claimed_quotes, lift
from ragqa.answering.quotes import locate
from ragqa.answering.support import check, content, overlap
from ragqa.ports import Finish
from ragqa.text.sentences import spans
from ragqa.types import Answer, Citation, Hit, Passage, Quote, Sentence

PageOf: TypeAlias = Callable[[Passage, int], tuple[int | None, str | None]]
"""The page, and the label printed on it, of an offset in the passage's document; (None, None) without pages."""

_TELLING_TERMS = 3
"""A quote with fewer content words does not tell what it is about."""
_LEADING_MARKUP = re.compile(r"(?:[-*•>#]+\s+|\*\*(?=\s))+")


def stream_filter(sources: Sequence[Hit]) -> StreamFilter:
    """What shows a model's output while it comes, exactly as `compose` will show it at the end."""
    return StreamFilter(len(sources), [text for hit in sources for text in (_context(hit), hit.passage.document)])


def compose(question: str, output: str, finish: Finish, sources: Sequence[Hit], *, page_of: PageOf) -> Answer:
    """Read a generator's whole output. `sources[i]` is what the model knew as `[i + 1]`, and stays so in the answer.

    A citation's quote is the model's own if it stands in the passage, else the sentence there that bears the answer
    out, chosen by code; only such a quote is verified. Several quotes of one source are several citations with the same
    marker. An answer without markers gets the citations that code can find for its sentences. One without any verified
    citation is `not_found`: nothing in the documents stands behind it.
    """
    shown = stream_filter(sources)
    text = shown.feed(output) + shown.finish()
    if shown.refused and finish.complete:
        return Answer(question, "not_found", "", usage=finish.usage, reason="the sources do not hold the answer")
    bare, markers = lift(text)
    drafts = _drafts(bare, markers)
    if not markers:
        _attribute(drafts, sources)
    sentences = tuple(_judge(draft, sources) for draft in drafts)
    citations = tuple(_citations(sentences, claimed_quotes(shown.quotes), sources, page_of))
    if not finish.complete:
        return Answer(question, "incomplete", text, sentences, citations, reason=finish.reason, usage=finish.usage)
    if not any(citation.verified for citation in citations):
        reason = "nothing in the sources bears the model's answer out" if text else "the model wrote no answer"
        return Answer(question, "not_found", "", usage=finish.usage, reason=reason)
    return Answer(question, "answered", text, sentences, citations, usage=finish.usage)


# --- sentences --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    text: str
    start: int
    """Where it begins in the answer without its citations."""
    citations: dict[int, None] = field(default_factory=dict)


def _drafts(bare: str, markers: Sequence[tuple[int, int]]) -> list[_Draft]:
    """The sentences of an answer, each with the numbers that stand in it or right behind it."""
    drafts = [
        _Draft(_LEADING_MARKUP.sub("", bare[start:end], count=1), start)
        for start, end in spans(bare)
        if any(map(str.isalnum, bare[start:end]))
    ]
    for offset, number in markers:
        if not drafts:
            break
        opens_a_line = bare[:offset].endswith("\n") and bare[offset : offset + 1].strip(" \t") != "\n"
        before = [draft for draft in drafts if draft.start < offset]
        after = [draft for draft in drafts if draft.start >= offset]
        chosen = after[0] if after and (opens_a_line or not before) else before[-1]
        chosen.citations[number] = None
    return drafts


def _attribute(drafts: Sequence[_Draft], sources: Sequence[Hit]) -> None:
    """For an answer without any citation: give each sentence the first source that bears it out."""
    for draft in drafts:
        judged = [(check(draft.text, [_context(hit)]), number) for number, hit in enumerate(sources, 1)]
        for wanted in ("quoted", "supported"):
            found = next((number for support, number in judged if support == wanted), None)
            if found is not None:
                draft.citations[found] = None
                break


def _judge(draft: _Draft, sources: Sequence[Hit]) -> Sentence:
    cited = tuple(draft.citations)
    return Sentence(draft.text, cited, check(draft.text, [_context(sources[number - 1]) for number in cited]))


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
            citing = [sentence.text for sentence in sentences if number in sentence.citations]
            quoted = [span for text in citing if (span := _bearing(text, hit))]
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


def _bearing(sentence: str, hit: Hit) -> tuple[int, int] | None:
    """The words of a passage that bear a sentence out: the sentence itself, else the best of its own that do.

    Title and headings say what the words speak of ("Leeds", "Annual leave"), as they do for a reader.
    """
    text = hit.passage.chunk.text
    if span := locate(sentence, text):
        return span
    above = "\n".join((hit.passage.title, *hit.passage.chunk.heading))
    places = spans(text)
    # Two neighbouring sentences are tried together after each alone: facts are often stated across a full stop.
    pairs = [(first[0], second[1]) for first, second in itertools.pairwise(places)]
    for candidates in (places, pairs):
        bearing = [
            place for place in candidates if check(sentence, [f"{above}\n{text[slice(*place)]}"]) != "unsupported"
        ]
        if bearing:
            return max(bearing, key=lambda place: (overlap(sentence, text[slice(*place)]), -place[0]))
    return None


def _merged(found: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Spans in order; those that overlap, or have only white space between them, are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and not text[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
