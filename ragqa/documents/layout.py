"""From the placed lines of pages to paragraphs, tables and headings: unwraps prose, leaves out running headers."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

SOFT_HYPHEN = "\ufffe"
"""Stands where a word was divided at the end of a line, and the line joined with the next."""

_EAST_ASIAN = (
    "\u2e80-\u303f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\U00020000-\U000323af"
)
_NO_SPACE_BETWEEN = re.compile(f"[{_EAST_ASIAN}“”‘’—…][{_EAST_ASIAN}“”‘’—…]")
_WIDE = re.compile(f"[{_EAST_ASIAN}]")
_SENTENCE_END = re.compile(r"[.!?。！？；;:：…][\"'”’」』）)\]》]*(?:\[?\d{1,3}\]?)?$")
_STARTS_ITEM = re.compile(
    r"""(?: [•●○◦▪■□◆‣⁃∙·*–—-]\s | \(?[0-9]{1,3}[.)、．]\s* (?=\D) | \(?[a-zA-Z][.)]\s | \([ivxIVX]{1,5}\)\s
        | [（(][一二三四五六七八九十]{1,3}[)）] | [一二三四五六七八九十]{1,3}[、．] | [①-⑳] )""",
    re.VERBOSE,
)
_ARTICLE = re.compile(r"第\s*[一二三四五六七八九十百千零〇0-9]{1,6}\s*[條条章节節编編篇]")
_CHAPTER = re.compile(r"第\s*[一二三四五六七八九十百零〇0-9]{1,5}\s*([編编篇章節节])")
_CHAPTER_LEVEL = {"編": 1, "编": 1, "篇": 1, "章": 2, "節": 3, "节": 3}
_DOT_LEADER = re.compile(r"[^\S\n]*(?:(?:\.[^\S\n]?){5,}|…{3,}|·{4,})[^\S\n]*")
"""Dots that lead the eye to a page number."""

_FIGURE = re.compile(r"[($€£¥+-]*\d[\d,.]*[)%]*$|^[—–-]$|^N/?A$")
_NUMBER = re.compile(r"\d+|(?<![^\s\-–—])[ivxlc]{1,7}(?=[\s\-–—]*$)")  # figures, and a Roman number at the end
_DIVIDED_AT_END = re.compile("(?<=[a-z\u00df-\u00ff])[-\u2010\u00ad]$")
_NOT_KEY = re.compile(r"[\W_]+")

_HEADING_SIZE = 1.15
_LONGEST_HEADING = 120
_NEAR, _AROUND = 6, 40
_REPEATED_SHARE = 0.4
_REPEATED_PAGES = 3

Kind = Literal["paragraph", "heading", "table"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page, in the order of reading. Lengths are in points, heights from the bottom of the page.

    `top` is the baseline of its first, `bottom` of its last character: they differ where a divided word joined lines.
    """

    text: str
    left: float
    right: float
    top: float
    bottom: float
    size: float
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the document's outline: `page` counts from 0, `level` from 1."""

    title: str
    level: int
    page: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of a page, from its first line's `top` and `left` to the `right` of its widest.

    `open`: its last line is full and does not end a sentence, so it may go on overleaf.
    """

    kind: Kind
    text: str
    level: int = 0
    size: float = 0.0
    open: bool = False
    top: float = 0.0
    left: float = 0.0
    right: float = 0.0


def arrange(pages: Sequence[Sequence[Line]], outline: Sequence[Entry] = ()) -> list[list[Paragraph]]:
    """The paragraphs of each page, in the order of reading."""
    kept = without_running_lines([_whole_lines(lines) for lines in pages])
    body = _body_size(kept)
    levels = _outline_levels(kept, outline) or _size_levels(kept, body)
    arranged = [_page(lines, levels.get(number, {}), body) for number, lines in enumerate(kept)]
    if not any(paragraph.kind == "heading" for page in arranged for paragraph in page):
        arranged = [[_chapter(paragraph) for paragraph in page] for page in arranged]
    return arranged


def _whole_lines(lines: Sequence[Line]) -> list[Line]:
    """The lines with the parts put together that a raised sign or another font has parted."""
    whole: list[Line] = []
    for line in lines:
        above = whole[-1] if whole else None
        if above is not None and _is_same_line(above, line):
            main = max(above, line, key=lambda part: len(part.text))
            text = _joined(above.text, line.text)
            bold = above.bold and line.bold
            whole[-1] = Line(text, above.left, line.right, above.top, line.bottom, main.size, bold)
        else:
            whole.append(line)
    return whole


def _is_same_line(above: Line, below: Line) -> bool:
    size = max(above.size, below.size, 0.1)
    gap = below.left - above.right
    return abs(above.bottom - below.top) < 0.5 * size and -0.3 * size <= gap < 3 * size


def goes_on(last: Paragraph, first: Paragraph) -> bool:
    """Whether the first paragraph of a page is the rest of the last one of the page before."""
    if not (last.open and last.kind == first.kind == "paragraph") or _STARTS_ITEM.match(first.text):
        return False
    is_lower = not first.text[:1].isupper() or not last.text[-1:].isalnum() or not last.text[-1:].isascii()
    return abs(last.size - first.size) < 0.1 * max(last.size, first.size, 0.1) and is_lower


def unspaced(left: str, right: str) -> bool:
    """Whether the two texts are joined without a space: both sides of the seam are East Asian."""
    return bool(left and right and _NO_SPACE_BETWEEN.match(left[-1] + right[0]))


# --- running headers and footers --------------------------------------------------------------------------------------


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


# --- headings ---------------------------------------------------------------------------------------------------------


def _body_size(pages: Sequence[Sequence[Line]]) -> float:
    """The size that most characters have."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[_rounded(line.size)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _outline_levels(pages: Sequence[Sequence[Line]], outline: Sequence[Entry]) -> dict[int, dict[int, int]]:
    """Page -> line -> level, for entries whose words stand on their page; empty if that is less than half of them."""
    levels: dict[int, dict[int, int]] = {}
    found = 0
    after: dict[int, int] = {}
    for entry in outline:
        if not 0 <= entry.page < len(pages):
            continue
        lines = pages[entry.page]
        span = _find(lines, _key(entry.title), after.get(entry.page, 0)) or _find(lines, _key(entry.title), 0)
        if span is None:
            continue
        found += 1
        after[entry.page] = span[1]
        levels.setdefault(entry.page, {}).update(dict.fromkeys(range(*span), entry.level))
    return levels if 2 * found >= len(outline) else {}


