"""Finds in a question what must be found letter for letter: quoted phrases, and identifiers (codes, numbers, dates)."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ragqa.text.analyzer import DENSE
from ragqa.text.folding import fold, without_invisible
from ragqa.text.forms import CHINESE_NUMERAL, ENGLISH_MONTHS, NUMBERED_DATE, PARTS, forms

_QUOTED = re.compile(
    '"([^"\n]{2,200})"|“([^”\n]{2,200})”|「([^」\n]{2,200})」|『([^』\n]{2,200})』|‘([^’\n]{2,200})’|«([^»\n]{2,200})»'
    "|(?<![^\\W_])'([^'\n]{2,200})'(?![^\\W_])|＂([^＂\n]{2,200})＂|`([^`\n]{2,200})`"
)
_FROM, _TO = "(?<![A-Za-z0-9])", "(?![A-Za-z0-9])"
_RUN = "[A-Za-z0-9]{1,40}"
_MONTH = "(?i:" + "|".join(name for names in ENGLISH_MONTHS for name in names) + r")\.?"
_DAY = "\\d{1,2}(?:st|nd|rd|th)?"
_NAMED = "(?i:article|section|clause|chapter|table|figure|appendix|annex|schedule|rule|regulation|part)"
_ABBREVIATED = r"(?i:art|sec|cl|chap|ch|fig|tab|para|app|reg|eq|vol|no|nr)\."
_UNIT = (
    "(?:[nμmcdk]?m|[kmμ]?g|mL|ml|[kMG]?W|k?Wh|[mkM]?V|mA|m?Ah|[kMGT]?Hz|[kMGT]i?B|[kM]?Pa|m?bar|psi|Nm|dB|rpm|ms|°[CF]"
    "|ft|lb|oz)"
)
# Every repetition has a bound or a beginning that no other match can have, so that no question takes long.
_IDENTIFIER = re.compile(
    "|".join(
        (
            r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}",  # a mail address
            r"(?:https?://|www\.)[^\s<>\"'，。；）)]{1,500}",
            r"(?<=《)[^》\n]{2,60}(?=》)",  # a title
            rf"第\s?{CHINESE_NUMERAL}(?:[-.]{CHINESE_NUMERAL}){{0,3}}\s?[{PARTS}](?:\s?之\s?{CHINESE_NUMERAL})?",
            rf"{_FROM}(?:{_NAMED}|{_ABBREVIATED}(?=\s*\d))\s{{0,3}}(?:(?<=[\s.])\d+(?:[.-]\d+)*[a-z]?|(?<=\s)[IVXLC]+){_TO}",
            r"[§¶]{1,2}\s{0,3}\d+(?:[.-]\d+)*[a-z]?" + _TO,
            rf"(?:\d{{2,4}}|[零〇○一二三四五六七八九]{{4}})年(?:{CHINESE_NUMERAL}月(?:{CHINESE_NUMERAL}[日号號])?)?"
            rf"|\d{{1,2}}月\d{{1,2}}[日号號]",
            rf"{_FROM}(?:{_DAY}\s(?:of\s)?{_MONTH},?|{_MONTH}(?:\s{_DAY})?,?)\s\d{{4}}{_TO}",
            # GB/T 7714, ISO 9001, IEEE 802.11ax
            rf"{_FROM}[A-Z]{{2,10}}(?:/[A-Z]{{1,3}})?\s\d{{2,}}(?:[.:/-]\d+)*[A-Za-z]{{0,2}}{_TO}",
            rf"{_FROM}[A-Za-z]:(?:\\[\w.$~-]{{1,100}}){{1,30}}",  # a file's path
            r"(?<![\w.:/~-])(?:~|\.{1,2})?(?:/[\w.-]{1,100}){2,30}",
            r"(?<!\S)--?[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*(?<=[A-Za-z0-9]{2})",  # an option of a command
            rf"{_FROM}{_RUN}(?:[-/.:]{_RUN}){{0,12}}(?:_{_RUN}){{1,12}}(?:\(\))?",  # foo_bar
            rf"{_FROM}\d+(?:[.,]\d+)*\s?{_UNIT}{_TO}",  # 3.5 mm
            # TB-4425: letters and digits, with signs between
            rf"{_FROM}(?=(?:[A-Za-z]|[-./](?=[A-Za-z0-9])){{0,80}}\d|\d)(?=(?:\d|[-./](?=[A-Za-z0-9])){{0,80}}[A-Za-z])"
            rf"{_RUN}(?:[-./]{_RUN}){{0,20}}{_TO}",
            r"[$€£¥]?\d+(?:[.,:/-]\d+)+%?|[$€£¥]\d+|\d+%|\d{3,}",
        )
    )
)
_SUBDIVISION = re.compile(r"(?:\s?\([A-Za-z0-9]{1,4}\)){1,6}")
"""What may follow a reference: the `(1)(a)` of `Art. 5(1)(a)`, which few documents write in one piece."""
_REFERENCE = re.compile(rf"[§¶]|{_NAMED}\s|{_ABBREVIATED}")
MOST = 16
"""Questions that hold more are texts of their own; what comes first in them is looked for."""

_SPACED = rf"[^\W_{DENSE}]"
_PIECE = re.compile(rf"\d+|[^\W\d_{DENSE}]+|\S")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_AROUND = " \t,.;:!?，。；：！？、…"
"""Punctuation inside quotation marks that belongs to the sentence around them."""
_NOWHERE = re.compile("(?!)")
_ALIKE = ("-\u2010\u2011\u2012\u2013\u2014\u2212", "'’‘`´", "〇零○")
"""Signs that one writer uses for another's."""
_ORDINARY = re.compile(r"\d{1,3}(?:st|nd|rd|th|s)", re.IGNORECASE)
"""What looks like a code and is none: `2nd`, `90s`."""


