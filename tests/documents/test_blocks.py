"""Documents built from pieces: exact offsets, clean text, and tables whose rows can be read alone."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents.blocks import Cell, DocumentBuilder, Piece, table_text
from ragqa.types import Document

PIECES = st.builds(
    Piece,
    st.sampled_from(("paragraph", "heading", "list", "table", "code")),
    st.text(alphabet=st.one_of(st.characters(), st.sampled_from(" \n\t\r\x00\x85\ud800漢")), max_size=40),
    st.integers(1, 6),
)


def build(*pieces: Piece) -> Document:
    builder = DocumentBuilder()
    for piece in pieces:
        builder.add(piece)
    return builder.build()


@given(st.lists(PIECES, max_size=15))
def test_any_pieces_make_a_sound_document(pieces: list[Piece]) -> None:
    document = build(*pieces)
    position = 0
    for block in document.blocks:
        assert position <= block.start < block.end
        assert not document.text[position : block.start].strip()
        assert document.text[block.start : block.end].strip()
        assert (block.level >= 1) == (block.kind == "heading")
        position = block.end
    assert position == len(document.text)
    assert not any(
        unicodedata.category(character) in ("Cc", "Cs") for character in document.text if character not in "\n\t"
    )


@given(st.lists(PIECES, max_size=15))
def test_no_letter_is_lost(pieces: list[Piece]) -> None:
    wanted = [character for piece in pieces for character in piece.text if character.isalnum()]
    assert [character for character in build(*pieces).text if character.isalnum()] == wanted


def test_blank_lines_stand_between_blocks_and_items_on_lines() -> None:
    document = build(
        Piece("heading", "Leave\npolicy", 1),
        Piece("paragraph", "  First.\n\n\nSecond.  "),
        Piece("list", "- one", 0),
        Piece("list", "- two", 1),
        Piece("code", "\n  x = 1\n\n  y = 2\n"),
    )
    assert document.text == "Leave policy\n\nFirst.\nSecond.\n\n- one\n  - two\n\n  x = 1\n\n  y = 2"
    assert [block.kind for block in document.blocks] == ["heading", "paragraph", "list", "code"]


def test_the_highest_heading_is_level_one() -> None:
    document = build(Piece("heading", "A", 3), Piece("heading", "B", 5), Piece("heading", "C", 3))
    assert [block.level for block in document.blocks] == [1, 3, 1]


def test_a_single_highest_heading_is_the_title() -> None:
    assert (
        build(Piece("heading", "Handbook", 1), Piece("heading", "Leave", 2), Piece("heading", "Pay", 2)).title
        == "Handbook"
    )
    assert build(Piece("heading", "Leave", 1), Piece("heading", "Pay", 1)).title == ""
    assert build(*[Piece("paragraph", "text")] * 9, Piece("heading", "Late", 1)).title == ""


# --- tables -----------------------------------------------------------------------------------------------------------


def rows(*lines: str, header: bool = False) -> list[list[Cell]]:
    return [
        [Cell(text, header=header and number == 0) for text in line.split("|")] for number, line in enumerate(lines)
    ]


def test_each_row_names_its_columns() -> None:
    assert table_text(rows("Leave|Days|Note", "Annual|20|", "年假|15|paid", header=True)) == (
        "Leave: Annual | Days: 20\nLeave: 年假 | Days: 15 | Note: paid"
    )


def test_a_table_without_a_header_keeps_its_cells() -> None:
    assert table_text(rows("a|b|c", "d|e|f")) == "a | b | c\nd | e | f"


def test_a_header_that_is_not_marked_is_known_by_its_type_or_by_figures_below() -> None:
    assert (
        table_text(rows("Leave|Days", "Annual|20", "Sick|10 days"))
        == "Leave: Annual | Days: 20\nLeave: Sick | Days: 10 days"
    )
    assert table_text(rows("Year|2024", "Sales|20", "Profit|10")).startswith("Year | 2024")
    bold = [[Cell("Role", strong=True), Cell("Person", strong=True)], [Cell("Chair"), Cell("Wu")]]
    assert table_text(bold) == "Role: Chair | Person: Wu"


def test_a_cell_over_several_rows_is_repeated_in_each() -> None:
    table = [
        [Cell("Staff", header=True), Cell("Leave", header=True), Cell("Days", header=True)],
        [Cell("Permanent", rows=2), Cell("Annual"), Cell("20")],
        [Cell("Sick"), Cell("10")],
        [Cell("Temporary"), Cell("Annual"), Cell("8")],
    ]
    assert table_text(table).split("\n") == [
        "Staff: Permanent | Leave: Annual | Days: 20",
        "Staff: Permanent | Leave: Sick | Days: 10",
        "Staff: Temporary | Leave: Annual | Days: 8",
    ]


def test_stacked_headers_are_joined_and_a_row_over_all_columns_stands_alone() -> None:
    table = [
        [Cell("Fees 2025", header=True, columns=3)],
        [Cell("Item", header=True, rows=2), Cell("Price", header=True, columns=2)],
        [Cell("net", header=True), Cell("gross", header=True)],
        [Cell("Domestic", columns=3)],
        [Cell("Letter"), Cell("1.00"), Cell("1.05")],
    ]
    assert table_text(table).split("\n") == [
        "Fees 2025",
        "Domestic",
        "Item: Letter | Price net: 1.00 | Price gross: 1.05",
    ]


def test_a_cell_over_several_columns_moves_those_behind_it() -> None:
    table = [
        [Cell("Name", header=True, columns=2), Cell("Days", header=True)],
        [Cell("Wu"), Cell("Mei"), Cell("20")],
        [Cell("everybody else", columns=2), Cell("10")],
    ]
    assert table_text(table) == "Name: Wu | Name: Mei | Days: 20\nName: everybody else | Days: 10"


def test_pairs_are_written_as_pairs() -> None:
    assert table_text([[Cell("Kingdom", header=True), Cell("Animalia")]]) == "Kingdom: Animalia"
    assert table_text(rows("電話：|02-1234")) == "電話: 02-1234"


def test_a_header_too_long_to_repeat_is_not_repeated() -> None:
    assert table_text([[Cell("x" * 200, header=True), Cell("b", header=True)], [Cell("1"), Cell("2")]]).endswith(
        "\n1 | 2"
    )


def test_the_name_of_an_empty_column_is_kept() -> None:
    table = [[Cell("Name", header=True), Cell("Remarks", header=True)], [Cell("Wu"), Cell("")]]
    assert table_text(table) == "Remarks\nName: Wu"


CELLS = st.builds(
    Cell,
    st.text(alphabet="ab1 漢", max_size=5).map(str.strip),
    header=st.booleans(),
    strong=st.booleans(),
    columns=st.integers(1, 4),
    rows=st.integers(1, 4),
)


@given(st.lists(st.lists(CELLS, max_size=5), max_size=6))
def test_every_cell_is_in_the_text(table: list[list[Cell]]) -> None:
    text = table_text(table)
    assert "\n\n" not in text
    assert all(cell.text in text for row in table for cell in row)


def test_spans_cannot_blow_a_table_up() -> None:
    wide = [[Cell("x" * 150, columns=1000, rows=65534) for _ in range(20)] for _ in range(300)]
    assert len(table_text(wide)) < 5_000_000
