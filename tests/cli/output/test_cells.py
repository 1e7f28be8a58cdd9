"""Lines fit their width in columns, lose no word, and keep their styles."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.cli.cells import Flowing, cut, one_line, width_of, wrap
from ragqa.cli.gate import Styled, style

TEXT = st.text(st.sampled_from("ab cd, 中文。（字）e\u0301 long-word …"), max_size=80)
ANY = st.text(max_size=60)


@given(TEXT | ANY, st.integers(1, 40))
def test_wrapped_lines_fit_and_hold_everything(text: str, width: int) -> None:
    lines = wrap(text, width)
    for line in lines:
        # One wide character is wider than a terminal of one column; it stands alone then.
        assert width_of(line) <= width or width_of(line) == 2
    shown = wrap(text, None)[0]
    assert "".join("".join(lines).split()) == "".join(shown.split())


def words(lines: list[Styled]) -> list[str]:
    """The lines without the blanks at their ends, which nobody sees."""
    return [line.plain.strip() for line in lines if line.plain.strip()]


@given(TEXT, st.integers(1, 40), st.data())
def test_styles_are_whole_on_every_line(text: str, width: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    styled = style(text[:place], "bold") + style(text[place:], "dim")
    lines = wrap(styled, width)
    assert words(lines) == words(wrap(text, width))
    for line in lines:
        marks = re.sub("[^\ufdd0-\ufdef]", "", line)
        assert re.fullmatch("([\ufdd0-\ufdee]+\ufdef)*", marks)


@given(TEXT, st.integers(0, 40))
def test_cut_text_fits_and_says_that_it_is_cut(text: str, width: int) -> None:
    shown = cut(text, width)
    assert width_of(shown) <= width
    assert shown == text or shown.endswith("…") or width == 0


WORDS = st.sampled_from(["leave ", "rem", "of ", "中文", "字。", "（字）", " ", "[1]", "\n"])


@given(st.lists(WORDS, max_size=40).filter(lambda words: "remremrem" not in "".join(words)), st.integers(16, 40))
def test_text_that_comes_in_pieces_is_wrapped_as_if_it_came_at_once(pieces: list[str], width: int) -> None:
    flowing, at_once = Flowing(width), Flowing(width)
    shown = "".join(flowing.add(piece) for piece in pieces) + flowing.rest()
    text = "".join(pieces)
    assert shown == at_once.add(text) + at_once.rest()
    assert "".join(shown.split()) == "".join(text.split())
    for line in shown.split("\n"):
        assert width_of(line.rstrip(" ")) <= width or re.fullmatch(r"(rem|\[1\]|leave)+", line.strip())


def test_no_word_is_broken_at_the_edge_of_the_terminal() -> None:
    flowing = Flowing(12)
    assert flowing.add("the remain") == "the "
    assert flowing.add("ing funds are") == "\nremaining \nfunds "
    assert flowing.rest() == "are"
    assert Flowing(None).add("as it is") == "as it is"


def test_chinese_breaks_between_characters_but_not_before_punctuation() -> None:
    assert wrap("員工每年享有十四天特休假。", 10) == ["員工每年享", "有十四天特", "休假。"]
    assert wrap("年假十四天。請假", 10) == ["年假十四", "天。請假"]
    assert wrap("use GPU 加速 now", 8) == ["use GPU", "加速 now"]


def test_indented_lines_and_their_most() -> None:
    assert wrap("one two three four five six", 10, indent="  ", most=2) == ["  one two", "  three…"]
    assert wrap("one", 10, indent="  ", most=2) == ["  one"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\nb", "a b"), ("天\n天", "天天"), ("第一 GPU\n\n第二", "第一 GPU 第二"), (" \n ", ""), ("a  b\tc", "a b c")],
)
def test_line_breaks_become_what_they_mean(text: str, line: str) -> None:
    assert one_line(text) == line


def test_wide_characters_and_marks_are_counted_in_columns() -> None:
    assert (width_of("中文"), width_of("e\u0301"), width_of("ＡＢ"), width_of(Styled(style("ab", "bold")))) == (
        4,
        1,
        4,
        2,
    )
