"""What a filter lets through: the documents, the passages of theirs, and the order in which passages that tie come."""

from __future__ import annotations

import os
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragqa.errors import IndexDamaged, NoEvidence, UsageError
from ragqa.index.database import REMEDY_DAMAGED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.index.records import DocumentRecord, DocumentState
    from ragqa.index.segments import Integers
    from ragqa.index.store import Store
    from ragqa.types import Filter, Keys, Passage


NO_DOCUMENT = "no document matches the filter"


@dataclass(frozen=True, slots=True)
class Run:
    """The passages of one content, `chunks` of them from `first_key` on, and the document that stands for it.

    `place` is that of its first passage among all passages of the scope, in the order in which equal scores come.
    """

    first_key: int
    chunks: int
    document: DocumentRecord
    place: int


@dataclass(frozen=True, slots=True)
class Scope:
    """All that a filter lets through: `documents` paths and at least one. `runs` ascend by their first key.

    Searched with `keys`, an index answers as one would that had only ever been given these documents.
    """

    filter: Filter
    documents: int
    runs: tuple[Run, ...]

    @property
    def chunks(self) -> int:
        """How many passages there are in it."""
        return sum(run.chunks for run in self.runs)

    @property
    def keys(self) -> Keys:
        """Every passage in it, in the order in which equal scores come."""
        import numpy as np

        keys = np.zeros(self.chunks, np.int64)
        for run in self.runs:
            keys[run.place : run.place + run.chunks] = np.arange(run.first_key, run.first_key + run.chunks)
        return keys

    def place(self, key: int) -> int:
        """The place of one of `keys` among them."""
        run = self._run(key)
        return run.place + key - run.first_key

    def shown(self, passages: Iterable[Passage]) -> list[Passage]:
        """The same passages of this scope, each under a path that is in it: equal files are stored once."""
        return [
            replace(passage, document=document.display, path=document.path)
            for passage in passages
            for document in (self._run(passage.key).document,)
        ]

    def _run(self, key: int) -> Run:
        return self.runs[bisect_right(self.runs, key, key=lambda run: run.first_key) - 1]


class Allowed:
    """Keys to search among. Given in any order, which is the one in which equal scores come."""

    def __init__(self, keys: Keys) -> None:
        import numpy as np

        self._places = np.argsort(keys, kind="stable")
        self.keys: Keys = keys[self._places]
        """Ascending."""

    def among(self, keys: Integers) -> NDArray[np.bool_]:
        """For each of `keys`, whether it is allowed."""
        import numpy as np

        if not len(self.keys):
            return np.zeros(len(keys), np.bool_)
        found = np.searchsorted(self.keys, keys)
        found[found == len(self.keys)] = 0
        among: NDArray[np.bool_] = self.keys[found] == keys
        return among

    def places(self, keys: Integers) -> Integers:
        """For each of `keys`, all of them allowed, its place in the order given."""
        import numpy as np

        places: Integers = self._places[np.searchsorted(self.keys, keys)]
        return places


def scope_of(store: Store, chosen: Filter) -> Scope:
    """The part of the store that `chosen` lets through.

    Raises NoEvidence where that is no document, and UsageError for a pattern that cannot be understood.
    """
    accepts = acceptance(chosen)
    stored = [state for state in store.documents() if state.content_id is not None]
    if not stored:
        raise NoEvidence("the index is empty", remedy="`ragqa ingest PATH` fills it")
    inside = [state for state in stored if accepts(state)]
    if not inside:
        raise NoEvidence(NO_DOCUMENT, remedy="`ragqa list` shows what there is")
    return Scope(chosen, len(inside), tuple(_runs(store, stored, inside)))


