"""Sources lengthened by what stands beside them: slices of the document still, of one section, each chunk once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.config import load
from ragqa.flows.ask import Answering, ask
from ragqa.flows.ingest import Report
from ragqa.flows.search import Searching, retrieve
from ragqa.flows.widening import narrow, reader, widen
from ragqa.index.lexical import Bm25Index
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.ports import Finish, GenerationRequest
from ragqa.text.parts import split
from ragqa.types import Citation, Hit, Quote
from tests.fakes import HashingEmbedder, ScriptedGenerator

STOP = Finish(complete=True, reason="stop")
RULES = "\n\n".join(
    [
        "# Rules",
        "## Deposit",
        *(
            f"Deposit rule number {number} says that tenants keep receipt {number} for {number + 3} years."
            for number in range(8)
        ),
        "## Keys",
        "The tenant returns three keys to the landlord on the last day. Lost keys cost 45 pounds each.",
    ]
)
QUESTION = "What does deposit rule number 4 say about receipt 4?"


@pytest.fixture
def parts(run_ingest: Callable[..., Report], store: Store, folder: Path, embedder: HashingEmbedder) -> Searching:
    (folder / "rules.md").write_text(RULES, encoding="utf-8")
    settings = load(environment={}, flags={"chunk.tokens": 20, "retrieval.top_k": 3})
    run_ingest(config=settings)
    return Searching(store, embedder, ExactVectors(store), Bm25Index(store), None, settings, split=split)


def hits(parts: Searching) -> tuple[Hit, ...]:
    return retrieve(QUESTION, parts).hits


def test_a_wide_source_is_a_slice_of_its_document_and_section(parts: Searching, store: Store) -> None:
    found = hits(parts)
    for source in widen(found, store, reader(store), chunks=2):
        chunk = source.hit.passage.chunk
        assert store.text_of(source.hit.passage.key)[chunk.start : chunk.end] == chunk.text
        assert {member.chunk.heading for member in source.members} == {chunk.heading}
        assert all(member.chunk.text in chunk.text for member in source.members)
    first = widen(found, store, reader(store), chunks=1)[0]
    assert len(first.hit.passage.chunk.text) > len(found[0].passage.chunk.text)


def test_no_chunk_is_in_two_sources(parts: Searching, store: Store) -> None:
    members = [member.key for source in widen(hits(parts), store, reader(store), chunks=2) for member in source.members]
    assert len(set(members)) == len(members)


def test_without_neighbours_the_sources_are_the_hits(parts: Searching, store: Store) -> None:
    found = hits(parts)
    assert [source.hit for source in widen(found, store, reader(store), chunks=0)] == list(found)


def test_a_citation_points_at_the_chunk_that_its_quote_is_from(parts: Searching, store: Store) -> None:
    (wide, *_) = sources = widen(hits(parts), store, reader(store), chunks=1)
    last = wide.members[-1].chunk
    quote = Quote(last.text[:20], last.start, last.start + 20)
    citation = Citation(1, wide.hit, quote, verified=True)
    assert narrow(citation, sources).hit.passage == wide.members[-1]
    over = replace(citation, quote=Quote("", wide.members[0].chunk.start, last.end))
    assert narrow(over, sources).hit.passage == wide.members[0]


def test_a_quote_that_was_not_found_stands_for_the_chunk_that_was(parts: Searching, store: Store) -> None:
    (wide, *_) = sources = widen(hits(parts), store, reader(store), chunks=1)
    whole = wide.hit.passage.chunk
    narrowed = narrow(Citation(1, wide.hit, Quote("no such words", whole.start, whole.end), verified=False), sources)
    assert narrowed.hit.passage == hits(parts)[0].passage
    assert (narrowed.quote.start, narrowed.quote.end) == (
        hits(parts)[0].passage.chunk.start,
        hits(parts)[0].passage.chunk.end,
    )


def prepare(most: int) -> Callable[[str, object], GenerationRequest]:
    """A prompt with room for `most` characters of sources."""

    def prepared(question: str, found: object) -> GenerationRequest:
        sources: list[Hit] = []
        for hit in found:  # type: ignore[attr-defined]
            if sum(len(each.passage.chunk.text) for each in (*sources, hit)) <= most:
                sources.append(hit)
        return GenerationRequest(question, "en", tuple(sources), "", "", 100, 0.0)

    return prepared


@pytest.mark.parametrize(("most", "is_wide"), [(10_000, True), (260, False)])
def test_sources_are_widened_only_while_all_of_them_have_room(parts: Searching, most: int, is_wide: bool) -> None:
    generator = ScriptedGenerator("Tenants keep receipt 4 for 7 years [1].", finish=STOP)
    ask(QUESTION, parts, Answering(generator, prepare(most), 0.0, neighbours=1))
    (request,) = generator.requests
    narrow_lengths = {len(hit.passage.chunk.text) for hit in hits(parts)}
    assert (len(request.sources[0].passage.chunk.text) > max(narrow_lengths)) == is_wide


def test_each_part_of_a_question_gets_its_sources(parts: Searching) -> None:
    generator = ScriptedGenerator("Tenants keep it for 7 years [1].", finish=STOP)
    asked = ask(
        "How long do tenants keep receipt 4 and what does each lost key cost?",
        parts,
        Answering(generator, prepare(10_000), 0.0),
    )
    (request,) = generator.requests
    assert [part.question for part in request.parts] == [
        "How long do tenants keep receipt 4",
        "what does each lost key cost?",
    ]
    best = [request.sources[part.sources[0]].passage.chunk.text for part in request.parts]
    assert "receipt 4" in best[0]
    assert "Lost keys" in best[1]
    assert len(asked.parts) == 3