def _find(lines: Sequence[Line], key: str, start: int) -> tuple[int, int] | None:
    """The one to three lines that read as a title with this key, but for a number before it."""
    if not key:
        return None
    for index in range(start, len(lines)):
        joined = ""
        for end in range(index, min(index + 3, len(lines))):
            joined += _key(lines[end].text)
            if len(joined) > len(key) + 8:
                break
            if joined == key or (joined.endswith(key) and _is_number(joined[: -len(key)])):
                return index, end + 1
            if key.endswith(joined) and _is_number(key[: -len(joined)]):
                return index, end + 1
    return None


def _key(text: str) -> str:
    return _NOT_KEY.sub("", unicodedata.normalize("NFKC", text).casefold())


def _is_number(prefix: str) -> bool:
    return len(prefix) <= 8 and (any(map(str.isdigit, prefix)) or len(prefix) <= 2 or prefix.startswith("第"))


def _size_levels(pages: Sequence[Sequence[Line]], body: float) -> dict[int, dict[int, int]]:
    """Page -> line -> level, for short lines in larger type; the larger the type, the outer the level."""
    candidates: dict[int, dict[int, float]] = {}
    for number, lines in enumerate(pages):
        chosen = {index: _rounded(line.size) for index, line in enumerate(lines) if _is_large(line, body)}
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
    is_word = letters >= 3 or _WIDE.search(line.text) is not None
    return is_word and 2 * letters > len(line.text.replace(" ", "")) and not line.text.endswith(("。", "；", ";", ","))


def _without_title_matter(lines: Sequence[Line], chosen: dict[int, float], body: float) -> dict[int, float]:
    """Before the text begins there are authors and dates: only the largest lines and the last one are headings."""
    first = next((index for index, line in enumerate(lines) if _rounded(line.size) == body), len(lines))
    before = [index for index in chosen if index < first]
    if not before:
        return chosen
    largest = max(chosen[index] for index in before)
    return {
        index: size
        for index, size in chosen.items()
        if index >= first or size == largest or (index == before[-1] == first - 1)
    }


def _chapter(paragraph: Paragraph) -> Paragraph:
    """A short line that says "Chapter" in Chinese is a heading where nothing else tells headings apart."""
    match = _CHAPTER.match(paragraph.text)
    if paragraph.kind != "paragraph" or match is None or len(paragraph.text) > 30 or "\n" in paragraph.text:
        return paragraph
    if _SENTENCE_END.search(paragraph.text) or "，" in paragraph.text:
        return paragraph
    return replace(paragraph, kind="heading", level=_CHAPTER_LEVEL[match[1]], open=False)


# --- paragraphs -------------------------------------------------------------------------------------------------------

Seam = Literal["join", "row", "break"]
"""Between two lines: the same line of text goes on, a new line of the same block, or a new block."""


