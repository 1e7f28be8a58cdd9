"""A conversation: each question understood from the one before, answered from its own sources, former turns as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ragqa.answering.conversation import Exchange
from ragqa.config import load
from ragqa.flows.ask import Answering
from ragqa.flows.chat import Conversing, Turn, Understood, take_turn
from ragqa.flows.ingest import Report
from ragqa.flows.search import Searching
from ragqa.index.lexical import Bm25Index
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.models.extractive import ExtractiveGenerator
from ragqa.ports import Finish, GenerationRequest, Generator
from ragqa.types import Hit
from tests.fakes import HashingEmbedder, ScriptedGenerator

STOP = Finish(complete=True, reason="stop")
LEEDS = "How many days of annual leave does an employee in Leeds have?"


@pytest.fixture
def parts(run_ingest: Callable[..., Report], store: Store, folder: Path, embedder: HashingEmbedder) -> Searching:
    texts = {
        "leeds.md": "# Leeds\n\nAn employee in Leeds has 27 days of annual leave.\n\nThe canteen opens at noon.\n",
        "taipei.md": "# Taipei\n\nAn employee in Taipei has 16 days of annual leave.\n\nTea is free.\n",
        "parking.md": "# Parking\n\nParking permits are given out each January by the front desk.\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    run_ingest()
    return Searching(store, embedder, ExactVectors(store), Bm25Index(store), None, load(environment={}))


def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
    return GenerationRequest(question, "en", tuple(hits), "system", f"prompt of {question}", 100, 0.0)


def talk(
    parts: Searching, *questions: str, generator: Generator | None = None, conversing: Conversing | None = None
) -> list[Turn]:
    answering = Answering(generator or ExtractiveGenerator(parts.lexical.idf), prepare, 0.0)
    turns: list[Turn] = []
    for question in questions:
        turns.append(take_turn(question, turns, parts, answering, conversing or Conversing(tuple)))
    return turns


def test_a_follow_up_is_answered_as_the_question_that_it_stands_for(parts: Searching) -> None:
    first, second = talk(parts, LEEDS, "And in Taipei?")
    assert first.understood == Understood(LEEDS)
    assert second.understood == Understood("How many days of annual leave does an employee have (in Taipei)?", "rules")
    assert "16 days" in second.asked.answer.text
    assert second.question == "And in Taipei?"


def test_the_third_question_leans_on_what_the_second_was_understood_as(parts: Searching) -> None:
    third = talk(parts, LEEDS, "And in Taipei?", "Is it paid?")[2]
    assert third.understood.question == "Is it paid — days annual leave employee Taipei?"


def test_a_short_question_that_other_documents_answer_is_a_new_one(parts: Searching) -> None:
    second = talk(parts, LEEDS, "Parking permits?")[1]
    assert second.understood == Understood("Parking permits?")


def test_a_short_question_where_the_conversation_has_been_goes_on_with_it(parts: Searching) -> None:
    second = talk(parts, LEEDS, "Canteen opens?")[1]
    assert second.understood.question == f"{LEEDS[:-1]} (Canteen opens)?"


def test_a_model_says_what_is_meant_and_the_rules_where_it_does_not(parts: Searching) -> None:
    seen: list[tuple[str, Sequence[Exchange]]] = []

    def rewrite(question: str, exchanges: Sequence[Exchange]) -> str | None:
        seen.append((question, exchanges))
        return None if "rules" in question else "How many days of leave has an employee in Taipei?"

    turns = talk(parts, LEEDS, "And in Taipei?", "And by the rules?", conversing=Conversing(tuple, rewrite))
    assert [turn.understood.rewritten_by for turn in turns] == ["", "model", "rules"]
    assert turns[1].understood.question == "How many days of leave has an employee in Taipei?"
    assert seen[0] == ("And in Taipei?", (turns[0].exchange,))
    assert len(seen) == 2  # the first question has nothing to lean on


def test_a_model_that_repeats_the_question_has_not_rewritten_it(parts: Searching) -> None:
    conversing = Conversing(tuple, lambda question, exchanges: question)
    assert talk(parts, LEEDS, "And in Taipei?", conversing=conversing)[1].understood == Understood("And in Taipei?")


def test_where_nothing_is_to_be_rewritten_nothing_is(parts: Searching) -> None:
    turns = talk(parts, LEEDS, "And in Taipei?", conversing=Conversing(tuple, follows=False))
    assert turns[1].understood == Understood("And in Taipei?")


def test_former_turns_are_in_the_prompt_and_only_sources_of_this_turn_can_be_cited(parts: Searching) -> None:
    generator = ScriptedGenerator("An employee in Taipei has 16 days of annual leave [1][9].", finish=STOP)
    second = talk(parts, LEEDS, "And in Taipei?", generator=generator)[1]
    assert "earlier turn" not in generator.requests[0].prompt
    asked = generator.requests[1]
    assert LEEDS in asked.prompt and asked.prompt.endswith(f"prompt of {second.understood.question}")
    assert {citation.marker for citation in second.asked.answer.citations} <= set(range(1, len(asked.sources) + 1))
    assert [hit.passage.key for hit in asked.sources] == [hit.passage.key for hit in second.asked.answer.hits]
    assert "9" not in second.asked.answer.text


def test_an_answer_that_was_none_is_no_answer_in_the_history(parts: Searching) -> None:
    generator = ScriptedGenerator("27 days [1]. And", finish=Finish(complete=False, reason="cut"))
    (turn,) = talk(parts, LEEDS, generator=generator)
    assert turn.exchange == Exchange(LEEDS, "")


def test_what_was_understood_is_told_before_the_answer_begins(parts: Searching) -> None:
    told: list[object] = []
    turns = talk(parts, LEEDS)
    answering = Answering(ExtractiveGenerator(parts.lexical.idf), prepare, 0.0)
    take_turn(
        "And in Taipei?", turns, parts, answering, Conversing(tuple), on_understood=told.append, on_event=told.append
    )
    assert isinstance(told[0], Understood)
    assert len(told) > 2
