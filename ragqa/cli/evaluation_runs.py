"""Runs of `ragqa eval` as files: written whole or not at all, and read back to compare another run with."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ragqa.cli.gate import encode_json
from ragqa.cli.shapes import SCHEMA_VERSION
from ragqa.errors import StorageError, UsageError
from ragqa.evaluation.comparison import Row


@dataclass(frozen=True, slots=True)
class Run:
    """An earlier run: its questions, and the settings, models and filter it was made with (None: the whole index)."""

    rows: Sequence[Row]
    settings: Mapping[str, object]
    models: Mapping[str, object]
    filter: Mapping[str, object] | None


def load(path: Path) -> Run:
    """Raises UsageError for a file that `--save` did not write."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the run {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or a number of thousands of digits
        raise _no_run(path) from error
    if isinstance(data, dict) and "results" in data and data.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(
            f"{path} is a run of another version ({data.get('schema_version')!r}, not {SCHEMA_VERSION})",
            remedy="`ragqa eval --save` makes a new one",
        )
    try:
        rows = [_row(row) for row in _of(list, data["results"])]
        settings, models = _of(dict, data["settings"]), _of(dict, data["models"])
        chosen = data.get("filter")
        return Run(rows, settings, models, None if chosen is None else _of(dict, chosen))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _no_run(path) from error


Kind = TypeVar("Kind")


def _of(kind: type[Kind], value: Any) -> Kind:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _row(row: Any) -> Row:
    told = (row["id"], row["fingerprint"], row["language"])
    values = {str(name): float(value) for name, value in _of(dict, row["values"]).items()}
    if not all(isinstance(text, str) for text in told) or not all(map(math.isfinite, values.values())):
        raise ValueError
    identity, fingerprint, language = told
    return Row(identity, fingerprint, language, values)


def _no_run(path: Path) -> UsageError:
    return UsageError(f"{path} is no run", remedy="`ragqa eval QUESTIONS --save RUN` makes one")


def require_writable(path: Path) -> None:
    """Raise UsageError where a file cannot be written in the end: better said before the questions are asked."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", remedy="name a file")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent} to write {path.name} to")


def save(path: Path, shape: Mapping[str, object]) -> None:
    """Write a run, whole or not at all; an earlier file of the name is replaced. Raises StorageError."""
    write(path, encode_json(shape, indent=1) + "\n")


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises StorageError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
