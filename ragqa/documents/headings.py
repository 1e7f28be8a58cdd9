"""Tells which lines are headings: by the outline, by larger type, or by what a Chinese chapter is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ragqa.documents.placed import WIDE, Entry, Line, Paragraph, key, rounded

CHAPTER = re.compile(r"第\s*[一二三四五六七八九十百零〇0-9]{1,5}\s*([編编篇章節节])")

_CHAPTER_LEVEL = {"編": 1, "编": 1, "篇": 1, "章": 2, "節": 3, "节": 3}
_NUMBER = re.compile(
    "(?:第|chapter|section|part|article|art|appendix|annex|附錄|附录|附件)?"
    "(?:[0-9]{1,6}[a-z]?|[a-z][0-9]{0,4}|[ivxlc]{1,6}|[一二三四五六七八九十百零〇]{1,5})?[編编篇章節节條条款部]?"
)
_HEADING_SIZE = 1.15
_LONGEST_HEADING = 120


def body_size(pages: Sequence[Sequence[Line]]) -> float:
    """The size that most characters have."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[rounded(line.size)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def outline_levels(pages: Sequence[Sequence[Line]], outline: Sequence[Entry]) -> dict[int, dict[int, int]]:
    """Page -> line -> level, for entries whose words stand on their page; empty if that is less than half of them."""
    levels: dict[int, dict[int, int]] = {}
    found = 0
    after: dict[int, int] = {}
    for entry in outline:
        if not 0 <= entry.page < len(pages):
            continue
        lines = pages[entry.page]
        span = _find(lines, key(entry.title), after.get(entry.page, 0)) or _find(lines, key(entry.title), 0)
        if span is None:
            continue
        found += 1
        after[entry.page] = span[1]
        levels.setdefault(entry.page, {}).update(dict.fromkeys(range(*span), entry.level))
    return levels if 2 * found >= len(outline) else {}


def _find(lines: Sequence[Line], wanted: str, start: int) -> tuple[int, int] | None:
    """The one to three lines that read as a title with this key, but for a number before it."""
    if not wanted:
        return None
    for index in range(start, len(lines)):
        joined = ""
        for end in range(index, min(index + 3, len(lines))):
            joined += key(lines[end].text)
            if len(joined) > len(wanted) + 8:
                break
            if joined == wanted or (joined.endswith(wanted) and _is_number(joined[: -len(wanted)])):
                return index, end + 1
            if wanted.endswith(joined) and _is_number(wanted[: -len(joined)]):
                return index, end + 1
    return None


def _is_number(prefix: str) -> bool:
    """Whether the key of what stands before a title is its number, such as `4.1`, `Chapter IV` or `第七章`."""
    return _NUMBER.fullmatch(prefix) is not None


def size_levels(pages: Sequence[Sequence[Line]], body: float) -> dict[int, dict[int, int]]:
    """Page -> line -> level, for short lines in larger type; the larger the type, the outer the level."""
    candidates: dict[int, dict[int, float]] = {}
    for number, lines in enumerate(pages):
        chosen = {index: rounded(line.size) for index, line in enumerate(lines) if _is_large(line, body)}
        if number == 0:
            chosen = _without_title_matter(lines, chosen, body)
        candidates[number] = chosen
    if sum(map(len, candidates.values())) > 0.4 * sum(map(len, pages)):
        return {}
    ranks = {size: rank for rank, size in enumerate(sorted({s for c in candidates.values() for s in c.values()})[::-1])}
    return {
        number: {index: min(ranks[size] + 1, 6) for index, size in chosen.items()}
        for number, chosen in candidates.items()
        if chosen
    }


def _is_large(line: Line, body: float) -> bool:
    if line.size < _HEADING_SIZE * body or len(line.text) > _LONGEST_HEADING or line.right < line.left:
        return False
    letters = sum(map(str.isalpha, line.text))
    is_word = letters >= 3 or WIDE.search(line.text) is not None
    return is_word and 2 * letters > len(line.text.replace(" ", "")) and not line.text.endswith(("。", "；", ";", ","))


def _without_title_matter(lines: Sequence[Line], chosen: dict[int, float], body: float) -> dict[int, float]:
    """Before the text begins there are authors and dates: only the largest lines and the last one are headings."""
    first = next((index for index, line in enumerate(lines) if rounded(line.size) == body), len(lines))
    before = [index for index in chosen if index < first]
    if not before:
        return chosen
    largest = max(chosen[index] for index in before)
    return {
        index: size
        for index, size in chosen.items()
        if index >= first or size == largest or (index == before[-1] == first - 1)
    }


def chapter(paragraph: Paragraph) -> Paragraph:
    """A short line that says "Chapter" in Chinese is a heading where nothing else tells headings apart."""
    match = CHAPTER.match(paragraph.text)
    if paragraph.kind != "paragraph" or match is None or len(paragraph.text) > 30 or "\n" in paragraph.text:
        return paragraph
    if paragraph.text.endswith(("。", "；", "：", "！", "？")) or "，" in paragraph.text:
        return paragraph
    return replace(paragraph, kind="heading", level=_CHAPTER_LEVEL[match[1]], open=False)


def with_headings_in_place(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """Some programs draw all headings of a page last: a heading goes before the paragraph that stands below it."""
    ordered = list(paragraphs)
    for heading in reversed([paragraph for paragraph in paragraphs if paragraph.kind == "heading"]):
        now = ordered.index(heading)
        following = next((other for other in ordered[now + 1 :] if other.kind != "heading"), None)
        below = [other for other in ordered if _stands_below(other, heading)]
        if not below or (following is not None and _stands_below(following, heading)):
            continue
        there = ordered.index(max(below, key=lambda other: other.top))
        if there < now:
            ordered.insert(there, ordered.pop(now))
    return ordered


def _stands_below(other: Paragraph, heading: Paragraph) -> bool:
    return other.top < heading.top and other.left < heading.right and heading.left < other.right
