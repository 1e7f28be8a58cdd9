"""Where sentences begin and end, in English and Chinese, by exact offsets: the natural units that answers quote.

Two steps. Lines are first joined into flows: a line break inside wrapped prose is white space, one that ends a
paragraph, a heading, a list item or a table row is an end. Each flow is then cut behind its closing punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003fffd]"
)
_EAST_ASIAN = re.compile(
    "[\u3005\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af]"
)
_VISIBLE = re.compile(r"\S")

# --- lines -> flows ---------------------------------------------------------------------------------------------------

_WRAP_COLUMNS = 40
"""Nobody wraps prose narrower than this, so shorter lines stand for themselves (a Han character is two columns)."""
_WRAP_SLACK = 0.75
"""Proportional type: a full line may hold this share of the longest line's columns."""
_ROW_LENGTH = 400
"""A table row up to this long is one unit; a longer one holds prose."""
_ITEM = re.compile(
    r"(?:[-*+–—]|[0-9]{1,3}[.)]|[A-Za-z][.)]|#{1,6}) |[•‣●○◦▪■□|>]|[(（][0-9A-Za-z一二三四五六七八九十]{1,3}[)）]"
    r"|(?:[0-9]{1,3}|[一二三四五六七八九十]{1,3})[、．]"
)
_RECORD = re.compile(
    r"[\[(<]?[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}[T ,]+[0-9]{1,2}:[0-9]{2}|[\[(]?[0-9]{2}:[0-9]{2}:[0-9]{2}\b"
    r"|[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:|(?:[0-9]{1,3}\.){3}[0-9]{1,3} - "
    r"|-{1,2}[A-Za-z0-9?][^\s,]*(?:[ =][A-Z<\[][^\s,]*)?(?:, -| {2,}|\t|$)"
)
"""An entry of a log (it begins with its time, or with who asked) or an option in the help of a program."""
_GOES_ON = tuple(",，、(（「『《“-‐–")
_FIRST_WORD = re.compile(r"[^\s\u3005\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff]{1,20}")

# --- flows -> sentences -----------------------------------------------------------------------------------------------

_END = re.compile(r"""[.．。｡!?！？…；]+(?:["'”’)\]}»›」』）】》〉]|\[[0-9]{1,3}\])*""")
_CJK_END = frozenset("。｡！？；")
_OPENERS = "\"'“‘([{«‹「『（【《〈"
_LABEL = re.compile(
    r"(?:(?:§+|section|sec\.|article|art\.|chapter|clause|rule|part|appendix|no\.)\s*)?"
    r"[(\[]?(?:[0-9]{1,3}(?:\.[0-9]{1,3})*[A-Za-z]?|[A-Za-z]|[ivxlIVXL]{1,6})",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"[0-9§#(]|[IVXLC]+\b|[A-Z]\b")
