"""Which words a misspelt Latin word may have been meant to be: those one slip of the hand away (Damerau, 1964)."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

from ragqa.text.analyzer import DENSE
from ragqa.text.folding import fold

SHORTEST = 4
"""Shorter words have so many neighbours that any of them would be a guess."""

_BESIDE = rf"[^\W{DENSE}]"
"""What a word goes on with; Chinese stands beside Latin words without a blank."""
_WORD = re.compile(rf"(?<!{_BESIDE})(?<![@./&+#'’])[^\W\d_{DENSE}]+(?!{_BESIDE}|[@/&+#]|\.{_BESIDE}|-{_BESIDE}*\d)")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of Latin letters in a question: `question[start:end]`; `folded` is how it is compared."""

    start: int
    end: int
    folded: str


def words(question: str) -> Iterator[Word]:
    """The words that could be misspelt: long enough, of Latin letters alone, no part of a code or an address."""
    for match in _WORD.finditer(question):
        folded = fold(match.group())
        if len(folded) >= SHORTEST and folded.isascii() and folded.isalpha():
            yield Word(match.start(), match.end(), folded)


def edits(word: str) -> set[str]:
    """Every string of Latin letters that one insertion, deletion, substitution or swap of neighbours turns into it."""
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    deleted = {left + right[1:] for left, right in splits if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1}
    replaced = {left + letter + right[1:] for left, right in splits if right for letter in string.ascii_lowercase}
    inserted = {left + letter + right for left, right in splits for letter in string.ascii_lowercase}
    return (deleted | swapped | replaced | inserted) - {word}
