"""`ragqa ask`: a question to a checked answer: retrieve, weigh the evidence, generate, verify every citation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragqa.answering import evidence
from ragqa.flows import search, writing
from ragqa.flows.writing import Answering as Answering
from ragqa.flows.writing import Deadline as Deadline
from ragqa.retrieval import Part
from ragqa.types import Answer

if TYPE_CHECKING:
    from ragqa.flows.search import Found, IndexFacts, Searchable, Searching
    from ragqa.index.scope import Scope
    from ragqa.ports import GenerationRequest
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


@dataclass(frozen=True, slots=True)
class Degraded:
    """The service `name` did not finish, for a `reason`: what was written until now counts no more."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was written is no answer, for a `reason`: nothing in the sources bears it out."""

    reason: str


Event = Retrieved | Written | Cited | Spent | Degraded | Withdrawn


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer and everything it came from; `scope` is the part of the index that was searched, None all of it.

    Evidence below `refuse_below` was refused. `parts` are those of the retrieval. `degraded` says which service the
    answer should have come from.
    """

    answer: Answer
    trace: Trace
    evidence: evidence.Evidence
    refuse_below: float
    index: IndexFacts
    timings_ms: Mapping[str, float]
    scope: Scope | None = None
    parts: tuple[Part, ...] = ()
    degraded: Degraded | None = None
    request: GenerationRequest | None = None
    """What the answer was made from; None where it was refused before."""


Listener = Callable[[Event], None]


def ask(
    question: str,
    searching: Searching,
    answering: Answering,
    *,
    strict_fresh: bool = False,
    timeout_s: float | None = None,
    on_event: Listener = lambda event: None,
) -> Asked:
    """Answer from the index, once it is known to fit: raises IndexMismatch and IndexStale as `search` does."""
    index = search.checked(searching, strict_fresh=strict_fresh)
    return answer(question, searching, answering, index, timeout_s=timeout_s, on_event=on_event)


def answer(
    question: str,
    searching: Searchable,
    answering: Answering,
    index: IndexFacts,
    *,
    timeout_s: float | None = None,
    on_event: Listener = lambda event: None,
) -> Asked:
    """Search and answer. Too little evidence ends in `not_found` before anything is generated.

    A service that fails before its first word ends in an `incomplete` answer without text; the hits are there all the
    same. Within `timeout_s`, which begin with the search, it has to come to its end.
    """
    deadline = Deadline.after(timeout_s)
    found = search.find(question, searching, index)
    responded = respond(question, found.retrieval, searching, answering, deadline=deadline, on_event=on_event)
    return asked(found, responded)


def asked(found: Found, responded: Responded) -> Asked:
    """What was found and what was answered from it, together."""
    models = {**found.models, "answer": responded.generator}
    return Asked(
        replace(responded.answer, models=models),
        found.retrieval.trace,
        responded.evidence,
        responded.refuse_below,
        found.index,
        {**found.retrieval.trace.timings_ms, **responded.timings_ms},
        found.scope,
        found.retrieval.parts,
        responded.degraded,
        responded.request,
    )


@dataclass(frozen=True, slots=True)
class Responded:
    """The answer to one retrieval, who wrote it, the evidence that it was given on, and what both took."""

    answer: Answer
    generator: str
    evidence: evidence.Evidence
    refuse_below: float
    timings_ms: Mapping[str, float]
    degraded: Degraded | None = None
    request: GenerationRequest | None = None


def respond(
    question: str,
    retrieval: Retrieval,
    searching: Searchable,
    answering: Answering,
    *,
    deadline: Deadline | None = None,
    on_event: Listener = lambda event: None,
) -> Responded:
    """Answer from what was retrieved already: weigh the evidence, then generate and check, or refuse."""
    begun = begin(question, retrieval, searching, answering, on_event=on_event)
    output = written(begun, answering, deadline=deadline, on_event=on_event) if begun.prepared else None
    return finish(begun, output, searching, answering, on_event=on_event)


@dataclass(frozen=True, slots=True)
class Begun:
    """A question whose evidence is weighed; `prepared` is what goes to the generator, None where it refuses."""

    question: str
    retrieval: Retrieval
    evidence: evidence.Evidence
    prepared: writing.Prepared | None
    timings_ms: Mapping[str, float]


def begin(
    question: str,
    retrieval: Retrieval,
    searching: Searchable,
    answering: Answering,
    *,
    on_event: Listener = lambda event: None,
) -> Begun:
    """Weigh the evidence and, where it is enough, make the request."""
    started = time.perf_counter()
    weighed = weigh(retrieval, searching)
    timings = {"evidence": (time.perf_counter() - started) * 1000}
    on_event(Retrieved(retrieval.hits))
    if weighed.score < answering.refuse_below:
        return Begun(question, retrieval, weighed, None, timings)
    started = time.perf_counter()
    prepared = writing.prepare(question, retrieval, searching.store, answering)
    timings["prompt"] = (time.perf_counter() - started) * 1000
    return Begun(question, retrieval, weighed, prepared, timings)


def written(
    begun: Begun, answering: Answering, *, deadline: Deadline | None = None, on_event: Listener = lambda event: None
) -> writing.Output:
    """What the generator writes. Reads no index: any thread may wait for it."""
    assert begun.prepared is not None
    request, generator = begun.prepared.request, answering.generator
    on_text = _as_it_comes(answering, on_event)
    if deadline is None:
        return writing.generate(request, generator, on_text)
    return writing.generate_within(deadline, request, generator, on_text)


def finish(
    begun: Begun,
    output: writing.Output | None,
    searching: Searchable,
    answering: Answering,
    *,
    on_event: Listener = lambda event: None,
) -> Responded:
    """Check what was written; where the generator did not come to its end, let the one behind it answer."""
    answer, timings = _checked(begun, begun.prepared, output, searching)
    generator, prepared, degraded = answering.generator.name, begun.prepared, None
    if answer.status == "incomplete" and answering.fallback is not None:
        degraded = Degraded(generator, answer.reason)
        on_event(degraded)
        fallback, usage = answering.fallback, answer.usage
        prepared = writing.prepare(begun.question, begun.retrieval, searching.store, fallback)
        again = writing.generate(prepared.request, fallback.generator, lambda text: on_event(Written(text)))
        answer, _ = _checked(begun, prepared, again, searching)
        answer, generator = replace(answer, usage=usage), fallback.generator.name
    elif answering.strict and answer.text:
        on_event(Written(answer.text))
    if answer.status == "not_found" and output is not None and output.is_text and not answering.strict:
        on_event(Withdrawn(answer.reason))
    for citation in answer.citations:
        on_event(Cited(citation))
    if answer.usage is not None:
        on_event(Spent(answer.usage))
    answer = replace(answer, hits=begun.retrieval.hits)
    timings = {**begun.timings_ms, **timings}
    request = prepared.request if prepared is not None else None
    return Responded(answer, generator, begun.evidence, answering.refuse_below, timings, degraded, request)


def _checked(
    begun: Begun, prepared: writing.Prepared | None, output: writing.Output | None, searching: Searchable
) -> tuple[Answer, Mapping[str, float]]:
    if prepared is None or output is None:
        reason = "nothing in the documents is close enough to the question"
        return Answer(begun.question, "not_found", "", reason=reason), {}
    started = time.perf_counter()
    answer = writing.checked(prepared, output, searching.store)
    checked_ms = (time.perf_counter() - started) * 1000
    return answer, {"generation": output.milliseconds, "verification": checked_ms}


def _as_it_comes(answering: Answering, on_event: Listener) -> Callable[[str], None]:
    """Who is told the text while it comes: nobody where something of it may be left out when it has been checked."""
    return (lambda text: None) if answering.strict else (lambda text: on_event(Written(text)))


def weigh(retrieval: Retrieval, searching: Searchable) -> evidence.Evidence:
    """How probably the hits hold the answer; of a question with several parts, to the one that they answer best."""
    weighed = (
        evidence.assess(each.trace.query.text, each.hits, idf=searching.lexical.idf, background=each.trace.background)
        for each in retrieval.retrievals
    )
    return max(weighed, key=lambda evidence: evidence.score)
