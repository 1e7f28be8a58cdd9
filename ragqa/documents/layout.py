"""From the placed lines of pages to their paragraphs: prose is unwrapped, rows and items keep their own lines."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ragqa.documents.contents import without_contents
from ragqa.documents.headings import CHAPTER, body_size, chapter, outline_levels, size_levels, with_headings_in_place
from ragqa.documents.placed import EAST_ASIAN, SOFT_HYPHEN, WIDE, Entry, Kind, Line, Paragraph, joined, rounded
from ragqa.documents.running import without_running_lines

_SENTENCE_END = re.compile(r"[.!?。！？；;:：…][\"'”’」』）)\]》]*(?:\[?\d{1,3}\]?)?$")
_STARTS_ITEM = re.compile(
    r"""(?: [•●○◦▪■□◆‣⁃∙·*–—-]\s | \(?[0-9]{1,3}[.)、．]\s* (?=\D) | \(?[a-zA-Z][.)]\s | \([ivxIVX]{1,5}\)\s
        | [（(][一二三四五六七八九十]{1,3}[)）] | [一二三四五六七八九十]{1,3}[、．] | [①-⑳] )""",
    re.VERBOSE,
)
_ARTICLE = re.compile(r"第\s*[一二三四五六七八九十百千零〇0-9]{1,6}\s*[條条章节節编編篇]")
_DOT_LEADER = re.compile(r"[^\S\n]*(?:(?:\.[^\S\n]?){5,}|…{3,}|·{4,})[^\S\n]*")
"""Dots that lead the eye to a page number."""

_FIGURE = re.compile(r"[($€£¥+-]*\d[\d,.]*[)%]*$|^[—–-]$|^N/?A$")

_NEAR, _AROUND = 6, 40


def arrange(pages: Sequence[Sequence[Line]], outline: Sequence[Entry] = ()) -> list[list[Paragraph]]:
    """The paragraphs of each page, in the order of reading."""
    kept = without_contents(without_running_lines([_whole_lines(lines) for lines in pages]))
    body = body_size(kept)
    levels = outline_levels(kept, outline) or size_levels(kept, body)
    arranged = [_page(lines, levels.get(number, {}), body) for number, lines in enumerate(kept)]
    if not any(paragraph.kind == "heading" for page in arranged for paragraph in page):
        arranged = [[chapter(paragraph) for paragraph in page] for page in arranged]
    return arranged


def _whole_lines(lines: Sequence[Line]) -> list[Line]:
    """The lines with the parts put together that a raised sign or another font has parted."""
    whole: list[Line] = []
    for line in lines:
        above = whole[-1] if whole else None
        if above is not None and _is_same_line(above, line):
            main = max(above, line, key=lambda part: len(part.text))
            text = joined(above.text, line.text)
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
    return with_headings_in_place(paragraphs)


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
        if above.size and 0.8 * above.size < distance < 2.5 * above.size and rounded(above.size) == rounded(below.size):
            found.setdefault(rounded(above.size), []).append(distance)
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
    usual = pitch.get(rounded(above.size), 1.3 * size)
    if distance < -0.5 * size:  # the next column
        return "join" if is_full and not ends and not _STARTS_ITEM.match(below.text) else "break"
    if distance > 1.3 * usual + 0.1 * size or distance < 0.3 * size:
        return "break"
    are_rows = is_row(above) or is_row(below)
    if not are_rows and (_ARTICLE.match(below.text) or (CHAPTER.match(above.text) and not is_full)):
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
    if not edge.shared and not below.text[:1].islower() and not WIDE.match(below.text):
        return False  # the only long line around: a title above an address is no prose
    space = 0.5 * above.size  # and a quarter, since some letters are wider than the mean
    return above.right + space + 1.25 * width > edge.right - 0.25 * above.size


def _unit(line: Line) -> float:
    """The mean width of half an em on this line."""
    return (line.right - line.left) / max(_half_ems(line.text), 1) if SOFT_HYPHEN not in line.text else line.size / 2


def _first_word(text: str) -> int:
    if WIDE.match(text):
        return 2
    word = re.match(f"[^\\s{EAST_ASIAN}]+", text)
    return _half_ems(word[0]) if word else 1


def _half_ems(text: str) -> int:
    return len(text) if text.isascii() else len(text) + len(WIDE.findall(text))


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
        text = joined(text, following) if seam == "join" else f"{text}\n{following}"
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


def _is_bold_heading(members: Sequence[Line], text: str, body: float) -> bool:
    """Whether a block is a line in bold type that stands alone, as contracts and reports have their headings."""
    if len(members) > 2 or not all(line.bold and line.size >= 0.95 * body for line in members):
        return False
    is_short = len(text) <= 80 and "\n" not in text and any(map(str.isalpha, text))
    return is_short and not text.endswith((".", "。", ";", "；", ",", "，")) and not any(map(is_row, members))
