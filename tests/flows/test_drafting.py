"""Drafts come from the index, each one checked against the passage it was made for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragqa.errors import ServiceError
from ragqa.flows.drafting import PATIENCE, draft
from ragqa.flows.ingest import Report
from ragqa.index.scope import scope_of
from ragqa.index.store import Store
from ragqa.ports import Finish, GenerationRequest
from ragqa.types import Filter

Ingest = Callable[..., Report]


@pytest.fixture
def filled(run_ingest: Ingest, store: Store, folder: Path) -> Store:
    (folder / "leave.md").write_text("# Leave\n\nFull-time staff have 27 days of paid leave. Nobody minds at all.\n")
    (folder / "lunch.md").write_text("# Lunch\n\nLunch in the canteen costs £3.40. Soup is the best of all dishes.\n")
    (folder / "試用.md").write_text(
        "# 到職\n\n試用期為三個月，期滿由主管考核。" + "公司提供午餐與制服，歡迎新同仁加入。" * 3
    )
    run_ingest()
    return store


class Replying:
    """A model that replies by what the prompt holds; a reply that is an error is raised."""

    name = "model"

    def __init__(self, **replies: object) -> None:
        self.replies = replies
        self.asked = 0
        self.finish = Finish(complete=True, reason="stop")

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        self.asked += 1
        reply = next((reply for word, reply in self.replies.items() if word in request.prompt), "{}")
        if isinstance(reply, ServiceError):
            raise reply
        yield reply if isinstance(reply, str) else json.dumps(reply)
        yield self.finish


def test_rules_draft_from_every_document_the_same_each_time(filled: Store) -> None:
    drafted = draft(filled, 10, generator=None, seed=1)
    assert {(each.question, each.answer, Path(each.document).name) for each in drafted.drafts} == {
        ("How many days of paid leave do full-time staff have?", "27 days", "leave.md"),
        ("How much does lunch in the canteen cost?", "£3.40", "lunch.md"),
        ("試用期為多少個月？", "三個月", "試用.md"),
    }
    assert drafted.drafts == draft(filled, 10, generator=None, seed=1).drafts
    assert {each.language for each in draft(filled, 2, generator=None, seed=3).drafts} == {"en", "zh-Hant"}


def test_only_what_is_in_the_scope_is_read_and_shown_under_its_path_there(
    filled: Store, run_ingest: Ingest, folder: Path
) -> None:
    (folder / "copies").mkdir()
    (folder / "copies" / "supper.md").write_bytes((folder / "lunch.md").read_bytes())
    (folder / "twin.md").write_text("# Twin\n\nLunch in the canteen costs £9.80. Nobody minds.\n")
    run_ingest()
    assert "canteen" not in str(draft(filled, 10, generator=None, seed=1).drafts), "two places would answer"
    scope = scope_of(filled, Filter(patterns=("copies/",)))
    for generator in (None, Replying(canteen={"question": "What is the price of lunch?", "answer": "£3.40"})):
        (made,) = draft(filled, 10, generator=generator, seed=1, scope=scope).drafts
        assert (made.answer, Path(made.document).name) == ("£3.40", "supper.md")


def test_a_question_that_two_places_answer_is_none(run_ingest: Ingest, store: Store, folder: Path) -> None:
    for name, price in (("a", "3.40"), ("b", "4.20")):
        (folder / f"{name}.md").write_text(f"# {name}\n\nLunch in the canteen costs £{price}.\n")
    run_ingest()
    drafted = draft(store, 10, generator=None, seed=1)
    assert (list(drafted.drafts), drafted.dropped) == ([], 2)


def test_what_a_model_proposes_is_kept_only_where_the_passage_holds_it(filled: Store) -> None:
    generator = Replying(
        canteen={"question": "What is the price of lunch in the canteen?", "answer": "£3.40"},
        staff={"question": "How many days of leave do staff have?", "answer": "28 days"},
        試用期="I would ask: " + json.dumps({"question": "新人要試用多久？", "answer": "三個月"}),
    )
    drafted = draft(filled, 10, generator=generator, seed=1)
    assert {(each.question, each.answer, each.by) for each in drafted.drafts} == {
        ("What is the price of lunch in the canteen?", "£3.40", "model"),
        ("新人要試用多久？", "三個月", "model"),
    }
    assert drafted.dropped == 1
    assert {each.evidence for each in drafted.drafts} == {
        "Lunch in the canteen costs £3.40.",
        "試用期為三個月，期滿由主管考核。",
    }


def test_no_more_is_asked_than_is_wanted(filled: Store) -> None:
    generator = Replying(
        canteen={"question": "What is the price of lunch in the canteen?", "answer": "£3.40"},
        staff={"question": "How many days of leave do staff have?", "answer": "27 days"},
    )
    assert len(draft(filled, 1, generator=generator, seed=1).drafts) == 1
    assert generator.asked <= 3


class Dying(Replying):
    """Replies twice, and fails from then on."""

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        if self.asked == 2:
            self.replies = {"passage": ServiceError("out of quota", remedy="ask tomorrow")}
        return super().generate(request)


def test_drafts_that_were_made_outlive_the_service(filled: Store, folder: Path, run_ingest: Ingest) -> None:
    for number in range(6):
        (folder / f"hut{number}.md").write_text(
            f"# Hut\n\nThe roof of hut {number} is green, and its door is as blue as the sky at night.\n"
        )
    run_ingest()
    generator = Dying(
        canteen={"question": "What is the price of lunch in the canteen?", "answer": "£3.40"},
        staff={"question": "How many days of leave do staff have?", "answer": "27 days"},
        roof={"question": "What colour is the roof of the hut?", "answer": "green"},
        試用期={"question": "新人要試用多久？", "answer": "三個月"},
    )
    drafted = draft(filled, 9, generator=generator, seed=1)
    assert len(drafted.drafts) == 2
    assert drafted.stopped and drafted.stopped.line == "out of quota (ask tomorrow)"
    assert generator.asked == 2 + PATIENCE == drafted.passages


def test_a_service_that_cannot_be_asked_at_all_is_told_at_once(filled: Store) -> None:
    error = ServiceError("no such model")
    generator = Replying(canteen=error, staff=error, 試用期=error)
    with pytest.raises(ServiceError, match="no such model"):
        draft(filled, 5, generator=generator, seed=1)
    assert generator.asked == 1


def test_a_reply_that_was_cut_is_none(filled: Store) -> None:
    generator = Replying(canteen={"question": "What is the price of lunch in the canteen?", "answer": "£3.40"})
    generator.finish = Finish(complete=False, reason="the length limit")
    with pytest.raises(ServiceError, match="model gave no whole reply: the length limit"):
        draft(filled, 5, generator=generator, seed=1)
