"""Reads HTML: decodes it, then walks its tree once, from element to block. DOCX and Markdown share the walker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragqa.documents.blocks import Cell, DocumentBuilder, Piece, table_text
from ragqa.documents.decoding import decode
from ragqa.types import Document

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_DECLARED = re.compile(
    rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{1,100}?encoding=[\"']([\w.-]{2,40})",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


HIDDEN_ELEMENTS = _names(
    """head script style template noscript noframes svg canvas iframe object embed audio video map button select
    datalist textarea input meter progress rp rt annotation annotation-xml -comment !doctype"""
)
_AROUND_TEXT = _names("nav aside footer")
_BLOCKS = _names(
    """address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure
    footer form frameset header hgroup hr legend li main menu nav ol p pre search section summary table tbody td tfoot
    th thead tr ul listing plaintext xmp"""
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PREFORMATTED = _names("pre listing plaintext xmp")

_SPACE = re.compile("[ \t\n\r\f\xa0]+")
_SPACES = re.compile("[ \r]+")
_EAST_ASIAN = "\u3001-\u3003\u3005-\u3011\u3014-\u301f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60"
_SOURCE_BREAK = re.compile(f"(?<=[{_EAST_ASIAN}]) *\r[ \r]*(?=[{_EAST_ASIAN}])")
_AROUND_BREAK = re.compile(r" *\n *")
_HIDING_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:\.0+)?(?:[a-z%]{1,3})?\s*(?:!|;|$)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:!|;|$)|(?:left|top|text-indent)\s*:\s*-\d{4,}",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?:^|;)\s*(color|background(?:-color)?)\s*:\s*([^;!]+)", re.IGNORECASE)
_LONG_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)[\s/][^<>]{20000,}>")
_MOST_ATTRIBUTES = 1000

_DEEPEST_TABLE = 40
_LONGEST_CELL = 1500
_LONGEST_TERM = 120


def load(data: bytes, name: str, *, password: str | None = None) -> Document:
    """The visible text of a page: no scripts, no hidden elements, no navigation unless there is nothing else."""
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    encoding = (declared[1] or declared[2]).decode("ascii") if declared else None
    decoded = decode(data, declared=encoding)
    builder = DocumentBuilder()
    title = read_blocks(decoded.text, builder)
    return builder.build(title=title, loader="html", warnings=decoded.warnings)


def read_blocks(markup: str, builder: DocumentBuilder, *, whole_page: bool = False) -> str:
    """Adds the blocks of an HTML text to `builder` and returns the page's title, "" where it has none.

    `whole_page` reads what stands around the main text too: menus, asides, footers.
    """
    from selectolax.lexbor import LexborHTMLParser

    root = LexborHTMLParser(_LONG_TAG.sub(_without_attributes, markup)).root
    if root is None:
        return ""
    walker = _Walker(left_out=HIDDEN_ELEMENTS if whole_page else HIDDEN_ELEMENTS | _AROUND_TEXT)
    walker.walk(root)
    if not walker.top and not whole_page:
        return read_blocks(markup, builder, whole_page=True)
    for piece in walker.top if whole_page else walker.main():
        builder.add(piece)
    return walker.title


def _without_attributes(tag: re.Match[str]) -> str:
    """The parser compares each attribute with all before it: a tag with very many of them loses them."""
    return f"<{tag[1]}>" if tag[0].count("=") > _MOST_ATTRIBUTES else tag[0]


@dataclass(slots=True)
class _Table:
    """A table being read. Its cells hold pieces, for it may turn out to be there for the layout only."""

    layout: bool
    rows: list[list[tuple[Cell, list[Piece]]]] = field(default_factory=list)
    in_head: bool = False


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int


class _Walker:
    """Walks a tree without recursion: `_enter` and `_leave` are called for every element in document order."""

    def __init__(self, *, left_out: frozenset[str]) -> None:
        self.title = ""
        self.top: list[Piece] = []
        self._main: list[tuple[int, int]] = []  # where <main> lies in `top`
        self._left_out = left_out
        self._pieces = self.top  # where finished pieces go: the page, or the cell being read
        self._words: list[str] = []  # the running text of the piece being read
        self._heading = 0
        self._marker = ""
        self._term = ""
        self._lists: list[_List] = []
        self._tables: list[_Table] = []
        self._cells: list[tuple[list[Piece], list[_List], int, int, Cell]] = []
        self._preformatted = 0
        self._raised = False
        self._bold = 0
        self._bold_length = self._length = 0

    def walk(self, root: LexborNode) -> None:
        above: list[tuple[LexborNode, str]] = []
        node: LexborNode | None = root
        while node is not None:
            tag = node.tag or ""
            if self._enter(node, tag):
                child = node.first_child
                if child is not None:
                    above.append((node, tag))
                    node = child
                    continue
                self._leave(tag)
            following = node.next
            while following is None and above:
                node, tag = above.pop()
                self._leave(tag)
                following = node.next
            node = following
        self._flush()
        self._flush_term()

    def main(self) -> list[Piece]:
        """What <main> holds, if that is most of the page; else all of it."""
        inside = [piece for start, end in self._main for piece in self.top[start:end]]
        return inside if 2 * _size(inside) > _size(self.top) else self.top

    # --- elements ---

    def _enter(self, node: LexborNode, tag: str) -> bool:
        """Handles an element's beginning; false if what is inside shall not be read."""
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag in self._left_out:
            if tag == "head":
                self._read_title(node)
            return False
        attributes = node.attributes
        if attributes and _is_hidden(tag, attributes):
            return False
        if level := _HEADINGS.get(tag):
            self._flush()
            self._heading = level
        elif tag in _BLOCKS:
            self._flush()
            self._enter_block(tag, attributes)
        elif tag == "br":
            self._words.append("\n")
        elif tag == "img":
            self._text(_alternative(attributes.get("alt") or ""))
        elif tag == "sup":
            self._raised = True
        elif tag in ("b", "strong"):
            self._bold += 1
        return True

    def _enter_block(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        if tag == "main" and self._pieces is self.top:
            self._main.append((len(self.top), len(self.top)))
        elif tag in _PREFORMATTED:
            self._preformatted += 1
        elif tag in ("ul", "ol", "menu", "dir"):
            self._lists.append(_List(tag == "ol", _number(attributes.get("start"), 1)))
        elif tag == "li":
            self._enter_item(attributes)
        elif tag == "dd":
            self._marker, self._term = self._term, ""
        elif tag == "table":
            role = (attributes.get("role") or "").lower()
            deep = len(self._tables) >= _DEEPEST_TABLE
            self._tables.append(_Table(layout=deep or role in ("presentation", "none")))
        elif tag in ("thead", "tbody", "tfoot") and self._tables:
            self._tables[-1].in_head = tag == "thead"
        elif tag == "tr" and self._tables:
            self._tables[-1].rows.append([])
        elif tag in ("td", "th") and self._tables and len(self._tables) <= _DEEPEST_TABLE:
            self._enter_cell(tag, attributes)

    def _enter_item(self, attributes: Mapping[str, str | None]) -> None:
        if not self._lists:
            self._lists.append(_List(False, 1))
        current = self._lists[-1]
        if current.ordered:
            current.number = _number(attributes.get("value"), current.number)
            self._marker = f"{current.number}. "
            current.number += 1
        else:
            self._marker = "- "

    def _enter_cell(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        cell = Cell(
            text="",
            header=tag == "th" or self._tables[-1].in_head,
            columns=min(max(1, _number(attributes.get("colspan"), 1)), 1000),
            rows=min(max(1, _number(attributes.get("rowspan"), 1)), 65534),
        )
        self._cells.append((self._pieces, self._lists, self._bold_length, self._length, cell))
        self._pieces, self._lists = [], []
        self._bold_length = self._length = 0

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._flush()
            self._heading = 0
        elif tag in _BLOCKS:
            self._flush(term=tag == "dt")
            self._leave_block(tag)
        elif tag == "sup":
            self._raised = False
        elif tag in ("b", "strong"):
            self._bold = max(0, self._bold - 1)

    def _leave_block(self, tag: str) -> None:
        if tag == "main" and self._main and self._pieces is self.top:
            self._main[-1] = (self._main[-1][0], len(self.top))
        elif tag in _PREFORMATTED:
            self._preformatted = max(0, self._preformatted - 1)
        elif tag in ("ul", "ol", "menu", "dir"):
            if self._lists:
                self._lists.pop()
        elif tag in ("li", "dd"):
            self._marker = ""
        elif tag == "dl":
            self._flush_term()
        elif tag in ("td", "th") and self._cells and len(self._tables) <= _DEEPEST_TABLE:
            self._leave_cell()
        elif tag == "table" and self._tables:
            self._leave_table()

    def _leave_cell(self) -> None:
        self._flush_term()
        inside, bold, length = self._pieces, self._bold_length, self._length
        self._pieces, self._lists, self._bold_length, self._length, cell = self._cells.pop()
        text = " ".join(" ".join(piece.text.split()) for piece in inside)
        strong = 0 < length == bold
        cell = Cell(text, cell.header, strong, cell.columns, cell.rows)
        table = self._tables[-1]
        if len(text) > _LONGEST_CELL or any(piece.kind in ("heading", "table", "code") for piece in inside):
            table.layout = True
        if not table.rows:
            table.rows.append([])
        table.rows[-1].append((cell, inside))

    def _leave_table(self) -> None:
        table = self._tables.pop()
        rows = [row for row in table.rows if row]
        if table.layout or max((len(row) for row in rows), default=0) < 2:
            for row in rows:
                for _, inside in row:
                    self._pieces.extend(inside)
            return
        self._pieces.append(Piece("table", table_text([[cell for cell, _ in row] for row in rows])))

    # --- text ---

    def _text(self, text: str) -> None:
        if not text:
            return
        if not self._preformatted:
            # A line break of the source is kept as \r for now: between Han characters it is not even a space.
            text = _SPACE.sub(lambda space: "\r" if "\n" in space[0] else " ", text)
        if self._raised:
            # Ten to the sixth must not become one hundred and six.
            before = self._words[-1][-1:] if self._words else ""
            text = "^" + text if before.isdigit() and text[:1].isdigit() else text
            self._raised = False
        visible = len(text) - text.count(" ") - text.count("\r")
        self._length += visible
        self._bold_length += visible if self._bold else 0
        self._words.append(text)

    def _flush(self, *, term: bool = False) -> None:
        """Ends the piece being read. A definition's term waits for its definition."""
        if not self._words:
            return
        text = "".join(self._words)
        self._words.clear()
        if self._preformatted and not self._heading:
            self._marker = ""
            self._pieces.append(Piece("code", text))
            return
        if "\r" in text:
            text = _SOURCE_BREAK.sub("", text)
        text = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", text)).strip()
        if not text:
            return
        if self._heading:
            self._pieces.append(Piece("heading", text, self._heading))
        elif term:
            self._term = f"{self._term.removesuffix(': ')}, {text}: " if self._term else f"{text.rstrip(':：')}: "
            if len(self._term) > _LONGEST_TERM:
                self._flush_term()
        elif self._lists:
            marker = self._take_marker()
            depth = len(self._lists) - (1 if marker else 0)  # a further paragraph of an item stands below its text
            self._pieces.append(Piece("list", marker + text, depth))
        else:
            self._pieces.append(Piece("paragraph", self._take_marker() + text))

    def _take_marker(self) -> str:
        marker, self._marker = self._marker, ""
        return marker

    def _flush_term(self) -> None:
        """A term that no definition follows is a paragraph."""
        term, self._term = self._term, ""
        if term:
            self._pieces.append(Piece("paragraph", term.removesuffix(": ")))

    def _read_title(self, head: LexborNode) -> None:
        node = head.first_child
        while node is not None and not self.title:
            if node.tag == "title":
                self.title = " ".join((node.text() or "").split())
            node = node.next


def _alternative(text: str) -> str:
    """An image's alternative text, unless it is one word (`avatar`, `logo`), which says nothing."""
    return text if " " in text.strip() or not text.isascii() else ""


def _size(pieces: list[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces)


def _is_hidden(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """Whether an element's own attributes keep it from the reader's eyes, or say that it leads elsewhere."""
    if "hidden" in attributes and (attributes["hidden"] or "").lower() != "until-found":
        return True
    if (attributes.get("aria-hidden") or "").lower() == "true":
        return True
    if (attributes.get("role") or "").lower() == "navigation":
        return True
    if tag == "a" and attributes.get("hreflang") and attributes.get("lang"):
        return True  # a menu of the page's translations
    style = attributes.get("style")
    if not style:
        return False
    colours = {key.lower()[:5]: value.strip().lower() for key, value in _COLOUR.findall(style)}
    return _HIDING_STYLE.search(style) is not None or (len(colours) == 2 and len(set(colours.values())) == 1)


def _number(text: str | None, otherwise: int) -> int:
    """A whole number as an attribute gives it, within reason."""
    if text is None or not re.fullmatch(r"\s*-?[0-9]{1,6}\s*", text):
        return otherwise
    return int(text)
