"""Cuts a Document into chunks: at headings, then at paragraphs, then at sentences; pure, and linear in the text.

Headings are not part of a chunk's text but of its heading path, which is indexed with it. The two exceptions: very
small neighbouring sections are packed together, headings and all, under the heading above them; and a heading that
nothing follows becomes text, so that it can still be found.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ragqa.text.sentences import spans
from ragqa.types import Block, BlockKind, Chunk, Document, Page

_TINY_SECTION = 5
"""A section below this fraction of the budget is packed with neighbours of its size, up to half of the budget."""
_FILL = 0.9
"""How full chunks of a long section are on average: what is left over lets them end where paragraphs do."""
_LONGEST_HEADING = 300
_CLAUSE_END = re.compile(r"""[,;:，、；：]["'”’」』）)\]]*(?:\s+|(?<=[^\x00-\x7f]))|\s+\|\s+|\s+[-–—]\s+|\n""")
_ARTICLE = re.compile(r"第\s?[0-9一二三四五六七八九十百千零〇]+(?:-[0-9]+)?\s?[条條章节節]|Article |Section |§ ?[0-9]")
_SUBITEM = re.compile(
    r"[(（][0-9A-Za-z一二三四五六七八九十]{1,3}[)）]|[0-9a-z]{1,3}[.)] |[一二三四五六七八九十]{1,3}、"
)


