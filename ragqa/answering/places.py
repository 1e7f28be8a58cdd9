"""Where in a document something stands: its page, the headings above it, the section around it."""

from __future__ import annotations

from bisect import bisect_right

from ragqa.types import Document, Page


def page_of(document: Document, offset: int) -> Page | None:
    """The page on which an offset lies; None for formats without pages."""
    place = bisect_right([page.start for page in document.pages], offset) - 1
    return document.pages[place] if place >= 0 else None


def pages_of(document: Document, start: int, end: int) -> tuple[Page, ...]:
    """The pages that hold something of a stretch, in order."""
    return tuple(page for page in document.pages if max(page.start, start) < min(page.end, end))


def headings_above(document: Document, offset: int) -> tuple[str, ...]:
    """The headings that an offset stands under, outermost first; one that it stands in is the last."""
    path: list[tuple[int, str]] = []
    for block in document.blocks:
        if block.start > offset:
            break
        if block.kind == "heading":
            path = [above for above in path if above[0] < block.level]
            path.append((block.level, " ".join(document.text[block.start : block.end].split())))
    return tuple(text for _, text in path)


def section_of(document: Document, start: int, end: int) -> tuple[int, int]:
    """From the heading above a stretch to the next one behind it; the whole document where it has no headings."""
    starts = [block.start for block in document.blocks if block.kind == "heading"]
    first = max((place for place in starts if place <= start), default=0)
    return first, min((place for place in starts if place >= max(end, first + 1)), default=len(document.text))
