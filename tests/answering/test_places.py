"""Where something stands: on which page, under which headings, in which section."""

from __future__ import annotations

from ragqa.answering.places import headings_above, page_of, pages_of, section_of
from ragqa.types import Block, Document, Page

TEXT = "Intro.\n# Leave\nSome.\n## Annual\nDays.\n## Sick\nIll.\n# Travel\nTrains.\n"


def made() -> Document:
    blocks = []
    for line in ("# Leave", "## Annual", "## Sick", "# Travel"):
        start = TEXT.index(line)
        blocks.append(Block(start, start + len(line), "heading", line.count("#")))
    return Document(TEXT, blocks=tuple(blocks))


def test_headings_above_are_those_that_are_open_and_no_sisters() -> None:
    document = made()
    assert headings_above(document, TEXT.index("Intro")) == ()
    assert headings_above(document, TEXT.index("Ill")) == ("# Leave", "## Sick")
    assert headings_above(document, TEXT.index("Trains")) == ("# Travel",)
    assert headings_above(document, TEXT.index("## Annual")) == ("# Leave", "## Annual")


def test_a_section_reaches_from_its_heading_to_the_next_one() -> None:
    document = made()

    def section(word: str) -> str:
        start = TEXT.index(word)
        return TEXT[slice(*section_of(document, start, start + len(word)))]

    assert section("Days") == "## Annual\nDays.\n"
    assert section("Intro") == "Intro.\n"
    assert section("Trains") == "# Travel\nTrains.\n"
    assert section("Days.\n## Sick\nIll") == "## Annual\nDays.\n## Sick\nIll.\n"
    assert section_of(Document(TEXT), 3, 5) == (0, len(TEXT))


def test_pages_are_those_that_a_stretch_touches() -> None:
    pages = (Page(1, 0, 5), Page(2, 5, 5), Page(3, 5, 9, "i"))
    document = Document("123456789", pages=pages)
    assert page_of(pages, 4) == pages[0]
    assert page_of(pages, 5) == pages[2]
    assert page_of((), 0) is None
    assert pages_of(document, 3, 7) == (pages[0], pages[2])
    assert pages_of(document, 5, 7) == (pages[2],)
