"""PDFs made for these tests."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

Draw = Callable[[Canvas], None]


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """`make_pdf(draw, draw, ...)`: one page for each function; keywords go to the canvas."""
    pdfmetrics.registerFont(UnicodeCIDFont("MSung-Light"))
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))

    def make(*pages: Draw, title: str = "", **options: object) -> bytes:
        target = io.BytesIO()
        canvas = Canvas(target, pagesize=A4, invariant=True, **options)
        if title:
            canvas.setTitle(title)
        for draw in pages:
            draw(canvas)
            canvas.showPage()
        canvas.save()
        return target.getvalue()

    return make


@pytest.fixture(scope="session")
def text_page() -> Callable[..., Draw]:
    """`text_page(line, line, ...)`: lines below one another, from `top` down."""

    def page(*lines: str, font: str = "Helvetica", size: float = 11, top: float = 760, left: float = 72) -> Draw:
        def draw(canvas: Canvas) -> None:
            canvas.setFont(font, size)
            for number, line in enumerate(lines):
                canvas.drawString(left, top - number * size * 1.25, line)

        return draw

    return page
