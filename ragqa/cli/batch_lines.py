"""The lines of a batch: questions as text or JSON, and which of them an earlier run has answered."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragqa.cli.asking import require_question
from ragqa.errors import StorageError, UsageError
from ragqa.flows.batch import Asking, Id

_PIECE = 1 << 16
_LONGEST_LINE = 1 << 20
"""Bytes. No question is as long; what has no end of line is not kept until memory is full."""
_DONE = frozenset(("answered", "not_found"))


def read(name: str) -> Iterator[Asking]:
    """The questions of a file, or of stdin for `-`, as their lines come; blank lines are counted and passed over.

    A line is a question, or a JSON object with `question` and, if wanted, `id`; the id is otherwise the line's number.
    """
    # A descriptor, not a stream: one that a thread waits at would be in the way when the program ends.
    descriptor = 0 if name == "-" else _open(name)
    return (_asking(line, number) for number, line in enumerate(_lines(descriptor), 1) if line.strip())


def count(name: str) -> int | None:
    """How many questions a file holds; None for what can be read only once."""
    path = Path(name)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def done(path: Path) -> frozenset[Id]:
    """The ids that have a whole answer (or a refusal) in what an earlier run has written; of several the last counts.

    A file that is not there yet holds none. A line that was being written when that run was killed counts for nothing.
    """
    found: dict[Id, bool] = {}
    is_blank = True
    try:
        with path.open("rb") as file:
            for line in file:
                is_blank = is_blank and not line.strip()
                row = _row(line)
                identity, status = row.get("id"), row.get("status")
                if isinstance(identity, Id) and not isinstance(identity, bool):  # True would be the id 1
                    found[identity] = isinstance(status, str) and status in _DONE and row.get("degraded") is None
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    if not found and not is_blank:
        raise UsageError(f"{path} holds no results", remedy="--skip-done takes what `ragqa ask --batch` has written")
    return frozenset(identity for identity, is_done in found.items() if is_done)


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def is_ended(path: Path) -> bool:
    """Whether a file's last line has its end; one that is empty or not there has none without."""
    try:
        with path.open("rb") as file:
            if not file.seek(0, os.SEEK_END):
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except FileNotFoundError:
        return True


def _asking(line: bytes, number: int) -> Asking:
    identity: Id = number
    try:
        if len(line) > _LONGEST_LINE:
            raise UsageError(f"line {number} has more than {_LONGEST_LINE >> 20} MB")
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if not text.startswith("{"):
            return Asking(number, require_question(text))
        row = _object(text, number)
        identity = _identity(row, number)
        question = row.get("question")
        if not isinstance(question, str):
            raise UsageError(f"line {number} has no question", remedy='{"id": "…", "question": "…"}')
        return Asking(identity, require_question(question))
    except UnicodeDecodeError:
        return Asking(identity, error=UsageError(f"line {number} is not UTF-8"))
    except UsageError as error:
        return Asking(identity, error=error)


def _object(text: str, number: int) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"line {number} begins like JSON and is none", remedy='{"id": "…", "question": "…"}') from None
    return row


def _identity(row: dict[str, Any], number: int) -> Id:
    given = row.get("id")
    if given is None:
        return number
    if isinstance(given, bool) or not isinstance(given, Id):
        raise UsageError(f"the id of line {number} is neither a text nor a whole number")
    return given


def _open(name: str) -> int:
    try:
        return os.open(name, os.O_RDONLY)
    except FileNotFoundError:
        raise UsageError(f"there is no file {name}") from None
    except OSError as error:
        raise StorageError(f"cannot read {name}: {error.strerror}") from error


def _lines(descriptor: int) -> Iterator[bytes]:
    """Lines without their ends, each as soon as it is whole; of one that is far too long only so much as shows it."""
    rest = b""
    while piece := _read(descriptor):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        rest = rest[: _LONGEST_LINE + 1]
    if rest:
        yield rest


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _PIECE)
    except OSError as error:
        raise StorageError(f"cannot read the questions: {error.strerror}") from error