def _runs(store: Store, stored: Sequence[DocumentState], inside: Sequence[DocumentState]) -> Iterator[Run]:
    """The contents of `inside`, in the order of their keys."""
    standing: dict[int, DocumentState] = {}
    for state in inside:
        if state.content_id is not None:
            standing.setdefault(state.content_id, state)  # documents come in the order of their paths
    first_keys: dict[int, int] = dict(
        store.database.rows_in(
            "SELECT content_id, key FROM chunks WHERE ordinal = 0 AND content_id IN (?)", list(standing)
        )
    )
    for content_id, state in standing.items():
        if state.chunks and content_id not in first_keys:
            raise IndexDamaged(f"{state.display}: its passages are gone", remedy=REMEDY_DAMAGED)
    ordered = sorted(first_keys, key=first_keys.__getitem__)
    arrivals = _arrivals(store, stored, inside)
    places = {}
    before = 0
    for content_id in sorted(ordered, key=arrivals.__getitem__) if arrivals else ordered:
        places[content_id] = before
        before += standing[content_id].chunks
    for content_id in ordered:
        state = standing[content_id]
        yield Run(first_keys[content_id], state.chunks, state.record, places[content_id])


def _arrivals(store: Store, stored: Sequence[DocumentState], inside: Sequence[DocumentState]) -> dict[int, int]:
    """For each content in `inside`, when its first document there was stored; empty where keys tell the same.

    They do not where the file that brought the content is outside, and an equal one, stored later, is inside.
    """
    paths = {state.path for state in inside}
    contents = {state.content_id for state in inside}
    if not any(state.content_id in contents for state in stored if state.path not in paths):
        return {}
    everywhere: dict[int, int] = {}
    here: dict[int, int] = {}
    for number, content_id, path in store.database.rows("SELECT id, content_id, path FROM documents ORDER BY id"):
        if content_id in contents:
            everywhere.setdefault(content_id, number)
            if path in paths:
                here.setdefault(content_id, number)
    return here if here != everywhere else {}


def acceptance(chosen: Filter) -> Callable[[DocumentState], bool]:
    """Tells of a document whether `chosen` lets it through; of one that was refused only its path and time are known.

    A pattern is compared with the path as it is shown and with the path below the folder that was ingested; with the
    whole path only if it begins with `/`, since what lies above that folder says nothing about a document in it. The
    last pattern that fits any of these decides; one that begins with `!` leaves out.
    """
    patterns = [_pattern(line) for line in chosen.patterns]
    by_default = not patterns or not patterns[0].takes

    def accepts(state: DocumentState) -> bool:
        record = state.record
        if chosen.types and record.loader not in chosen.types:
            return False
        if chosen.languages and (state.content_id is None or state.language not in chosen.languages):
            return False
        if chosen.after_ns is not None and record.mtime_ns < chosen.after_ns:
            return False
        if chosen.before_ns is not None and record.mtime_ns >= chosen.before_ns:
            return False
        if not patterns:
            return by_default
        near, whole = _names(record)
        return next(
            (
                pattern.takes
                for pattern in reversed(patterns)
                if any(map(pattern.fits, near | whole if pattern.is_whole else near))
            ),
            by_default,
        )

    return accepts


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Whether a path fits; whether whole paths are meant; whether what fits is taken or left out."""

    fits: Callable[[str], bool]
    is_whole: bool
    takes: bool


def _pattern(line: str) -> _Pattern:
    from pathspec import GitIgnoreSpec

    takes = not line.startswith("!")
    body = _composed(line.removeprefix("!")).removeprefix("./")
    try:
        spec = GitIgnoreSpec.from_lines([body])
    except ValueError as error:
        raise UsageError(f"the pattern {line!r} cannot be understood: {error}") from error
    if not any(pattern.include for pattern in spec.patterns):
        raise UsageError(f"the pattern {line!r} fits nothing", remedy="patterns are written as in .gitignore")
    return _Pattern(spec.match_file, body.startswith("/"), takes)


def _names(record: DocumentRecord) -> tuple[set[str], set[str]]:
    """What a document is called from the ingested folder on, or as it is shown; and what it is called in full."""
    below, whole = _below(record.path, record.root), {os.fsdecode(record.path), record.display}
    if not record.display.startswith("/"):
        near = {below, record.display}
    else:  # the folder was named in full: of its path, only its own name counts
        near = {below, _below(record.path, record.root.rpartition(b"/")[0])}
    return {_composed(name) for name in near if name}, {_composed(name) for name in whole}


def _below(path: bytes, folder: bytes) -> str:
    return os.fsdecode(path.removeprefix(folder).lstrip(b"/"))


def _composed(name: str) -> str:
    """One spelling of accented letters: some systems store paths decomposed."""
    return unicodedata.normalize("NFC", name)
