"""Blocks to a PDF with cover, contents, outline, page labels, and a header and footer on every page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageBreak, PageTemplate, Paragraph, Spacer, Table
from reportlab.platypus.tableofcontents import TableOfContents

from tools.sample_docs.markup import Block, Source

_MARGIN = 25 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_ROMAN = ("", "i", "ii", "iii", "iv", "v")
_NEVER_FIRST = "，。、；：？！）」』》〉】％”’…,.;:?!)%"
_NEVER_LAST = "（「『《〈【“‘("
_UNBREAKABLE = re.compile(
    rf"[{re.escape(_NEVER_LAST)}]*(?:[!-~]+(?: (?=[!-~]))?|.)[{re.escape(_NEVER_FIRST)}]*"
)  # a run of Latin letters and digits, or one character, with the punctuation that clings to it


@dataclass(frozen=True, slots=True)
class Layout:
    """What one document looks like: `front` pages are numbered i, ii …, the others `prefix` and 1, 2 …

    `labels` is false for a file that states no page labels (then the printed number is the physical one).
    """

    body_font: str
    heading_font: str
    header: str
    footer: str
    contents: str
    front: int = 2
    prefix: str = ""
    labels: bool = True

    @property
    def chinese(self) -> bool:
        """Whether the body font is one of reportlab's Chinese ones."""
        return self.body_font in ("MSung-Light", "STSong-Light")

    def label(self, page: int) -> str:
        """The number printed on physical page `page`."""
        if not self.labels:
            return str(page)
        return _ROMAN[page] if page <= self.front else f"{self.prefix}{page - self.front}"


def render(source: Source, layout: Layout) -> bytes:
    """The bytes of the PDF; equal for equal input."""
    if layout.chinese:
        registerFont(UnicodeCIDFont(layout.body_font))
    buffer = BytesIO()
    template = _Template(buffer, layout, source.title)
    template.multiBuild(_story(source, layout))
    return buffer.getvalue()


