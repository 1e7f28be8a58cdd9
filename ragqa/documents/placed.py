"""Lines as they stand on a page, the outline, and the paragraphs made of them: what reading a PDF passes on."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

SOFT_HYPHEN = "\ufffe"
"""Stands where a word was divided at the end of a line, and the line joined with the next."""

EAST_ASIAN = (
    "\u2e80-\u303f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\U00020000-\U000323af"
)
"""Characters as wide as high, for use inside the brackets of a pattern."""

WIDE = re.compile(f"[{EAST_ASIAN}]")

_NOT_IN_KEY = re.compile(r"[\W_]+")
_NO_SPACE_BETWEEN = re.compile(f"[{EAST_ASIAN}“”‘’—…][{EAST_ASIAN}“”‘’—…]")
_DIVIDED_AT_END = re.compile("(?<=[a-z\u00df-\u00ff])[-\u2010\u00ad]$")

Kind = Literal["paragraph", "heading", "table"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page, in the order of reading. Lengths are in points, heights from the bottom of the page.

    `top` is the baseline of its first, `bottom` of its last character: they differ where a divided word joined lines.
    """

    text: str
    left: float
    right: float
    top: float
    bottom: float
    size: float
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the document's outline: `page` counts from 0, `level` from 1."""

    title: str
    level: int
    page: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of a page, from its first line's `top` and `left` to the `right` of its widest.

    `open`: its last line is full and does not end a sentence, so it may go on overleaf.
    """

    kind: Kind
    text: str
    level: int = 0
    size: float = 0.0
    open: bool = False
    top: float = 0.0
    left: float = 0.0
    right: float = 0.0


def rounded(size: float) -> float:
    """A size of type to half a point: what is set in one size is measured with some noise."""
    return round(size * 2) / 2


def _unspaced(left: str, right: str) -> bool:
    """Whether the two texts are joined without a space: both sides of the seam are East Asian."""
    return bool(left and right and _NO_SPACE_BETWEEN.match(left[-1] + right[0]))


def joined(text: str, following: str) -> str:
    """Two lines of prose as one; the hyphen of a divided word is marked, to be judged later."""
    if _DIVIDED_AT_END.search(text) and following[:1].islower():
        return text[:-1] + SOFT_HYPHEN + following
    if text.endswith(SOFT_HYPHEN) or _unspaced(text, following):
        return text + following
    return f"{text} {following}"


def key(text: str) -> str:
    """What two lines must share to be the same words, whatever their spaces, punctuation, case and width."""
    return _NOT_IN_KEY.sub("", unicodedata.normalize("NFKC", text).casefold())
