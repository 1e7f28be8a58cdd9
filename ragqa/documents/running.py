"""Finds what stands at the top and the bottom of page after page, and leaves it out of the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ragqa.documents.placed import Line

_REPEATED_SHARE = 0.4
_REPEATED_PAGES = 3
_NUMBER = re.compile(r"\d+|(?<![^\s\-–—])[ivxlc]{1,7}(?=[\s\-–—]*$)")  # figures, and a Roman number at the end


def without_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without what stands at the top or bottom of two fifths of them, or is the page's number."""
    edges = [_edge(lines) for lines in pages]
    own = [str(number) for number in range(1, len(pages) + 1)]
    counts = Counter(mask for page in edges for mask in set(page.values()))
    needed = max(_REPEATED_PAGES, _REPEATED_SHARE * sum(1 for lines in pages if lines))
    return [
        [
            line
            for index, line in enumerate(lines)
            if index not in edge or (counts[edge[index]] < needed and line.text.strip("-–— ") != number)
        ]
        for lines, edge, number in zip(pages, edges, own, strict=True)
    ]


def _edge(lines: Sequence[Line]) -> dict[int, tuple[str, int]]:
    """The lines at the two highest and two lowest heights of a page, with their numbers masked."""
    heights: list[float] = []
    for height in sorted({line.top for line in lines}):
        if not heights or height - heights[-1] > 2:
            heights.append(height)
    if len(heights) < 3:
        return {}
    low, high = heights[min(1, len(heights) - 3)] + 2, heights[max(-2, 2 - len(heights))]
    return {
        index: (_mask(line.text), round(line.size))
        for index, line in enumerate(lines)
        if line.top <= low or line.top >= high
    }


def _mask(text: str) -> str:
    return _NUMBER.sub("#", " ".join(text.split()).casefold()).strip("-–— ")