_LATIN_TAIL = re.compile(r"[A-Za-z0-9.\u00c0-\u024f]*$")
_DOTTED = re.compile(r"[A-Za-z]{1,3}(?:\.[A-Za-z]{1,3})+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words("mr mrs ms dr prof st gen col sen rep gov hon rev capt lt sgt messrs")
_MIDDLES = _words("e.g i.e eg ie cf vs v viz approx ca incl resp fed cir supp stat bankr")
_BEFORE_NUMBERS = _words(
    """no nos art arts sec secs fig figs eq eqs ch chs vol vols p pp para paras tab cl pt app ex sched reg regs tel ext
    jan feb mar apr jun jul aug sep sept oct nov dec"""
)
_SOMETIMES_LAST = _words("inc ltd co corp llc plc bros dept univ jr sr al ed eds mt")
_STARTERS = _words(
    """a after all also an and any as at before both but by each every for from he her his how however i if in it its
    many most no nor not now on once one or our she since so some such that the their then there these they this those
    to under until we what when where which while who why with you your"""
)


def spans(text: str) -> list[tuple[int, int]]:
    """The sentences of a text: stripped, in order, without overlap, and together all that is not white space.

    A Chinese semicolon ends a sentence (Chinese statutes are lists of them), an English one does not. A short table
    row, `Column: cell | Column: cell`, is one sentence whatever its punctuation.
    """
    found: list[tuple[int, int]] = []
    for start, end in _flows(text):
        if end - start <= _ROW_LENGTH and text.find(" | ", start, end) >= 0:
            found.append((start, end))
        else:
            found.extend(_sentences(text, start, end))
    return found


def _flows(text: str) -> Iterator[tuple[int, int]]:
    """Stretches of running text: neighbouring lines that wrapped prose was broken into are one flow."""
    lines = list(_lines(text))
    start = 0
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else None
        if following is None or not _is_wrapped(text, lines, number, line, following):
            yield lines[start][0], line[1]
            start = number + 1


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """The stripped lines that are not blank."""
    position = 0
    for line in text.split("\n"):
        content = line.strip()
        if content:
            start = position + line.index(content[0])
            yield start, start + len(content)
        position += len(line) + 1


def _is_wrapped(
    text: str, lines: list[tuple[int, int]], number: int, line: tuple[int, int], following: tuple[int, int]
) -> bool:
    """Whether the break behind a line is there only because the line was full."""
    if text.count("\n", line[1], following[0]) > 1:
        return False
    head = text[following[0] : following[0] + 24]
    if (
        _ITEM.match(head)
        or _RECORD.match(text, *following)
        or text.find(" | ", *line) >= 0
        or text.find(" | ", *following) >= 0
    ):
        return False
    columns = _columns(text, line)
    neighbours = [columns, _columns(text, following)]
    if number and text.count("\n", lines[number - 1][1], line[0]) == 1:
        neighbours.append(_columns(text, lines[number - 1]))
    widest = max(neighbours)
    if widest < _WRAP_COLUMNS:
        return False
    if text[line[1] - 1] in _GOES_ON:
        return True
    word = _FIRST_WORD.match(head)
    needed = columns + (word.end() if word else 2)
    return needed >= widest * _WRAP_SLACK


def _columns(text: str, line: tuple[int, int]) -> int:
    content = text[line[0] : line[1]]
    return len(content) if content.isascii() else len(content) + len(_WIDE.findall(content))


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cuts one flow; `start` and `end` are not white space's."""
    for match in _END.finditer(text, start, end):
        if match.end() <= start:
            continue
        cut = _cut(text, start, end, match)
        if cut is None:
            continue
        yield start, cut
        following = _VISIBLE.search(text, cut, end)
        if following is None:
            return
        start = following.start()
    if start < end:
        yield start, end


def _cut(text: str, start: int, end: int, match: re.Match[str]) -> int | None:
    """Where the sentence that began at `start` ends, if this punctuation ends it."""
    cut = match.end()
    if cut >= end:
        return None  # the flow ends here anyway
    marks = match.group().rstrip("\"'”’)]}»›」』）】》〉[0123456789")
    closers = cut - match.start() - len(marks)
    if closers and not text[cut].isspace() and '"' in match.group():
        # A straight quotation mark closes only what was opened.
        mark = text.index('"', match.start())
        if text.count('"', max(start, mark - 1000), mark) % 2 == 0:
            cut, closers = mark, mark - match.start() - len(marks)
    beside = text[cut]
    if not _CJK_END.isdisjoint(marks):
        runs_on = beside in "，、：,;；。！？" or (closers and beside in "的之等")
        return None if runs_on else cut
    ahead = text[cut : cut + 40].lstrip()
    if not ahead:
        following = _VISIBLE.search(text, cut, end)
        ahead = text[following.start() : following.start() + 40] if following else ""
    ahead = ahead.lstrip(_OPENERS)
    if not beside.isspace() and not (_EAST_ASIAN.match(beside) or beside in "「『（【《〈“"):
        return None
    if not ahead or ahead[0].islower() or ahead[0] in ".,;:，、；：":
        return None
    if marks[-1] in "!?":
        return cut
    if len(marks) > 1 or marks == "…":
        return None if ahead[0].isdigit() or ahead[0] in "的地得等" else cut
    return cut if closers or _full_stop(text, start, match.start(), beside, ahead) else None


def _full_stop(text: str, start: int, dot: int, beside: str, ahead: str) -> bool:
    """Whether a single `.` between a word and `ahead` (which does not begin with a small letter) ends a sentence."""
    tail = text[max(start, dot - 24) : dot]
    if not tail or tail[-1].isspace():
        return bool(tail) and ahead[0].isupper()
    word = tail.split()[-1].lstrip(_OPENERS)
    if not word.isascii():
        word = _LATIN_TAIL.search(word).group()  # type: ignore[union-attr]  # it matches the empty word too
    if not beside.isspace():
        return not word[-1:].isdigit()
    if dot - start <= 24 and _LABEL.fullmatch(text, start, dot):
        return False
    lower = word.lower()
    if lower in _TITLES or lower in _MIDDLES:
        return False
    if lower in _BEFORE_NUMBERS and _REFERENCE.match(ahead):
        return False
    if (len(word) == 1 and word.isupper()) or lower in _SOMETIMES_LAST or _DOTTED.fullmatch(word):
        first = re.match(r"[A-Za-z]+", ahead)
        return first is not None and first.group().lower() in _STARTERS
    return True
