"""Sees a "not" that was added to what a text says, or left out of it; where the words around it are the same."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from ragqa.text.analyzer import analyze
from ragqa.text.folding import fold
from ragqa.text.sentences import spans

_NEAR = 0.6
"""A sentence of the text speaks of the same where it holds so much of the words that the closest one holds."""
_REACH = 3
"""So many words behind an English "not" the word that it is about stands, at most."""

_WORD = re.compile(r"[a-z]+(?:['’]t)?")
_NOTS = frozenset(["not", "never", "cannot"])
_DENIALS = re.compile(
    "no|none|nobody|nothing|nor|neither|without|unless|except|only|hardly|rarely|barely|lack(?:s|ed)?|refuse[ds]?"
    "|fail(?:s|ed)?|den(?:y|ied|ies)|forbid(?:s|den)?|prohibit(?:s|ed)?"
)
_HAN = re.compile("[\u3400-\u9fff]")
_HAN_NOTS = re.compile("没有?|不|未|无|非|勿|莫")
_NO_NOTS = re.compile(
    "不[同久断仅少过论管但如只足]|不得不|无不|并不仅|未来|未必|非常|无论|除非|莫过|[东西南北]非|非洲|无[线形限数]|是否|与否|是不是|有没有"
)
_HAN_DENIALS = re.compile("否|禁止|拒绝|除|只|仅|缺|反对|免")


def says_otherwise(sentence: str, text: str) -> bool:
    """Whether the sentence denies what the closest sentences of the text say, or says what they deny."""
    own = _read(sentence)
    others = [_read(text[start:end]) for start, end in spans(text)]
    shares = [len(own.words & other.words) for other in others]
    least = _NEAR * max(shares, default=0)
    near = [other for other, share in zip(others, shares, strict=True) if share and share >= least]
    affirmed = frozenset(word for other in near for word in other.affirmed)
    if own.denied:
        return bool(own.denied & affirmed) and not any(other.denies for other in near)
    denied = frozenset(word for other in near for word in other.denied)
    return not own.denies and bool(own.affirmed & denied - affirmed)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a sentence speaks of (stems; pairs of Han characters): right behind a "not", and elsewhere.

    `denies` where anything in it denies something, in whatever way.
    """

    affirmed: frozenset[str]
    denied: frozenset[str]
    denies: bool

    @property
    def words(self) -> frozenset[str]:
        return self.affirmed | self.denied


@functools.lru_cache(maxsize=1024)  # every sentence of an answer is compared with the same few passages
def _read(sentence: str) -> _Read:
    folded = fold(sentence)
    return _read_han(folded) if _HAN.search(folded) else _read_english(folded)


def _read_english(folded: str) -> _Read:
    written = _WORD.findall(folded.replace("not only", "").replace("whether or not", ""))
    affirmed: set[str] = set()
    denied: set[str] = set()
    reach = 0
    for word in written:
        if word in _NOTS or word.endswith(("n't", "n’t")):
            reach = _REACH
            continue
        stems = analyze(word)
        (denied if reach > 0 else affirmed).update(stems)
        reach = 0 if stems else reach - 1
    return _Read(frozenset(affirmed), frozenset(denied), bool(denied) or any(map(_DENIALS.fullmatch, written)))


def _read_han(folded: str) -> _Read:
    plain = _NO_NOTS.sub("，", folded)
    behind = {place for found in _HAN_NOTS.finditer(plain) for place in (found.start() + 1, found.end())}
    affirmed: set[str] = set()
    denied: set[str] = set()
    for place in range(len(plain) - 1):
        if _HAN.match(plain, place) and _HAN.match(plain, place + 1):
            (denied if place in behind else affirmed).add(plain[place : place + 2])
    return _Read(
        frozenset(affirmed), frozenset(denied), bool(denied or _HAN_NOTS.search(plain) or _HAN_DENIALS.search(plain))
    )
