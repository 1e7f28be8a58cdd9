"""Word documents: what Word shows, as blocks; and a package that is not what it claims to be is a DocumentError."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import docx as writer
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from ragqa.documents.docx import load
from ragqa.errors import DocumentError
from ragqa.types import Document


def written(fill: Callable[[writer.document.Document], object]) -> bytes:
    made = writer.Document()
    fill(made)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def read(fill: Callable[[writer.document.Document], object]) -> Document:
    return load(written(fill), "contract.docx")


def blocks(document: Document) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, document.text[block.start : block.end]) for block in document.blocks]


def with_part(data: bytes, name: str, part: bytes) -> bytes:
    """The package with one part replaced or added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, part)
    return file.getvalue()


OFFICE = "http://schemas.openxmlformats.org"
BODY = f'<w:document xmlns:w="{OFFICE}/wordprocessingml/2006/main"><w:body>{{}}</w:body></w:document>'


def smallest() -> bytes:
    """A package with no part that is not needed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{OFFICE}/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/>'
            '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'wordprocessingml.document.main+xml"/></Types>',
        )
        package.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{OFFICE}/package/2006/relationships"><Relationship Id="r1" '
            f'Type="{OFFICE}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
            "</Relationships>",
        )
        package.writestr(
            "word/styles.xml",
            f'<w:styles xmlns:w="{OFFICE}/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="1">'
            '<w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>',
        )
        package.writestr(
            "word/document.xml",
            BODY.format('<w:p><w:pPr><w:pStyle w:val="1"/></w:pPr><w:r><w:t>Rent</w:t></w:r></w:p>'),
        )
    return file.getvalue()


SIMPLE = smallest()


def body(content: str, declaration: str = "") -> bytes:
    return with_part(SIMPLE, "word/document.xml", (declaration + BODY.format(content)).encode())


def test_the_smallest_package() -> None:
    assert blocks(load(SIMPLE, "a.docx")) == [("heading", 1, "Rent")]


def test_structure_becomes_blocks() -> None:
    def fill(made: writer.document.Document) -> None:
        made.add_heading("Lease", 0)
        made.add_heading("Term", 1)
        made.add_paragraph("It runs for one year.")
        made.add_heading("Notice", 2)
        made.add_paragraph("in writing", style="List Bullet")
        made.add_paragraph("ninety days before", style="List Bullet")
        table = made.add_table(rows=3, cols=2)
        for row, cells in zip(table.rows, (("Fee", "Amount"), ("Rent", "900"), ("Deposit", "1,800")), strict=True):
            row.cells[0].text, row.cells[1].text = cells

    document = read(fill)
    assert document.title == "Lease"
    assert document.loader == "docx"
    assert blocks(document) == [
        ("heading", 1, "Lease"),
        ("heading", 2, "Term"),
        ("paragraph", 0, "It runs for one year."),
        ("heading", 3, "Notice"),
        ("list", 0, "- in writing\n- ninety days before"),
        ("table", 0, "Fee: Rent | Amount: 900\nFee: Deposit | Amount: 1,800"),
    ]


def test_the_title_is_the_property_unless_a_program_made_it_up() -> None:
    def titled(title: str) -> str:
        def fill(made: writer.document.Document) -> None:
            made.core_properties.title = title
            made.add_heading("租賃契約", 0)

        return read(fill).title

    assert titled("Lease of 2025") == "Lease of 2025"
    assert titled("Microsoft Word - lease.doc") == "租賃契約"
    assert titled("lease.docx") == "租賃契約"
    assert titled("") == "租賃契約"


@pytest.mark.parametrize("name", ["标题 1", "標題 1", "标题1"])
def test_chinese_names_of_heading_styles_are_known(name: str) -> None:
    def fill(made: writer.document.Document) -> None:
        made.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        made.add_paragraph("第一章 总则", style=name)
        made.add_paragraph("本合同自签订之日起生效。")

    assert blocks(read(fill))[0] == ("heading", 1, "第一章 总则")


def test_a_style_based_on_a_heading_is_a_heading() -> None:
    def fill(made: writer.document.Document) -> None:
        clause = made.styles.add_style("Clause's", WD_STYLE_TYPE.PARAGRAPH)
        clause.base_style = made.styles["Heading 2"]
        made.add_heading("Lease", 1)
        made.add_paragraph("Rent", style="Clause's")
        made.add_paragraph("It is due monthly.")

    assert [block[:2] for block in blocks(read(fill))] == [("heading", 1), ("heading", 2), ("paragraph", 0)]


def test_a_table_of_contents_is_left_out() -> None:
    def fill(made: writer.document.Document) -> None:
        made.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
        made.add_paragraph("Term 3", style="toc 1")
        made.add_paragraph("Body.")

    assert read(fill).text == "Body."


def test_hidden_text_is_left_out() -> None:
    def fill(made: writer.document.Document) -> None:
        shown = made.add_paragraph("Shown. ")
        shown.add_run("Hidden.").font.hidden = True
        shown.add_run("Shown too.").font.hidden = False
        mark = OxmlElement("w:vanish")
        mark.set(qn("w:val"), "0")
        shown.add_run(" And this.")._r.get_or_add_rPr().append(mark)

    assert read(fill).text == "Shown. Shown too. And this."


def test_images_are_neither_read_nor_fetched(tmp_path: Path) -> None:
    pixel = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in (
            (b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"),
            (b"IDAT", zlib.compress(b"\0\0")),
            (b"IEND", b""),
        )
    )

    def fill(made: writer.document.Document) -> None:
        made.add_picture(io.BytesIO(pixel))
        made.add_paragraph("Caption.")

    assert read(fill).text == "Caption."


FOOTNOTES = """<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:footnote w:id="5">
<w:p><w:r><w:t>See the annex.</w:t></w:r></w:p></w:footnote></w:footnotes>"""


def test_footnotes_are_kept_without_their_arrows() -> None:
    noted = body('<w:p><w:r><w:t>Rent</w:t></w:r><w:r><w:footnoteReference w:id="5"/></w:r></w:p>')
    document = load(with_part(noted, "word/footnotes.xml", FOOTNOTES.encode()), "a.docx")
    assert document.text == "Rent[1]\n\n1. See the annex."


def refusal(data: bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        load(data, "a.docx")
    assert caught.value.message
    return caught.value.code


def test_an_encrypted_document_says_so() -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)
    assert refusal(ole + "EncryptedPackage".encode("utf-16-le")) == "encrypted"
    assert refusal(ole) == "damaged"


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    assert refusal(body("<w:p/>" * 400_000)) == "too_large"
    assert refusal(with_part(SIMPLE, "word/other.xml", bytes(101 << 20))) == "too_large"
    file = io.BytesIO(SIMPLE)
    with zipfile.ZipFile(file, "a") as package:
        for number in range(10_001):
            package.writestr(f"x{number}", b"")
    assert refusal(file.getvalue()) == "too_large"


def test_document_type_declarations_are_refused() -> None:
    declaration = '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    assert refusal(body("<w:p><w:r><w:t>&b;</w:t></w:r></w:p>", declaration)) == "damaged"
    wide = ("\ufeff" + declaration + BODY.format("<w:p/>")).encode("utf-16-le")
    assert refusal(with_part(SIMPLE, "word/document.xml", wide)) == "damaged"


def test_two_parts_of_one_name_are_refused() -> None:
    file = io.BytesIO(SIMPLE)
    with zipfile.ZipFile(file, "a") as package, pytest.warns(UserWarning, match="Duplicate"):
        package.writestr("word/document.xml", BODY.format("<w:p/>"))
    assert refusal(file.getvalue()) == "damaged"


def test_deep_nesting_is_refused() -> None:
    opened, closed = "<w:tbl><w:tr><w:tc>" * 2_000, "</w:tc></w:tr></w:tbl>" * 2_000
    assert refusal(body(opened + "<w:p/>" + closed)) == "damaged"


@pytest.mark.parametrize("data", [b"", b"PK", b"not a package", SIMPLE[:200], SIMPLE[:-30], SIMPLE[100:]])
def test_what_is_no_package_is_refused(data: bytes) -> None:
    assert refusal(data) == "damaged"


def test_damage_anywhere_makes_a_document_or_a_document_error() -> None:
    """Bytes of the package changed, and bytes of its parts: neither may end in any other exception."""
    generator = random.Random(11)
    with zipfile.ZipFile(io.BytesIO(SIMPLE)) as package:
        parts = {name: package.read(name) for name in package.namelist() if name.endswith((".xml", ".rels"))}
    refused = 0
    for number in range(400):
        if number % 2:
            name = generator.choice(sorted(parts))
            part = bytearray(parts[name])
            for _ in range(generator.randint(1, 6)):
                part[generator.randrange(len(part))] = generator.choice(b'<>/"= w:&\x00\xffA1')
            data = with_part(SIMPLE, name, bytes(part))
        else:
            damaged = bytearray(SIMPLE)
            for _ in range(generator.randint(1, 6)):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            data = bytes(damaged)
        try:
            load(data, "a.docx")
        except DocumentError as error:
            refused += 1
            assert error.code in ("damaged", "too_large")
    assert 100 < refused < 400


def test_real_documents(shared: Path) -> None:
    handbook = next(shared.glob("docs/en/doj-*.docx"))
    document = load(handbook.read_bytes(), handbook.name)
    assert len(document.text) > 700_000
    assert sum(block.kind == "heading" for block in document.blocks) > 80