class _Template(BaseDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """Adds outline entries and lines of the contents as headings are placed."""

    def __init__(self, target: BytesIO, layout: Layout, title: str) -> None:
        super().__init__(target, pagesize=A4, title=title, author="Merrowby Instruments", invariant=1)
        self.layout = layout
        frame = Frame(_MARGIN, _MARGIN, _WIDTH, A4[1] - 2 * _MARGIN, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate("page", [frame], onPage=self._header, onPageEnd=self._footer))

    def beforeDocument(self) -> None:
        self.headings = 0
        if self.layout.labels:
            if self.layout.front:
                self.canv.addPageLabel(0, style="ROMAN_LOWER", start=1)
            self.canv.addPageLabel(self.layout.front, style="ARABIC", start=1, prefix=self.layout.prefix or None)

    def afterFlowable(self, flowable: Flowable) -> None:
        level = getattr(flowable, "outline_level", None)
        if level is None:
            return
        self.headings += 1
        key = f"heading-{self.headings}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(flowable.words, key, level=level, closed=False)
        self.notify("TOCEntry", (level, escape(flowable.words), self.page, key))

    def _header(self, canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont(self.layout.body_font, 8)
        canvas.drawString(_MARGIN, A4[1] - 15 * mm, self.layout.header)
        canvas.setStrokeColor(colors.HexColor("#bbbbbb"))
        canvas.line(_MARGIN, A4[1] - 17 * mm, A4[0] - _MARGIN, A4[1] - 17 * mm)
        canvas.restoreState()

    def _footer(self, canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont(self.layout.body_font, 8)
        canvas.drawString(_MARGIN, 14 * mm, self.layout.footer)
        canvas.drawRightString(A4[0] - _MARGIN, 14 * mm, self.layout.label(template.page))
        canvas.restoreState()


def _story(source: Source, layout: Layout) -> list[Flowable]:
    styles = _Styles(layout)
    story: list[Flowable] = []
    blocks = list(source.blocks)
    for block in blocks[: _first_break(blocks)]:
        story.extend(_flow(block, styles))
    if layout.front > 1:
        contents = TableOfContents(levelStyles=[styles.contents, styles.contents_inner], dotsMinLevel=0)
        contents.formatter = layout.label
        story += [PageBreak(), Paragraph(escape(layout.contents), styles.heading[0]), contents]
    for block in blocks[_first_break(blocks) :]:
        story.extend(_flow(block, styles))
    return story


def _first_break(blocks: Iterable[Block]) -> int:
    return next(number for number, block in enumerate(blocks) if block.kind == "break")


def _flow(block: Block, styles: _Styles) -> list[Flowable]:
    match block.kind:
        case "title":
            return [Spacer(1, 55 * mm), styles.paragraph(block.text, styles.title)]
        case "heading":
            heading = styles.paragraph(block.text, styles.heading[block.level - 1])
            heading.outline_level = block.level - 1
            heading.words = block.text
            return [heading]
        case "bullets":
            return [styles.paragraph(item, styles.bullet, bullet="•") for item in block.items]
        case "table":
            return [styles.table(block.rows), Spacer(1, 4 * mm)]
        case "break":
            return [PageBreak()]
        case _:
            return [styles.paragraph(block.text, styles.body)]


class _Styles:
    """Paragraph styles of one layout, and the two ways to break lines: by words, or between Chinese characters."""

    def __init__(self, layout: Layout) -> None:
        self.chinese = layout.chinese
        size, leading = (11.0, 19.0) if self.chinese else (10.5, 15.0)
        self.body = ParagraphStyle(
            "body", fontName=layout.body_font, fontSize=size, leading=leading, spaceAfter=7, embeddedHyphenation=1
        )
        self.bullet = ParagraphStyle("bullet", self.body, leftIndent=14, bulletIndent=2, spaceAfter=4)
        self.title = ParagraphStyle("title", fontName=layout.heading_font, fontSize=26, leading=34, spaceAfter=14)
        self.heading = [
            ParagraphStyle(
                f"heading{level}",
                fontName=layout.heading_font,
                fontSize=points,
                leading=points * 1.4,
                spaceBefore=10,
                spaceAfter=6,
                keepWithNext=1,
            )
            for level, points in enumerate((17, 13))
        ]
        self.contents = ParagraphStyle("contents", self.body, leading=14, spaceAfter=0)
        self.contents_inner = ParagraphStyle("contents_inner", self.contents, leftIndent=14)

    def paragraph(self, text: str, style: ParagraphStyle, *, bullet: str | None = None) -> Paragraph:
        """A paragraph; Chinese text gets its line breaks here, so that no number or name is cut in two."""
        if self.chinese:
            lines = _chinese_lines(text, style.fontName, style.fontSize, _WIDTH - style.leftIndent - 1)
            return Paragraph("<br/>".join(escape(line) for line in lines), style, bulletText=bullet)
        return Paragraph(escape(text.replace("\\-", "\N{SOFT HYPHEN}")), style, bulletText=bullet)

    def table(self, rows: tuple[tuple[str, ...], ...]) -> Table:
        """A ruled table with a grey header row, as wide as the text."""
        table = Table(rows, colWidths=[_WIDTH / len(rows[0])] * len(rows[0]), repeatRows=1)
        table.setStyle(
            [
                ("FONT", (0, 0), (-1, -1), self.body.fontName, 9.5, 13),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e4e8ec")),
                ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor("#999999")),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ]
        )
        return table


def _chinese_lines(text: str, font: str, size: float, width: float) -> list[str]:
    lines, line = [], ""
    for unit in _UNBREAKABLE.findall(text):
        if line and stringWidth(line + unit.rstrip(), font, size) > width:
            lines.append(line.rstrip())
            line = ""
        line += unit
    return [*lines, line.rstrip()]
