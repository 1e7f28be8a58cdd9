"""Quotes are found where they stand, however they are typed; a changed word or digit is never found."""

from __future__ import annotations

import functools
import random
import re
import time
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from opencc import OpenCC

from ragqa.answering.quotes import locate

SAMPLE = """
    the tenant may terminate notice of naïve Ärger office shall 30 days $4,500 3.14 X200 2025-01-01 50% first finally
"""
LATIN = st.sampled_from(SAMPLE.split())
HAN = st.text(st.sampled_from("租客可以終止合約辦公室員工請假規定國際電腦體驗證明書後裏發"), min_size=1, max_size=6)
WORDS = st.lists(st.one_of(LATIN, HAN), min_size=4, max_size=30)
PLAIN_JOINTS = [" ", " ", " ", ", ", ". ", "\n", "，", " – "]


def is_han(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


def join(words: list[str], rng: random.Random) -> tuple[str, list[tuple[int, int]]]:
    """A text of the words, and where each stands in it."""
    text, places = "", []
    for word in words:
        if text:
            both_han = is_han(text[-1]) and is_han(word[0])
            joint = rng.choice(["", "", "，", "。"]) if both_han else rng.choice(PLAIN_JOINTS)
            # A dash between two numbers makes them a range, which is one thing.
            text += " " if joint == " – " and text[-1].isdigit() and word[0].isdigit() else joint
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, places


@functools.cache
def other_script(direction: str) -> OpenCC:
    return OpenCC(direction)


def perturb(piece: str, rng: random.Random) -> str:
    """The same words as another program, keyboard or typesetter would write them."""
    out = ""
    previous = ""
    for i, character in enumerate(piece):
        following = piece[i + 1 : i + 2]
        if character.isspace():
            character = rng.choice([" ", "\n", "  ", "\u3000", "\u00a0"])
        elif is_han(character) and is_han(following) and rng.random() < 0.3:
            character += rng.choice([" ", "\n", "\u200b"])
        elif character.isascii() and character.isalnum() and rng.random() < 0.2:
            character = chr(ord(character) + 0xFEE0)
        elif character.isalpha() and previous.isalpha() and following.isalpha() and rng.random() < 0.15:
            character += rng.choice(["\u00ad", "-\n", "\u200d"]) if character.isascii() else ""
        elif character == "–":
            character = rng.choice("-—―")
        if rng.random() < 0.2:
            character = character.upper() if len(character.upper()) == len(character) else character
        out += character
        previous = character[-1]
    out = out.replace("fi", "ﬁ") if rng.random() < 0.5 else out
    out = unicodedata.normalize(rng.choice(["NFC", "NFD"]), out)
    return other_script(rng.choice(["t2s", "s2t"])).convert(out) if rng.random() < 0.4 else out


@given(WORDS, st.data())
def test_any_slice_of_a_text_is_found_at_its_place_however_it_is_typed(words: list[str], data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    text, places = join(words, rng)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start, end = places[first][0], places[last][1]
    quote = perturb(text[start:end], rng)
    found = locate(quote, text)
    assert found is not None, (quote, text[start:end])
    # Words may occur earlier too; then that place is as good.
    assert found[0] <= start
    assert squeeze(text[found[0] : found[1]]) == squeeze(text[start:end])
    if locate(text[start:end], text[:start]) is None and found[0] == start:
        assert found[1] == end


def squeeze(text: str) -> str:
    return re.sub(r"[\s，。,.–-]", "", unicodedata.normalize("NFKC", text)).casefold()


@given(WORDS, st.data())
def test_a_changed_digit_or_letter_is_never_found(words: list[str], data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    text, _ = join(words, rng)
    position = data.draw(st.integers(0, len(text) - 1))
    old = text[position]
    assume(old.isalnum())
    new = data.draw(st.sampled_from("0123456789" if old.isdigit() else "qzjk" if old.isascii() else "龍鳥魚"))
    assume(new != old)
    changed = text[:position] + new + text[position + 1 :]
    assert locate(changed, text) is None
    assert locate(text, changed) is None


@given(WORDS, st.data())
def test_a_left_out_or_swapped_word_is_never_found(words: list[str], data: st.DataObject) -> None:
    words = [word for word in words if not is_han(word[0])]
    assume(len(words) >= 3)
    text = " ".join(words)
    place = data.draw(st.integers(1, len(words) - 2))
    without = [*words[:place], *words[place + 1 :]]
    assert locate(" ".join(without), text) is None or " ".join(without) in text
    swapped = words.copy()
    swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    assume(swapped != words)
    assert locate(" ".join(swapped), text) is None


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("annual leave is 12 days", "The annual\nleave is １２ days.", "annual\nleave is １２ days"),
        ("information on it", "the infor-\nmation on it", "infor-\nmation on it"),
        ("information on it", "the infor\u00ad\n mation on it", "infor\u00ad\n mation on it"),
        ("infor- mation on it", "the information on it", "information on it"),
        ("well-known man", "a well-\nknown man", "well-\nknown man"),
        ("年假為十二天", "員工的年假为十二\n 天。", "年假为十二\n 天"),
        ("衛生及敘述", "安全衞生及敍述", "衞生及敍述"),
        ("第4條 使用GPU 加速", "第 4 条使用 GPU 加速器", "第 4 条使用 GPU 加速"),
        ('he said "no."', "Then he said “no.” And left.", "he said “no.”"),
        ("他說：「不行。」", "結果他说：“不行。”走了", "他说：“不行。”"),
        ("between 10 and 20-30 days", "between 10 and 20 – 30 days", "between 10 and 20 – 30 days"),
        ("part 737 – 00–28 is", "part 737–\n00–28 is", "part 737–\n00–28 is"),
        ("the final fee", "the \ufb01nal fee", "the \ufb01nal fee"),
        ("株式会社", "\u337f ABC", "\u337f"),
        ("分別為30", "分別為30，45，2025年", "分別為30"),
        ("費用１，２００元", "費用1,200元", "費用1,200元"),
        ("費用１", "費用１，２００元", None),
        ("cost is $5", "The cost is US $ 5", None),
        ("is US$5", "The cost is US $ 5", "is US $ 5"),
        ("**bold** and `code`", "some bold and code here", "bold and code"),
    ],
)
def test_examples_of_typing(quote: str, text: str, found: str | None) -> None:
    span = locate(quote, text)
    assert (span and text[span[0] : span[1]]) == found


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("nowhere", "now here"),
        ("now here", "nowhere"),
        ("now - here", "nowhere"),
        ("art", "the start of it"),
        ("12 days", "112 days"),
        ("12", "120"),
        ("12", "12.5"),
        ("12", "1,200 or 12,000 or 5-12"),
        ("5 °C", "-5 °C"),
        ("2 to 3", "-2 to 3"),
        ("12 percent off", "12% off"),
        ("grew by 12", "grew by 12%"),
        ("3.14", "314"),
        ("314", "3.14"),
        ("二天", "十二天"),
        ("一百", "一百二十元"),
        ("預算為12", "預算為12萬元"),
        ("三", "百分之三"),
        ("三", "三點五"),
        ("C++", "C"),
        ("", "anything"),
        ("。。「」", "。。「」"),
        ("...", "..."),
    ],
)
def test_words_and_numbers_must_be_whole(quote: str, text: str) -> None:
    assert locate(quote, text) is None


