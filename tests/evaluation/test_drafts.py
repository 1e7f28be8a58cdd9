"""A draft's answer stands in the passage, its question makes sense without it, and drafts are spread out."""

from __future__ import annotations

import pytest

from ragqa.evaluation.drafts import Proposal, checked, flat, spread

TEXT = "Leave\nStaff in the Leeds office have 27 days of\nannual leave. Unused leave must be used by 30 June."


def check(question: str, answer: str, text: str = TEXT) -> str | None:
    found = checked(Proposal(question, answer, "m"), text)
    if found is None:
        return None
    assert found.answer in flat(text)
    assert found.answer in flat(text[found.start : found.end])
    return found.answer


QUESTION = "How much leave do people in Leeds get?"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("27 days", "27 days"),
        ("27 DAYS of Annual leave", "27 days of annual leave"),
        ("28 days", None),
        ("7 days", None),
        ("27 day", None),
        ("", None),
        ("...", None),
    ],
)
def test_the_answer_stands_in_the_passage_word_for_word(answer: str, found: str | None) -> None:
    assert check(QUESTION, answer) == found


@pytest.mark.parametrize(
    "question",
    [
        "How much leave do people get",
        "How much leave is stated in the passage?",
        "What does this document say about leave?",
        "Do people in Leeds get 27 days?",
        "How?",
        "在里茲有幾天假？",
        "How much leave " + "and more " * 40 + "do they get?",
    ],
)
def test_a_question_that_cannot_be_asked_of_all_documents_is_dropped(question: str) -> None:
    assert check(question, "27 days") is None


def test_the_evidence_is_the_whole_sentence() -> None:
    found = checked(Proposal("By when must leave be used?", "30 june", "m"), TEXT)
    assert found and TEXT[found.start : found.end] == "Unused leave must be used by 30 June."


def test_chinese_answers_are_found_across_line_breaks_width_and_script() -> None:
    text = "本公司員工試用期為三\n個月，期滿考核。加班餐費１６０元。"
    assert check("試用期多久？", "三個月", text) == "三個月"
    assert check("试用期多久？", "三个月", text) == "三個月"
    assert check("加班餐費多少？", "160元", text) == "１６０元"
    assert check("試用期多久？", "四個月", text) is None


def test_drafts_take_turns_between_languages_and_documents() -> None:
    items = {"en": {"a": ["a1", "a2", "a3"], "b": ["b1"]}, "zh-Hant": {"c": ["c1", "c2"]}}
    order = list(spread(items, seed=1))
    assert sorted(order) == ["a1", "a2", "a3", "b1", "c1", "c2"]
    assert {order[0][0], order[2][0]} == {"a", "b"}, "both English documents come before one comes again"
    assert order[1][0] == order[3][0] == "c"
    assert order == list(spread(items, seed=1))
    assert any(order != list(spread(items, seed=seed)) for seed in range(2, 9))
