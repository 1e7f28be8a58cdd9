"""Finds in a question what must be found letter for letter: quoted phrases, and identifiers (codes, numbers, dates)."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ragqa.text.folding import fold

_QUOTED = re.compile(
    '"([^"\n]{2,200})"|“([^”\n]{2,200})”|「([^」\n]{2,200})」|『([^』\n]{2,200})』|‘([^’\n]{2,200})’|«([^»\n]{2,200})»'
    "|(?<![^\\W_])'([^'\n]{2,200})'(?![^\\W_])|＂([^＂\n]{2,200})＂|`([^`\n]{2,200})`"
)
_FROM, _TO = "(?<![A-Za-z0-9])", "(?![A-Za-z0-9])"
_NUMERAL = "[0-9零〇一二三四五六七八九十百千]+"
_IDENTIFIER = re.compile(
    "|".join(
        (
            r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # a mail address
            r"(?:https?://|www\.)[^\s<>\"'，。；）)]+",
            r"(?<=《)[^》\n]{2,60}(?=》)",  # a title
            rf"第{_NUMERAL}(?:-{_NUMERAL})?[条條章节節款项項编編号號页頁届屆期版]",
            rf"{_FROM}(?i:article|section|clause|chapter|table|figure|appendix|annex|schedule|rule|regulation|part)"
            rf"\s+(?:\d+(?:[.-]\d+)*[a-z]?|[IVXLC]+){_TO}",
            r"§+\s*\d+(?:[.-]\d+)*(?:\s*\([a-z0-9]{1,3}\))*",
            r"\d{2,4}年(?:\d{1,2}月(?:\d{1,2}[日号號])?)?|\d{1,2}月\d{1,2}[日号號]",
            rf"{_FROM}[A-Z]{{2,}}(?:/[A-Z]{{1,3}})?\s\d{{2,}}(?:[.:/-]\d+)*{_TO}",  # GB/T 7714, ISO 9001
            r"(?<!\S)--?[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*(?<=[A-Za-z0-9]{2})",  # an option of a command
            r"[A-Za-z0-9]+(?:[-/.:][A-Za-z0-9]+)*(?:_[A-Za-z0-9]+)+(?:\(\))?",  # foo_bar
            # TB-4425
            rf"{_FROM}(?=[A-Za-z0-9./-]*\d)(?=[A-Za-z0-9./-]*[A-Za-z])[A-Za-z0-9]+(?:[-./][A-Za-z0-9]+)*{_TO}",
            r"[$€£¥]?\d+(?:[.,:/-]\d+)+%?|[$€£¥]\d+|\d+(?:\.\d+)?%|\d{3,}",
        )
    )
)

_PIECE = re.compile(r"\d+|[^\W\d_]+|\S")
_LATIN_OR_DIGIT = re.compile(r"[a-z0-9]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2212"
_QUOTES = "'’‘`´"
_ORDINARY = re.compile(r"\d{1,3}(?:st|nd|rd|th|s)")
"""What looks like a code and is none: `2nd`, `90s`."""


@dataclass(frozen=True, slots=True)
class Exact:
    """Words that a passage holds or does not; `text` is as asked. Quoted ones are meant so, identifiers are guessed."""

    text: str
    quoted: bool

    def is_in(self, searchable: str) -> bool:
        """Whether the text that `searchable` was made from holds it: as whole words, whatever blanks are between."""
        return _pattern(self.text).search(searchable) is not None


def searchable(text: str) -> str:
    """The form of a passage in which `Exact.is_in` looks: folded, numbers without thousands separators."""
    return _THOUSANDS.sub("", fold(text))


def find(question: str) -> tuple[Exact, ...]:
    """The quoted phrases, then the identifiers outside them, in the order of the question, each once."""
    found: dict[str, Exact] = {}
    rest = question
    for match in _QUOTED.finditer(question):
        text = next(group for group in match.groups() if group is not None).strip()
        if any(map(str.isalnum, text)):
            found.setdefault(fold(text), Exact(text, quoted=True))
        rest = rest.replace(match.group(), " " * len(match.group()))
    for match in _IDENTIFIER.finditer(unicodedata.normalize("NFKC", rest)):
        text = match.group().strip(" .:/")
        if len(text) > 1 and not _ORDINARY.fullmatch(text):
            found.setdefault(fold(text), Exact(text, quoted=False))
    return tuple(found.values())


def held_by(exact: Sequence[Exact], text: str) -> frozenset[Exact]:
    """Those of these words that `text` holds."""
    prepared = searchable(text)
    return frozenset(each for each in exact if each.is_in(prepared))


@functools.lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    """Blanks count only between Latin words, where they must be, and hyphens and quotation marks are all alike."""
    prepared = searchable(text)
    pieces = list(_PIECE.finditer(prepared))
    written: list[str] = []
    for number, piece in enumerate(pieces):
        if number:
            before = pieces[number - 1]
            apart = piece.start() > before.end() and before.group().isalpha() and piece.group().isalpha()
            both_latin = _LATIN_OR_DIGIT.match(before.group()[-1]) and _LATIN_OR_DIGIT.match(piece.group()[0])
            written.append(r"\s+" if apart and both_latin else r"\s*")
        mark = piece.group()
        written.append(f"[{_HYPHENS}]" if mark in _HYPHENS else f"[{_QUOTES}]" if mark in _QUOTES else re.escape(mark))
    first, last = pieces[0].group()[0], pieces[-1].group()[-1]
    start = r"(?<!\d\.)(?<![a-z0-9])" if first.isdigit() else r"(?<![a-z0-9])" if _LATIN_OR_DIGIT.match(first) else ""
    end = r"(?!\.\d)(?![a-z0-9])" if last.isdigit() else r"(?![a-z0-9])" if _LATIN_OR_DIGIT.match(last) else ""
    return re.compile(start + "".join(written) + end)
