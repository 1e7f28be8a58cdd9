"""Makes words whole that were divided at the end of a line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ragqa.documents.placed import SOFT_HYPHEN


class Hyphens:
    """Decides for each divided word whether its hyphen belongs to it, by the other words of the document."""

    _WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
    _DIVIDED = re.compile(rf"([\w-]*){SOFT_HYPHEN}\s*(\w*)")

    def __init__(self, texts: Iterable[str]) -> None:
        self._hyphenated: set[str] = set()
        self._words: set[str] = set()
        for text in texts:
            for word in self._WORD.findall(self._DIVIDED.sub(" ", text)):
                (self._hyphenated if "-" in word else self._words).add(word.casefold())

    def mend(self, text: str) -> str:
        """`text` with every divided word made whole."""
        return self._DIVIDED.sub(self._whole, text) if SOFT_HYPHEN in text else text

    def _whole(self, match: re.Match[str]) -> str:
        left, right = match[1], match[2]
        return f"{left}-{right}" if self._keeps_hyphen(left, right) else left + right

    def _keeps_hyphen(self, left: str, right: str) -> bool:
        if not left or not right:
            return not right.strip() and bool(left)
        if left[-1].isdigit() or right[0].isdigit() or right[0].isupper():
            return True
        whole = (left + right).casefold()
        if f"{left}-{right}".casefold() in self._hyphenated:
            return True
        if whole in self._words:
            return False
        parts = left.rpartition("-")[2].casefold(), right.casefold()
        return all(len(part) > 3 and part in self._words for part in parts)
