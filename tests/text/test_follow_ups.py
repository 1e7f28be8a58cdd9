"""A follow-up gets what it leans on, loses nothing that it says, and a question that stands alone is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.analyzer import analyze
from ragqa.text.follow_ups import follow_up

PAIRS = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "follow_ups.jsonl").open(encoding="utf-8")]
HOTEL = "What may a hotel in Taipei cost per night?"
FAULT = "故障代码F13代表什么？"


@pytest.mark.parametrize(
    ("last", "question", "alone"),
    [
        (HOTEL, "And in Shenzhen?", "What may a hotel cost per night (in Shenzhen)?"),
        (HOTEL, "what about a hostel", "What may a hotel in Taipei cost per night (a hostel)?"),
        (HOTEL, "Does it include breakfast?", "Does it include breakfast — hotel Taipei cost per night?"),
        ("What does E19 mean?", "And E27?", "What does E27 mean?"),
        ("What does E19 mean?", "How is that repaired?", "How is that repaired — E19 mean?"),
        (FAULT, "那F21呢？", "故障代码F21代表什么？"),
        ("海燕500用节电模式能续航几天？", "加密模式呢", "海燕500用节电模式能续航几天（加密模式）？"),
        ("韌體簽章金鑰存放在什麼地方？", "它分成幾份？", "它分成幾份 — 韌體簽章金鑰存放在？"),
        ("蠕动泵的软管多久换一次？", "料号是什么？", "料号是什么 — 蠕动泵的软管，换一次？"),
    ],
)
def test_a_follow_up_gets_what_it_leans_on(last: str, question: str, alone: str) -> None:
    assert follow_up(question, last).alone == alone


def test_a_second_fragment_takes_the_place_of_the_first() -> None:
    first = follow_up("And in Shenzhen?", HOTEL).alone
    assert follow_up("And in Japan?", first).alone == "What may a hotel cost per night (in Japan)?"
    second = follow_up("Does it include breakfast?", first).alone
    assert second == "Does it include breakfast — hotel cost per night Shenzhen?"


@pytest.mark.parametrize(
    "question",
    [
        "How late can I hand in an expense claim before it is not paid any more?",
        "Is there a limit on how many days I can carry over?",
        "What does the message E33 mean?",
        "How many weeks of partner's leave are there?",
        "新员工的安全培训考试要多少分才合格？",
        "員工遺失門禁卡的時候，他要在多久之內通報？",
        "出張の宿泊費の上限はいくらですか",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert follow_up(question, HOTEL).alone == follow_up(question, FAULT).alone == question


def test_only_its_shortness_says_that_a_question_leans() -> None:
    assert not follow_up("How long is probation?", HOTEL).sure
    assert not follow_up("婚假有几天？", FAULT).sure
    assert follow_up("And how long is probation?", HOTEL).sure


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if not pair.get("later")], ids=lambda pair: pair["id"])
def test_the_pairs_that_lean_are_given_something_and_the_others_nothing(pair) -> None:
    last = pair["before"][0]
    for question in pair["before"][1:]:
        last = follow_up(question, last).alone
    found = follow_up(pair["question"], last)
    if pair["kind"] == "switch":
        assert found.alone == pair["question"]
    elif pair["kind"] == "short switch":
        assert found.alone == pair["question"] or not found.sure
    elif found.alone == pair["question"]:
        # Chinese leaves its subject out: these are long enough to be taken for whole.
        assert pair["id"] in {"zh-Hant-16", "zh-Hant-17", "zh-Hans-04"}


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_of_what_was_asked_is_lost(question: str, last: str) -> None:
    found = follow_up(question, last)
    assert found.asked == question or found.asked == question.strip()
    if found.alone != found.asked:
        lost = set(analyze(question)) - set(analyze(found.alone))
        assert not {term for term in lost if term.isascii() and len(term) > 4 and term not in {"okay"}}


@pytest.mark.parametrize(
    ("fragment", "kept"),
    [
        ("And in 2024?", "2024"),
        ("What about the Petrel 500?", "the Petrel 500"),
        ("and 7.5 mm", "7.5 mm"),
        ("那2024年呢？", "2024年"),
    ],
)
def test_numbers_and_names_of_a_fragment_stay(fragment: str, kept: str) -> None:
    for last in (HOTEL, FAULT, "In 2023, how many hotels were there?"):
        assert kept in follow_up(fragment, last).alone
