"""The marks in a model's output: `[n]` citations, the quotes section, the refusal; and what of it may be shown when.

Citations keep the numbers that the model was given, so that an answer can be shown while it is being written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SENTINEL = "NOT_IN_SOURCES"
"""What a model writes instead of an answer where the sources hold none."""
QUOTES_LINE = "<<<QUOTES>>>"
"""Behind this line a model writes the words it relied on; they are checked, not shown."""

_OPENERS = "[［【〔"
_CLOSERS = "]］】〕"
_SENTINEL = r"NOT\\?_IN\\?_SOURCES"
_TO_ROUND = str.maketrans(_OPENERS + _CLOSERS, "((((" + "))))")

_SIGNS = "¹²³⁰⁴-⁹₀-₉①-⑳⑴-⒛⓪-⓾㉑-㉟㊱-㊿❶-➓"
"""Numbers that are no digits: raised, lowered, in circles, in brackets or with a full stop."""
_INNER = re.compile(
    rf"[\d{_SIGNS}\s^,;:&~，、；：～\-\u2010-\u2015\u2212\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
    rf"|sources?|refs?\.?|and|to|来源|來源|资料|資料|至|到|和|及|†[\w.]*|{_SENTINEL}",
    re.IGNORECASE,
)
_HALF_TOKENS = frozenset("来來资資")
_BETWEEN = re.compile(r"[ \t]*[,;，、；]?[ \t]*")
_DEEPEST = 8
_LONGEST = 400
"""No model nests brackets deeper, or lists more numbers in one, unless it is made to."""
_RANGE_OR_NUMBER = re.compile(
    r"(\d+)\s*(?:[-\u2010-\u2015\u2212~～至到]|to)\s*(?:sources?\s*)?(\d+)|(\d+)", re.IGNORECASE
)
_SIGN = re.compile(f"[{_SIGNS}]")
_NOT_A_SOURCE = re.compile(r"(?<=\d)\s*[:：]\s*\d+|†[\w.]*")
"""The second number of `[2:0]`, but the first of `[Source: 2]` is one."""
_CANONICAL = re.compile(r"\[(\d+)\]")

_URL = r"(?:[a-z][a-z0-9+.-]{1,15}://|www\.|(?:javascript|vbscript|data):(?=[a-z]))[a-z0-9._~:/?#@!$&*+,;=%-]+"
_SPOT = re.compile(
    rf"(?P<bracket>[{re.escape(_OPENERS)}])|(?P<quotes>[*_`]*<{{2,}}+QUOTES?>{{2,}})|(?P<refusal>{_SENTINEL})"
    rf"|(?P<url>(?i:{_URL}))|(?P<scheme>(?i:[a-z][a-z0-9+.-]{{1,15}}://)(?=[\w\[]))"
)
_MARKS = re.compile(rf"<{{2,}}QUOTES?>{{2,}}|{_SENTINEL}")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_LINK_REMOVED = "(link removed)"


class StreamFilter:
    """Fed with the pieces of a model's output, gives out what may be shown; cut anywhere, it gives the same text.

    Citations come out as `[n]`, in whatever form they were written, only for the `count` numbers that the model was
    given. Held back: the quotes section (kept in `quotes`), a refusal (then `refused` is true and nothing follows), and
    anything that could still become one of these. A URL that none of `texts` holds is taken out. An output without a
    letter or digit shows nothing.
    """

    def __init__(self, count: int, texts: Sequence[str] = ()) -> None:
        self.quotes = ""
        self.refused = False
        self._count = count
        self._texts = texts
        self._pending = ""
        self._unshown = ""
        self._in_quotes = False
        self._has_words = False
        self._has_begun = False

    def feed(self, piece: str) -> str:
        """The text that this piece makes showable: often less than the piece, or the rest of an earlier one."""
        return self._take(piece.replace("\r", ""), final=False)

    def finish(self) -> str:
        """The text still held back that proved harmless. White space at the end is never given out."""
        return self._take("", final=True)

    def _take(self, piece: str, *, final: bool) -> str:
        if self._in_quotes or self.refused:
            self.quotes += piece if self._in_quotes else ""
            return ""
        self._pending += piece
        self._unshown += "".join(self._showable(final=final))
        # A refusal may have signs before it, and signs alone are no answer: nothing is shown before the first word.
        if self.refused or not self._has_words:
            return ""
        shown = self._unshown.rstrip()
        self._unshown = self._unshown[len(shown) :]
        if not self._has_begun:
            self._has_begun, shown = True, shown.lstrip()
        return shown

    def _showable(self, *, final: bool) -> Iterator[str]:
        """Consumes from `_pending` what is decided: white space and ASCII at its end may go on in the next piece."""
        text = self._pending
        safe = len(text.rstrip()) if final else len(text.rstrip(_ASCII).rstrip())
        position = 0
        while position < safe or final:
            spot = _SPOT.search(text, position)
            if spot is None or (spot.start() >= safe and not final):
                break
            before = text[position : spot.start()]
            if spot["bracket"]:
                found = _run(text, spot.start(), final=final)
                if found is None:  # it may yet become a citation
                    yield self._words(before.rstrip())
                    self._pending = text[spot.start() - len(before) + len(before.rstrip()) :]
                    return
                end, numbers = found
                if not numbers:
                    yield self._words(
                        before + text[spot.start() : end].translate(_TO_ROUND if end > spot.end() else {})
                    )
                    position = end
                else:
                    yield self._words(before.rstrip())
                    blank = before[len(before.rstrip()) :]
                    written, position = self._cite(text, blank, end, numbers)
                    yield written
            elif spot["url"] or spot["scheme"]:
                # Of an address whose host is not in ASCII, the scheme is taken out; a source may have one like it.
                url = spot["scheme"] or spot["url"].rstrip(".,;:!?*_~")
                sought = url + text[spot.end()] if spot["scheme"] else url
                is_held = any(sought in held for held in self._texts)
                yield self._words(before + (url if is_held else _LINK_REMOVED))
                position = spot.start() + len(url)
            elif spot["refusal"]:
                yield self._words(before.rstrip())
                if not self._has_words:
                    self.refused, self._pending = True, ""
                    return
                position = spot.end()
            else:
                yield self._words(before.rstrip())
                self._in_quotes, self.quotes, self._pending = True, text[spot.end() :], ""
                return
        end = max(position, safe)
        yield self._words(text[position:end])
        self._pending = text[end:]

    def _words(self, text: str) -> str:
        self._has_words = self._has_words or any(map(str.isalnum, text))
        return text

    def _cite(self, text: str, blank: str, end: int, numbers: Sequence[tuple[int, int]]) -> tuple[str, int]:
        """What stands in the place of a run of citations that had `blank` before it, and where to go on."""
        wanted = {
            number: None for first, last in numbers for number in range(max(1, first), min(last, self._count) + 1)
        }
        if wanted:
            return blank + "".join(f"[{number}]" for number in wanted), end
        if "\n" in blank or not self._has_words:
            while text[end : end + 1] in (" ", "\t"):
                end += 1
            return blank, end
        return blank if text[end : end + 1].isalnum() else "", end


def _run(text: str, start: int, *, final: bool) -> tuple[int, list[tuple[int, int]]] | None:
    """The run of citations that begins with the bracket at `start`: its end and its numbers, as ranges.

    Without numbers, what lies before the end is text. None where nothing can be told before more of the text is there.
    """
    decided = len(text) + 1 if final else len(text.rstrip(_ASCII))
    found = _group(text, start, decided)
    if found is None or not found.closed:
        return found and (found.end, [])
    end, numbers = found.end, _numbers(text[start : found.end])
    while numbers:
        # Whether another citation follows, or a word, must be seen to tell what to do with white space.
        following = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]  # it matches the empty text too
        if following >= len(text) and not final:
            return None
        if text[following : following + 1] not in tuple(_OPENERS):
            break
        found = _group(text, following, decided)
        if found is None:
            return None
        if not found.closed or not (more := _numbers(text[following : found.end])):
            break
        end, numbers = found.end, numbers + more
    return (end, numbers) if numbers else (start + 1, [])


class _Group(NamedTuple):
    end: int
    closed: bool
    """Whether these are brackets with nothing but numbers and separators in them."""


def _group(text: str, start: int, decided: int) -> _Group | None:
    """What the bracket at `start` opens. None: not decided yet.

    Brackets nest, so that taking one citation out of another never leaves a third. What nests too deep, or does not
    end, is text as far as it was looked at.
    """
    depth = 0
    position = start
    while position < len(text):
        character = text[position]
        if character in _OPENERS:
            depth += 1
            position += 1
        elif character in _CLOSERS:
            depth -= 1
            position += 1
            if depth == 0:
                return _Group(position, closed=True)
        elif character != "\n" and (inner := _INNER.match(text, position)):
            position = inner.end()
        elif position >= decided or (character in _HALF_TOKENS and position + 1 == len(text) == decided):
            return None
        else:
            return _Group(start + 1, closed=False)
        if depth > _DEEPEST or position - start > _LONGEST:
            return _Group(position, closed=False)
    return None if decided <= len(text) else _Group(start + 1, closed=False)


def _numbers(text: str) -> list[tuple[int, int]]:
    plain = _SIGN.sub(lambda sign: f"{unicodedata.numeric(sign.group()):.0f}", _NOT_A_SOURCE.sub(" ", text))
    plain = unicodedata.normalize("NFKC", plain)
    ranges = []
    for match in _RANGE_OR_NUMBER.finditer(plain):
        first, last, single = match.groups()
        # Nobody is given a million sources; longer digits are not worth converting.
        low, high = (_number(first), _number(last)) if first else (_number(single), _number(single))
        ranges += [(low, high)] if low <= high else [(low, low), (high, high)]
    return ranges


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= 6 else 10**6


def without_markers(text: str) -> str:
    """`text` of a source with nothing in it that would be taken for a mark of ours; the words stay the same.

    What looks like a citation gets round brackets, `[3]` as `(3)`: square and round ones count the same when a quote is
    located. For everything from a source that a model may repeat or that is printed as an answer.
    """
    pieces, position = [], 0
    for bracket in re.finditer(f"[{re.escape(_OPENERS)}]", text):
        if bracket.start() < position:
            continue
        found = _group(text, bracket.start(), len(text) + 1)
        if found and (not found.closed or _numbers(text[bracket.start() : found.end])) and found.end > bracket.end():
            pieces += [text[position : bracket.start()], text[bracket.start() : found.end].translate(_TO_ROUND)]
            position = found.end
    plain = "".join([*pieces, text[position:]])
    return _MARKS.sub(lambda mark: re.sub(r"[<>_\\]", " ", mark.group()).strip(), plain)


def lift(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A filtered text without its citations, and for each of them (offset in what is left, number)."""
    bare: list[str] = []
    lifted: list[tuple[int, int]] = []
    length, position = 0, 0
    for start, end, number in citations_in(text):
        bare.append(text[position:start])
        length += start - position
        lifted.append((length, number))
        position = end
    bare.append(text[position:])
    return "".join(bare), lifted


