"""Blocks to a Word document with real headings, tables with a header row, and footnotes."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from io import BytesIO
from xml.sax.saxutils import escape

from docx import Document
from docx.document import Document as WordDocument
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt
from docx.text.paragraph import Paragraph

from tools.sample_docs.markup import Source

_WRITTEN = datetime(2026, 1, 12, 9, 0, 0)
_FOOTNOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
_FIRST_NOTE = 2  # Word keeps -1 and 0 for its separator lines


def render(source: Source, *, font: str, language: str) -> bytes:
    """The bytes of the .docx; equal for equal input."""
    document = Document()
    _prepare(document, source.title, font=font, language=language)
    marks = {mark: number for number, mark in enumerate(source.footnotes, start=_FIRST_NOTE)}
    for block in source.blocks:
        match block.kind:
            case "title":
                document.add_paragraph(block.text, style="Title")
            case "heading":
                document.add_heading(block.text, level=block.level)
            case "bullets":
                for item in block.items:
                    _write(document.add_paragraph(style="List Bullet"), item, marks)
            case "table":
                _table(document, block.rows)
            case "break":
                document.add_page_break()
            case _:
                _write(document.add_paragraph(), block.text, marks)
    if source.footnotes:
        _attach_footnotes(document, source.footnotes)
    buffer = BytesIO()
    document.save(buffer)
    return _without_times(buffer.getvalue())


def _prepare(document: WordDocument, title: str, *, font: str, language: str) -> None:
    properties = document.core_properties
    properties.title, properties.author, properties.language = title, "Merrowby Instruments", language
    properties.created = properties.modified = properties.last_printed = _WRITTEN
    properties.comments, properties.last_modified_by, properties.revision = "", "", 1
    style = document.styles["Normal"]
    style.font.name, style.font.size = font, Pt(11)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), font)


def _write(paragraph: Paragraph, text: str, marks: dict[str, int]) -> None:
    for number, piece in enumerate(re.split(r"\[\^(\w+)\]", text)):
        if number % 2 == 0:
            paragraph.add_run(piece)
            continue
        run = paragraph.add_run()
        run.font.superscript = True
        reference = OxmlElement("w:footnoteReference")
        reference.set(qn("w:id"), str(marks[piece]))
        run._r.append(reference)


def _table(document: WordDocument, rows: tuple[tuple[str, ...], ...]) -> None:
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, words in zip(row.cells, cells, strict=True):
            cell.text = words
    header = table.rows[0]._tr.get_or_add_trPr()
    header.append(parse_xml(f"<w:tblHeader {nsdecls('w')}/>"))
    for cell in table.rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True
    document.add_paragraph()


def _attach_footnotes(document: WordDocument, footnotes: dict[str, str]) -> None:
    separators = "".join(
        f'<w:footnote w:type="{kind}" w:id="{number}"><w:p><w:r><w:{kind}/></w:r></w:p></w:footnote>'
        for number, kind in ((-1, "separator"), (0, "continuationSeparator"))
    )
    notes = "".join(
        f'<w:footnote w:id="{number}"><w:p><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:footnoteRef/></w:r>'
        f'<w:r><w:t xml:space="preserve"> {escape(words)}</w:t></w:r></w:p></w:footnote>'
        for number, words in enumerate(footnotes.values(), start=_FIRST_NOTE)
    )
    declaration = "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n"
    xml = f"{declaration}<w:footnotes {nsdecls('w')}>{separators}{notes}</w:footnotes>"
    part = Part(PackURI("/word/footnotes.xml"), _FOOTNOTES, xml.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)


def _without_times(data: bytes) -> bytes:
    """The same archive with every member's time set to one moment."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, date_time=_WRITTEN.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o600 << 16
            new.writestr(member, old.read(name))
    return buffer.getvalue()
