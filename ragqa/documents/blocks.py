"""Builds a Document from pieces of structure: every loader hands its pieces here, and offsets are counted once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ragqa.documents.decoding import clean_text
from ragqa.types import Block, BlockKind, Document

_BLANK_LINES = re.compile(r"\n\s*\n")
_SPACE_AT_LINE_END = re.compile(r"[^\S\n]+\n")

_LONGEST_COLUMN_NAME = 100
_LARGEST_REPETITION = 1_000_000
_MOST_COLUMNS = 1000
_LONGEST_REPEATED_CELL = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """A heading, a paragraph, one list item, a code block or a table, as a loader met it.

    `level` is a heading's level (1 is outermost) or a list item's depth (0 is outermost). A list item's text begins
    with its own marker; a table's text has one row to a line.
    """

    kind: BlockKind
    text: str
    level: int = 0


class DocumentBuilder:
    """Collects pieces in reading order: a blank line stands between blocks, items of one list on their own lines."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    @property
    def is_empty(self) -> bool:
        return not self._blocks

    def add(self, piece: Piece) -> None:
        """Adds one piece; a blank one is left out."""
        text = _tidy(piece)
        if not text:
            return
        last = self._blocks[-1] if self._blocks else None
        joins = last is not None and last.kind == piece.kind == "list"
        if last is not None:
            self._append("\n" if joins else "\n\n")
        start = self._length
        self._append(text)
        if last is not None and joins:
            self._blocks[-1] = Block(last.start, self._length, "list")
        else:
            level = max(1, piece.level) if piece.kind == "heading" else 0
            self._blocks.append(Block(start, self._length, piece.kind, level))

    def build(self, *, title: str = "", loader: str = "", warnings: Sequence[str] = ()) -> Document:
        """The document. Without a title of its own, the one heading above all others is its title."""
        return Document(
            text="".join(self._texts),
            title=" ".join(clean_text(title).split()) or self._title_heading(),
            loader=loader,
            blocks=tuple(_from_level_one(self._blocks)),
            warnings=tuple(warnings),
        )

    def _title_heading(self) -> str:
        """The heading that stands alone above all others, near the beginning; else nothing."""
        headings = [block for block in self._blocks if block.kind == "heading"]
        highest = min((block.level for block in headings), default=0)
        titles = [block for block in headings if block.level == highest]
        if len(titles) != 1 or titles[0] not in self._blocks[:3]:
            return ""
        return "".join(self._texts)[titles[0].start : titles[0].end]

    def _append(self, text: str) -> None:
        self._texts.append(text)
        self._length += len(text)


