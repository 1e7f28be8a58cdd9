"""What is kept of the last answer over each index, so that `ragqa open` can show its citations; for its owner alone."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_FOLDER = "answers"
_MOST = 200
"""Indexes come and go: beyond so many, the answers that are oldest are forgotten."""
_LARGEST = 64 << 20


def state_folder(environment: Mapping[str, str]) -> Path | None:
    """`$XDG_STATE_HOME/ragqa`, else `~/.local/state/ragqa`; None where there is no home. It may not exist yet."""
    for variable, inside in (("XDG_STATE_HOME", "ragqa"), ("HOME", ".local/state/ragqa")):
        base = environment.get(variable)
        if base and Path(base).is_absolute():
            return Path(base) / inside
    return None


def private_folder(folder: Path) -> Path:
    """Make `folder`, and what is missing above it, for its owner alone. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def remember(state: Path | None, index: Path, answer: Mapping[str, Any]) -> bool:
    """Keep `answer`, as `ragqa ask --json` writes it, in the place of the last one over this index.

    False where that cannot be done (no home, a read-only or full disk), which is no reason to fail. The file is there
    as a whole or not at all, whoever else answers meanwhile.
    """
    if state is None:
        return False
    try:
        folder = private_folder(private_folder(state) / _FOLDER)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                json.dump(answer, file)
            Path(name).replace(_file(state, index))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _forget_oldest(folder)
    except OSError:
        return False
    return True


def recall(state: Path | None, index: Path) -> Mapping[str, Any] | None:
    """The last answer over this index; None where there is none that can be read."""
    if state is None:
        return None
    try:
        file = _file(state, index)
        status = file.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:  # a pipe or a device might never end
            return None
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _file(state: Path, index: Path) -> Path:
    """One file for each index folder, whatever it is called from where one stands."""
    name = hashlib.sha256(os.fsencode(index.resolve())).hexdigest()[:32]
    return state / _FOLDER / f"{name}.json"


def _forget_oldest(folder: Path) -> None:
    files = list(folder.glob("*.json"))
    if len(files) > _MOST:
        for file in sorted(files, key=lambda file: file.stat().st_mtime_ns)[:-_MOST]:
            with suppress(FileNotFoundError):  # another process has done so
                file.unlink()
