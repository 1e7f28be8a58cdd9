"""Text in columns of a terminal: Chinese characters take two, marks none; wrapping and cutting to a width."""

from __future__ import annotations

import functools
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator

from ragqa.cli.gate import Styled, safe

_NOT_FIRST = frozenset(",.;:!?)]}%’”。，、；：！？）］】」』》〉…·")
_EMPTY = re.compile("[\ufdd0-\ufdee]+\ufdef")
_NOT_LAST = frozenset("([{‘“（［【「『《〈")


def terminal_width() -> int | None:
    """The width of the terminal that stdout is; None where it is none, so that nothing is wrapped or cut."""
    if sys.stdout is None or sys.stdout.closed or not sys.stdout.isatty():
        return None
    return max(1, shutil.get_terminal_size().columns)


@functools.lru_cache(maxsize=4096)
def _cell(character: str) -> int:
    if "\ufdd0" <= character <= "\ufdef" or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width_of(text: str) -> int:
    """Columns that `text` takes; style marks take none."""
    return sum(map(_cell, text))


def cut(text: str, width: int | None) -> Styled:
    """`text` in at most `width` columns, with … where something was cut."""
    shown = safe(text)
    if width is None or width_of(shown) <= width:
        return shown
    kept, columns = [], 1
    for character in shown.plain:
        columns += _cell(character)
        if columns > width:
            break
        kept.append(character)
    return Styled("".join(kept) + "…" if width > 0 else "")


def one_line(text: str) -> str:
    """Line breaks as blanks, none between two Chinese characters, where a line break says nothing."""
    words = text.split()
    pieces: list[str] = []
    for word in words:
        if pieces and not (_cell(pieces[-1][-1]) == 2 and _cell(word[0]) == 2):
            pieces.append(" ")
        pieces.append(word)
    return "".join(pieces)


def wrap(text: str, width: int | None, *, indent: str = "", most: int | None = None) -> list[Styled]:
    """Lines of at most `width` columns, indented, broken at blanks or between Chinese characters; at most `most`.

    A style that is open where a line breaks goes on in the next one.
    """
    shown = safe(text)
    if width is None:
        return [safe(indent) + shown]
    room = max(1, width - width_of(indent))
    lines = list(_lines(shown, room))
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], _ended(lines[most - 1], room)]
    return [safe(indent) + line for line in _carried(lines)]


def _ended(line: str, room: int) -> str:
    plain = Styled(line).plain.rstrip()
    return str(cut(plain + "…" if width_of(plain) < room else plain + "  ", room))


def _lines(text: str, room: int) -> Iterator[str]:
    line, columns = "", 0
    for piece in _pieces(text):
        width = width_of(piece)
        if columns and columns + width_of(piece.rstrip()) > room:
            yield line.rstrip(" ")
            line, columns = "", 0
            piece = piece.lstrip(" ")
            width = width_of(piece)
        for character in piece if width > room else (piece,):
            if columns and width_of(character) and columns + width_of(character) > room:
                yield line.rstrip(" ")
                line, columns = "", 0
            line += character
            columns += width_of(character)
    if Styled(line).plain.strip(" "):
        yield line.rstrip(" ")


def _pieces(text: str) -> Iterator[str]:
    """What is not broken: words with the blanks behind them, single Chinese characters with their punctuation."""
    piece = ""
    for character in text:
        before = Styled(piece).plain[-1:]
        breaks = before and (
            (before == " " and character != " ")
            or (_cell(before) == 2 and character not in _NOT_FIRST and before not in _NOT_LAST and character != " ")
            or (_cell(character) == 2 and character not in _NOT_FIRST and before not in _NOT_LAST)
        )
        if breaks and _cell(character):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


class Flowing:
    """Text that comes in pieces, in lines of at most `width` columns: a word is given out when it is known to be whole.

    All that `add` and `rest` gave, joined, is the text with some blanks made line breaks.
    """

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._held = ""
        self._column = 0

    def add(self, text: str) -> Styled:
        """What may be written by now, this piece included."""
        if self._width is None:
            return safe(text)
        *lines, self._held = (self._held + safe(text).plain).split("\n")
        shown = "".join(self._placed(_pieces(line)) + self._end_line() for line in lines)
        *whole, self._held = list(_pieces(self._held)) or [""]
        return Styled(shown + self._placed(whole))

    def rest(self) -> Styled:
        """What is left when nothing more comes."""
        held, self._held = self._held, ""
        return Styled(self._placed(_pieces(held)))

    def _end_line(self) -> str:
        self._column = 0
        return "\n"

    def _placed(self, pieces: Iterable[str]) -> str:
        shown = ""
        for piece in pieces:
            if self._column and self._width and self._column + width_of(piece.rstrip(" ")) > self._width:
                shown += self._end_line()
                piece = piece.lstrip(" ")
            shown += piece
            self._column += width_of(piece)
        return shown


def _carried(lines: list[str]) -> Iterator[Styled]:
    """The lines with styles ended at each end and begun again on the next."""
    open_marks = ""
    for line in lines:
        begun = open_marks
        for character in line:
            if character == "\ufdef":
                open_marks = ""
            elif "\ufdd0" <= character < "\ufdef":
                open_marks += character
        yield Styled(_EMPTY.sub("", begun + line + ("\ufdef" if open_marks else "")))
