"""`ragqa ask`: a question to a checked answer: retrieve, weigh the evidence, generate, verify every citation."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragqa.answering import citations, evidence
from ragqa.errors import ServiceError
from ragqa.flows import search
from ragqa.flows.widening import narrow, reader, widen
from ragqa.ports import AskedPart, Finish
from ragqa.retrieval import Part
from ragqa.types import Answer

if TYPE_CHECKING:
    from ragqa.flows.search import IndexFacts, Searching
    from ragqa.flows.widening import Wide
    from ragqa.index.scope import Scope
    from ragqa.index.store import Store
    from ragqa.ports import GenerationRequest, Generator
    from ragqa.retrieval import Retrieval, Trace
    from ragqa.types import Citation, Hit, Passage, Usage


@dataclass(frozen=True, slots=True)
class Answering:
    """Who writes the answer, and how a question and its sources become a request to it."""

    generator: Generator
    prepare: Callable[[str, Sequence[Hit]], GenerationRequest]
    refuse_below: float
    neighbours: int = 0
    """How many chunks of its section are joined to a source on either side, where the prompt has room for them."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages that the answer will rest on."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of the answer as the user may see it, before its citations are checked."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """One checked citation."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Spent:
    """What the service counted."""

    usage: Usage


Event = Retrieved | Written | Cited | Spent


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer and everything it came from; `scope` is the part of the index that was searched, None all of it.

    `parts` are those of the retrieval.
    """

    answer: Answer
    trace: Trace
    evidence: evidence.Evidence
    index: IndexFacts
    timings_ms: Mapping[str, float]
    scope: Scope | None = None
    parts: tuple[Part, ...] = ()


def ask(
    question: str,
    searching: Searching,
    answering: Answering,
    *,
    strict_fresh: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Asked:
    """Answer from the index. Too little evidence ends in `not_found` before anything is generated.

    A service that fails before its first word ends in an `incomplete` answer without text; the hits are there all the
    same. Raises IndexMismatch and IndexStale as `search` does.
    """
    found = search.search(question, searching, strict_fresh=strict_fresh)
    responded = respond(question, found.retrieval, searching, answering, on_event=on_event)
    models = {**found.models, "answer": answering.generator.name}
    return Asked(
        replace(responded.answer, models=models),
        found.retrieval.trace,
        responded.evidence,
        found.index,
        {**found.retrieval.trace.timings_ms, **responded.timings_ms},
        found.scope,
        found.retrieval.parts,
    )


@dataclass(frozen=True, slots=True)
class Responded:
    """The answer to one retrieval, the evidence that it was given on, and what both took."""

    answer: Answer
    evidence: evidence.Evidence
    timings_ms: Mapping[str, float]


def respond(
    question: str,
    retrieval: Retrieval,
    searching: Searching,
    answering: Answering,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Responded:
    """Answer from what was retrieved already: weigh the evidence, then generate and check, or refuse."""
    hits = retrieval.hits
    started = time.perf_counter()
    weighed = weigh(retrieval, searching)
    weighed_ms = (time.perf_counter() - started) * 1000
    on_event(Retrieved(hits))
    if weighed.score < answering.refuse_below:
        answer = Answer(question, "not_found", "", reason="nothing in the documents is close enough to the question")
    else:
        answer = _generate(question, retrieval, searching.store, answering, on_event)
    for citation in answer.citations:
        on_event(Cited(citation))
    if answer.usage is not None:
        on_event(Spent(answer.usage))
    generated_ms = (time.perf_counter() - started) * 1000 - weighed_ms
    return Responded(replace(answer, hits=hits), weighed, {"evidence": weighed_ms, "generation": generated_ms})


def weigh(retrieval: Retrieval, searching: Searching) -> evidence.Evidence:
    """How probably the hits hold the answer; of a question with several parts, to the one that they answer best."""
    weighed = (
        evidence.assess(each.trace.query.text, each.hits, idf=searching.lexical.idf, background=each.trace.background)
        for each in retrieval.retrievals
    )
    return max(weighed, key=lambda evidence: evidence.score)


def _request(
    question: str, retrieval: Retrieval, store: Store, answering: Answering
) -> tuple[GenerationRequest, list[Wide]]:
    """The request with as much around each source as leaves room for all of them; and what its sources are made of."""
    text_of = reader(store)
    wide = widen(retrieval.hits, store, text_of, chunks=0)
    request = answering.prepare(question, [each.hit for each in wide])
    for chunks in range(answering.neighbours, 0, -1):
        wider = widen(retrieval.hits, store, text_of, chunks=chunks)
        lengthened = answering.prepare(question, [each.hit for each in wider])
        if len(lengthened.sources) >= min(len(request.sources), len(wider)):
            wide, request = wider, lengthened
            break
    places = {member.key: place for place, source in enumerate(wide) for member in source.members}
    parts = []
    for each in retrieval.retrievals:
        own = [places[hit.passage.key] for hit in each.hits if hit.passage.key in places]
        sources = tuple(place for place in dict.fromkeys(own) if place < len(request.sources))
        parts.append(AskedPart(each.trace.query.text, sources))
    # Where there are parts, the question as a whole, which is the first of them, asks for nothing more.
    return replace(request, parts=tuple(parts[1:] or parts)), wide


def _generate(
    question: str,
    retrieval: Retrieval,
    store: Store,
    answering: Answering,
    on_event: Callable[[Event], None],
) -> Answer:
    request, wide = _request(question, retrieval, store, answering)
    shown = citations.stream_filter(request.sources)
    written: list[str] = []
    finish = Finish(complete=False, reason="the answer broke off")
    try:
        for piece in answering.generator.generate(request):
            if isinstance(piece, Finish):
                finish = piece
                break
            written.append(piece)
            if visible := shown.feed(piece):
                on_event(Written(visible))
    except ServiceError as error:
        return Answer(question, "incomplete", "", reason=error.line)
    if visible := shown.finish():
        on_event(Written(visible))
    answer = citations.compose(question, "".join(written), finish, request.sources, page_of=page_finder(store))
    return replace(answer, citations=tuple(narrow(citation, wide) for citation in answer.citations))


def page_finder(store: Store) -> citations.PageOf:
    """The page on which an offset of a passage's document lies, and its printed label."""

    def page_of(passage: Passage, offset: int) -> tuple[int | None, str | None]:
        pages = store.pages(passage.key)
        place = bisect_right([page.start for page in pages], offset) - 1
        return (pages[place].number, pages[place].label) if place >= 0 else (None, None)

    return page_of
