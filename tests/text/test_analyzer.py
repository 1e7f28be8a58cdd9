"""The analyzer's promises: what must find what, in every script."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text import analyzer
from ragqa.text.analyzer import analyze


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("terminating", "The tenant may terminate the lease."),
        ("1200", "The fee is 1,200 euros"),
        ("１２００", "The fee is 1,200 euros"),
        ("GB/T 7714", "引文格式遵循ＧＢ／Ｔ　7714标准"),
        ("GBT", "GB/T 7714"),
        ("X-200", "型號X200的保固"),
        ("X 200", "X200"),
        ("3.14", "π ≈ 3.14"),
        ("4.2", "see § 4.2."),
        ("20250101", "2025-01-01"),
        ("foo_bar", "call foo_bar(1)"),
        ("bar", "call foo_bar(1)"),
        ("email", "by e-mail"),
        ("US", "the U.S. government"),
        ("Tesla", "Tesla’s patents"),
        ("info@example.org", "Mail: INFO@EXAMPLE.ORG."),
        ("C++", "written in C++, not C"),
        ("梵语", "他研究梵語多年"),
        ("門", "开门"),
        ("テレビ", "テレビを見る"),
        ("한국", "한국어를 배우다"),
        ("ไทย", "ภาษาไทย"),
        ("Россия", "россия и мир"),
    ],
)
def test_every_term_of_the_question_or_its_whole_is_in_the_text(question: str, text: str) -> None:
    assert set(analyze(question)) & set(analyze(text))


def test_a_code_has_its_whole_and_its_parts() -> None:
    assert analyze("GB/T") == ["gbt", "gb", "t"]
    assert analyze("X200") == ["x200", "x", "200"]
    assert analyze("2025-01-02") == ["20250102", "2025", "1", "2"]
    assert analyze("1.5GHz") == ["1.5ghz", "1.5", "ghz"]


def test_thousands_separators_are_not_part_of_a_number() -> None:
    assert analyze("1,200") == analyze("1200") == ["1200"]
    assert analyze("1,234,567.50") == ["1234567.50"]
    assert "1234" not in analyze("1,23,4")[1:]


def test_a_decimal_is_one_term_and_not_the_number_without_its_point() -> None:
    assert analyze("3.14") == ["3.14"]
    assert not set(analyze("3.14")) & set(analyze("314 3 14"))


def test_a_full_stop_without_a_space_joins_no_words() -> None:
    assert {"begin", "end"} <= set(analyze("the end.Begin again"))


@pytest.mark.parametrize(
    "question", ["What is it?", "which of the", "为什么？", "是多少", "誰", "什麼時候？", "有多長？"]
)
def test_question_words_alone_leave_nothing_to_search_for(question: str) -> None:
    assert [term for term in analyze(question) if len(term) > 1] == []


def test_question_phrases_do_not_make_pairs_with_their_neighbours() -> None:
    """Across 多少 and 年 lies 少年, which has nothing to do with the question."""
    assert "少年" not in analyze("保固多少年")
    assert analyze("多少年") == ["年"]


def test_stop_characters_do_not_stand_alone_but_keep_their_pairs() -> None:
    assert analyze("首都") == ["首", "首都"]


def test_particles_are_cut_out() -> None:
    assert analyze("合同的期限") == ["合", "同", "合同", "期", "限", "期限"]


@given(st.text(max_size=200))
def test_terms_are_folded_and_without_blanks(text: str) -> None:
    for term in analyze(text):
        assert term
        assert term == term.strip()
        assert not any(character.isspace() for character in term)


@given(st.text(max_size=60), st.text(max_size=60))
def test_paragraphs_are_analyzed_one_by_one(first: str, second: str) -> None:
    assert analyze(f"{first}\n\n|{second}") == analyze(first) + analyze(second)


@given(st.text(alphabet="門後發臺灣國語言學麵裡什麼年0123456789abcXY-_/.,@ ", max_size=60))
def test_traditional_and_simplified_give_the_same_terms(text: str) -> None:
    from opencc import OpenCC

    assert analyze(OpenCC("t2s").convert(text)) == analyze(text)


def test_the_fingerprint_names_what_decides_the_terms() -> None:
    assert "opencc" in analyzer.ANALYZER
    assert "snowball" in analyzer.ANALYZER
    with pytest.raises(AttributeError):
        _ = analyzer.NOTHING


def test_hostile_text_takes_linear_time() -> None:
    started = time.perf_counter()
    for text in ("a-" * 200_000, "1,234" * 100_000, "多少" * 200_000, "'s" * 200_000, "1." * 200_000, "_" * 400_000):
        analyze(text)
    assert time.perf_counter() - started < 10
