"""`ragqa ask`: a question to a checked answer: retrieve, weigh the evidence, generate, verify every citation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragqa.answering import evidence
from ragqa.flows import search, writing
from ragqa.flows.writing import Answering as Answering
from ragqa.retrieval import Part
from ragqa.types import Answer

if TYPE_CHECKING:
    from ragqa.flows.search import Found, IndexFacts, Searching
    from ragqa.index.scope import Scope
    from ragqa.retrieval import Retrieval, Trace
    from ragqa.types import Citation, Hit, Usage


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
    return asked(found, respond(question, found.retrieval, searching, answering, on_event=on_event), answering)


def asked(found: Found, responded: Responded, answering: Answering) -> Asked:
    """What was found and what was answered from it, together."""
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
        prepared = writing.prepare(question, retrieval, searching.store, answering)
        output = writing.generate(prepared.request, answering.generator, _as_it_comes(answering, on_event))
        answer = writing.checked(prepared, output, searching.store)
        if answering.strict and answer.text:
            on_event(Written(answer.text))
    for citation in answer.citations:
        on_event(Cited(citation))
    if answer.usage is not None:
        on_event(Spent(answer.usage))
    generated_ms = (time.perf_counter() - started) * 1000 - weighed_ms
    return Responded(replace(answer, hits=hits), weighed, {"evidence": weighed_ms, "generation": generated_ms})


def _as_it_comes(answering: Answering, on_event: Callable[[Event], None]) -> Callable[[str], None]:
    """Who is told the text while it comes: nobody where something of it may be left out when it has been checked."""
    return (lambda text: None) if answering.strict else (lambda text: on_event(Written(text)))


def weigh(retrieval: Retrieval, searching: Searching) -> evidence.Evidence:
    """How probably the hits hold the answer; of a question with several parts, to the one that they answer best."""
    weighed = (
        evidence.assess(each.trace.query.text, each.hits, idf=searching.lexical.idf, background=each.trace.background)
        for each in retrieval.retrievals
    )
    return max(weighed, key=lambda evidence: evidence.score)
