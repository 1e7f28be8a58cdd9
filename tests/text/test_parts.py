"""Questions that ask for several things are split, and only these."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.exact import quotations
from ragqa.text.parts import split


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is the notice period and how is it given?", 2),
        ("When was the battle of Hastings fought, and who won it?", 2),
        ("How many days of leave do I get? Who approves them?", 2),
        ("Who may terminate? By when? What does it cost?", 3),
        ("量子力学是什么时候提出的，由谁提出？", 2),
        ("保密義務持續幾年？違約金是多少？", 2),
        ("甲方是谁以及乙方是谁？", 2),
    ],
)
def test_several_questions_are_several_parts(question: str, parts: int) -> None:
    assert len(split(question)) == parts


@pytest.mark.parametrize(
    "question",
    [
        "What is the difference between hotels and meals?",
        "What happens when the tenant does not pay and leaves?",
        "termination notice",
        "terms and conditions",
        "Is bread and butter included?",
        "在2004年，谁获得了冠军？",
        "中国人民大学2018年和2019年分别招多少人？",
        "电池更换",
        "",
    ],
)
def test_one_question_stays_whole(question: str) -> None:
    assert split(question) == ()


def test_a_part_that_leans_on_the_first_gets_what_that_is_about() -> None:
    assert "Hastings" in split("When was the battle of Hastings fought, and who won it?")[1]
    assert "Rome" in split("Who founded Rome and when?")[1]
    assert split("量子力学是什么时候提出的，由谁提出？")[1].startswith("量子力学")


def test_a_part_that_stands_alone_is_left_as_it_is() -> None:
    question = "Which article covers overtime and what is the maximum number of working hours per month?"
    assert split(question)[1] == "what is the maximum number of working hours per month?"


def test_a_long_list_of_questions_is_a_document_and_no_question() -> None:
    assert split(" ".join(f"What is thing {number}?" for number in range(9))) == ()


@given(st.text(alphabet="what is and，？?什么谁 以及A1\n", max_size=80))
def test_any_text_gives_no_part_or_several(question: str) -> None:
    parts = split(question)
    assert len(parts) != 1
    assert all(part.strip() for part in parts)


@pytest.mark.parametrize(
    "question",
    [
        'What does "the tenant pays and is liable" mean and who decides?',
        "What does “what it is and how it works” mean, and where does it stand?",
        "「什麼是甲方，什麼是乙方」是什么意思，由谁决定？",
    ],
)
def test_a_quoted_phrase_is_never_cut(question: str) -> None:
    (start, end), *_ = quotations(question)
    parts = split(question)
    assert len(parts) == 2
    assert question[start:end] in parts[0]


@pytest.mark.parametrize("piece", ["is it and ", "，什么", "，a", " ", '"a" and what '])
def test_a_long_text_is_no_question_with_parts(piece: str) -> None:
    """Each joint is tried against all that stands before it: so only what is as short as a question is split."""
    assert split(piece * (1200 // len(piece)) + "什么") == ()
