"""Reads JSON as models write it: in fences and prose, with the wrong quotation marks and commas, cut anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_LONGEST = 1_000_000
"""Characters that are looked at: no answer is near it."""
_MOST_ATTEMPTS = 200
_DEEPEST = 32
_LONGEST_NUMBER = 15
_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’"}
_WORDS = {"true": True, "false": False, "null": None, "none": None, "undefined": None, "nan": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_BLANK = re.compile(r"(?:\s|//[^\n]*(?=\n)|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_BARE = re.compile(r"[^\W\d]\w*")
_UNICODE = re.compile(r"u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?")


def values(text: str) -> Iterator[object]:
    """Every object and list in a text, in order, none of them inside another; what no leniency can read is left out."""
    text = text[:_LONGEST]
    decoder = json.JSONDecoder(strict=False)
    position, attempts = 0, 0
    while (opened := re.compile(r"[{\[]").search(text, position)) and attempts < _MOST_ATTEMPTS:
        attempts += 1
        position = opened.start() + 1
        try:
            value, position = decoder.raw_decode(text, opened.start())
        except (ValueError, RecursionError):
            reader = _Reader(text, opened.start())
            try:
                value = reader.value(0)
            except ValueError:
                continue
            position = reader.position
        yield value


class _Reader:
    """Reads one value from `position` on. At the end of the text everything that is open is closed."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def value(self, depth: int) -> object:
        character = self._next()
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if character == "{":
            return self._object(depth)
        if character == "[":
            return self._list(depth)
        if character in _QUOTES:
            return self._string(is_name=False)
        if found := _NUMBER.match(self.text, self.position):
            self.position = found.end()
            digits = found.group()
            return float(digits) if set(".eE") & set(digits) else int(digits[:_LONGEST_NUMBER])
        if self.text[self.position :] in ("-", "+"):
            self.position += 1
            return None
        word = self._word()
        if self.position == len(self.text):  # cut, and whatever it was to be is not known
            return _WORDS.get(word.lower())
        if word.lower() not in _WORDS:
            raise ValueError(f"{word!r} is no value")
        return _WORDS[word.lower()]

    def _next(self) -> str:
        """The next character that says something, "" at the end."""
        self.position = _BLANK.match(self.text, self.position).end()  # type: ignore[union-attr]  # it matches nothing too
        return self.text[self.position : self.position + 1]

    def _word(self) -> str:
        found = _BARE.match(self.text, self.position)
        if found is None:
            raise ValueError(f"nothing can be read at {self.position}")
        self.position = found.end()
        return found.group()

    def _object(self, depth: int) -> dict[str, object]:
        self.position += 1
        found: dict[str, object] = {}
        while (character := self._next()) not in ("", "}", "]"):
            if character == ",":
                self.position += 1
                continue
            name = self._string(is_name=True) if character in _QUOTES else self._word()
            if self._next() not in (":", "="):
                if self._next():
                    raise ValueError("a name without a value")
                break
            self.position += 1
            if not self._next():
                break
            found[name] = self.value(depth + 1)
        self.position += character == "}"
        return found

    def _list(self, depth: int) -> list[object]:
        self.position += 1
        found: list[object] = []
        while (character := self._next()) not in ("", "]", "}"):
            if character == ",":
                self.position += 1
            else:
                found.append(self.value(depth + 1))
        self.position += character == "]"
        return found

    def _string(self, *, is_name: bool) -> str:
        closing = _QUOTES[self.text[self.position]]
        self.position += 1
        pieces: list[str] = []
        while self.position < len(self.text):
            character = self.text[self.position]
            self.position += 1
            if character == "\\":
                pieces.append(self._escaped())
            elif character == closing and self._ends(is_name=is_name):
                break
            else:
                pieces.append(character)
        return "".join(pieces)

    def _escaped(self) -> str:
        if found := _UNICODE.match(self.text, self.position):
            self.position = found.end()
            units = [int(digits, 16) for digits in found.groups() if digits]
            return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "replace")
        character = self.text[self.position : self.position + 1]
        self.position += 1
        return _ESCAPES.get(character, character)

    def _ends(self, *, is_name: bool) -> bool:
        """Whether the mark before this place ends a string, or is one of the words' own that nobody escaped."""
        blank = _BLANK.match(self.text, self.position)
        following = self.text[blank.end() : blank.end() + 1] if blank else ""
        if is_name:
            return following in ("", ":", "=")
        if following == ",":
            behind = _BLANK.match(self.text, blank.end() + 1) if blank else None
            following = self.text[behind.end() : behind.end() + 1] if behind else ""
            return not following or following in _QUOTES or following in "{[}]-0123456789" or following.isalpha()
        return following in ("", "}", "]") or (following in _QUOTES and "\n" in (blank.group() if blank else ""))
