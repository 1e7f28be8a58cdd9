"""Lines become paragraphs without losing a character, whatever the page looks like."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents.contents import without_contents
from ragqa.documents.hyphens import Hyphens
from ragqa.documents.layout import arrange, goes_on, is_row
from ragqa.documents.placed import SOFT_HYPHEN, Entry, Line
from ragqa.documents.running import without_running_lines


def column(*texts: str, left: float = 50, top: float = 700, size: float = 10, bold: bool = False) -> list[Line]:
    """Lines below one another, half an em to a letter and one to a Han character."""
    return [
        Line(text, left, left + width(text) * size / 2, top - 12 * number, top - 12 * number, size, bold)
        for number, text in enumerate(texts)
    ]


def width(text: str) -> int:
    return len(text) + sum(character >= "\u2e80" for character in text)


def texts(lines: list[Line]) -> list[str]:
    return [paragraph.text for (page,) in [arrange([lines])] for paragraph in page]


anything = st.builds(
    Line,
    text=st.text(min_size=1, max_size=40).filter(lambda text: text == text.strip() and text.strip() != ""),
    left=st.floats(0, 500),
    right=st.floats(0, 600),
    top=st.floats(0, 800),
    bottom=st.floats(0, 800),
    size=st.sampled_from([0.0, 1.0, 8.0, 10.0, 10.2, 14.0, 30.0]),
    bold=st.booleans(),
)
outlines = st.lists(st.builds(Entry, st.text(max_size=10), st.integers(1, 6), st.integers(-1, 5)), max_size=5)


@given(st.lists(st.lists(anything, max_size=12), max_size=4), outlines)
def test_no_visible_character_is_lost_or_made_up(pages: list[list[Line]], outline: list[Entry]) -> None:
    for lines, paragraphs in zip(without_running_lines(pages), arrange(pages, outline), strict=True):
        before = Counter("".join(line.text for line in lines))
        after = Counter("".join(paragraph.text for paragraph in paragraphs))
        for counts in (before, after):
            for character in [c for c in counts if c.isspace() or c in f"{SOFT_HYPHEN}-\u2010\xad.…·"]:
                del counts[character]
        assert before == after


def test_a_short_last_line_ends_the_paragraph() -> None:
    full = "These words fill the whole of the line, from end to"
    assert texts(column(full, "end.", full, "end.")) == [f"{full} end."] * 2


def test_lines_that_could_have_been_longer_stay_apart() -> None:
    address = column("The Riverside Library of the Old Town and its Harbour", "12 Mill Lane", "Harbourtown")
    assert texts(address) == ["The Riverside Library of the Old Town and its Harbour\n12 Mill Lane\nHarbourtown"]


def test_two_lines_of_prose_are_joined_before_a_capital_where_the_column_is_known() -> None:
    full = "these words fill the line from one side to the other"
    lines = column(*[full] * 5, "end.") + column(full, "Taiwan asks for more.", top=560)
    assert texts(lines) == [f"{' '.join([full] * 5)} end.", f"{full} Taiwan asks for more."]


def test_dots_that_lead_to_a_page_number_are_few() -> None:
    assert texts(column("1 Opening hours . . . . . . . . . . 3", "2 Leave..................... 14")) == [
        "1 Opening hours ... 3\n2 Leave ... 14"
    ]


def test_a_gap_ends_the_paragraph() -> None:
    lines = column("a line of words that has no end", top=700) + column("another line that follows a gap", top=670)
    assert len(texts(lines)) == 2


def test_items_of_a_list_begin_on_their_own_lines() -> None:
    full = "(a) the rent for the month in which the contract ends"
    assert texts(column(full, "(b) the costs of cleaning;")) == [f"{full}\n(b) the costs of cleaning;"]


def test_chinese_articles_begin_anew() -> None:
    full = "第三條　承租人得於每月月底終止本契約，但應於當月第三"
    rest = "個工作日前通知。"
    following = "第四條　押金於終止後返還。"
    assert texts(column(full, rest, following)) == [full + rest, following]


def test_the_next_column_goes_on_with_the_sentence() -> None:
    left = column(*["these words fill the column from one side to the other"] * 6)
    right = column("and go on in the next one.", left=330)
    (paragraph,) = texts(left + right)
    assert paragraph.endswith("to the other and go on in the next one.")


def test_a_raised_sign_does_not_part_its_line() -> None:
    lines = [
        Line("Hao Chen", 50, 90, 700, 700, 10),
        Line("†", 90, 93, 703, 703, 6),
        Line(", Tong He", 93, 130, 700, 700, 10),
    ]
    assert texts(lines) == ["Hao Chen † , Tong He"]


def test_rows_have_gaps_that_words_do_not_have() -> None:
    assert is_row(Line("Annual leave 20 days", 50, 400, 700, 700, 10))
    assert is_row(Line("Opening hours ........ 12", 50, 170, 700, 700, 10))
    assert not is_row(column("Annual leave has twenty days for everyone.")[0])


def test_headings_drawn_last_go_where_they_stand() -> None:
    body = column("Words below the first heading are here.", top=600)
    body += column("And these below the second.", "They stand in more than", "two lines.", top=400)
    headings = column("First", top=620, size=16) + column("Second", top=420, size=16)
    assert texts(body + headings) == [
        "First",
        "Words below the first heading are here.",
        "Second",
        "And these below the second.",
        "They stand in more than two lines.",
    ]


def test_a_chinese_chapter_is_a_heading_where_nothing_else_is() -> None:
    (page,) = arrange(
        [column("第一章　總則", "第一條　本規章適用於全體員工。", "第二節　休假", "第二條　員工每年有休假。")]
    )
    assert [(paragraph.kind, paragraph.level) for paragraph in page] == [
        ("heading", 2),
        ("paragraph", 0),
        ("heading", 3),
        ("paragraph", 0),
    ]


def test_a_lone_bold_line_is_a_heading() -> None:
    lines = column("Item 1A. Risk factors", top=700, bold=True) + column("We may lose money, as others did.", top=670)
    (page,) = arrange([lines])
    assert [paragraph.kind for paragraph in page] == ["heading", "paragraph"]


def test_only_an_open_paragraph_goes_on_overleaf() -> None:
    full = "These words fill the whole of the line from its left to"
    pages = [column("Some words that are at least as long as this line of all,", full), column("its right edge.")]
    first, second = arrange(pages)
    assert goes_on(first[-1], second[0])
    closed, fresh = arrange([column("A sentence that ends on this page."), column("another page.")])
    assert not goes_on(closed[-1], fresh[0])


def test_page_numbers_go_and_figures_stay() -> None:
    animals = ("cat", "dog", "hen", "cow")
    pages = [
        [*column(f"The {animal} is here.", f"The {animal} sits.", "42", f"No {animal} more."), *column(number, top=30)]
        for number, animal in zip("1234", animals, strict=True)
    ]
    kept = without_running_lines(pages)
    assert [[line.text for line in lines][-1] for lines in kept] == [f"No {animal} more." for animal in animals]
    assert all("42" in [line.text for line in lines] for lines in kept)


def test_hyphens_follow_the_rest_of_the_document() -> None:
    hyphens = Hyphens(iter(["well-known and co-operate", "the information", "good tempered people are known well"]))
    divided = {
        "well|known": "well-known",
        "infor|mation": "information",
        "co|operate": "co-operate",
        "good|tempered": "good-tempered",
        "COVID|19": "COVID-19",
        "1914|1918": "1914-1918",
        "Anglo|Saxon": "Anglo-Saxon",
        "unheard|of|ness": "unheardofness",
    }
    for written, whole in divided.items():
        assert hyphens.mend(f"a {written.replace('|', SOFT_HYPHEN)}, b") == f"a {whole}, b"


@given(st.text(st.sampled_from(f"ab-1 A{SOFT_HYPHEN}\n"), max_size=30))
def test_mending_leaves_no_mark(text: str) -> None:
    assert SOFT_HYPHEN not in Hyphens(iter([text])).mend(text)


@given(st.lists(anything, max_size=20))
def test_paragraphs_hold_no_blank_line(lines: list[Line]) -> None:
    for page in arrange([lines]):
        for paragraph in page:
            assert paragraph.text == paragraph.text.strip() != ""
            if paragraph.kind == "heading":
                assert paragraph.level >= 1
        assert all(not re.search("\n\n\n", f"{a.text}\n\n{b.text}") for a, b in pairwise(page))


def test_the_end_of_a_paragraph_is_not_the_number_of_the_next_heading() -> None:
    from ragqa.documents.headings import outline_levels
    from ragqa.documents.placed import Entry, Line

    texts = ["門禁卡補發工本", "費 200 元。", "第七章 離職", "同仁自請離職"]
    lines = [Line(text, 70, 500, 700 - 20 * row, 700 - 20 * row, 11, False) for row, text in enumerate(texts)]
    assert outline_levels([lines], [Entry("第七章 離職", 1, 0)]) == {0: {2: 1}}


def line(text: str, row: int) -> Line:
    return Line(text, 70, 500, 700 - 20 * row, 700 - 20 * row, 11, False)


def test_a_table_of_contents_is_left_out_and_a_price_list_is_not() -> None:
    names = ["1 Leave", "2 Pay", "3 Travel", "4 Leaving"]
    contents = [line(f"{name} . . . . . . . . . {row + 1}", row) for row, name in enumerate(names)]
    text = [line(words, row) for row, words in enumerate([*names, "Trains are booked in second class."])]
    assert without_contents([contents, text]) == [[], text]
    assert without_contents([contents, text[-1:]]) == [contents, text[-1:]]
