"""Where in a document something stands: its page, the headings above it, the section around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from ragqa.types import Block, Document, Page


def page_of(pages: Sequence[Page], offset: int) -> Page | None:
    """Which of a document's pages an offset lies on; None for formats without pages."""
    place = bisect_right([page.start for page in pages], offset) - 1
    return pages[place] if place >= 0 else None


def pages_of(document: Document, start: int, end: int) -> tuple[Page, ...]:
    """The pages that hold something of a stretch, in order."""
    return tuple(page for page in document.pages if max(page.start, start) < min(page.end, end))


def headings_above(document: Document, offset: int) -> tuple[str, ...]:
    """The headings that an offset stands under, outermost first; one that it stands in is the last."""
    path = heading_path(document.blocks[: bisect_right([block.start for block in document.blocks], offset)])
    return tuple(" ".join(document.text[block.start : block.end].split()) for block in path)


def heading_path(blocks: Sequence[Block]) -> list[Block]:
    """The headings that are in force behind `blocks`, outermost first."""
    path: list[Block] = []
    for block in reversed(blocks):
        if block.kind == "heading" and (not path or block.level < path[-1].level):
            path.append(block)
            if block.level == 1:
                break
    return path[::-1]


def section_of(document: Document, start: int, end: int) -> tuple[int, int]:
    """From the heading above a stretch to the next one behind it; the whole document where it has no headings."""
    starts = [block.start for block in document.blocks if block.kind == "heading"]
    first = max((place for place in starts if place <= start), default=0)
    return first, min((place for place in starts if place >= max(end, first + 1)), default=len(document.text))
