"""Folds text so that equal words compare equal: Unicode form, letter case, Chinese script, invisible characters.

`fold` is for searching, `fold_with_offsets` for finding a place in the original again; both give the same characters.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
"""Soft hyphens, zero-width and direction marks, variation selectors: never part of a word."""


def fold(text: str) -> str:
    """NFKC, case folded, Traditional characters as Simplified ones, invisible characters removed; idempotent."""
    if text.isascii():
        return text.lower()
    text = without_invisible(text)
    # Once more behind the case folding, which can leave a sequence that composes.
    text = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", text).translate(_simplified())


def without_invisible(text: str) -> str:
    """The text without its invisible characters, which split words only for a machine."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """`fold(text)`, and for each of its characters the offset of the original character it comes from.

    Offsets never decrease. One more offset than characters is given, `len(text)`, so that folded `[a:b]` comes from the
    original between `offsets[a]` and `offsets[b]` (which may end in invisible characters). Where several characters
    merge into one, or a sequence is reordered, the whole sequence counts as coming from its first character.
    """
    if text.isascii():
        return text.lower(), list(range(len(text) + 1))
    folded: list[str] = []
    offsets: list[int] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _continues(text[end]):
            end += 1
        piece = _fold_piece(text[start:end])
        folded.append(piece)
        if len(piece) == end - start == 1:
            offsets.append(start)
        else:
            offsets.extend([start] * len(piece))
        start = end
    offsets.append(len(text))
    return "".join(folded), offsets


@functools.lru_cache(maxsize=16384)
def _fold_piece(piece: str) -> str:
    return fold(piece)


@functools.lru_cache(maxsize=16384)
def _continues(character: str) -> bool:
    """Whether normalisation may join this character to the one before it: marks, Hangul vowels and finals."""
    if _INVISIBLE.match(character):
        return True
    for first in (unicodedata.normalize("NFKD", character)[0], unicodedata.normalize("NFKD", character.casefold())[0]):
        if unicodedata.combining(first) or unicodedata.category(first).startswith("M"):
            return True
        if "\u1160" <= first <= "\u11ff":
            return True
    return False


_ONE_OF_MANY = {"著": "着", "画": "划", "藉": "借", "瞭": "了", "甦": "苏", "覆": "复"}
"""Characters whose Simplified form hangs on the word, which OpenCC leaves alone when it sees no word: 看著 is 看着,
計畫 is 计划. Both forms fold to one, so that either finds the other."""


class _Simplified(dict[int, str]):
    """A table for `str.translate`, filled as characters are met: OpenCC costs a microsecond for each new one."""

    def __init__(self, convert: Callable[[str], str]) -> None:
        self._convert = convert

    def __missing__(self, code: int) -> str:
        character = chr(code)
        # OpenCC works on UTF-8, where a lone surrogate cannot be written.
        # Twice, because 薴 becomes 苧, which is itself Traditional for 苎.
        unwritable = 0xD800 <= code < 0xE000
        simplified = character if code < 0x2E80 or unwritable else self._convert(self._convert(character))
        simplified = _ONE_OF_MANY.get(simplified, simplified)
        self[code] = simplified
        return simplified


@functools.cache
def _simplified() -> _Simplified:
    from opencc import OpenCC

    return _Simplified(OpenCC("t2s").convert)
