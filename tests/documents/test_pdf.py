"""A PDF's text keeps its pages, its order and its words; what cannot be read is said page by page."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ragqa.documents import pdf
from ragqa.documents.loader import InProcessLoader
from ragqa.errors import DocumentError
from ragqa.types import Document

MakePdf = Callable[..., bytes]
TextPage = Callable[..., Callable[[Canvas], None]]

PROSE = (
    "The tenant may end this contract at the end of any month, provided that notice",
    "has been given in writing no later than the third working day of that month and",
    "that all of the rent due until then has been paid in full.",
)


def blocks(document: Document, kind: str) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind == kind]


def page_text(document: Document, number: int) -> str:
    page = document.pages[number - 1]
    return document.text[page.start : page.end]


def holds_its_invariants(document: Document) -> bool:
    """Pages cover the text in order, blocks are in order, inside it and not blank."""
    ends = [0, *(page.end for page in document.pages)]
    covered = all(page.start == end for page, end in zip(document.pages, ends, strict=False)) and ends[-1] == len(
        document.text
    )
    limits = [0, *(limit for block in document.blocks for limit in (block.start, block.end)), len(document.text)]
    return covered and limits == sorted(limits) and all(document.text[b.start : b.end].strip() for b in document.blocks)


def test_wrapped_prose_is_one_line_again(make_pdf: MakePdf, text_page: TextPage) -> None:
    document = pdf.load(make_pdf(text_page(*PROSE)), "a.pdf")
    assert document.text == " ".join(PROSE)
    assert holds_its_invariants(document)


def test_chinese_lines_are_joined_without_a_space(make_pdf: MakePdf, text_page: TextPage) -> None:
    lines = (
        "承租人得於每月月底終止本契約，但應於當月第三個工作日前以書面通知出租",
        "人，並付清截至終止日為止之租金全額。",
    )
    document = InProcessLoader().load(make_pdf(text_page(*lines, font="MSung-Light")), "a.pdf")
    assert document.text == "".join(lines)
    assert document.language == "zh-Hant"


def test_a_sentence_that_runs_over_a_page_is_not_cut(make_pdf: MakePdf, text_page: TextPage) -> None:
    document = pdf.load(make_pdf(text_page(*PROSE[:2]), text_page(PROSE[2])), "a.pdf")
    assert document.text == f"{PROSE[0]} {PROSE[1]}\n{PROSE[2]}"
    assert len(document.blocks) == 1
    assert page_text(document, 2) == PROSE[2]
    assert holds_its_invariants(document)


def test_a_new_paragraph_overleaf_is_a_new_block(make_pdf: MakePdf, text_page: TextPage) -> None:
    document = pdf.load(make_pdf(text_page(*PROSE), text_page("The landlord keeps the key.")), "a.pdf")
    assert len(document.blocks) == 2
    assert document.text == " ".join(PROSE) + "\n\nThe landlord keeps the key."


def test_table_rows_stay_on_their_own_lines(make_pdf: MakePdf) -> None:
    rows = [("Annual leave", "20 days", "1,200"), ("Sick leave", "30 days", "1,300"), ("Study leave", "5 days", "900")]

    def draw(canvas: Canvas) -> None:
        for number, row in enumerate(rows):
            for left, cell in zip((72, 250, 400), row, strict=True):
                canvas.drawString(left, 700 - 15 * number, cell)

    document = pdf.load(make_pdf(draw), "a.pdf")
    assert [line.split() for line in document.text.split("\n")] == [" ".join(row).split() for row in rows]


def test_repeated_headers_and_page_numbers_are_left_out(make_pdf: MakePdf, text_page: TextPage) -> None:
    def with_frame(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(72, 810, "Handbook of the Riverside Library")
            text_page(f"This is what page {'abcdef'[number]} says about opening hours.", "And it says no more.")(canvas)
            canvas.drawString(290, 30, f"Page {number + 1} of 6")

        return draw

    document = pdf.load(make_pdf(*map(with_frame, range(6))), "a.pdf")
    assert "Riverside" not in document.text
    assert "of 6" not in document.text
    assert document.text.count("opening hours") == 6
    assert [page.number for page in document.pages] == [1, 2, 3, 4, 5, 6]


def test_two_pages_that_begin_alike_keep_their_lines(make_pdf: MakePdf, text_page: TextPage) -> None:
    page = text_page("Receipt", "For one book that was returned late", "and nothing else.")
    assert pdf.load(make_pdf(page, page), "a.pdf").text.count("Receipt") == 2


def test_headings_come_from_the_outline(make_pdf: MakePdf, text_page: TextPage) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.bookmarkPage("one")
        canvas.addOutlineEntry("Opening hours", "one", level=0)
        canvas.bookmarkPage("two")
        canvas.addOutlineEntry("On Sundays", "two", level=1)
        text_page("1 Opening hours", *PROSE, "1.1 On Sundays", *PROSE)(canvas)

    document = pdf.load(make_pdf(draw), "a.pdf")
    assert blocks(document, "heading") == ["1 Opening hours", "1.1 On Sundays"]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 2]
    assert blocks(document, "paragraph") == [" ".join(PROSE)] * 2


def test_headings_come_from_larger_type(make_pdf: MakePdf, text_page: TextPage) -> None:
    def draw(canvas: Canvas) -> None:
        text_page("The Handbook", size=20, top=800)(canvas)
        text_page(*PROSE, top=760)(canvas)
        text_page("Opening hours", size=14, top=680)(canvas)
        text_page(*PROSE, top=660)(canvas)

    document = pdf.load(make_pdf(draw), "a.pdf")
    headings = [(document.text[b.start : b.end], b.level) for b in document.blocks if b.kind == "heading"]
    assert headings == [("The Handbook", 1), ("Opening hours", 2)]


def test_divided_words_are_made_whole(make_pdf: MakePdf, text_page: TextPage) -> None:
    lines = (
        "The committee on the self-employed met twice in the year that is reported on here, infor-",
        "mation was given to all of them, and the information reached in particular every self-",
        "employed member of the association, which had asked for it a good many times before.",
    )
    text = pdf.load(make_pdf(text_page(*lines)), "a.pdf").text
    assert "here, information was" in text
    assert "every self-employed member" in text


def test_printed_page_labels_are_kept(make_pdf: MakePdf, text_page: TextPage) -> None:
    from pypdf import PdfReader, PdfWriter
    from pypdf.constants import PageLabelStyle

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf(*[text_page(f"Words {n}.") for n in "abcd"]))))
    writer.set_page_label(0, 1, style=PageLabelStyle.LOWERCASE_ROMAN)
    writer.set_page_label(2, 3, prefix="A-", style=PageLabelStyle.DECIMAL)
    target = io.BytesIO()
    writer.write(target)
    document = pdf.load(target.getvalue(), "a.pdf")
    assert [page.label for page in document.pages] == ["i", "ii", "A-1", "A-2"]


def test_labels_that_only_the_second_engine_finds_are_kept(
    make_pdf: MakePdf, text_page: TextPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf(text_page("One."), text_page("Two.")))))
    writer.set_page_label(0, 1, prefix="B-", style="/D", start=7)
    target = io.BytesIO()
    writer.write(target)
    monkeypatch.setattr(pdf, "_label", lambda document, index: "")
    assert [page.label for page in pdf.load(target.getvalue(), "a.pdf").pages] == ["B-7", "B-8"]


def test_without_labels_there_are_none(make_pdf: MakePdf, text_page: TextPage) -> None:
    assert pdf.load(make_pdf(text_page("Words.")), "a.pdf").pages[0].label is None


def test_the_title_is_what_the_file_states(make_pdf: MakePdf, text_page: TextPage) -> None:
    for stated, title in (
        ("Handbook of the Library", "Handbook of the Library"),
        ("圖書館手冊", "圖書館手冊"),
        ("Microsoft Word - draft 3.doc", ""),
        ("scan0001.pdf", ""),
        ("untitled", ""),
        ("12", ""),
    ):
        assert pdf.load(make_pdf(text_page("Words."), title=stated), "a.pdf").title == title


def picture(canvas: Canvas) -> None:
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    canvas.drawImage(ImageReader(Image.new("L", (40, 40), 128)), 72, 300, 400, 400)


def test_scanned_pages_are_named(make_pdf: MakePdf, text_page: TextPage) -> None:
    words = text_page("There are words on this page.")
    document = pdf.load(make_pdf(words, picture, words, picture, picture), "a.pdf")
    assert document.warnings == ("pages 2, 4-5 look scanned (no text)",)
    assert [page_text(document, number).strip() != "" for number in (1, 2, 3, 4, 5)] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert holds_its_invariants(document)


def test_a_document_of_pictures_says_what_would_help(make_pdf: MakePdf) -> None:
    with pytest.raises(DocumentError) as caught:
        pdf.load(make_pdf(picture, picture), "a.pdf")
    assert caught.value.code == "no_text"
    assert "ocr" in caught.value.remedy


def test_an_empty_page_is_no_scan(make_pdf: MakePdf, text_page: TextPage) -> None:
    document = pdf.load(make_pdf(lambda canvas: None, text_page("Words.")), "a.pdf")
    assert document.warnings == ()
    assert page_text(document, 2) == "Words."


def test_encrypted_files_ask_for_their_password(make_pdf: MakePdf, text_page: TextPage) -> None:
    locked = StandardEncryption("secret")
    data = make_pdf(text_page("The key is under the mat."), encrypt=locked)
    for wrong in (None, "wrong"):
        with pytest.raises(DocumentError) as caught:
            pdf.load(data, "a.pdf", password=wrong)
        assert caught.value.code == "encrypted"
        assert "--password" in caught.value.remedy
    assert pdf.load(data, "a.pdf", password="secret").text == "The key is under the mat."


def test_a_file_with_an_empty_password_is_read(make_pdf: MakePdf, text_page: TextPage) -> None:
    data = make_pdf(
        text_page("Printing is not allowed."), encrypt=StandardEncryption("", ownerPassword="x", canPrint=0)
    )
    assert pdf.load(data, "a.pdf").text == "Printing is not allowed."


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.7\n" + b"words and no objects\n" * 100, b"no PDF at all"])
def test_what_is_no_pdf_is_damaged(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        pdf.load(data, "a.pdf")
    assert caught.value.code == "damaged"


def test_a_truncated_file_gives_its_text_or_is_damaged(make_pdf: MakePdf, text_page: TextPage) -> None:
    data = make_pdf(*[text_page(f"Words on page {n}.") for n in "abcdef"])
    for cut in range(0, len(data), len(data) // 25):
        try:
            document = pdf.load(data[:cut], "a.pdf")
        except DocumentError as error:
            assert error.code in ("damaged", "no_text")
        else:
            assert "Words on page" in document.text


def test_the_second_engine_reads_what_the_first_refuses(
    make_pdf: MakePdf, text_page: TextPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "_by_pdfium", lambda data, password: None)
    document = pdf.load(make_pdf(text_page(*PROSE), text_page("Overleaf."), title="Lease"), "a.pdf")
    assert document.text == " ".join(PROSE) + "\n\nOverleaf."
    assert (document.title, len(document.pages)) == ("Lease", 2)
    assert "second engine" in document.warnings[0]


def test_the_second_engine_asks_for_the_password_too(
    make_pdf: MakePdf, text_page: TextPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "_by_pdfium", lambda data, password: None)
    data = make_pdf(text_page("Words."), encrypt=StandardEncryption("secret"))
    with pytest.raises(DocumentError) as caught:
        pdf.load(data, "a.pdf")
    assert caught.value.code == "encrypted"
    assert pdf.load(data, "a.pdf", password="secret").text == "Words."


def test_real_documents(shared: Path) -> None:
    """Headings, order and scans of documents that nobody made for a test."""
    docs = shared / "docs"
    einstein = pdf.load((docs / "en/einstein-1905-specrel.pdf").read_bytes(), "e.pdf")
    assert len(einstein.pages) == 23
    assert "§ 1. Definition of Simultaneity" in blocks(einstein, "heading")
    columns = pdf.load((docs / "edge/two-column-latex.pdf").read_bytes(), "c.pdf").text
    assert "consectetuer adipiscing elit. Ut purus elit, vestibulum ut," in columns
    mixed = pdf.load((docs / "edge/text-and-scanned-zh.pdf").read_bytes(), "m.pdf")
    assert mixed.warnings == ("page 2 looks scanned (no text)",)
    for name, code in (("password-protected", "encrypted"), ("scanned-zh-no-text", "no_text")):
        with pytest.raises(DocumentError) as caught:
            pdf.load((docs / f"edge/{name}.pdf").read_bytes(), "x.pdf")
        assert caught.value.code == code
    for path in docs.rglob("*.pdf"):
        if path.stem not in ("password-protected", "scanned-zh-no-text"):
            assert holds_its_invariants(pdf.load(path.read_bytes(), path.name)), path
