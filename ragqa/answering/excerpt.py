"""What of a page is shown around the words that were quoted: the lines near them; the rest is left out, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragqa.text.sentences import spans

LONG_LINE = 300
"""A line with more characters counts as several: paragraphs are lines of their own in extracted text."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of a text, all of it quoted or none of it."""

    start: int
    end: int
    quoted: bool


def excerpt(
    text: str, quotes: Sequence[tuple[int, int]], *, lines: int | None, near: tuple[int, int] | None = None
) -> list[Piece]:
    """Slices of `text` in order, every quote whole, with `lines` lines before and behind each; None shows everything.

    What lies between two slices that do not touch is left out. Without any quote the lines around `near` are shown.
    """
    wanted = quotes or ([near] if near else [])
    kept = [(0, len(text))] if lines is None or not wanted else _kept(list(_lines(text)), wanted, lines)
    return [piece for start, end in kept for piece in _pieces(start, end, sorted(quotes))]


def _kept(places: Sequence[tuple[int, int]], wanted: Sequence[tuple[int, int]], lines: int) -> list[tuple[int, int]]:
    """The runs of lines that are near enough, joined where they touch."""
    keep = [False] * len(places)
    for start, end in wanted:
        held = [number for number, (first, last) in enumerate(places) if first < max(end, start + 1) and start < last]
        for number in range(max(0, held[0] - lines), min(len(places), held[-1] + lines + 1)) if held else ():
            keep[number] = True
    runs: list[tuple[int, int]] = []
    for (start, end), is_kept in zip(places, keep, strict=True):
        if is_kept and runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], end)
        elif is_kept:
            runs.append((start, end))
    return runs


def _pieces(start: int, end: int, quotes: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """A run cut where quotes begin and end."""
    place = start
    for first, last in quotes:
        first, last = max(first, place), min(last, end)
        if first >= last:
            continue
        if place < first:
            yield Piece(place, first, quoted=False)
        yield Piece(first, last, quoted=True)
        place = last
    if place < end:
        yield Piece(place, end, quoted=False)


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where the lines of `text` lie, without a gap, blank ones joined to the one before; long ones in parts."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        while end < len(text) and text[end] == "\n":
            end += 1
        yield from _parts(text, start, end)
        start = end


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A line, cut behind sentences where it is long, and anywhere where a sentence is."""
    stops = [start + stop for _, stop in spans(text[start:end])] if end - start > LONG_LINE else []
    while end - start > LONG_LINE:
        near = [stop for stop in stops if start < stop <= start + LONG_LINE]
        stop = near[-1] if near else start + LONG_LINE
        yield start, stop
        start = stop
    yield start, end