def split(document: Document, *, tokens: int, overlap: int, count: Callable[[str], int]) -> list[Chunk]:
    """Chunks in order, none with `count(chunk.indexed_text)` above `tokens`, which must be at least 16.

    Together they hold all text but white space and headings. Neighbours within a section share whole sentences of up
    to `overlap` tokens, in running text only. A row of a table or a line of code is cut only if it is over the budget.
    """
    counter = _Counter(document.text, count)
    chunks: list[Chunk] = []
    for group in _groups(document, counter, tokens):
        joined = _with_headings(chunks[-1], group, counter) if chunks and group.is_headings_only else None
        if joined is not None and count(joined.indexed_text) <= tokens:
            chunks[-1] = joined
        else:
            chunks.extend(_pack(group, counter, tokens, min(overlap, tokens // 2)))
    return with_pages(chunks, document.pages)


def with_pages(chunks: list[Chunk], pages: Sequence[Page]) -> list[Chunk]:
    """The chunks of a document, each with the pages that it stands on."""
    if not pages:
        return chunks
    starts = [page.start for page in pages]
    return [_with_pages(chunk, pages, starts) for chunk in chunks]


@dataclass(slots=True)
class _Counter:
    """Counts slices of one text."""

    text: str
    count: Callable[[str], int]

    def slice(self, start: int, end: int) -> int:
        return self.count(self.text[start:end])


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is not cut: a sentence, a row, a line. `opens`: it is the first of its block."""

    start: int
    end: int
    tokens: int
    kind: BlockKind
    opens: bool


@dataclass(slots=True)
class _Group:
    """Units that may share chunks, under one heading path."""

    heading: tuple[str, ...]
    units: list[_Unit]

    @property
    def is_headings_only(self) -> bool:
        return all(unit.kind == "heading" for unit in self.units)


@dataclass(slots=True)
class _Section:
    """A heading with what follows it, up to the next one. `path` includes the heading's own text."""

    path: tuple[str, ...] = ()
    heading: Block | None = None
    blocks: list[Block] = field(default_factory=list)
    is_parent: bool = False


# --- document -> sections -> groups -----------------------------------------------------------------------------------


def _sections(document: Document, counter: _Counter, tokens: int) -> Iterator[_Section]:
    section = _Section()
    path: list[tuple[int, str]] = []
    for block in _all_blocks(document):
        if block.kind != "heading":
            section.blocks.append(block)
            continue
        text = " ".join(document.text[block.start : block.end].split())
        if len(text) > _LONGEST_HEADING or counter.count(text) > tokens // 3:
            section.blocks.append(replace(block, kind="paragraph", level=0))  # a paragraph in large type
            continue
        section.is_parent = bool(path) and block.level > path[-1][0]
        yield section
        while path and path[-1][0] >= block.level:
            path.pop()
        path.append((block.level, text))
        section = _Section(tuple(text for _, text in path), block)
    yield section


def _all_blocks(document: Document) -> Iterator[Block]:
    """The document's blocks, and what lies between them as paragraphs."""
    position = 0
    for block in document.blocks:
        if document.text[position : block.start].strip():
            yield Block(position, block.start, "paragraph")
        yield block
        position = block.end
    if document.text[position:].strip():
        yield Block(position, len(document.text), "paragraph")


def _groups(document: Document, counter: _Counter, tokens: int) -> Iterator[_Group]:
    """Sections, the tiny ones among them packed together where they are siblings."""
    pending: _Group | None = None  # tiny sections under the heading above them
    single: _Group | None = None  # the same as an ordinary group, as long as it is only one
    pending_tokens = 0
    for section in _sections(document, counter, tokens):
        units = [unit for block in section.blocks for unit in _units(block, counter, tokens)]
        if not units and (section.heading is None or section.is_parent):
            continue
        own = _Group(section.path, units)
        if section.heading is None:
            yield own
            continue
        heading = _heading_unit(section.heading, counter)
        with_heading = _Group(section.path[:-1], [heading, *units])
        if not units:
            own = with_heading
        size = sum(unit.tokens for unit in with_heading.units)
        tiny = size * _TINY_SECTION <= tokens and not section.is_parent
        fits = pending is not None and pending.heading == with_heading.heading and (pending_tokens + size) * 2 <= tokens
        if pending is not None and single is not None and not (tiny and fits):
            yield single
            pending = single = None
        if pending is not None and not (tiny and fits):
            yield pending
            pending = None
        if not tiny:
            yield own
        elif pending is None:
            pending, single, pending_tokens = with_heading, own, size
        else:
            pending.units.extend(with_heading.units)
            pending_tokens += size
            single = None
    if pending is not None:
        yield single or pending


def _heading_unit(block: Block, counter: _Counter) -> _Unit:
    return _Unit(block.start, block.end, counter.slice(block.start, block.end), "heading", opens=True)


# --- blocks -> units --------------------------------------------------------------------------------------------------


def _units(block: Block, counter: _Counter, tokens: int) -> Iterator[_Unit]:
    opens = True
    for start, end in _pieces(block, counter.text, tokens):
        for unit in _cut(start, end, block.kind, counter, tokens):
            yield replace(unit, opens=True) if opens else unit
            opens = False


def _pieces(block: Block, text: str, tokens: int) -> Iterator[tuple[int, int]]:
    """Sentences of running text, lines of anything else; short lines of code are taken together."""
    if block.kind in ("paragraph", "heading"):
        for start, end in spans(text[block.start : block.end]):
            yield block.start + start, block.start + end
        return
    least = tokens if block.kind == "code" else 1
    start = block.start
    while start < block.end:
        end = text.find("\n", min(start + least, block.end), block.end)
        end = block.end if end < 0 else end
        content = text[start:end]
        if content.strip():
            indent = 0 if block.kind == "code" else len(content) - len(content.lstrip())
            lead = len(content) - len(content.lstrip("\n"))
            yield start + max(indent, lead), start + len(content.rstrip())
        start = end + 1


def _cut(start: int, end: int, kind: BlockKind, counter: _Counter, tokens: int) -> Iterator[_Unit]:
    """One unit, or several where it is over half the budget and can be cut without harm, or over the budget."""
    text = counter.text
    if end - start <= tokens * 20:
        size = counter.slice(start, end)
        if size * 2 <= tokens or (size <= tokens and kind != "list"):
            yield _Unit(start, end, size, kind, opens=False)
            return
    if kind == "list":
        for left, right in spans(text[start:end]):
            yield from _cut(start + left, start + right, "paragraph", counter, tokens)
        return
    for left, right in _clauses(text, start, end, width=max(8, tokens // 4)):
        yield from _halves(left, right, kind, counter, tokens)


def _clauses(text: str, start: int, end: int, *, width: int) -> Iterator[tuple[int, int]]:
    """Pieces of about `width` characters: cut behind clause punctuation, else behind a space, else anywhere."""
    while start < end:
        cut = end
        if end - start > 2 * width:
            found = _CLAUSE_END.search(text, start + width // 2, start + 2 * width)
            space = text.rfind(" ", start + width // 2, start + 2 * width) + 1
            cut = found.end() if found and found.end() > start else space or start + 2 * width
        stripped = text[start:cut].strip()
        if stripped:
            lead = text.index(stripped[0], start)
            yield lead, lead + len(stripped)
        start = cut


def _halves(start: int, end: int, kind: BlockKind, counter: _Counter, tokens: int) -> Iterator[_Unit]:
    """A piece of half the budget at most, or its halves, and so on: for text with several tokens to a character."""
    unit = _Unit(start, end, counter.slice(start, end), kind, opens=False)
    if unit.tokens * 2 <= tokens or end - start == 1:
        yield unit
        return
    for half in _halves_of(unit, counter):
        yield from _halves(half.start, half.end, kind, counter, tokens)


def _halves_of(unit: _Unit, counter: _Counter) -> Iterator[_Unit]:
    """Two units without the white space between them, cut at a space if one is near the middle."""
    text = counter.text
    middle = (unit.start + unit.end) // 2
    space = text.rfind(" ", unit.start + (unit.end - unit.start) // 4, middle)
    middle = space if space > unit.start else middle
    for left, right in ((unit.start, middle), (middle, unit.end)):
        content = text[left:right].strip()
        start = text.index(content[0], left)
        end = start + len(content)
        yield _Unit(start, end, counter.slice(start, end), unit.kind, unit.opens and left == unit.start)


# --- units -> chunks --------------------------------------------------------------------------------------------------


def _pack(group: _Group, counter: _Counter, tokens: int, overlap: int) -> Iterator[Chunk]:
    """Fills chunks evenly: a section a little over the budget becomes two halves, not one chunk and a scrap."""
    heading = _shortened(group.heading, counter.count, tokens // 2)
    room = tokens - (counter.count(" > ".join(heading)) if heading else 0)
    units = group.units
    left = sum(unit.tokens for unit in units)
    first = fresh = 0  # units[fresh:] are in no chunk yet; units[first:fresh] are shared with the chunk before
    while fresh < len(units):
        total = left + sum(unit.tokens for unit in units[first:fresh])
        last = _last(counter.text, units, first, fresh, room=room, total=total)
        chunk, last, size = _measured(units, first, last, heading, counter, tokens)
        if first < fresh and last <= fresh:
            first = fresh  # what is shared leaves no room for anything new
        elif size > tokens and chunk.end - chunk.start > 1:
            halves = list(_halves_of(units[first], counter))
            left += sum(unit.tokens for unit in halves) - units[first].tokens
            units[first : first + 1] = halves
        elif size > tokens and heading:
            heading = heading[1:]
        else:
            yield chunk
            left -= sum(unit.tokens for unit in units[fresh:last])
            first = max(first + 1, _first_shared(units, last, overlap)) if last < len(units) else last
            fresh = last


def _measured(
    units: Sequence[_Unit], first: int, last: int, heading: tuple[str, ...], counter: _Counter, tokens: int
) -> tuple[Chunk, int, int]:
    """The chunk of units[first:last], or of as many of them as really fit; where it ends, and its exact size.

    The whole can be larger than its parts: there is white space between them, and some tokenizers count that.
    """
    while True:
        start, end = units[first].start, units[last - 1].end
        chunk = Chunk(start, end, counter.text[start:end], heading)
        size = counter.count(chunk.indexed_text)
        if size <= tokens or last == first + 1:
            return chunk, last, size
        excess = size - tokens
        while excess > 0 and last > first + 1:
            last -= 1
            excess -= units[last].tokens


def _last(text: str, units: Sequence[_Unit], first: int, fresh: int, *, room: int, total: int) -> int:
    """The end of a chunk that begins at `first`, so that as few chunks as possible come out about equal.

    Of the places near that size, the one where the text itself begins something new is taken.
    """
    if total <= room:
        return len(units)
    parts = math.ceil(total / (_FILL * room))
    target = total / parts
    places: list[tuple[int, float, int]] = []
    fullest, size = fresh + 1, units[first].tokens
    for number in range(first + 1, len(units)):
        if number > fresh:
            if size > room:
                break
            fullest = number
            if size >= 0.6 * target and total - size <= (parts - 1) * room:
                places.append((_novelty(text, units[number - 1], units[number]), -abs(size - target), number))
        size += units[number].tokens
    return max(places)[2] if places else fullest


def _novelty(text: str, before: _Unit, after: _Unit) -> int:
    """How good a place between two units is for a cut."""
    if text[before.end - 1] in ":：":
        return 0  # what is announced follows
    if not after.opens:
        return 1
    start = text[after.start : after.start + 12]
    return 3 if _ARTICLE.match(start) else 1 if _SUBITEM.match(start) else 2


def _first_shared(units: Sequence[_Unit], last: int, overlap: int) -> int:
    """Where the next chunk begins: so that it repeats whole sentences of running text up to `overlap` tokens."""
    first, size = last, 0
    while first > 0 and units[first - 1].kind in ("paragraph", "list"):
        size += units[first - 1].tokens
        if size > overlap:
            break
        first -= 1
    return first


def _shortened(heading: tuple[str, ...], count: Callable[[str], int], tokens: int) -> tuple[str, ...]:
    """The path, without its outermost headings if it is longer than `tokens`."""
    while heading and count(" > ".join(heading) + "\n") > tokens:
        heading = heading[1:]
    return heading


def _with_headings(chunk: Chunk, group: _Group, counter: _Counter) -> Chunk | None:
    """The chunk lengthened by headings that nothing follows, if it is from the section above or beside them."""
    above = group.heading
    if chunk.heading[: len(above)] != above or len(chunk.heading) > len(above) + 1:
        return None
    end = group.units[-1].end
    return replace(chunk, end=end, text=counter.text[chunk.start : end])


def _with_pages(chunk: Chunk, pages: Sequence[Page], starts: Sequence[int]) -> Chunk:
    first = pages[max(0, bisect_right(starts, chunk.start) - 1)]
    last = pages[max(0, bisect_right(starts, chunk.end - 1) - 1)]
    return replace(chunk, page_start=first.number, page_end=last.number, page_label=first.label)