@dataclass(frozen=True, slots=True)
class Exact:
    """Words that a passage holds or does not; `text` is as asked. Quoted ones are meant so, identifiers are guessed."""

    text: str
    quoted: bool

    @property
    def forms(self) -> tuple[str, ...]:
        """The ways in which it may be written, as asked first; a quotation has no other."""
        return (self.text,) if self.quoted else forms(self.text)

    def is_in(self, searchable: str) -> bool:
        """Whether the text that `searchable` was made from holds it: as whole words, whatever blanks are between."""
        return any(_pattern(form).search(searchable) for form in self.forms)


def searchable(text: str) -> str:
    """The form of a passage in which `Exact.is_in` looks: folded, numbers without thousands separators."""
    return _THOUSANDS.sub("", fold(text))


def quotations(question: str) -> list[tuple[int, int]]:
    """Where the quoted phrases of `question` stand, their quotation marks included."""
    return [match.span() for match in _QUOTED.finditer(question)]


def find(question: str) -> tuple[Exact, ...]:
    """Quoted phrases, then the identifiers outside them, in the order of the question, each once; `MOST` at most."""
    found: dict[str, Exact] = {}
    for match in _QUOTED.finditer(question):
        text = next(group for group in match.groups() if group is not None).strip(_AROUND)
        if any(map(str.isalnum, text)):
            found.setdefault(fold(text), Exact(text, quoted=True))
    # No identifier reaches across a quotation.
    rest = unicodedata.normalize("NFKC", without_invisible(_QUOTED.sub(" \n ", question)))
    for match in _IDENTIFIER.finditer(rest):
        text = match.group().rstrip(" .:/,")
        if len(text) > 1 and not _ORDINARY.fullmatch(text):
            subdivision = _SUBDIVISION.match(rest, match.end()) if _REFERENCE.match(text) else None
            for whole in ([text + subdivision.group()] if subdivision else []) + [text]:
                found.setdefault(fold(whole), Exact(whole, quoted=False))
    return tuple(found.values())[:MOST]


def held_by(exact: Sequence[Exact], text: str) -> frozenset[Exact]:
    """Those of these words that `text` holds."""
    prepared = searchable(text)
    return frozenset(each for each in exact if each.is_in(prepared))


@functools.lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """Blanks count only between words that are set apart, where they must be; hyphens and quotation marks are alike."""
    if date := NUMBERED_DATE.fullmatch(text):
        year, month, day = date[1], date[3].lstrip("0"), date[4].lstrip("0")
        return re.compile(rf"(?<!\d)(?<!\d[-/.]){year}\s*[-/.]\s*0?{month}\s*[-/.]\s*0?{day}(?!\d)")
    pieces = list(_PIECE.finditer(searchable(text)))
    if not pieces:
        return _NOWHERE
    written: list[str] = []
    for number, piece in enumerate(pieces):
        if number:
            before = pieces[number - 1]
            apart = piece.start() > before.end() and before.group().isalpha() and piece.group().isalpha()
            both_spaced = _is_spaced(before.group()[-1]) and _is_spaced(piece.group()[0])
            written.append(r"\s+" if apart and both_spaced else r"\s*")
        written.append("".join(map(_sign, piece.group())))
    first, last = pieces[0].group()[0], pieces[-1].group()[-1]
    start = (r"(?<!\d\.)" if first.isdigit() else "") + (f"(?<!{_SPACED})" if _is_spaced(first) else "")
    end = (r"(?!\.\d)" if last.isdigit() else "") + (f"(?!{_SPACED})" if _is_spaced(last) else "")
    return re.compile(start + "".join(written) + end)


def _is_spaced(character: str) -> bool:
    """Whether it is a letter or digit of a script that sets its words apart."""
    return re.match(_SPACED, character) is not None


def _sign(character: str) -> str:
    """The pattern of one character, or of any that are alike."""
    return next((f"[{alike}]" for alike in _ALIKE if character in alike), re.escape(character))
