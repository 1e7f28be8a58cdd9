"""Reads PDF: text and places by PDFium, page labels and what PDFium refuses by pypdf; a page keeps its number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragqa.documents import quality
from ragqa.documents.decoding import clean_text
from ragqa.documents.hyphens import Hyphens
from ragqa.documents.layout import arrange, goes_on
from ragqa.documents.placed import SOFT_HYPHEN, Entry, Line, Paragraph
from ragqa.errors import DocumentError
from ragqa.types import Block, Document, Page

if TYPE_CHECKING:
    import pypdf
    import pypdfium2 as pdfium

_PASSWORD, _SECURITY = 4, 5
"""PDFium's codes for a missing or wrong password, and for a kind of encryption that it does not know."""

_MOST_ENTRIES = 5000
_BOLD = 600
_LINE_END = re.compile("\r\n|[\r\n]")
_HYPHEN_MARKS = re.compile("[\ufffe\x02]")
_NO_TITLE = re.compile(
    r"(?i)^(?:microsoft (?:word|powerpoint|excel|office)\b.*|untitled.*|document\d*|doc\d*|presentation\d*|title"
    r"|slide \d+|無標題.*|未命名.*|无标题.*|文档\d*|文件\d*"
    r"|.*\.(?:docx?|pptx?|xlsx?|pdf|tex|dvi|indd|qxd|rtf|odt|wpd|pub|html?|ps|p65|fm))$"
)
_LONGEST_TITLE = 300


@dataclass(slots=True)
class _Pages:
    """What an engine read, page by page; the numbers in the lists count from 1."""

    lines: list[list[Line]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    title: str = ""
    outline: list[Entry] = field(default_factory=list)
    scanned: list[int] = field(default_factory=list)
    garbled: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, text: str, lines: list[Line]) -> None:
        """One page: its raw text, to be judged, and its lines."""
        if quality.is_garbled(_HYPHEN_MARKS.sub("", text)):
            self.garbled.append(len(self.lines) + 1)
            lines = []
        self.lines.append(lines)


def load(data: bytes, name: str, *, password: str | None = None) -> Document:
    """The text of every page that has some. Raises DocumentError for a file that has none, or needs a password."""
    pages = _by_pdfium(data, password)
    if pages is None:
        pages = _by_pypdf(data, password)
    document = _document(pages)
    if not quality.has_text(document.text):
        raise _without_text(pages)
    return document


def _without_text(pages: _Pages) -> DocumentError:
    if pages.garbled:
        return DocumentError(
            "its text is stored as codes of glyphs that stand for no characters",
            code="garbled",
            remedy="an OCR program can read it, e.g. `ocrmypdf --force-ocr in.pdf out.pdf`",
        )
    if pages.scanned:
        count = len(pages.lines)
        what = "its only page is a picture" if count == 1 else f"{len(pages.scanned)} of its {count} pages are pictures"
        return DocumentError(
            f"{what} without text (a scan?)",
            code="no_text",
            remedy="make it searchable first, e.g. `ocrmypdf in.pdf out.pdf`",
        )
    if pages.failed:
        return DocumentError("none of its pages can be read", code="damaged")
    return DocumentError(f"there is no text on its {len(pages.lines)} pages", code="no_text")


# --- PDFium -----------------------------------------------------------------------------------------------------------


def _by_pdfium(data: bytes, password: str | None) -> _Pages | None:
    """Everything by PDFium; None if it cannot open the file for another reason than its password."""
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(data, password=password)
        count = len(document)
    except pdfium.PdfiumError as error:
        if error.err_code == _PASSWORD:
            raise _encrypted(password) from error
        return None
    with closing(document):
        if not count:
            return None
        pages = _Pages(title=_title(_metadata_title(document)), outline=_outline(document))
        for index in range(count):
            pages.labels.append(_label(document, index))
            try:
                _read_page(document, index, pages)
            except pdfium.PdfiumError:
                pages.failed.append(index + 1)
                pages.lines.append([])
    if not any(pages.labels) and b"/PageLabels" in data:
        pages.labels = _labels_by_pypdf(data, password)
    return pages


def _read_page(document: pdfium.PdfDocument, index: int, pages: _Pages) -> None:
    import pypdfium2.raw as raw

    page = document[index]
    with closing(page), closing(page.get_textpage()) as text_page:
        text = text_page.get_text_range()
        is_placed = len(text) == text_page.count_chars()
        pages.add(text, list(_placed_lines(text, text_page) if is_placed else unplaced_lines(text)))
        if not quality.has_text(text) and pages.garbled[-1:] != [index + 1]:
            images = page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)
            if next(iter(images), None) is not None:
                pages.scanned.append(index + 1)