def _page(lines: Sequence[Line], levels: dict[int, int], body: float) -> list[Paragraph]:
    edges = _right_edges(lines)
    pitch = _pitches(lines)
    paragraphs: list[Paragraph] = []
    group: list[int] = []
    seams: list[Seam] = []
    for index in range(len(lines)):
        if group:
            seam: Seam
            if (index in levels) or (group[-1] in levels):
                same = levels.get(index) == levels.get(group[-1]) and _is_near(lines[group[-1]], lines[index])
                seam = "join" if same else "break"
            else:
                seam = _seam(lines[group[-1]], lines[index], edges[group[-1]], pitch)
            if seam == "break":
                paragraphs.extend(_paragraph(lines, group, seams, levels, edges, body))
                group, seams = [], []
            else:
                seams.append(seam)
        group.append(index)
    if group:
        paragraphs.extend(_paragraph(lines, group, seams, levels, edges, body))
    return _with_headings_in_place(paragraphs)


def _with_headings_in_place(paragraphs: list[Paragraph]) -> list[Paragraph]:
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


@dataclass(frozen=True, slots=True)
class Edge:
    """How far to the right the lines of a column reach; `shared` if more than one does."""

    right: float
    shared: bool


def _right_edges(lines: Sequence[Line]) -> list[Edge]:
    """For each line, the edge of its column nearby."""
    edges = []
    for index, line in enumerate(lines):
        near = _in_column(line, lines[max(0, index - _NEAR) : index + _NEAR + 1])
        edge = max((other.right for other in near), default=line.right)
        around = _in_column(line, lines[max(0, index - _AROUND) : index + _AROUND + 1])
        reaching = sum(other.right > edge - 0.15 * (edge - line.left) for other in around)
        edges.append(Edge(edge, reaching > 1))
    return edges


def _in_column(line: Line, others: Sequence[Line]) -> list[Line]:
    """Those of the other lines that begin at about the same place, in about the same size."""
    left, size = line.left, line.size
    return [
        other for other in others if abs(other.left - left) < 3 * max(size, 1) and abs(other.size - size) < 0.12 * size
    ]


def _pitches(lines: Sequence[Line]) -> dict[float, float]:
    """The usual distance of baselines for each size of type on a page."""
    found: dict[float, list[float]] = {}
    for above, below in pairwise(lines):
        distance = above.bottom - below.top
        if (
            above.size
            and 0.8 * above.size < distance < 2.5 * above.size
            and _rounded(above.size) == _rounded(below.size)
        ):
            found.setdefault(_rounded(above.size), []).append(distance)
    return {size: statistics.median_low(distances) for size, distances in found.items()}


def _is_near(above: Line, below: Line) -> bool:
    return -0.5 * above.size < above.bottom - below.top < 2.0 * max(above.size, below.size)


def _seam(above: Line, below: Line, edge: Edge, pitch: dict[float, float]) -> Seam:
    size = max(above.size, 0.1)
    distance = above.bottom - below.top
    if abs(distance) < 0.4 * size and below.left >= above.right - 0.3 * size:
        return "row"  # cells of a table
    if above.right < above.left or below.right < below.left:
        return "break"  # text on its side
    if abs(above.size - below.size) > 0.15 * size:
        return "break"
    is_full = _is_full(above, below, edge)
    ends = _SENTENCE_END.search(above.text) is not None
    usual = pitch.get(_rounded(above.size), 1.3 * size)
    if distance < -0.5 * size:  # the next column
        return "join" if is_full and not ends and not _STARTS_ITEM.match(below.text) else "break"
    if distance > 1.3 * usual + 0.1 * size or distance < 0.3 * size:
        return "break"
    are_rows = is_row(above) or is_row(below)
    if not are_rows and (_ARTICLE.match(below.text) or (_CHAPTER.match(above.text) and not is_full)):
        return "join" if is_full and not ends else "break"  # a sentence may name an article
    if are_rows or _STARTS_ITEM.match(below.text) or (_ends_in_figures(above) and _ends_in_figures(below)):
        return "row"
    is_indented = below.left - above.left > 0.8 * size
    if is_full:
        return "break" if ends and is_indented else "join"
    if not ends and below.text[:1].islower() and 2 * (above.right - above.left) > edge.right - above.left:
        return "join"  # the column is narrower here than further down
    return "break" if ends or is_indented else "row"


def _is_full(above: Line, below: Line, edge: Edge) -> bool:
    """Whether the line was broken for lack of space: the first word of the next one would not have fitted in."""
    width = _unit(below) * _first_word(below.text)
    if not edge.shared and not below.text[:1].islower() and not _WIDE.match(below.text):
        return False  # the only long line around: a title above an address is no prose
    space = 0.5 * above.size  # and a quarter, since some letters are wider than the mean
    return above.right + space + 1.25 * width > edge.right - 0.25 * above.size


def _unit(line: Line) -> float:
    """The mean width of half an em on this line."""
    return (line.right - line.left) / max(_half_ems(line.text), 1) if SOFT_HYPHEN not in line.text else line.size / 2


