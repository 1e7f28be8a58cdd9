"""Language by script: right on five characters, right on five megabytes, and the same for a text wherever it stands."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC

from ragqa.text.language import detect, han_share, is_han, tells_script
from ragqa.types import Language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("When may the tenant terminate?", "en"),
        ("Où est la résiliation ?", "en"),
        ("年假多少天", "zh-Hans"),
        ("资遣费怎么算", "zh-Hans"),
        ("資遣費怎麼算", "zh-Hant"),
        ("誰簽約？", "zh-Hant"),
        ("谁签约?", "zh-Hans"),
        ("違約金", "zh-Hant"),
        ("二〇二五年", "zh-Hans"),
        ("有給休暇は何日ですか", "ja"),
        ("東京大学の歴史", "ja"),
        ("カタカナ", "ja"),
        ("연차 휴가는 며칠입니까?", "ko"),
        ("Когда можно расторгнуть договор?", "other"),
        ("12345 !?", "other"),
        ("", "other"),
    ],
)
def test_a_question_is_read_by_its_script(text: str, language: Language) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("iPhone 15 Pro Max 的價格是多少？", "zh-Hant"),
        ("What is 勞動基準法 about?", "en"),
        ("What does 道 mean?", "en"),
        ("NDA 有效期", "zh-Hans"),
        ("請問 Service Level Agreement 的 uptime 是多少", "zh-Hant"),
        ("「の」是什么意思？这个假名在日语里怎么用？", "zh-Hans"),
        ("Samsung Galaxy S24 가격은 얼마입니까", "ko"),
    ],
)
def test_borrowed_words_do_not_change_the_language(text: str, language: Language) -> None:
    assert detect(text) == language


SIMPLIFIED = "劳动者与用人单位协商一致，可以解除合同。经济补偿按劳动者在本单位工作的年限支付。"


def test_the_script_follows_the_conversion_of_the_text() -> None:
    assert detect(SIMPLIFIED) == "zh-Hans"
    assert detect(OpenCC("s2t").convert(SIMPLIFIED)) == "zh-Hant"
    assert detect(OpenCC("s2twp").convert(SIMPLIFIED)) == "zh-Hant"


def test_a_long_document_is_sampled_from_all_of_it() -> None:
    preface = "This preface is English. " * 40
    document = preface + SIMPLIFIED * 120_000
    assert len(document) > 4_000_000
    started = time.process_time()
    assert detect(document) == "zh-Hans"
    assert han_share(document) > 0.8
    assert time.process_time() - started < 0.2


def test_han_share_ignores_white_space() -> None:
    assert han_share("年 假\n\t20") == 0.5
    assert han_share(" \n") == 0.0
    assert han_share("abc") == 0.0


def test_is_han() -> None:
    assert all(map(is_han, "一龥㐀\U00020000\uf900々〇"))
    assert not any(map(is_han, "aあア가。１ "))


@given(st.text(max_size=200))
def test_any_text_has_a_language(text: str) -> None:
    language = detect(text)
    if any(map(is_han, text)) and not any(character.isascii() and character.isalpha() for character in text):
        assert language != "other"


@given(st.text(alphabet="abcdefghij klmnop.,", min_size=1).filter(lambda text: any(map(str.isalpha, text))))
def test_latin_letters_are_english(text: str) -> None:
    assert detect(text) == "en"


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("年假", False),
        ("年假多少天?", False),
        ("How much?", False),
        ("", False),
        ("台北年假", False),
        ("資遣費", True),
        ("年假几天", True),
    ],
)
def test_some_chinese_is_written_alike_in_both_scripts(text: str, tells: bool) -> None:
    assert tells_script(text) is tells