TERMS = "The tenant may terminate at any time. The landlord must agree in writing within 30 days."


@pytest.mark.parametrize("ellipsis", ["…", "...", " … ", " [...] ", "……", " . . . "])
def test_an_ellipsis_stands_for_what_lies_between(ellipsis: str) -> None:
    span = locate(f"The tenant may{ellipsis}agree in writing", TERMS)
    assert span and TERMS[span[0] : span[1]] == TERMS[: TERMS.index(" within")]


def test_an_ellipsis_neither_reorders_nor_bridges_pages_nor_joins_crumbs() -> None:
    assert locate("agree in writing … The tenant may", TERMS) is None
    assert locate("The tenant may … 31 days", TERMS) is None
    assert locate("at … in", TERMS) is None
    far = "The tenant may leave. " + "Filler. " * 100 + "The landlord stays."
    assert locate("The tenant may leave … landlord stays", far) is None


def test_an_ellipsis_tries_a_later_place_of_the_first_piece() -> None:
    text = "Notice is given. " + "Filler. " * 100 + "Notice is given by post within 30 days."
    span = locate("Notice is given … 30 days", text)
    assert span and text[span[0] : span[1]] == "Notice is given by post within 30 days"


def test_a_long_text_full_of_near_misses_takes_no_time() -> None:
    text = "a a a a b " * 20_000
    started = time.process_time()
    assert locate("a " * 200 + "c", text) is None
    assert locate("a a … b c", text) is None
    assert time.process_time() - started < 4
