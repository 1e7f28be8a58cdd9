"""Leaves out a document's own table of contents: it names every subject and answers no question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa.documents.placed import Line, key

_ENTRY = re.compile(r"(?P<title>.*?[^\W_].*?)\s*(?:[.…·]\s*){5,}(?P<label>[0-9]{1,4}|[ivxlc]{1,7})", re.IGNORECASE)
_FEWEST = 3
_FOUND_AGAIN = 0.6


def without_contents(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The lines of each page without those that lead by dots to a page number.

    They go only where most of a page's entries stand again elsewhere as lines of their own, as headings do: a price
    list is set with dots too, and is not a table of contents.
    """
    titles = {key(line.text) for lines in pages for line in lines if not _ENTRY.fullmatch(line.text.strip())}
    return [_without_entries(lines, titles) for lines in pages]


def _without_entries(lines: Sequence[Line], titles: set[str]) -> list[Line]:
    entries = {
        index: match["title"] for index, line in enumerate(lines) if (match := _ENTRY.fullmatch(line.text.strip()))
    }
    again = sum(key(title) in titles for title in entries.values())
    if len(entries) < _FEWEST or again < _FOUND_AGAIN * len(entries):
        return list(lines)
    return [line for index, line in enumerate(lines) if index not in entries]