def _from_level_one(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks, with the highest headings on level 1: many pages begin at `h2`."""
    above = min((block.level for block in blocks if block.kind == "heading"), default=1) - 1
    for block in blocks:
        yield replace(block, level=block.level - above) if block.kind == "heading" and above else block


def _tidy(piece: Piece) -> str:
    """The piece's text as the document will hold it: clean, without blank lines unless it is code."""
    text = clean_text(piece.text)
    if piece.kind == "code":
        lines = [line.rstrip() for line in text.split("\n")]
        return "\n".join(lines).strip("\n")
    text = _BLANK_LINES.sub("\n", _SPACE_AT_LINE_END.sub("\n", text.strip()))
    if piece.kind == "heading":
        return " ".join(text.split("\n"))
    if piece.kind == "list" and text and piece.level:
        return "  " * min(piece.level, 8) + text
    return text


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table as written. `header`: it names its column or row; `strong`: all of its text is bold."""

    text: str
    header: bool = False
    strong: bool = False
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True)
class _Placed:
    column: int
    cell: Cell


def table_text(rows: Sequence[Sequence[Cell]]) -> str:
    """A table, one row to a line, each row naming its columns: `Leave: Annual | Days: 20`.

    Without a header row: `Annual | 20`, or `Annual: 20` where the first of two cells names the row. Empty cells are
    left out. A cell that spans rows is repeated in each of them, so that every line can be read alone.
    """
    grid = [row for row in _place(rows) if row]
    captions = 0
    while captions < len(grid) and len(grid[captions]) == 1:
        captions += 1
    heads = captions + _header_rows(grid[captions:])
    names = _column_names(grid[captions:heads])
    if not _is_affordable(names, len(grid) - heads):
        heads, names = captions, {}
    width = max((placed.column + placed.cell.columns for row in grid for placed in row), default=0)
    body = "\n".join(filter(None, (_line(row, names, width) for row in grid[heads:])))
    unused = [name for name in names.values() if name not in body]  # of columns that are empty
    lines = [*(_line(row, {}, width) for row in grid[:captions]), " | ".join(dict.fromkeys(unused)), body]
    return "\n".join(filter(None, lines))


def _place(rows: Sequence[Sequence[Cell]]) -> Iterator[list[_Placed]]:
    """Gives each cell its column, and repeats those that span rows."""
    running: dict[int, tuple[int, Cell]] = {}
    repeated = 0
    for cells in rows:
        placed: list[_Placed] = []
        taken = set[int]()
        for column, (left, cell) in sorted(running.items()):
            taken.update(range(column, column + cell.columns))
            placed.append(_Placed(column, cell))
            repeated += len(cell.text)
            if left > 1 and repeated < _LARGEST_REPETITION:
                running[column] = (left - 1, cell)
            else:
                del running[column]
        column = 0
        for cell in cells:
            while column in taken:
                column += 1
            if column >= _MOST_COLUMNS:
                column = _MOST_COLUMNS  # what lies beyond still has its text, under no name
            placed.append(_Placed(column, cell))
            if cell.rows > 1 and len(cell.text) <= _LONGEST_REPEATED_CELL and column < _MOST_COLUMNS:
                running[column] = (cell.rows - 1, cell)
            column += cell.columns
        placed.sort(key=lambda item: item.column)
        yield placed


def _header_rows(grid: Sequence[Sequence[_Placed]]) -> int:
    """How many of the first rows name the columns (never all of them)."""
    marked = 0
    while marked < min(len(grid) - 1, 3) and all(placed.cell.header for placed in grid[marked]):
        marked += 1
    if marked or len(grid) < 2 or any(placed.cell.header for row in grid for placed in row):
        return marked
    # No cell is marked as a header: the row is one in bold type, or words above a column of figures.
    first, rest = grid[0], grid[1:]
    named = [placed.cell for placed in first if placed.cell.text]
    if len(named) < 2:
        return 0
    if all(cell.strong for cell in named):
        return 0 if all(placed.cell.strong for placed in rest[0]) else 1
    if any(len(cell.text) > 40 or _has_digit(cell.text) for cell in named):
        return 0
    columns = {column for column, name in _column_names([first]).items() if name}
    figures: dict[int, bool] = {}
    for placed in (placed for row in rest for placed in row):
        if placed.column in columns and placed.cell.text:
            figures[placed.column] = figures.get(placed.column, True) and _has_digit(placed.cell.text)
    return 1 if any(figures.values()) else 0


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _column_names(header: Sequence[Sequence[_Placed]]) -> dict[int, str]:
    """Each column's name; where headers are stacked, the group's and then its own."""
    names: dict[int, list[str]] = {}
    for row in header:
        for placed in row:
            for column in range(placed.column, min(placed.column + placed.cell.columns, _MOST_COLUMNS)):
                parts = names.setdefault(column, [])
                if placed.cell.text and placed.cell.text not in parts:
                    parts.append(placed.cell.text)
    return {column: " ".join(parts).rstrip(":： ") for column, parts in names.items()}


def _is_affordable(names: dict[int, str], rows: int) -> bool:
    """Whether naming every column in every row stays readable, and small."""
    lengths = [len(name) for name in names.values()]
    return max(lengths, default=0) <= _LONGEST_COLUMN_NAME and sum(lengths) * rows <= _LARGEST_REPETITION


def _line(row: Sequence[_Placed], names: dict[int, str], width: int) -> str:
    cells = [placed for placed in row if placed.cell.text]
    if not names and len(cells) == 2 and not cells[1].cell.header:
        first = cells[0].cell
        if first.header or first.text.endswith((":", "：")):
            return f"{first.text.rstrip(':： ')}: {cells[1].cell.text}"
    parts = []
    for placed in cells:
        text, name = placed.cell.text, names.get(placed.column, "")
        spans_all = width > 1 and placed.cell.columns >= width
        parts.append(f"{name}: {text}" if name and name != text and not spans_all else text)
    return " | ".join(parts)
