"""From the retrieved passages to a written answer: one request with as much around each source as it has room for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragqa.answering import citations, places
from ragqa.errors import ServiceError
from ragqa.flows.widening import narrow, reader, widen
from ragqa.ports import AskedPart, Finish
from ragqa.types import Answer

if TYPE_CHECKING:
    from ragqa.flows.widening import Wide
    from ragqa.ports import GenerationRequest, Generator, Texts
    from ragqa.retrieval import Retrieval
    from ragqa.types import Hit, Passage


@dataclass(frozen=True, slots=True)
class Answering:
    """Who writes the answer, and how a question and its sources become a request to it."""

    generator: Generator
    prepare: Callable[[str, Sequence[Hit]], GenerationRequest]
    refuse_below: float
    neighbours: int = 0
    """How many chunks of its section are joined to a source on either side, where the prompt has room for them."""
    strict: bool = False
    """Whether sentences that their sources do not bear out are left out; then nothing is shown before it is checked."""
    scoring: Callable[[], citations.Scorer | None] | None = None
    """Makes what tells of one answer's sentences how probably sources in other words bear them out."""
    fallback: Answering | None = None
    """Who answers where the generator did not come to its end; None leaves what there is of an answer."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment when the `seconds` that a question may take are over."""

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float | None) -> Deadline | None:
        """So many seconds from now; None is no deadline."""
        return None if seconds is None else cls(seconds, time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        return self.at - time.monotonic()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready to be sent, and what its sources are made of."""

    question: str
    request: GenerationRequest
    wide: Sequence[Wide]
    strict: bool = False
    scoring: Callable[[], citations.Scorer | None] | None = None


_CHARACTERS_A_TOKEN = 16
"""More than the tokens of any text have: a service that writes on behind so many keeps to no limit."""


@dataclass(frozen=True, slots=True)
class Output:
    """All that a generator wrote, how it ended and how long it took; `failure` says why it wrote nothing at all.

    `is_text` is false where none of it was for the user: nothing, or a refusal.
    """

    text: str
    finish: Finish
    milliseconds: float
    failure: str = ""
    is_text: bool = False


def prepare(question: str, retrieval: Retrieval, store: Texts, answering: Answering) -> Prepared:
    """The request with as much around each source as leaves room for all of them."""
    text_of = reader(store)
    wide = widen(retrieval.hits, store, text_of, chunks=0)
    request = answering.prepare(question, [each.hit for each in wide])
    for chunks in range(answering.neighbours, 0, -1):
        wider = widen(retrieval.hits, store, text_of, chunks=chunks)
        lengthened = answering.prepare(question, [each.hit for each in wider])
        if len(lengthened.sources) >= min(len(request.sources), len(wider)):
            wide, request = wider, lengthened
            break
    place_of = {member.key: place for place, source in enumerate(wide) for member in source.members}
    parts = []
    for each in retrieval.retrievals:
        own = [place_of[hit.passage.key] for hit in each.hits if hit.passage.key in place_of]
        sources = tuple(place for place in dict.fromkeys(own) if place < len(request.sources))
        parts.append(AskedPart(each.trace.query.text, sources))
    # Where there are parts, the question as a whole, which is the first of them, asks for nothing more.
    request = replace(request, parts=tuple(parts[1:] or parts))
    return Prepared(question, request, wide, answering.strict, answering.scoring)


def generate(request: GenerationRequest, generator: Generator, on_text: Callable[[str], None]) -> Output:
    """Let the generator write; `on_text` is told what may be shown of it. Reads no index: any thread may do it."""
    started = time.perf_counter()
    shown = citations.stream_filter(request.sources)
    written: list[str] = []
    is_text, length = False, 0
    finish = Finish(complete=False, reason="the answer broke off")
    try:
        for piece in generator.generate(request):
            if isinstance(piece, Finish):
                finish = piece
                break
            written.append(piece)
            length += len(piece)
            if request.prompt and length > request.max_tokens * _CHARACTERS_A_TOKEN:
                finish = Finish(complete=False, reason="the answer did not end where answer.max_tokens has its limit")
                break
            if visible := shown.feed(piece):
                is_text = True
                on_text(visible)
    except ServiceError as error:
        return Output("", finish, (time.perf_counter() - started) * 1000, error.line)
    if visible := shown.finish():
        is_text = True
        on_text(visible)
    return Output("".join(written), finish, (time.perf_counter() - started) * 1000, is_text=is_text)


def generate_within(
    deadline: Deadline, request: GenerationRequest, generator: Generator, on_text: Callable[[str], None]
) -> Output:
    """The same, broken off at the deadline; one that is over already asks nobody."""
    late = f"{generator.name} did not finish within {deadline.seconds:g} seconds"
    if deadline.left_s <= 0:
        return Output("", Finish(complete=False, reason=late), 0.0, f"{late}, which the search had used up")
    output = generate(replace(request, timeout_s=deadline.left_s), generator, on_text)
    if output.finish.complete or deadline.left_s > 0:
        return output
    finish = replace(output.finish, reason=late)
    return replace(output, finish=finish, failure=output.failure and late)


def checked(prepared: Prepared, output: Output, store: Texts) -> Answer:
    """The answer in what was written, every citation of it looked up again."""
    if output.failure:
        return Answer(prepared.question, "incomplete", "", reason=output.failure)
    answer = citations.compose(
        prepared.question,
        output.text,
        output.finish,
        prepared.request.sources,
        page_of=page_finder(store),
        strict=prepared.strict,
        scorer=prepared.scoring and prepared.scoring(),
    )
    return replace(answer, citations=tuple(narrow(citation, prepared.wide) for citation in answer.citations))


def page_finder(store: Texts) -> citations.PageOf:
    """The page on which an offset of a passage's document lies, and its printed label."""

    def page_of(passage: Passage, offset: int) -> tuple[int | None, str | None]:
        page = places.page_of(store.pages(passage.key), offset)
        return (page.number, page.label) if page else (None, None)

    return page_of
