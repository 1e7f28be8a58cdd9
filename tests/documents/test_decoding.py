"""Bytes become the right text, or the doubt is said aloud."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents import legacy
from ragqa.documents.decoding import clean_text, decode
from ragqa.text.language import han_share

TRADITIONAL = "圖書館於每日上午九時開放，週一休館。借閱期限為三星期，逾期者須繳納罰款；遺失圖書者，應照價賠償。"
SIMPLIFIED = "图书馆每天上午九点开放，星期一休馆。借阅期限为三个星期，逾期者须缴纳罚款；遗失图书的，应当照价赔偿。"
JAPANESE = "図書館は毎日午前九時に開きます。月曜日は休館です。貸出期間は三週間で、延滞した場合は罰金を払います。"
KOREAN = "도서관은 매일 오전 아홉 시에 문을 열고 월요일에는 쉽니다. 대출 기간은 삼 주이며 늦으면 벌금을 냅니다."
RUSSIAN = (
    "Библиотека открыта каждый день, кроме понедельника. Книги выдаются на три недели, за опоздание берётся штраф."
)
FRENCH = "La bibliothèque est ouverte tous les jours, sauf le lundi. Prêt pour trois semaines ; pénalité à payer après."
POLISH = "Biblioteka jest czynna codziennie oprócz poniedziałku, a książki wypożycza się na trzy tygodnie."

LEGACY = [
    (TRADITIONAL, "big5"),
    (TRADITIONAL, "cp950"),
    (TRADITIONAL, "big5hkscs"),
    (TRADITIONAL, "gb18030"),
    (SIMPLIFIED, "gb2312"),
    (SIMPLIFIED, "gbk"),
    (SIMPLIFIED, "gb18030"),
    (SIMPLIFIED, "hz"),
    (JAPANESE, "shift_jis"),
    (JAPANESE, "euc_jp"),
    (JAPANESE, "iso2022_jp"),
    (KOREAN, "euc_kr"),
    (KOREAN, "johab"),
    (KOREAN, "iso2022_kr"),
    (RUSSIAN, "cp1251"),
    (RUSSIAN, "koi8_r"),
    (RUSSIAN, "cp866"),
    (FRENCH, "cp1252"),
    (FRENCH, "latin_1"),
    (POLISH, "cp1250"),
    (POLISH, "iso8859_2"),
]
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize(("text", "encoding"), LEGACY, ids=lambda value: value if value.isascii() else "")
def test_legacy_encodings_are_recognised(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    "text", [TRADITIONAL, SIMPLIFIED, JAPANESE, KOREAN, FRENCH, "Nine o'clock.\nClosed on Monday.\n"]
)
@pytest.mark.parametrize("encoding", WIDE)
def test_wide_encodings_need_no_mark(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding))
    assert (found.text, found.doubtful) == (text, False)


@given(text=st.text(min_size=1))
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_mark_is_believed_always(mark: bytes, encoding: str, text: str) -> None:
    if mark == codecs.BOM_UTF16_LE and text.startswith("\0"):
        return  # the same bytes as the mark of UTF-32
    found = decode(mark + text.encode(encoding))
    assert (found.text, found.encoding, found.doubtful) == (clean_text(text), encoding, False)


@pytest.mark.parametrize("text", [TRADITIONAL, SIMPLIFIED, "déjà vu", "naïve 東京 text"])
def test_utf8_wins_over_everything(text: str) -> None:
    found = decode(text.encode())
    assert (found.text, found.encoding, found.doubtful) == (text, "utf-8", False)


@pytest.mark.parametrize("text", ["C++ and A+B-", "call +886-2-1234", "~{ is no Chinese", "a+b+AND- b", "+AND more-"])
def test_ascii_that_looks_like_an_escape_stays_as_it_is(text: str) -> None:
    assert decode(text.encode()).text == text


@given(st.binary(max_size=400))
def test_any_bytes_decode_to_clean_text(data: bytes) -> None:
    found = decode(data)
    assert clean_text(found.text) == found.text


def test_a_few_wrong_bytes_do_not_turn_utf8_into_something_else() -> None:
    found = decode(TRADITIONAL.encode() + b"\xff" + TRADITIONAL.encode())
    assert (found.text, found.encoding) == (TRADITIONAL + "\ufffd" + TRADITIONAL, "utf-8")
    assert found.doubtful


def test_a_cut_character_at_the_end_is_the_only_loss() -> None:
    found = decode(SIMPLIFIED.encode()[:-1])
    assert found.text == SIMPLIFIED[:-1] + "\ufffd"
    assert found.doubtful


def test_a_guess_from_two_letters_is_doubtful() -> None:
    assert decode("ty jesteś jak zdrowie".encode("cp1250")).doubtful


def test_one_sign_does_not_turn_an_english_text_into_another_language() -> None:
    for sign in "—’£°é":
        text = f"the price {sign} of 20"
        assert decode(text.encode("cp1252")).text == text


def test_what_the_document_declares_decides_where_it_fits() -> None:
    short = "résumé"
    assert decode(short.encode("cp1252"), declared="iso-8859-1").text == short
    assert not decode(short.encode("cp1252"), declared="ISO_8859-1").doubtful
    assert decode(TRADITIONAL.encode("big5"), declared="Big5").text == TRADITIONAL


@pytest.mark.parametrize("declared", ["big5", "windows-1252", "no such thing", "base64", ""])
def test_a_wrong_declaration_is_not_believed(declared: str) -> None:
    assert decode(SIMPLIFIED.encode(), declared=declared).text == SIMPLIFIED
    assert decode(RUSSIAN.encode("cp1251"), declared=declared).text == RUSSIAN


def test_a_long_ascii_beginning_does_not_hide_the_rest() -> None:
    text = "plain ascii line\n" * 20_000 + TRADITIONAL
    assert decode(text.encode("big5")).text == text


@given(st.text())
def test_clean_text_keeps_its_promise(text: str) -> None:
    cleaned = clean_text(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", cleaned)
    assert clean_text(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_clean_text_changes_nothing_else(text: str) -> None:
    assert clean_text(text) == text


def test_line_ends_become_newlines() -> None:
    assert clean_text("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h\n") == "a\nb\nc\nd\ne\nf\ng\nh\n"
    assert clean_text("\x1b[31mred\x00\x9b \ud800") == "[31mred \ufffd"


def test_the_same_text_scores_higher_in_its_own_encoding() -> None:
    data = TRADITIONAL.encode("big5")
    assert legacy.score(data, "cp950") > legacy.score(data, "gb18030") + 0.3


def test_development_texts_in_legacy_encodings(shared: Path) -> None:
    """Real Chinese passages, 40 and 120 characters of each: at least 98 of 100 exact, at most 2 silently wrong."""
    passages = [json.loads(line)["text"] for line in (shared / "bench/bench_dev/corpus.jsonl").open(encoding="utf-8")]
    tried = exact = silent = 0
    for passage in passages[::40]:
        for encoding in ("gb18030", "big5hkscs", "utf-16-le"):
            for length in (40, 120):
                text = clean_text(passage[:length].removeprefix("\ufeff"))
                try:
                    data = text.encode(encoding)
                except UnicodeEncodeError:
                    continue
                if han_share(text) < 0.5 or data.decode(encoding) != text:
                    continue
                found = decode(data)
                tried += 1
                exact += found.text == text
                silent += found.text != text and not found.doubtful
    assert tried > 100
    assert exact >= 0.98 * tried
    assert silent <= 0.02 * tried
