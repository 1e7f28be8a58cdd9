"""Around a quote its lines are shown, everything else is left out, and nothing is ever shown twice or changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ragqa.answering.excerpt import LONG_LINE, excerpt

LINES = "one\n\ntwo\nthree\nthe quoted words\nfive\n\n\nsix\nseven\n"
QUOTE = (LINES.index("quoted"), LINES.index("quoted") + len("quoted"))


def shown(text: str, quotes: list[tuple[int, int]], lines: int | None, near: tuple[int, int] | None = None) -> str:
    pieces = excerpt(text, quotes, lines=lines, near=near)
    out, end = "", 0
    for piece in pieces:
        out += "~" if piece.start > end else ""
        out += f"<{text[piece.start : piece.end]}>" if piece.quoted else text[piece.start : piece.end]
        end = piece.end
    return out + ("~" if end < len(text) else "")


def test_the_lines_around_a_quote_are_shown_and_blank_ones_do_not_count() -> None:
    assert shown(LINES, [QUOTE], 1) == "~three\nthe <quoted> words\nfive\n\n\n~"
    assert shown(LINES, [QUOTE], 0) == "~the <quoted> words\n~"


def test_without_a_number_everything_is_shown() -> None:
    assert shown(LINES, [QUOTE], None) == LINES.replace("quoted", "<quoted>")


def test_two_quotes_that_are_near_each_other_are_one_stretch_and_far_ones_are_two() -> None:
    first, last = (LINES.index("one"), LINES.index("one") + 3), (LINES.index("seven"), LINES.index("seven") + 5)
    assert shown(LINES, [last, first], 0) == "<one>\n\n~<seven>\n"
    assert shown(LINES, [last, first], 3) == LINES.replace("one", "<one>").replace("seven", "<seven>")


def test_without_a_quote_the_lines_around_a_place_are_shown() -> None:
    assert shown(LINES, [], 0, near=(LINES.index("five"), LINES.index("five") + 4)) == "~five\n\n\n~"


def test_a_long_line_counts_as_several_and_is_cut_behind_a_sentence() -> None:
    sentence = "A sentence of this paragraph says little. "
    text = sentence * 20 + "This one is quoted. " + sentence * 20
    place = text.index("This one")
    kept = shown(text, [(place, place + 19)], 0)
    assert len(kept) <= LONG_LINE + 10
    assert kept.startswith("~") and kept.lstrip("~ ").startswith(("A sentence", "<This one"))
    assert "<This one is quoted.>" in kept


@given(
    st.text(alphabet="ab .。\n", max_size=900),
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 60)), max_size=4),
    st.none() | st.integers(0, 3),
)
def test_every_quote_is_whole_and_every_piece_is_in_order(
    text: str, places: list[tuple[int, int]], lines: int | None
) -> None:
    quotes = [(start, min(len(text), start + length)) for start, length in places if start < len(text)]
    pieces = excerpt(text, quotes, lines=lines)
    limits = [limit for piece in pieces for limit in (piece.start, piece.end)]
    assert limits == sorted(limits)
    quoted = {place for piece in pieces if piece.quoted for place in range(piece.start, piece.end)}
    assert quoted == {place for start, end in quotes for place in range(start, end)}
    assert all(piece.start < piece.end for piece in pieces) or not text
