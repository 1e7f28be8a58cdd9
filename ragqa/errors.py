"""Every way ragqa can fail, each with its exit code and the command that helps.

    RagqaError                1  unexpected or I/O error
    ├── StorageError          1  disk full, read-only folder, unreadable file
    ├── UsageError            2  the command line is wrong
    │   ├── ConfigError       2  a setting is wrong
    │   └── MissingKey        2  a model was asked for by name and its key is not set
    ├── NoEvidence            3  the thing asked for is not there
    ├── IndexProblem          4
    │   ├── IndexMissing      4  no .ragqa folder here or above
    │   ├── IndexDamaged      4  a checksum or SQLite says so
    │   ├── IndexMismatch     4  built with another embedder or schema
    │   └── IndexStale        4  files changed, and --strict-fresh was given
    ├── ServiceError          5  the model service failed or did not finish
    ├── IndexLocked           7  another ingest is running
    └── DocumentError         -  one document cannot be read; never ends a run (see `code`)

`ragqa.cli.main` catches a RagqaError; before it only the chat, one that ends a single turn, and `open`, one of a
picture whose page is shown already as text. Everything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import ClassVar


class RagqaError(Exception):
    """What happened (`message`), and what to do about it (`remedy`, may be empty)."""

    exit_code: ClassVar[int] = 1
    code: str = "error"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    @property
    def line(self) -> str:
        """What happened and what to do about it, in one line."""
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class StorageError(RagqaError):
    """The disk, a file or a folder refused: full, read-only, unreadable."""

    code = "storage"


class UsageError(RagqaError):
    """The command was called in a way that cannot be meant."""

    exit_code = 2
    code = "usage"


class ConfigError(UsageError):
    """A setting has an unknown name or an impossible value."""

    code = "config"


class MissingKey(UsageError):
    """A service was asked for by name, but its key is not in the environment."""

    code = "missing_key"


class NoEvidence(RagqaError):
    """What was asked for is not in the index."""

    exit_code = 3
    code = "not_found"


class IndexProblem(RagqaError):
    """The index cannot be used as it is."""

    exit_code = 4
    code = "index"


class IndexMissing(IndexProblem):
    """There is no index here or in any folder above."""

    code = "index_missing"


class IndexDamaged(IndexProblem):
    """Stored data does not match its checksum, or SQLite cannot read it."""

    code = "index_damaged"


class IndexMismatch(IndexProblem):
    """The index was built with another embedder, or by a newer ragqa."""

    code = "index_mismatch"


class IndexStale(IndexProblem):
    """Files changed since the last ingest, and the caller asked for a fresh index."""

    code = "index_stale"


class ServiceError(RagqaError):
    """A model service failed, timed out, or ended before it was done."""

    exit_code = 5
    code = "service"


class IndexLocked(RagqaError):
    """Another process is writing this index."""

    exit_code = 7
    code = "locked"


class DocumentError(RagqaError):
    """One document cannot be used.

    `code` is a stable word for scripts: `encrypted`, `no_text`, `empty`, `binary`, `garbled`, `too_large`, `timeout`,
    `memory`, `output`, `crashed`, `damaged`, `unreadable`, `changed`; of a path that is no document at all: `missing`,
    `unsupported`, `link`, `special`, `index`. `skipped` is true where nothing went wrong (the file is merely not
    something to index), so that it does not turn the exit code into 6.
    """

    def __init__(self, message: str, *, code: str, remedy: str = "", skipped: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.skipped = skipped
