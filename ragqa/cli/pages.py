"""A citation in its page: for people with the quote in colour or between marks, as Markdown, and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ragqa.answering.excerpt import Piece, excerpt
from ragqa.cli.cells import one_line, terminal_width, wrap
from ragqa.cli.gate import Styled, safe, style
from ragqa.cli.render import inert, place
from ragqa.cli.shapes import SCHEMA_VERSION, Shape

if TYPE_CHECKING:
    from ragqa.flows.opening import Opened, View

LINES = 8
"""Lines that are shown on either side of a quote, where nobody says otherwise."""


def opened(opened: Opened, *, lines: int | None, colour: bool, more: str = "--whole") -> Styled:
    """Every page that the citation quotes, below the place where it stands; `lines` None shows them whole.

    `more` is what shows the whole where something is left out.
    """
    width = terminal_width()
    blocks = [
        Styled("\n").join([*_view(view, opened.marker, lines, width, colour=colour, more=more), Styled("")])
        for view in opened.views
    ]
    return Styled("\n").join(blocks)


def _view(
    view: View, marker: int, lines: int | None, width: int | None, *, colour: bool, more: str
) -> Iterator[Styled]:
    yield from wrap(style(f"[{marker}] ", "bold") + _place(view), width)
    yield Styled("")
    marks = _marks(view)
    shown = Styled("")
    for before, piece, behind in _parts(view, lines):
        if before:
            yield from _left_out(before, width, more)
        text = view.text[piece.start : piece.end]
        shown += safe(text) if not piece.quoted else _in_colour(text) if colour else safe(f"{marks[0]}{text}{marks[1]}")
        if behind is not None:
            for line in shown.strip("\n").split("\n"):
                yield from wrap(Styled(line), width) or [Styled("")]
            shown = Styled("")
            if behind:
                yield from _left_out(behind, width, more)


def _place(view: View) -> Styled:
    page = view.page
    number, label = (page.number, page.label) if page else (None, None)
    return place(view.document, view.heading, page=number, label=label)


def _in_colour(text: str) -> Styled:
    return Styled("\n").join(style(line, "bold", "yellow") for line in text.split("\n"))


def _marks(view: View) -> tuple[str, str]:
    """What stands before and behind a quote: `>>>` and `<<<`, longer where the page itself has such."""
    signs = re.findall("[<>]{3,}", view.text[view.start : view.end])
    length = max((len(sign) + 1 for sign in signs), default=3)
    return ">" * length, "<" * length


def _left_out(characters: int, width: int | None, more: str) -> list[Styled]:
    return wrap(style(f"… {characters:,} characters left out; {more} shows them …", "dim"), width)


def _parts(view: View, lines: int | None) -> Iterator[tuple[int, Piece, int | None]]:
    """Each piece with how many characters before it are left out, and behind it; None where it goes on."""
    pieces = view_pieces(view, lines)
    for number, piece in enumerate(pieces):
        is_last = number == len(pieces) - 1
        before = len(view.text[view.start : piece.start].strip()) if number == 0 else 0
        behind = len(view.text[piece.end : view.end if is_last else pieces[number + 1].start].strip())
        yield before, piece, behind if behind or is_last else None


def view_pieces(view: View, lines: int | None) -> list[Piece]:
    """What is shown of a view, in offsets of the document."""
    text = view.text[view.start : view.end]
    quotes = [(start - view.start, end - view.start) for start, end in view.quotes]
    near = (view.near[0] - view.start, view.near[1] - view.start)
    return [
        Piece(piece.start + view.start, piece.end + view.start, piece.quoted)
        for piece in excerpt(text, quotes, lines=lines, near=near)
    ]


def opened_markdown(opened: Opened, *, lines: int | None) -> Styled:
    """The same as Markdown: each page a block quote, the quoted words in bold; nothing of it is a link or HTML."""
    out: list[str] = []
    for view in opened.views:
        out += [f"**[{opened.marker}] {inert(_place(view).plain)}**", ""]
        pieces = view_pieces(view, lines)
        text, end = "", view.start
        for piece in pieces:
            text += "\n[…]\n" if piece.start > end else ""
            slice_ = inert(view.text[piece.start : piece.end])
            text += re.sub(r"[^\n]+", lambda line: f"**{line.group().strip()}**", slice_) if piece.quoted else slice_
            end = piece.end
        text += "\n[…]" if end < view.end else ""
        out += [f"> {line}".rstrip() for line in text.strip("\n").split("\n")]
        out.append("")
    return safe("\n".join(out))


def remarks(opened: Opened) -> list[str]:
    """What is to be said beside the pages: quotes that are gone, and those that never were verified."""
    said = [f"no longer in the index: “{one_line(quote)}”" for quote in opened.missing]
    never = "not verified when the answer was given"
    return said + [f"{never}: “{one_line(quote)}”" if quote else never for quote in opened.unverified]


def shape(
    opened: Opened, *, lines: int | None, images: Sequence[Shape] = (), image_failure: str | None = None
) -> Shape:
    """`ragqa open`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "question": opened.question,
        "marker": opened.marker,
        "views": [
            {
                "document": view.document,
                "page": view.page and view.page.number,
                "page_label": view.page and view.page.label,
                "heading": list(view.heading),
                "start": view.start,
                "end": view.end,
                "parts": [
                    {
                        "start": piece.start,
                        "end": piece.end,
                        "quoted": piece.quoted,
                        "text": view.text[piece.start : piece.end],
                    }
                    for piece in view_pieces(view, lines)
                ],
            }
            for view in opened.views
        ],
        "missing": list(opened.missing),
        "unverified": list(opened.unverified),
        "images": list(images),
        "image_failure": image_failure,
    }
