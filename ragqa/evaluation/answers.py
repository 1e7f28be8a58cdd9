"""Compares an answer's words with those of the gold answers: containment and token F1, characters for Chinese."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ragqa.text.folding import fold

_TOKEN = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # one by one
    r"|\d+(?:[.:]\d+)*|[^\W\d_]+?(?=[\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff])|[^\W\d_]+"
    r"|[%‰°$£€¥]"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ARTICLES = frozenset(("a", "an", "the"))
_JOINT = "\0"


def tokens(text: str) -> list[str]:
    """The tokens that answers are compared by: words, numbers, single Chinese characters, signs of units.

    Case, width, Chinese script, punctuation, white space, thousands separators and English articles make no difference.
    """
    found = _TOKEN.findall(_THOUSANDS.sub("", fold(text)))
    return [token for token in found if token not in _ARTICLES]


def key(text: str) -> str:
    """The tokens as one string, such that one text's tokens stand in another's where its key does."""
    return _JOINT + _JOINT.join(tokens(text)) + _JOINT


def holds(text_key: str, answer_keys: Sequence[str]) -> bool:
    """Whether any of the answers stands in a text, token for token: `9 %` does not stand in `19 %`."""
    return any(len(answer) > 2 and answer in text_key for answer in answer_keys)


def contains(text: str, answers: Sequence[str]) -> bool:
    """The same for texts whose keys are not known."""
    return holds(key(text), [key(answer) for answer in answers])


def f1(text: str, answers: Sequence[str]) -> float:
    """The harmonic mean of precision and recall of the tokens (with repeats), against the gold answer it fits best."""
    return max((_f1(tokens(text), tokens(answer)) for answer in answers), default=0.0)


def _f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    shared = sum((Counter(given) & Counter(wanted)).values())
    return 2 * shared / (len(given) + len(wanted)) if shared else 0.0
