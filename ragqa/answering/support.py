"""Judges whether a sentence of an answer is borne out by the passages it cites, as far as code can tell.

It compares words, numbers, dates and names, and sees a "not" beside words that are the same. It does not understand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ragqa.answering.figures import Figures, read, remove
from ragqa.answering.names import lacks_names
from ragqa.answering.polarity import says_otherwise
from ragqa.answering.quotes import locate
from ragqa.text.analyzer import analyze
from ragqa.text.language import detect
from ragqa.types import Support

ENOUGH_WORDS = 0.45
"""The share of a sentence's content words that the cited passages must hold (of Chinese: pairs of characters).

Measured with questions and their answers as sentences (370, in three languages): the passage that answers holds so many
in .92 to .99 of cases; of 2,700 others the one with most words in common does in .15 to .38, and is then held back by
numbers and names.
"""

_CODE = re.compile(r"(?<!\w)(?=[\w./@-]*\d)(?=[\w./@-]*[A-Za-z])[A-Za-z0-9][\w./@-]*[A-Za-z0-9]", re.ASCII)
_QUOTED = re.compile(r"“([^”]{2,})”|「([^」]{2,})」|『([^』]{2,})』|《([^》]{2,})》|(?<![\w])\"([^\"]{2,})\"(?![\w])")
_UNIT_CODE = re.compile(r"\d+(?:[.,]\d+)*-?[A-Za-z]{1,7}", re.ASCII)
_DATE_CODE = re.compile(r"[\d/.-]+|\d+(?:st|nd|rd|th|s)", re.ASCII)

Fault = Literal["", "uncited", "figures", "names", "polarity", "words", "language"]
"""What speaks against a sentence: it cites nothing; its numbers, dates or codes, its names, too few of its words are in
what it cites; it denies what that says, or the other way round; or it is in another language, and there is nothing that
could be compared."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a sentence is borne out; `fault` is "" unless it is unsupported."""

    support: Support
    fault: Fault = ""


def check(sentence: str, cited_texts: Sequence[str]) -> Support:
    """`quoted`, `supported` or `unsupported`, as `judge` says."""
    return judge(sentence, cited_texts).support


def judge(sentence: str, cited_texts: Sequence[str]) -> Verdict:
    """`quoted` if a passage holds the sentence word for word, else `supported` or `unsupported`.

    Supported means: every number and date is in the passages, with the same unit where both name one; so is every name
    (English by its capitals, Chinese by being no ordinary word), code and term in quotation marks; enough content words
    are; and no "not" was added or left out. Between a sentence and passages in different languages words and names
    cannot be compared: then it means that the numbers, dates and codes agree; a sentence without any is unsupported.
    """
    passages = [text for text in cited_texts if text.strip()]
    if not passages or not content(sentence):
        return Verdict("unsupported", "uncited")
    if any(locate(sentence, passage) for passage in passages):
        return Verdict("quoted")
    together = "\n".join(passages)
    sentence = unicodedata.normalize("NFKC", sentence)
    figures = read(sentence)
    codes = _codes(sentence)
    if not read(together).cover(figures) or not all(locate(code, together) for code in codes):
        return Verdict("unsupported", "figures")
    if not _comparable(sentence, together):
        return Verdict("supported") if codes or _has_certain(figures) else Verdict("unsupported", "language")
    if not all(locate(term, together) for term in _quoted_terms(sentence)):
        return Verdict("unsupported", "names")
    if lacks_names(together, sentence, is_chinese=_family(sentence) == "zh"):
        return Verdict("unsupported", "names")
    if says_otherwise(sentence, together):
        return Verdict("unsupported", "polarity")
    return Verdict("supported") if overlap(sentence, together) >= ENOUGH_WORDS else Verdict("unsupported", "words")


def content(text: str) -> frozenset[str]:
    """The terms that mean something alone: stems, codes, pairs of Chinese characters; numbers only if nothing else."""
    for part in (remove(text), text):
        terms = frozenset(analyze(part))
        telling = frozenset(term for term in terms if len(term) > 1 or term.isascii())
        if telling or terms:
            return telling or terms
    return frozenset()


def overlap(sentence: str, text: str) -> float:
    """The share, 0 to 1, of the sentence's content terms that `text` holds too."""
    wanted = content(sentence)
    return len(wanted & frozenset(analyze(text))) / len(wanted) if wanted else 0.0


def _comparable(sentence: str, text: str) -> bool:
    """Whether both are written in the same language, or in one that shares its words."""
    return _family(sentence) == _family(text)


def _family(text: str) -> str:
    return detect(text).partition("-")[0]


def _has_certain(figures: Figures) -> bool:
    return bool(figures.dates) or any(number.certain for number in figures.numbers)


def _codes(sentence: str) -> list[str]:
    """Words of letters and digits together, such as X200 or GB/T-7714; not `10kg`, `3rd` or a date."""
    found = (match.group().rstrip("./-") for match in _CODE.finditer(sentence))
    return [code for code in found if not _UNIT_CODE.fullmatch(code) and not _DATE_CODE.fullmatch(code)]


def _quoted_terms(sentence: str) -> list[str]:
    return [next(filter(None, match.groups())) for match in _QUOTED.finditer(sentence)]
