"""One writer at a time: a lock that the kernel frees, in a file that also remembers the last commit.

The lock is `flock` on the file `lock`, so no crash leaves a stale one. The file holds one short line: the process that
took the lock last, and the generation of the last commit. SQLite silently goes back to an older state when its
write-ahead log is lost or damaged; the generation, which is written after each commit, is how that is noticed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from ragqa.errors import IndexLocked
from ragqa.index import layout

_POLL_S = 0.05
_LINE_BYTES = 64


class WriterLock:
    """The right to write an index. Held from construction to `release`."""

    def __init__(self, folder: Path, *, wait_s: float) -> None:
        path = folder / layout.LOCK
        with layout.storage_errors(f"cannot write to the index folder {folder}"):
            self._descriptor = layout.make_private_file(path)
        try:
            self._acquire(path, wait_s)
            self._generation = recorded_generation(folder)
            self._write()
        except BaseException:
            os.close(self._descriptor)
            raise

    def record(self, generation: int) -> None:
        """Remember, durably, that `generation` is committed. Called after the commit, so it is never ahead of it."""
        self._generation = generation
        self._write()

    def release(self) -> None:
        os.close(self._descriptor)

    def _acquire(self, path: Path, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    with layout.storage_errors(f"cannot lock {path}"):
                        raise
            if time.monotonic() >= deadline:
                holder = _read(path)[0]
                who = f" (process {holder})" if holder else ""
                raise IndexLocked(
                    f"another ragqa{who} is writing the index {path.parent}",
                    remedy="wait for it to end and run the command again",
                )
            time.sleep(_POLL_S)

    def _write(self) -> None:
        line = f"{os.getpid():<20} {self._generation:<20}".ljust(_LINE_BYTES - 1) + "\n"
        with layout.storage_errors("cannot write the index folder's lock file"):
            os.pwrite(self._descriptor, line.encode("ascii"), 0)
            os.fdatasync(self._descriptor)


def recorded_generation(folder: Path) -> int:
    """The generation of the last commit that was recorded; 0 where nothing readable is."""
    return _read(folder / layout.LOCK)[1]


def _read(path: Path) -> tuple[int, int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0, 0
    try:
        process, generation = os.pread(descriptor, _LINE_BYTES, 0).split()
        return int(process), int(generation)
    except (OSError, ValueError):
        return 0, 0
    finally:
        os.close(descriptor)
