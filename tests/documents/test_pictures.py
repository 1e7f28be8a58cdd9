"""A page's picture is a PNG with a box around the quoted words and nowhere else, also where the page is turned."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image, ImageChops
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ragqa.config import IngestConfig
from ragqa.documents.child import ChildLoader
from ragqa.documents.pictures import Picture, draw
from ragqa.errors import DocumentError

LINES = ("The tenant may end this contract at the end of any month,", "provided that notice was given in writ-", "ing.")
TOP, LEFT, SIZE = 760.0, 72.0, 11.0


def changed(data: bytes, quotes: list[str], page: int = 1) -> tuple[Picture, tuple[int, int, int, int] | None]:
    """The picture, and the rectangle in which it differs from one without quotes."""
    drawn = draw(data, page, quotes)
    marked, plain = (Image.open(io.BytesIO(each.png)).convert("RGB") for each in (drawn, draw(data, page, [])))
    assert marked.size == plain.size
    return drawn, ImageChops.difference(marked, plain).getbbox()


def test_the_box_is_where_the_words_are(make_pdf: Callable[..., bytes], text_page: Callable[..., object]) -> None:
    data = make_pdf(text_page(*LINES, top=TOP, left=LEFT, size=SIZE))
    drawn, box = changed(data, ["THE TENANT may end"])
    assert (drawn.quotes, drawn.boxed) == (1, 1)
    assert box is not None
    baseline = (A4[1] - TOP) * 2  # two pixels to the point
    assert abs(box[0] - LEFT * 2) < 12
    assert baseline - 30 < box[1] < baseline < box[3] < baseline + 20
    assert LEFT * 2 + 100 < box[2] < LEFT * 2 + 300


def test_a_quote_over_lines_has_a_box_on_each(make_pdf: Callable[..., bytes], text_page: Callable[..., object]) -> None:
    data = make_pdf(text_page(*LINES, top=TOP, left=LEFT, size=SIZE))
    drawn, box = changed(data, ["any month, provided that notice was given in writing."])
    assert drawn.boxed == 1
    assert box is not None and box[3] - box[1] > 2 * 2 * SIZE


def test_boxes_in_which_nothing_is_drawn_are_told(
    make_pdf: Callable[..., bytes], text_page: Callable[..., object]
) -> None:
    def invisible(canvas: Canvas) -> None:
        text = canvas.beginText(LEFT, TOP)
        text.setFont("Helvetica", SIZE)
        text.setTextRenderMode(3)
        text.textLine(LINES[0])
        canvas.drawText(text)

    quote = ["The tenant may end this contract"]
    unseen, seen = draw(make_pdf(invisible), 1, quote), draw(make_pdf(text_page(*LINES)), 1, quote)
    assert (unseen.boxed, unseen.bare) == (1, True)
    assert (seen.boxed, seen.bare) == (1, False)
    assert not draw(make_pdf(text_page(*LINES)), 1, ["The landlord"]).bare


def test_words_that_the_page_does_not_have_get_none(
    make_pdf: Callable[..., bytes], text_page: Callable[..., object]
) -> None:
    drawn, box = changed(make_pdf(text_page(*LINES)), ["The landlord may end this contract"])
    assert (drawn.quotes, drawn.boxed, box) == (1, 0, None)


def test_words_in_another_order_are_boxed_line_by_line(
    make_pdf: Callable[..., bytes], text_page: Callable[..., object]
) -> None:
    data = make_pdf(text_page(*LINES, top=TOP))
    drawn, box = changed(data, ["provided that notice was given in writing.\nThe tenant may end this contract"])
    assert drawn.boxed == 1
    assert box is not None and box[3] - box[1] > 2 * 2 * SIZE


def test_on_a_turned_page_the_box_turns_with_the_words() -> None:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.setPageRotation(90)
    canvas.setFont("Helvetica", SIZE)
    canvas.drawString(LEFT, 300, LINES[0])  # the page lies on its side: it is 595 points high
    canvas.save()
    drawn, box = changed(target.getvalue(), [LINES[0]])
    assert drawn.boxed == 1
    assert box is not None
    assert box[3] - box[1] > 3 * (box[2] - box[0])  # the line runs down the page
    ink = ImageChops.invert(Image.open(io.BytesIO(draw(target.getvalue(), 1, []).png)).convert("L")).getbbox()
    assert ink is not None and box[0] <= ink[0] and box[1] <= ink[1] and box[2] >= ink[2] and box[3] >= ink[3]


def test_words_beside_the_page_have_no_box(make_pdf: Callable[..., bytes], text_page: Callable[..., object]) -> None:
    drawn, box = changed(make_pdf(text_page("Nobody sees this.", top=2000.0)), ["Nobody sees this."])
    assert (drawn.boxed, box) == (0, None)


def test_an_enormous_page_is_drawn_smaller(make_pdf: Callable[..., bytes]) -> None:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(14400, 14400))
    canvas.drawString(100, 100, "Far away.")
    canvas.save()
    picture = Image.open(io.BytesIO(draw(target.getvalue(), 1, ["Far away."]).png))
    assert picture.size[0] * picture.size[1] <= 6_100_000


def test_a_page_as_thin_as_a_hair_is_no_line_of_millions_of_pixels() -> None:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(10_000_000, 0.5))
    canvas.showPage()
    canvas.save()
    picture = Image.open(io.BytesIO(draw(target.getvalue(), 1, []).png))
    assert max(picture.size) <= 30_100


def test_what_cannot_be_drawn_says_why(make_pdf: Callable[..., bytes], text_page: Callable[..., object]) -> None:
    data = make_pdf(text_page(*LINES))
    with pytest.raises(DocumentError, match="no page 2"):
        draw(data, 2, [])
    with pytest.raises(DocumentError, match="cannot draw"):
        draw(b"%PDF-1.4\nnot really", 1, [])
    locked = make_pdf(text_page(*LINES), encrypt=StandardEncryption("secret"))
    with pytest.raises(DocumentError, match="encrypted"):
        draw(locked, 1, [])
    assert draw(locked, 1, ["The tenant"], password="secret").boxed == 1


def test_the_child_draws_the_same_and_outlives_a_bad_page(
    make_pdf: Callable[..., bytes], text_page: Callable[..., object]
) -> None:
    data = make_pdf(text_page(*LINES))
    with ChildLoader(IngestConfig()) as loader:
        with pytest.raises(DocumentError, match="no page 9"):
            loader.picture(data, 9, [])
        assert loader.picture(data, 1, ["The tenant may"]) == draw(data, 1, ["The tenant may"])
        assert loader.load(data, "a.pdf").pages
