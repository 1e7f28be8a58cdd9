"""Plain text is kept as it is, and cut at its blank lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents import plain
from ragqa.documents.decoding import clean_text
from ragqa.documents.loader import InProcessLoader


def test_paragraphs_lie_between_blank_lines() -> None:
    document = plain.load(b"First\nstill first.\n\n \t\n  Second.  \n\n\nThird", "a.txt")
    assert [document.text[b.start : b.end] for b in document.blocks] == ["First\nstill first.", "Second.", "Third"]
    assert document.title == ""


@given(st.text(min_size=1).filter(lambda text: any(map(str.isalnum, text))))
def test_every_visible_character_is_in_one_paragraph(text: str) -> None:
    document = plain.load(b"\xef\xbb\xbf" + text.encode("utf-8", "replace"), "a.txt")
    end = 0
    for block in document.blocks:
        assert not document.text[end : block.start].strip()
        assert block.end > block.start
        end = block.end
    assert not document.text[end:].strip()
    assert document.text == clean_text(text.encode("utf-8", "replace").decode())


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_a_doubtful_encoding_is_a_warning(name: str) -> None:
    document = InProcessLoader().load("ty jesteś jak zdrowie".encode("cp1250"), name)
    assert len(document.warnings) == 1
    assert "cp125" in document.warnings[0]


def test_the_loader_adds_the_language() -> None:
    load = InProcessLoader().load
    assert load("圖書館每日上午九時開放。".encode("big5"), "a.TXT").language == "zh-Hant"
    assert load("图书馆每天上午九点开放。".encode("gb18030"), "a.text").language == "zh-Hans"
    assert load(b"The library opens at nine.", "a.txt").language == "en"
