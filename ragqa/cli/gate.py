"""The one output gate: every byte that leaves the program is made harmless here, and nowhere else is anything written.

Documents, file names and models are hostile. What could move a cursor, hide words or reverse them is shown as text.
"""

from __future__ import annotations

import errno
import json
import os
import re
import select
from collections.abc import Iterable, Mapping
from typing import SupportsIndex, TextIO

from ragqa.errors import StorageError

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but newline and tab, DEL, C1
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # fillers and joiners that show nothing
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line separators, bidirectional controls
    "\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\ufff0-\ufffb\ufffe\uffff"  # lone surrogates, noncharacters
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # shorthand and musical controls
    "\U000e0000-\U000e0fff"  # tags and variation selectors that can carry hidden text
    + "".join(chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
"""Per character, so that text may be cut anywhere. Emoji selectors (U+FE0E, U+FE0F) and soft hyphens stay."""

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_MARKS = {name: chr(0xFDD0 + number) for number, name in enumerate(_STYLES)}
_END = "\ufdef"
_SEQUENCES = {mark: f"\x1b[{_STYLES[name]}m" for name, mark in _MARKS.items()} | {_END: "\x1b[0m"}
_MARKED = re.compile("[\ufdd0-\ufdef]")


def visible(text: str) -> str:
    """`text` with every control, invisible and direction character written out: `\\x1b` as ␛, U+202E as `\\u202e`."""
    return _UNSAFE.sub(_write_out, text)


def _write_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Styled(str):
    """Text that has been through `visible`, with style marks that only an Output at a terminal turns into colour.

    Plain text that is joined to it goes through `visible` first, so marks cannot be smuggled in by a document.
    """

    __slots__ = ()

    def __add__(self, other: str) -> Styled:
        return Styled(str.__add__(self, safe(other)))

    def __radd__(self, other: str) -> Styled:
        return Styled(str.__add__(safe(other), self))

    def __mul__(self, times: SupportsIndex) -> Styled:
        return Styled(str.__mul__(self, times))

    def join(self, parts: Iterable[str], /) -> Styled:
        return Styled(str.join(self, [safe(part) for part in parts]))

    @property
    def plain(self) -> str:
        """The same text without its marks."""
        return _MARKED.sub("", self)


def safe(text: str) -> Styled:
    """`text` as Styled: unchanged where it is Styled, through `visible` where it is not."""
    return text if isinstance(text, Styled) else Styled(visible(text))


def style(text: str, *names: str) -> Styled:
    """`text` in the named styles: bold, dim, red, green, yellow, cyan. Styles do not nest."""
    shown = safe(text)
    return Styled("".join(_MARKS[name] for name in names) + str(shown) + _END) if shown else shown


def encode_json(value: Mapping[str, object], *, indent: int | None = None) -> str:
    """JSON without a newline at its end; unsafe characters are escaped, so that a parser reads back the very value."""
    # After json.dumps, unsafe characters can only stand inside strings, where an escape means the same.
    return _UNSAFE.sub(_escape, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1] if found.group() != "\x7f" else "\\u007f"


def wants_colour(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Only at a terminal that can show colour, and where NO_COLOR does not say otherwise."""
    if environment.get("NO_COLOR") or environment.get("TERM", "dumb") == "dumb":
        return False
    return stream is not None and not stream.closed and stream.isatty()


class Output:
    """Writes to stdout or stderr: always UTF-8, unbuffered, gated. A stream that does not exist swallows all.

    Raises BrokenPipeError where the reader has gone, StorageError where the device refuses (full, gone); with
    `may_be_lost`, as for stderr, neither.
    """

    def __init__(self, stream: TextIO | None, *, colour: bool | None = None, may_be_lost: bool = False) -> None:
        self._stream = None if stream is None or stream.closed else stream
        self._colour = wants_colour(stream, os.environ) if colour is None else colour
        self._may_be_lost = may_be_lost

    @property
    def shows_colour(self) -> bool:
        """Whether styles are seen; where they are not, what they would say has to be written."""
        return self._colour

    def write(self, text: str) -> None:
        """Write text as it is (no newline is added). Styled text is coloured where this output shows colour."""
        if isinstance(text, Styled):
            pieces = {mark: sequence if self._colour else "" for mark, sequence in _SEQUENCES.items()}
            self._send(_MARKED.sub(lambda found: pieces.get(found.group(), ""), text))
        else:
            self._send(visible(text))

    def line(self, text: str = "") -> None:
        """Write text and a newline."""
        self.write(text + "\n")

    def json(self, value: Mapping[str, object], *, indent: int | None = None) -> None:
        """Write one JSON object and a newline."""
        self._send(encode_json(value, indent=indent) + "\n")

    def _send(self, text: str) -> None:
        if self._stream is None or not text:
            return
        try:
            self._deliver(self._stream, text)
        except BrokenPipeError:
            if not self._may_be_lost:
                raise
        except OSError as error:
            if not self._may_be_lost:
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise StorageError(f"cannot write the output: {reason}") from error

    @staticmethod
    def _deliver(stream: TextIO, text: str) -> None:
        try:
            descriptor = stream.fileno()
        except OSError:  # a stream in memory
            stream.write(text)
            stream.flush()
            return
        # Straight to the descriptor: the stream's own encoding follows LANG, and what it keeps in its buffer fails at
        # exit, where nobody can report it.
        stream.flush()
        rest = memoryview(text.encode("utf-8"))
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # the parent process made the pipe non-blocking
                select.select([], [descriptor], [])
            except OSError as error:
                if error.errno != errno.EINTR:
                    raise
