"""The one way to SQLite: how a connection is opened, and what its errors mean to the user."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from ragqa.errors import IndexDamaged, IndexLocked, RagqaError, StorageError
from ragqa.index import layout

Row: TypeAlias = tuple[Any, ...]

REMEDY_DAMAGED = "`ragqa check` says what is damaged and rebuilds what can be rebuilt"

_BUSY_MS = 10_000
_PARAMETERS = 500
_GREATEST = (1 << 63) - 1
_READ_ONLY_FOLDER = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class Database:
    """A connection whose every error is a RagqaError. Transactions are explicit."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open_to_write(cls, path: Path) -> Database:
        """Committed means on the disk: WAL with `synchronous=FULL`. The file must exist (it may be empty)."""
        database = cls(_connect(path, "mode=rw"), path)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA foreign_keys=ON")
        except RagqaError:
            database.close()
            raise
        return database

    @classmethod
    def open_to_read(cls, path: Path) -> Database:
        """One snapshot, begun here.

        Where the folder cannot be written, SQLite can neither make nor recover its write-ahead log. If the log is
        empty, the file is then opened as immutable: it is read without any lock, on the assumption that nobody who
        can write it does so meanwhile. If the log is not empty, that would hide commits, so it is refused.
        """
        try:
            return cls(_connect(path, "mode=ro"), path)._begin_reading()
        except StorageError as error:
            cause = error.__cause__
            if not isinstance(cause, sqlite3.Error) or (_code(cause) & 0xFF) not in _READ_ONLY_FOLDER:
                raise
            log = path.with_name(path.name + "-wal")
            if log.exists() and log.stat().st_size > 0:
                raise StorageError(
                    f"{path} was not closed cleanly, and its folder cannot be written to recover it",
                    remedy="run any ragqa command once where the folder can be written",
                ) from error
        return cls(_connect(path, "mode=ro&immutable=1"), path)._begin_reading()

    def _begin_reading(self) -> Database:
        try:
            self.execute("PRAGMA query_only=ON")
            self.execute("BEGIN")
            self.row("SELECT count(*) FROM sqlite_schema")
        except RagqaError:
            self.close()
            raise
        return self

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside is committed at the end; any exception takes all of it back."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after some errors, such as a full disk.
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise

    def execute(self, statement: str, *values: object) -> int:
        """Run a statement; the number of rows it changed."""
        with self.errors():
            return self._connection.execute(statement, values).rowcount

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with self.errors():
            self._connection.executemany(statement, rows)

    def row(self, statement: str, *values: object) -> Row | None:
        with self.errors():
            found: Row | None = self._connection.execute(statement, values).fetchone()
            return found

    def rows(self, statement: str, *values: object) -> list[Row]:
        with self.errors():
            return self._connection.execute(statement, values).fetchall()

    def rows_in(self, statement: str, values: Sequence[object]) -> Iterator[Row]:
        """Rows of a statement with `IN (?)`, for any number of values, in no particular order."""
        for start in range(0, len(values), _PARAMETERS):
            part = values[start : start + _PARAMETERS]
            yield from self.rows(statement.replace("(?)", f"({','.join('?' * len(part))})"), *part)

    def pages(
        self, columns: str, table: str, key: str, *, after: int = 0, last: int = _GREATEST, rows: int = _PARAMETERS
    ) -> Iterator[list[Row]]:
        """All rows with `after` < `key` <= `last`, ascending, some at a time; `key` is the first of `columns`.

        Rows of a damaged table may come in any order: what does not ascend is refused, or reading might never end.
        """
        statement = f"SELECT {columns} FROM {table} WHERE {key} > ? AND {key} <= ? ORDER BY {key} LIMIT ?"
        while page := self.rows(statement, after, last, rows):
            for row in page:
                if not isinstance(row[0], int) or row[0] <= after:
                    raise IndexDamaged(f"{self._path} is damaged: {table} is out of order", remedy=REMEDY_DAMAGED)
                after = row[0]
            yield page

    def close(self) -> None:
        # A close that cannot tidy the log (a full disk) loses nothing: the next one to open does it.
        with suppress(sqlite3.Error):
            self._connection.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what SQLite raises into what the user can act on."""
        try:
            yield
        except sqlite3.Error as error:
            raise _translated(error, self._path) from error
        except UnicodeDecodeError as error:
            # Python's binding decodes names in SQLite's messages, which a damaged schema fills with anything.
            raise IndexDamaged(f"{self._path} is damaged: its schema is not text", remedy=REMEDY_DAMAGED) from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    try:
        # Every byte of the path escaped: it may hold any, and `?` and `%` mean something here.
        name = "".join(f"%{byte:02x}" for byte in bytes(path.absolute()))
        connection = sqlite3.connect(f"file:{name}?{mode}", uri=True, isolation_level=None, timeout=_BUSY_MS / 1000)
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    # An index may come from a stranger: nothing in its schema may run functions, and its pages are not trusted.
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def _code(error: sqlite3.Error) -> int:
    # Errors raised by Python's own binding, such as text that is not UTF-8, carry no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)


def _translated(error: sqlite3.Error, path: Path) -> RagqaError:
    code = _code(error)
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StorageError(f"the disk is full: {path} could not be written", remedy=layout.REMEDY_STORAGE)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return IndexLocked(f"{path} is in use: {error}", remedy="wait a moment and run the command again")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StorageError(f"cannot open {path}: {error}", remedy=layout.REMEDY_STORAGE)
        case sqlite3.SQLITE_IOERR if code != sqlite3.SQLITE_IOERR_SHORT_READ:
            return StorageError(f"cannot read or write {path}: {error}", remedy=layout.REMEDY_STORAGE)
        case _:
            return IndexDamaged(f"{path} is damaged: {error}", remedy=REMEDY_DAMAGED)
