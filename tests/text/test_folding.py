"""Folding makes equal words equal, and never loses where a character came from."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.folding import fold, fold_with_offsets

TRICKY = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "abcßİŉΐᾳﬁ…½①Ａ６％ 門门薴苧苎後发發麵臺\u00ad\u200b\u200d\ufeff\ufe0f\u0301\u0323\u0345ｶﾞ한ᄒ\u1161\u11ab"
        ),
        st.characters(),
    ),
    max_size=40,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Straße", "strasse"),
        ("ＧＢ／Ｔ　７７１４", "gb/t 7714"),
        ("為什麼門開著", "为什么门开着"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("cafe\u0301", "café"),
        ("ﬁne…", "fine..."),
        ("ｶﾞ", "ガ"),
        ("薴", "苎"),
        ("計畫", fold("计划")),
    ],
)
def test_what_is_written_differently_compares_equal(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(TRICKY)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(
    st.text(alphabet="門後發臺灣國語言學麵裡着著乾幹隻只鬱台abc"),
    st.text(alphabet="門後發臺灣國語言學麵裡着著乾幹隻只鬱台abc"),
)
def test_chinese_folds_character_by_character(first: str, second: str) -> None:
    assert fold(first + second) == fold(first) + fold(second)


@given(TRICKY)
def test_offsets_belong_to_the_same_folding(text: str) -> None:
    folded, offsets = fold_with_offsets(text)
    assert folded == fold(text)
    assert len(offsets) == len(folded) + 1
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(text)


@given(TRICKY, TRICKY)
def test_a_folded_slice_is_found_in_the_original(before: str, after: str) -> None:
    """Between two full stops nothing can merge with its neighbours, so the slice must come out exactly."""
    text = f"{before}|的Ｘ門\u00ad門ﬁ|{after}"
    folded, offsets = fold_with_offsets(text)
    start = len(fold(f"{before}|"))
    end = start + len(fold("的Ｘ門門ﬁ"))
    assert folded[start:end] == "的x门门fi"
    assert text[offsets[start] : offsets[end]] == "的Ｘ門\u00ad門ﬁ"


def test_offsets_of_merged_and_expanded_characters() -> None:
    folded, offsets = fold_with_offsets("ae\u0301…b")
    assert folded == "aé...b"
    assert offsets == [0, 1, 3, 3, 3, 4, 5]


def test_hangul_letters_that_compose_keep_one_offset() -> None:
    assert fold_with_offsets("\u1112\u1161\u11ab|") == ("\ud55c|", [0, 3, 4])


def test_every_assigned_character_survives_alone_and_beside_another() -> None:
    for code in range(0x80, 0x31000, 7):
        character = chr(code)
        if unicodedata.category(character) in ("Cn", "Cs", "Co"):
            continue
        for text in (character, f"a{character}", f"{character}\u0301"):
            folded, _ = fold_with_offsets(text)
            assert folded == fold(text), hex(code)


def test_lone_surrogates_pass_through() -> None:
    assert fold("門\udcff") == "门\udcff"
