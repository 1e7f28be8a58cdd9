"""A page of a PDF as a PNG, with words boxed where PDFium has them; runs inside the parser child."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragqa.answering.quotes import locate
from ragqa.errors import DocumentError
from ragqa.text.sentences import spans

if TYPE_CHECKING:
    import pypdfium2 as pdfium

_SCALE = 2.0
"""144 dots to the inch."""
_MOST_PIXELS = 6_000_000
_LONGEST = 30_000
"""Pixels of a side: a page as thin as a hair has few, all in one line."""
_BORDER, _MARGIN = 3, 2
_INK = 0.2
"""Of the columns of a box: letters touch most of them, and a number among Chinese characters that are missing few."""
_RED, _GREEN, _BLUE = 214, 40, 20
_YELLOWED = bytes(value * 11 // 20 for value in range(256))
"""What is left of the blue of a pixel behind the words."""
_DIVIDED = re.compile(r"[\ufffe\x02]\s*")
_CELL = re.compile(r"\n| \| ")

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels from the upper left."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG of a page; `boxed` of the `quotes` words that were asked for have a box, whole or in parts.

    `bare` says that hardly anything stands in the boxes, as where neither the file nor the machine has the font.
    """

    png: bytes
    quotes: int
    boxed: int
    bare: bool = False


def draw(data: bytes, number: int, quotes: Sequence[str], *, password: str | None = None) -> Picture:
    """Page `number`, counted from 1, with the words of `quotes` boxed. Raises DocumentError where it has no picture."""
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    try:
        with closing(pdfium.PdfDocument(data, password=password)) as document:
            if not 1 <= number <= len(document):
                raise DocumentError(f"it has no page {number}", code="damaged")
            with closing(document[number - 1]) as page:
                width, height = page.get_width(), page.get_height()
                most = (_MOST_PIXELS / (width * height)) ** 0.5 if width * height > 0 else _SCALE
                scale = min(_SCALE, most, _LONGEST / max(width, height, 1.0))
                bitmap = page.render(scale=scale, rev_byteorder=True, force_bitmap_format=raw.FPDFBitmap_BGR)
                found = [list(_boxes(page, bitmap, quote)) for quote in quotes]
                rows = _rows(bitmap)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise DocumentError("it is encrypted", code="encrypted", remedy="give its --password") from error
        raise DocumentError("PDFium cannot draw the page", code="damaged") from error
    boxes = [box for each in found for box in each]
    bare = _is_bare(rows, boxes)
    for box in boxes:
        _mark(rows, box)
    return Picture(_png(rows), len(found), sum(map(bool, found)), bare)


def _boxes(page: pdfium.PdfPage, bitmap: pdfium.PdfBitmap, quote: str) -> Iterator[Box]:
    """One box for each line that the words stand on. Words that the page has in another order are boxed by parts."""
    place = bitmap.get_posconv(page)
    with closing(page.get_textpage()) as text_page:
        text = text_page.get_text_range()
        if len(text) != text_page.count_chars():
            return  # an index of the text is no index of a character
        # PDFium joins a word that a hyphen divides with a mark of its own; the line ends there for all others.
        whole = _DIVIDED.sub(lambda hyphen: "\u00ad" * len(hyphen.group()), text)
        for start, end in _located(quote, whole):
            for number in range(text_page.count_rects(start, end - start)):
                left, bottom, right, top = text_page.get_rect(number)
                corners = [place.to_bitmap(left, bottom), place.to_bitmap(right, top)]
                across, down = zip(*corners, strict=True)
                if max(across) > 0 and min(across) < bitmap.width and max(down) > 0 and min(down) < bitmap.height:
                    yield min(across), min(down), max(across), max(down)


def _located(quote: str, text: str) -> list[tuple[int, int]]:
    """Where the words stand in the page's own text: in one piece, else line by line and sentence by sentence."""
    if span := locate(quote, text):
        return [span]
    cells = [cell for cell in _CELL.split(quote) if any(map(str.isalnum, cell))]
    parts = cells if len(cells) > 1 else [quote[start:end] for start, end in spans(quote)]
    if len(parts) < 2:
        return []
    return [place for part in parts for place in _located(part, text)]


# --- the picture itself -----------------------------------------------------------------------------------------------


def _rows(bitmap: Any) -> list[bytearray]:
    """The lines of the picture, three bytes a pixel: red, green, blue."""
    data, width, stride = bytes(bitmap.buffer), bitmap.width * 3, bitmap.stride
    return [bytearray(data[line * stride : line * stride + width]) for line in range(bitmap.height)]


def _is_bare(rows: Sequence[bytearray], boxes: Sequence[Box]) -> bool:
    """Whether less than a share of the columns of the boxes has a pixel that is not like the box's first one."""
    columns = inked = 0
    for left, top, right, bottom in boxes:
        inside = [row[max(0, left) * 3 : right * 3] for row in rows[max(0, top) : bottom]]
        if not inside or not inside[0]:
            continue
        ground = bytes(inside[0][:3])
        count = len(inside[0]) // 3
        columns += count
        inked += sum(any(row[at : at + 3] != ground for row in inside) for at in range(0, count * 3, 3))
    return inked < columns * _INK


def _mark(rows: list[bytearray], box: Box) -> None:
    """Tint what is inside the box, and draw its border around it."""
    height, width = len(rows), len(rows[0]) // 3
    left, top, right, bottom = box
    left, right = max(0, left - _MARGIN), min(width, right + _MARGIN)
    top, bottom = max(0, top - _MARGIN), min(height, bottom + _MARGIN)
    if left >= right or top >= bottom:
        return
    for row in rows[top:bottom]:
        row[left * 3 + 2 : right * 3 : 3] = row[left * 3 + 2 : right * 3 : 3].translate(_YELLOWED)
    outer = max(0, left - _BORDER), max(0, top - _BORDER), min(width, right + _BORDER), min(height, bottom + _BORDER)
    for line in range(outer[1], outer[3]):
        inside = top <= line < bottom
        for first, last in ((outer[0], left), (right, outer[2])) if inside else ((outer[0], outer[2]),):
            rows[line][first * 3 : last * 3] = bytes((_RED, _GREEN, _BLUE)) * (last - first)


def _png(rows: Sequence[bytearray]) -> bytes:
    """The lines as a PNG of eight bits a colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
