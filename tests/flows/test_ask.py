"""Ask: evidence first, then words, then a check of every citation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.config import load
from ragqa.errors import IndexMismatch, IndexStale, ServiceError
from ragqa.flows.ask import Answering, Asked, Cited, Event, Retrieved, Withdrawn, Written, ask
from ragqa.flows.ingest import Report
from ragqa.flows.search import Searching, search
from ragqa.index.lexical import Bm25Index
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.models.extractive import ExtractiveGenerator
from ragqa.ports import Finish, GenerationRequest, Generator
from ragqa.types import Hit
from tests.fakes import HashingEmbedder, ScriptedGenerator

STOP = Finish(complete=True, reason="stop")
HANDBOOK = """# Handbook

## Leave

Every employee in the Leeds office has 27 days of annual leave. Leave is requested from the office manager.

## Travel

Trains are booked in second class. A hotel room may cost 140 pounds a night.
"""


@pytest.fixture
def parts(run_ingest: Callable[..., Report], store: Store, folder: Path, embedder: HashingEmbedder) -> Searching:
    (folder / "handbook.md").write_text(HANDBOOK, encoding="utf-8")
    (folder / "notes.md").write_text("# Notes\n\nThe roof was painted green in spring. Nobody objected.\n")
    run_ingest()
    return Searching(store, embedder, ExactVectors(store), Bm25Index(store), None, load(environment={}))


def run(
    parts: Searching, generator: Generator, question: str, *, refuse_below: float = 0.0, on: list[Event] | None = None
) -> Asked:
    def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
        return GenerationRequest(question, "en", tuple(hits), "", "", 100, 0.0)

    seen = on if on is not None else []
    return ask(question, parts, Answering(generator, prepare, refuse_below), on_event=seen.append)


QUESTION = "How many days of annual leave does an employee in Leeds have?"


def test_a_cited_answer_carries_the_verbatim_quote_and_where_it_stands(parts: Searching, store: Store) -> None:
    generator = ScriptedGenerator("Employees in Leeds have ", "27 days of annual leave [1].", finish=STOP)
    answer = run(parts, generator, QUESTION).answer
    assert answer.status == "answered"
    (citation,) = answer.citations
    assert citation.verified
    assert citation.quote.text in HANDBOOK
    (content_id,) = {state.content_id for state in store.documents() if state.path == citation.hit.passage.path}
    assert content_id is not None
    text = store.content(content_id)[1].text
    assert text[citation.quote.start : citation.quote.end] == citation.quote.text
    assert answer.sentences[0].support != "unsupported"


def test_a_sentence_that_the_source_does_not_bear_out_is_unsupported(parts: Searching) -> None:
    right, wrong = "Employees in Leeds have 27 days of annual leave [1].", "They have 35 days of sick leave [1]."
    answer = run(parts, ScriptedGenerator(f"{right} {wrong}", finish=STOP), QUESTION).answer
    assert [sentence.support for sentence in answer.sentences] == ["supported", "unsupported"]


def test_an_answer_that_nothing_bears_out_is_no_answer(parts: Searching) -> None:
    events: list[Event] = []
    wrong = ScriptedGenerator("They have 35 days of sick leave [1].", finish=STOP)
    answer = run(parts, wrong, QUESTION, on=events).answer
    assert (answer.status, answer.text, answer.citations) == ("not_found", "", ())
    assert list(dict.fromkeys(map(type, events))) == [Retrieved, Written, Withdrawn]
    # What the model itself refuses was never shown, and is not taken back.
    events.clear()
    run(parts, ScriptedGenerator("NOT_IN_SOURCES", finish=STOP), QUESTION, on=events)
    assert [type(event) for event in events] == [Retrieved]


def test_an_answer_without_an_end_is_ended(parts: Searching) -> None:
    endless = ScriptedGenerator(*["Employees in Leeds have 27 days of annual leave [1].\n\n"] * 200, finish=STOP)

    def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
        return GenerationRequest(question, "en", tuple(hits), "", "a prompt", 100, 0.0)

    answer = ask(QUESTION, parts, Answering(endless, prepare, 0.0)).answer
    assert answer.status == "incomplete" and "answer.max_tokens" in answer.reason
    assert 1000 < len(answer.text) < 2000


def test_too_little_evidence_asks_no_model(parts: Searching) -> None:
    generator = ScriptedGenerator("Something [1].", finish=STOP)
    asked = run(parts, generator, "Who invented the telephone in Philadelphia?", refuse_below=1.0)
    assert asked.answer.status == "not_found"
    assert asked.answer.citations == ()
    assert generator.requests == []


def test_the_model_may_say_that_the_sources_do_not_hold_it(parts: Searching) -> None:
    from ragqa.answering.markers import SENTINEL

    asked = run(parts, ScriptedGenerator(SENTINEL, finish=STOP), QUESTION)
    assert (asked.answer.status, asked.answer.text) == ("not_found", "")


@pytest.mark.parametrize("finish", [None, Finish(complete=False, reason="the service cut the answer off")])
def test_an_answer_without_a_proper_end_is_incomplete(parts: Searching, finish: Finish | None) -> None:
    asked = run(parts, ScriptedGenerator("Employees have 27 days [1]. And", finish=finish), QUESTION)
    assert asked.answer.status == "incomplete"
    assert asked.answer.reason
    assert asked.answer.text.startswith("Employees have 27 days")


def test_a_service_that_is_down_leaves_the_passages(parts: Searching) -> None:
    asked = run(parts, ScriptedGenerator(error=ServiceError("the service is down")), QUESTION)
    assert (asked.answer.status, asked.answer.text, asked.answer.reason) == ("incomplete", "", "the service is down")
    assert asked.answer.hits


def test_what_is_shown_while_it_comes_is_what_stands_at_the_end(parts: Searching) -> None:
    events: list[Event] = []
    pieces = ("Employees have 27 days [", "1]", " of leave [9", "9].")
    asked = run(parts, ScriptedGenerator(*pieces, finish=STOP), QUESTION, on=events)
    shown = "".join(event.text for event in events if isinstance(event, Written))
    assert shown == asked.answer.text
    assert "99" not in shown
    assert [type(event) for event in events if not isinstance(event, Written)] == [Retrieved, Cited]


def test_extractive_answers_are_verbatim(parts: Searching) -> None:
    asked = run(parts, ExtractiveGenerator(parts.lexical.idf), QUESTION)
    assert asked.answer.status == "answered"
    assert "27 days of annual leave" in asked.answer.text
    assert all(citation.verified for citation in asked.answer.citations)
    assert {sentence.support for sentence in asked.answer.sentences} == {"quoted"}


def test_an_index_of_another_embedder_is_refused(parts: Searching) -> None:
    other = HashingEmbedder("other", dimensions=16)
    with pytest.raises(IndexMismatch):
        search(QUESTION, replace(parts, embedder=other))


def test_search_counts_files_that_changed_since(parts: Searching, folder: Path) -> None:
    assert search(QUESTION, parts).index.stale_files == 0
    (folder / "notes.md").write_text("# Notes\n\nThe roof was painted blue.\n")
    (folder / "handbook.md").unlink()
    assert search(QUESTION, parts).index.stale_files == 2


def test_search_and_ask_name_the_models_alike(parts: Searching) -> None:
    found, asked = search(QUESTION, parts), run(parts, ExtractiveGenerator(parts.lexical.idf), QUESTION)
    assert found.models == {"embedding": "hashing", "rerank": "none"}
    assert asked.answer.models == {**found.models, "answer": "extractive"}


def test_where_only_fresh_will_do_a_changed_file_is_named_before_any_model_is_asked(
    parts: Searching, folder: Path
) -> None:
    assert search(QUESTION, parts, strict_fresh=True).retrieval.hits
    (folder / "notes.md").unlink()
    generator = ScriptedGenerator("27 days [1].", finish=STOP)
    with pytest.raises(IndexStale, match=r"notes\.md changed"):
        ask(QUESTION, parts, Answering(generator, lambda *_: pytest.fail("asked"), 0.0), strict_fresh=True)
    assert search(QUESTION, parts).index.stale_files == 1


def test_strict_shows_nothing_before_it_is_checked_and_then_only_what_is_supported(parts: Searching) -> None:
    right, wrong = "Employees in Leeds have 27 days of annual leave [1].", "They have 35 days of sick leave [1]."
    generator, events = ScriptedGenerator(f"{wrong} ", right, finish=STOP), list[Event]()

    def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
        return GenerationRequest(question, "en", tuple(hits), "", "", 100, 0.0)

    answering = Answering(generator, prepare, 0.0, strict=True)
    answer = ask(QUESTION, parts, answering, on_event=events.append).answer
    assert (answer.text, answer.dropped) == (right, 1)
    assert [event.text for event in events if isinstance(event, Written)] == [right]
    generator.pieces = (wrong,)
    events.clear()
    refused = ask(QUESTION, parts, answering, on_event=events.append).answer
    assert (refused.status, refused.dropped) == ("not_found", 1)
    assert not any(isinstance(event, Written | Withdrawn) for event in events)


def test_a_reranker_may_bear_a_sentence_out(parts: Searching) -> None:
    asked: list[str] = []

    def scoring() -> Callable[[str, Sequence[str]], float]:
        return lambda sentence, texts: asked.append(sentence) or 0.95

    def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
        return GenerationRequest(question, "en", tuple(hits), "", "", 100, 0.0)

    said = "Whoever wants holidays turns to somebody in administration [1]."
    generator = ScriptedGenerator(said, finish=STOP)
    assert ask(QUESTION, parts, Answering(generator, prepare, 0.0)).answer.status == "not_found"
    answer = ask(QUESTION, parts, Answering(generator, prepare, 0.0, scoring=scoring)).answer
    assert (answer.status, answer.sentences[0].support, answer.sentences[0].score) == ("answered", "supported", 0.95)
    assert asked == [said.replace(" [1]", "")]