def citations_in(text: str) -> Iterator[tuple[int, int, int]]:
    """Each citation of a filtered text: where it begins and ends, and its number.

    The blank before a citation is part of it, but not the line break before one that opens a line.
    """
    position = 0
    for match in _CANONICAL.finditer(text):
        piece = text[position : match.start()]
        kept = piece if piece.endswith("\n") or not piece.strip() else piece.rstrip(" \t")
        yield position + len(kept), match.end(), int(match[1])
        position = match.end()


_QUOTE_LINE = re.compile(
    r"\s*(?:[-*•>]\s*)?(?:sources?\s*)?[\[［【〔(（]?\^?\s*(\d{1,6})\s*[\]］】〕)）.:：、]+\s*(.*)", re.I
)
_SEGMENT = re.compile(r"“([^”]+)”|「([^」]+)」|\"([^\"]+)\"")
_QUOTATION_MARKS = "\"'“”„‟‘’«»「」『』*_` \t"
_MOST_QUOTES = 64


def claimed_quotes(section: str) -> dict[int, list[str]]:
    """What a model says that it quotes, by the number of the source: lines such as `[2] "verbatim words"`."""
    lines: list[tuple[int, str]] = []
    for line in section.splitlines():
        if match := _QUOTE_LINE.match(unicodedata.normalize("NFC", line)):
            lines.append((int(match[1]), match[2]))
        elif lines and line.strip():
            number, words = lines[-1]
            lines[-1] = (number, f"{words}\n{line}")
    claimed: dict[int, list[str]] = {}
    for number, words in lines[:_MOST_QUOTES]:
        segments = [next(filter(None, groups)) for groups in _SEGMENT.findall(words)]
        for quote in segments if len(segments) > 1 else [words]:
            if bare := quote.strip().strip(_QUOTATION_MARKS):
                claimed.setdefault(number, []).append(bare)
    return claimed