def _first_word(text: str) -> int:
    if _WIDE.match(text):
        return 2
    word = re.match(f"[^\\s{_EAST_ASIAN}]+", text)
    return _half_ems(word[0]) if word else 1


def _half_ems(text: str) -> int:
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def is_row(line: Line) -> bool:
    """Whether the line is one of a table or of a list of contents: it has gaps that words do not have."""
    if _DOT_LEADER.search(line.text):
        return True
    if SOFT_HYPHEN in line.text or not line.size or " " not in line.text:
        return False
    return (line.right - line.left) / (_half_ems(line.text) * line.size / 2) > 1.45


def _ends_in_figures(line: Line) -> bool:
    """Whether the line has two figures or more, one of them at its end, as rows of financial tables have."""
    words = line.text.split()
    if not words or not _FIGURE.search(words[-1]):
        return False
    return sum(1 for word in words if _FIGURE.search(word)) >= 2


def _paragraph(
    lines: Sequence[Line],
    group: Sequence[int],
    seams: Sequence[Seam],
    levels: dict[int, int],
    edges: Sequence[Edge],
    body: float,
) -> Iterator[Paragraph]:
    """One block from its lines; nothing if they are blank."""
    first, last = lines[group[0]], lines[group[-1]]
    text = first.text
    for seam, index in zip(seams, group[1:], strict=True):
        following = lines[index].text
        text = _joined(text, following) if seam == "join" else f"{text}\n{following}"
    text = _DOT_LEADER.sub(" ... ", text).strip()
    if not text:
        return
    members = [lines[index] for index in group]
    place = first.top, min(line.left for line in members), max(line.right for line in members)
    if group[0] in levels:
        yield Paragraph("heading", " ".join(text.split("\n")), levels[group[0]], first.size, False, *place)
        return
    if _is_bold_heading(members, text, body):
        level = min(6, max(levels.values(), default=0) + 1)
        yield Paragraph("heading", text, level, first.size, False, *place)
        return
    rows = seams.count("row")
    is_table = rows and 2 * sum(is_row(line) or _ends_in_figures(line) for line in members) > len(members)
    reaches = last.right > edges[group[-1]].right - 4 * last.size
    is_open = (reaches or text.endswith(SOFT_HYPHEN)) and not _SENTENCE_END.search(text)
    kind: Kind = "table" if is_table else "paragraph"
    yield Paragraph(kind, text, 0, last.size, is_open and not is_table, *place)


def _joined(text: str, following: str) -> str:
    """Two lines of prose as one; the hyphen of a divided word is marked, to be judged later."""
    if _DIVIDED_AT_END.search(text) and following[:1].islower():
        return text[:-1] + SOFT_HYPHEN + following
    if text.endswith(SOFT_HYPHEN) or unspaced(text, following):
        return text + following
    return f"{text} {following}"


def _is_bold_heading(members: Sequence[Line], text: str, body: float) -> bool:
    """Whether a block is a line in bold type that stands alone, as contracts and reports have their headings."""
    if len(members) > 2 or not all(line.bold and line.size >= 0.95 * body for line in members):
        return False
    is_short = len(text) <= 80 and "\n" not in text and any(map(str.isalpha, text))
    return is_short and not text.endswith((".", "。", ";", "；", ",", "，")) and not any(map(is_row, members))


# --- divided words ----------------------------------------------------------------------------------------------------


class Hyphens:
    """Decides for each divided word whether its hyphen belongs to it, by the other words of the document."""

    _WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
    _DIVIDED = re.compile(rf"([\w-]*){SOFT_HYPHEN}\s*(\w*)")

    def __init__(self, texts: Iterator[str]) -> None:
        self._hyphenated: set[str] = set()
        self._words: set[str] = set()
        for text in texts:
            for word in self._WORD.findall(self._DIVIDED.sub(" ", text)):
                (self._hyphenated if "-" in word else self._words).add(word.casefold())

    def mend(self, text: str) -> str:
        """`text` with every divided word made whole."""
        return self._DIVIDED.sub(self._whole, text) if SOFT_HYPHEN in text else text

    def _whole(self, match: re.Match[str]) -> str:
        left, right = match[1], match[2]
        return f"{left}-{right}" if self._keeps_hyphen(left, right) else left + right

    def _keeps_hyphen(self, left: str, right: str) -> bool:
        if not left or not right:
            return not right.strip() and bool(left)
        if left[-1].isdigit() or right[0].isdigit() or right[0].isupper():
            return True
        whole = (left + right).casefold()
        if f"{left}-{right}".casefold() in self._hyphenated:
            return True
        if whole in self._words:
            return False
        parts = left.rpartition("-")[2].casefold(), right.casefold()
        return all(len(part) > 3 and part in self._words for part in parts)