def _placed_lines(text: str, text_page: pdfium.PdfTextPage) -> Iterator[Line]:
    """The lines of a page with their places. Only the first and the last character of a line are asked for theirs."""
    from ctypes import byref, c_double

    import pypdfium2.raw as raw

    page = text_page.raw
    left, right, low, high, x, bottom, top = (c_double() for _ in range(7))
    matrix = raw.FS_MATRIX()
    start = 0
    for match in _lines(text):
        piece = match[0]
        content = piece.strip()
        start = match.start() + len(piece) - len(piece.lstrip())
        if not content:
            continue
        end = start + len(content) - 1
        raw.FPDFText_GetCharOrigin(page, start, byref(x), byref(top))
        raw.FPDFText_GetCharBox(page, start, byref(left), byref(right), byref(low), byref(high))
        first_left = min(x.value, left.value)
        raw.FPDFText_GetCharOrigin(page, end, byref(x), byref(bottom))
        raw.FPDFText_GetCharBox(page, end, byref(left), byref(right), byref(low), byref(high))
        sizes = []
        for index in (start, (start + end) // 2, end):  # a raised figure or a small capital at either end says nothing
            raw.FPDFText_GetMatrix(page, index, byref(matrix))
            sizes.append(raw.FPDFText_GetFontSize(page, index) * ((matrix.c**2 + matrix.d**2) ** 0.5 or 1.0))
        size = sorted(sizes)[1]
        bold = raw.FPDFText_GetFontWeight(page, start) >= _BOLD and raw.FPDFText_GetFontWeight(page, end) >= _BOLD
        yield Line(_marked(content), first_left, right.value, top.value, bottom.value, size, bold)


def _lines(text: str) -> Iterator[re.Match[str]]:
    return re.finditer("[^\r\n]+", text)


def unplaced_lines(text: str) -> Iterator[Line]:
    """Lines of which only the text is known: set as if every character were as wide as usual, one below the other."""
    height = 0.0
    for piece in _LINE_END.split(text):
        height -= 12.0
        content = piece.strip()
        if content:
            wide = sum(character >= "\u2e80" for character in content)
            left = 5.0 * (len(piece) - len(piece.lstrip()))
            right = left + 5.0 * (len(content) + wide)
            yield Line(_marked(content), left, right, height, height, 10.0)


def _marked(text: str) -> str:
    """A line without control characters, hyphens of divided words marked in one way."""
    marked = _HYPHEN_MARKS.sub(SOFT_HYPHEN, text)
    return clean_text(marked)


def _metadata_title(document: pdfium.PdfDocument) -> str:
    return str(document.get_metadata_value("Title"))


def _label(document: pdfium.PdfDocument, index: int) -> str:
    return " ".join(clean_text(str(document.get_page_label(index))).split())


def _outline(document: pdfium.PdfDocument) -> list[Entry]:
    import pypdfium2 as pdfium

    entries: list[Entry] = []
    try:
        for bookmark in document.get_toc(max_depth=6):
            target = bookmark.get_dest()
            page = target.get_index() if target else None
            if page is not None and len(entries) < _MOST_ENTRIES:
                entries.append(Entry(bookmark.get_title(), bookmark.level + 1, page))
    except pdfium.PdfiumError:
        return []
    return entries


# --- pypdf ------------------------------------------------------------------------------------------------------------


def _by_pypdf(data: bytes, password: str | None) -> _Pages:
    """Everything by pypdf, which raises whatever its parser stumbles over: a page that fails costs that page alone."""
    pages = _Pages(notes=["read by the second engine, which may break words; the file is damaged or unusual"])
    try:
        reader = _open_with_pypdf(data, password)
        count = len(reader.pages)
        title = reader.metadata.title if reader.metadata else ""
    except DocumentError:
        raise
    except Exception as error:  # ValueError, TypeError, AssertionError, RecursionError ... were all seen
        raise DocumentError(f"not a readable PDF: {_first_line(error)}", code="damaged") from error
    if not count:
        raise DocumentError("not a readable PDF: it has no pages", code="damaged")
    pages.title = _title(str(title or ""))
    for index in range(count):
        try:
            text = reader.pages[index].extract_text()
        except Exception:  # noqa: BLE001  (it raises anything)
            pages.failed.append(index + 1)
            pages.lines.append([])
            continue
        pages.add(text, list(unplaced_lines(text)))
        if not text.strip() and _has_images(reader.pages[index]):
            pages.scanned.append(index + 1)
    pages.labels = _labels(reader, count)
    return pages


def _open_with_pypdf(data: bytes, password: str | None) -> pypdf.PdfReader:
    import io
    import logging

    from pypdf import PasswordType, PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and reader.decrypt(password or "") == PasswordType.NOT_DECRYPTED:
        raise _encrypted(password)
    return reader


def _labels_by_pypdf(data: bytes, password: str | None) -> list[str]:
    try:
        reader = _open_with_pypdf(data, password)
        return _labels(reader, len(reader.pages))
    except Exception:  # noqa: BLE001  (labels are worth no document)
        return []


def _labels(reader: pypdf.PdfReader, count: int) -> list[str]:
    """The labels that the file states; pypdf counts from 1 itself where it states none."""
    try:
        if "/PageLabels" not in reader.root_object:
            return [""] * count
        return [" ".join(clean_text(label).split()) for label in reader.page_labels]
    except Exception:  # noqa: BLE001  (it raises anything)
        return [""] * count


def _has_images(page: Any) -> bool:
    try:
        return any(item.get("/Subtype") == "/Image" for item in _external_objects(page))
    except Exception:  # noqa: BLE001  (it raises anything)
        return False


def _external_objects(page: Any) -> Iterable[Any]:
    objects = page["/Resources"].get_object().get("/XObject", {}).get_object()
    return (objects[key].get_object() for key in objects)


def _first_line(error: Exception) -> str:
    return clean_text(str(error)).split("\n")[0][:200] or type(error).__name__


def _encrypted(password: str | None) -> DocumentError:
    if password:
        return DocumentError("the password given does not open it", code="encrypted", remedy="give its own --password")
    return DocumentError("it is encrypted and needs a password", code="encrypted", remedy="give it with --password")


# --- the document -----------------------------------------------------------------------------------------------------


def _document(pages: _Pages) -> Document:
    arranged = arrange(pages.lines, pages.outline)
    hyphens = Hyphens(line.text for lines in pages.lines for line in lines)
    builder = _Builder(hyphens)
    for index, paragraphs in enumerate(arranged):
        label = pages.labels[index] if index < len(pages.labels) else ""
        builder.add_page(paragraphs, label or None)
    return builder.build(pages.title, _warnings(pages))


class _Builder:
    """Puts the pages' paragraphs into one text. A page ends where the next begins, so that every character has one."""

    def __init__(self, hyphens: Hyphens) -> None:
        self._hyphens = hyphens
        self._texts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._pages: list[Page] = []
        self._last: Paragraph | None = None

    def add_page(self, paragraphs: Sequence[Paragraph], label: str | None) -> None:
        start: int | None = None
        for paragraph in paragraphs:
            text = self._hyphens.mend(paragraph.text).strip()
            if not text:
                continue
            goes_on_here = start is None and self._last is not None and goes_on(self._last, paragraph)
            if self._last is not None:
                # One newline within a sentence: it goes on overleaf, and so does its block.
                self._append("\n" if goes_on_here else "\n\n")
            start = self._length if start is None else start
            self._append(text)
            if goes_on_here:
                self._blocks[-1] = Block(self._blocks[-1].start, self._length, "paragraph")
            else:
                self._blocks.append(Block(self._length - len(text), self._length, paragraph.kind, paragraph.level))
            self._last = paragraph
        self._pages.append(Page(len(self._pages) + 1, self._length if start is None else start, self._length, label))

    def build(self, title: str, warnings: Sequence[str]) -> Document:
        return Document(
            text="".join(self._texts),
            title=title,
            loader="pdf",
            pages=tuple(self._covering()),
            blocks=tuple(self._blocks),
            warnings=tuple(warnings),
        )

    def _covering(self) -> Iterator[Page]:
        """The pages, each reaching to the beginning of the next one."""
        starts = [page.start for page in self._pages]
        for index in range(len(starts) - 2, -1, -1):  # an empty page lies where the next one with text begins
            if self._pages[index].start == self._pages[index].end:
                starts[index] = starts[index + 1]
        if starts:
            starts[0] = 0
        for index, page in enumerate(self._pages):
            end = starts[index + 1] if index + 1 < len(starts) else self._length
            yield Page(page.number, starts[index], end, page.label)

    def _append(self, text: str) -> None:
        self._texts.append(text)
        self._length += len(text)


def _warnings(pages: _Pages) -> list[str]:
    warnings = list(pages.notes)
    for numbers, one, many in (
        (pages.scanned, "looks scanned (no text)", "look scanned (no text)"),
        (pages.garbled, "is left out: codes of glyphs, not text", "are left out: codes of glyphs, not text"),
        (pages.failed, "cannot be read", "cannot be read"),
    ):
        if numbers:
            warnings.append(f"page {numbers[0]} {one}" if len(numbers) == 1 else f"pages {_ranges(numbers)} {many}")
    return warnings


def _ranges(numbers: Sequence[int]) -> str:
    """`1-3, 7` for [1, 2, 3, 7]."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _title(stated: str) -> str:
    """A title as the file's metadata states it, unless it is what a program fills in by itself."""
    title = " ".join(clean_text(stated).split())
    if not title or len(title) > _LONGEST_TITLE or _NO_TITLE.match(title) or quality.is_garbled(title):
        return ""
    return title if len(title) > 1 and any(map(str.isalpha, title)) else ""
