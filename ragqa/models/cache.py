"""Where prepared models and tables are kept: the user's cache folder, or a private temporary one."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ragqa.errors import StorageError


def cache_dir(environment: Mapping[str, str]) -> Path:
    """`$RAGQA_CACHE_DIR`, else `$XDG_CACHE_HOME/ragqa`, else `~/.cache/ragqa`; made for its owner alone.

    Where no home can be written to, a folder in the system's temporary place takes over. A folder that was named
    outright is used or is an error.
    """
    if named := environment.get("RAGQA_CACHE_DIR"):
        folder = Path(named)
        if not _is_usable(folder):
            raise StorageError(
                f"the cache folder {folder} cannot be made or read", remedy="RAGQA_CACHE_DIR names the folder to use"
            )
        return folder
    for variable, inside in (("XDG_CACHE_HOME", "ragqa"), ("HOME", ".cache/ragqa")):
        base = environment.get(variable)
        if base and Path(base).is_absolute() and _is_usable(Path(base) / inside):
            return Path(base) / inside
    return _temporary()


def _is_usable(folder: Path) -> bool:
    """Made, if need be; a folder that cannot be written to is of use if it holds something already."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        return os.access(folder, os.W_OK | os.X_OK) or any(folder.iterdir())
    except OSError:
        return False


def _temporary() -> Path:
    """The same folder at every run, unless somebody else has put something there under its name."""
    folder = Path(tempfile.gettempdir()) / f"ragqa-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        return folder if is_own else Path(tempfile.mkdtemp(prefix="ragqa-"))
    except OSError as error:
        raise StorageError(
            f"there is no folder for prepared models: {error.strerror}", remedy="RAGQA_CACHE_DIR names one"
        ) from error
