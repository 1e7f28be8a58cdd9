"""All segments together: new chunks append one, removed chunks are marked dead in theirs, merging keeps them few.

Segments hold runs of keys that do not overlap, in order, because a merge always takes neighbours. Everything here runs
inside the caller's transaction.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

from ragqa.errors import IndexDamaged
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database
from ragqa.index.features import Features, as_terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.index.segments import Postings, SegmentReader, SegmentWriter

_MERGED_SEGMENTS = 8
_TIER_BITS = 3
"""Segments are of one tier while their sizes differ by less than a factor of eight."""
_MERGED_AT_ONCE = 1 << 20
"""Postings held in memory while segments are merged."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stored segment. Of its `chunks`, `live` are not in `dead` (runs of keys, both ends included)."""

    id: int
    first_key: int
    last_key: int
    chunks: int
    live: int
    live_terms: int
    frequency_bytes: int
    dead: tuple[tuple[int, int], ...] = ()

    def reader(self, database: Database) -> SegmentReader:
        from ragqa.index.segments import SegmentReader

        return SegmentReader(database, self.id, self.first_key, self.chunks, self.frequency_bytes)

    def alive(self, reader: SegmentReader) -> NDArray[np.bool_]:
        """For each chunk of the segment, whether it is live."""
        import numpy as np

        alive = np.ones(self.chunks, np.bool_)
        for first, last in self.dead:
            start, end = np.searchsorted(reader.keys, [first, last + 1])
            alive[start:end] = False
        return alive


def pack_runs(runs: Iterable[tuple[int, int]]) -> bytes:
    return b"".join(struct.pack("<qq", *run) for run in runs)


def unpack_runs(data: bytes) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(last)) for first, last in struct.iter_unpack("<qq", data))


def with_run(runs: tuple[tuple[int, int], ...], first: int, last: int) -> tuple[tuple[int, int], ...]:
    """`runs` and one more. A neighbour of the last one lengthens it: a folder that goes leaves one run, not thousands,
    each of which would be read and written again with every later one."""
    if runs and runs[-1][1] + 1 == first:
        return *runs[:-1], (runs[-1][0], last)
    return *runs, (first, last)


def segments(database: Database) -> list[Segment]:
    """Every segment, verified, in the order of its keys."""
    found = []
    for *numbers, checksum, dead in database.rows(
        "SELECT id, first_key, last_key, chunks, live, live_terms, frequency_bytes, checksum, dead FROM segments "
        "ORDER BY first_key"
    ):
        if digest(*numbers, dead) != checksum:
            raise IndexDamaged("the keyword index is damaged", remedy=REMEDY_DAMAGED)
        found.append(replace(Segment(*numbers), dead=unpack_runs(dead)))
    return found


def append(
    database: Database, keys: Sequence[int], terms: Sequence[Sequence[str]], own: Sequence[Features] = ()
) -> None:
    """Add the postings of new chunks, and of their features if any; their keys are greater than all before."""
    if not keys:
        return
    import numpy as np

    from ragqa.index.segments import write_segment

    more = map(as_terms, own) if own else repeat({})
    identity = _next_id(database)
    _insert(database, Segment(identity, keys[0], keys[-1], len(keys), len(keys), sum(map(len, terms)), 1))
    frequency_bytes = write_segment(database, identity, np.array(keys, np.int64), terms, more)
    _update(
        database,
        Segment(identity, keys[0], keys[-1], len(keys), len(keys), sum(map(len, terms)), frequency_bytes),
    )


def mark_dead(database: Database, first_key: int, last_key: int, *, chunks: int, terms: int) -> None:
    """Take the run of `chunks` chunks, which have `terms` terms in all, out of its segment."""
    for old in segments(database):
        if old.first_key <= first_key <= old.last_key:
            if old.live == chunks:
                database.execute("DELETE FROM segments WHERE id = ?", old.id)
                return
            _update(
                database,
                Segment(
                    id=old.id,
                    first_key=old.first_key,
                    last_key=old.last_key,
                    chunks=old.chunks,
                    live=old.live - chunks,
                    live_terms=old.live_terms - terms,
                    frequency_bytes=old.frequency_bytes,
                    dead=with_run(old.dead, first_key, last_key),
                ),
            )
            return
    raise IndexDamaged(f"the keyword index lacks the passages {first_key} to {last_key}", remedy=REMEDY_DAMAGED)


def merge_due(database: Database) -> None:
    """Keep segments few while commits go on.

    Of the newest segments up to some size, eight or more become one, if that is at least four times as large as the
    largest of them: so each posting is moved a few times in all, and a large segment is left alone by small ones.
    """
    found = segments(database)
    tier = 0
    while len(found) >= _MERGED_SEGMENTS and tier <= max(map(_tier, found)):
        start = len(found)
        while start > 0 and _tier(found[start - 1]) <= tier:
            start -= 1
        newest = [segment.live for segment in found[start:]]
        if len(newest) >= _MERGED_SEGMENTS and sum(newest) >= 4 * max(newest):
            merge(database, found[start:])
            found = segments(database)
        tier += 1


def compact(database: Database) -> None:
    """Leave each segment at least three times as large as all after it, and none with a quarter of it dead."""
    found = segments(database)
    after = 0
    start = len(found)
    for place in range(len(found) - 1, -1, -1):
        if after and found[place].live < 3 * after:
            start = place
        after += found[place].live
    if start < len(found):
        merge(database, found[start:])
    for segment in found[:start]:
        if segment.live < segment.chunks * 3 // 4:
            merge(database, [segment])


def is_compact(database: Database) -> bool:
    """Whether `compact` would leave everything as it is."""
    found = segments(database)
    after = 0
    for segment in reversed(found):
        if segment.live < 3 * after or segment.live < segment.chunks * 3 // 4:
            return False
        after += segment.live
    return True


def merge(database: Database, parts: Sequence[Segment]) -> None:
    """Replace neighbouring segments by one that holds what is live in them."""
    import numpy as np

    from ragqa.index.segments import SegmentWriter

    readers = [part.reader(database) for part in parts]
    alive = [part.alive(reader) for part, reader in zip(parts, readers, strict=True)]
    keys = np.concatenate([reader.keys[mask] for reader, mask in zip(readers, alive, strict=True)])
    lengths = np.concatenate([reader.lengths[mask] for reader, mask in zip(readers, alive, strict=True)])
    merged = Segment(
        id=_next_id(database),
        first_key=int(keys[0]),
        last_key=int(keys[-1]),
        chunks=len(keys),
        live=len(keys),
        live_terms=int(lengths.sum()),
        frequency_bytes=max(part.frequency_bytes for part in parts),
    )
    if merged.live != sum(part.live for part in parts) or merged.live_terms != sum(part.live_terms for part in parts):
        raise IndexDamaged("the keyword index is damaged", remedy=REMEDY_DAMAGED)
    _insert(database, merged)
    writer = SegmentWriter(database, merged.id, keys, lengths, merged.frequency_bytes)
    _merge_postings(readers, alive, writer)
    for part in parts:
        database.execute("DELETE FROM segments WHERE id = ?", part.id)


def _merge_postings(
    readers: Sequence[SegmentReader], alive: Sequence[NDArray[np.bool_]], writer: SegmentWriter
) -> None:
    """Feed `writer` with the live postings, renumbered, a bounded number of them at a time."""
    import numpy as np

    renumbered = []
    before = 0
    for mask in alive:
        renumbered.append(np.cumsum(mask) - 1 + before)
        before += int(mask.sum())
    waiting = [_Waiting(reader, _MERGED_AT_ONCE // len(readers)) for reader in readers]
    while True:
        for own in waiting:
            own.fill()
        borders = [own.terms[-1] for own in waiting if own.more]
        if not any(own.terms for own in waiting):
            break
        taken = [own.take(min(borders) if borders else None) for own in waiting]
        writer.add(*_merged(taken, readers, alive, renumbered))
    writer.finish()


class _Waiting:
    """Terms of one segment that are read and not yet merged. `more` says whether there are others after them."""

    def __init__(self, reader: SegmentReader, postings: int) -> None:
        self._blocks = reader.term_blocks()
        self._postings = postings
        self.terms: list[bytes] = []
        self._starts: list[int] = [0]
        self.more = True

    def fill(self) -> None:
        """Read on until enough postings wait; at least one term does, unless there are no more."""
        while self.more and (not self.terms or self._starts[-1] - self._starts[0] < self._postings):
            block = next(self._blocks, None)
            if block is None:
                self.more = False
            else:
                self._starts = [*self._starts[: len(self.terms)], *block.starts.tolist()]
                self.terms += block.terms

    def take(self, border: bytes | None) -> tuple[list[bytes], list[int]]:
        """The terms up to `border` (None: all), and where their postings begin and the last one's end."""
        count = len(self.terms) if border is None else bisect_right(self.terms, border)
        taken = self.terms[:count], self._starts[: count + 1]
        self.terms, self._starts = self.terms[count:], self._starts[count:]
        return taken


def _merged(
    taken: Sequence[tuple[list[bytes], list[int]]],
    readers: Sequence[SegmentReader],
    alive: Sequence[NDArray[np.bool_]],
    renumbered: Sequence[NDArray[np.int64]],
) -> tuple[list[bytes], list[int], Postings]:
    """Whole terms of all segments, merged. In each, their postings lie one after another and are read in one go."""
    import numpy as np

    from ragqa.index.segments import Postings

    terms = sorted({term for own, _ in taken for term in own})
    place_of = {term: place for place, term in enumerate(terms)}
    counts = np.zeros((len(readers), len(terms)), np.int64)
    kept = []
    for number, (own, starts) in enumerate(taken):
        if not own:
            kept.append(Postings(np.zeros(0, np.int64), np.zeros(0, np.int64)))
            continue
        postings = readers[number].read_postings(starts[0], starts[-1])
        mask = alive[number][postings.chunks]
        held = np.add.reduceat(mask.astype(np.int64), np.array(starts[:-1]) - starts[0])
        counts[number, [place_of[term] for term in own]] = held
        kept.append(Postings(renumbered[number][postings.chunks[mask]], postings.frequencies[mask]))
    totals = counts.sum(axis=0)
    # Where the postings of each term begin: after all smaller terms, then after the earlier segments of the same term.
    begins = np.cumsum(totals) - totals + np.cumsum(counts, axis=0) - counts
    chunks = np.zeros(int(totals.sum()), np.int64)
    frequencies = np.zeros_like(chunks)
    for own_counts, own_begins, postings in zip(counts, begins, kept, strict=True):
        within = np.arange(len(postings.chunks)) - np.repeat(np.cumsum(own_counts) - own_counts, own_counts)
        places = np.repeat(own_begins, own_counts) + within
        chunks[places] = postings.chunks
        frequencies[places] = postings.frequencies
    left = np.flatnonzero(totals).tolist()
    return [terms[place] for place in left], totals[left].tolist(), Postings(chunks, frequencies)


def _tier(segment: Segment) -> int:
    return (segment.live.bit_length() - 1) // _TIER_BITS


def _next_id(database: Database) -> int:
    row = database.row("SELECT max(id) FROM segments")
    return 1 + (row[0] or 0 if row else 0)


def _insert(database: Database, segment: Segment) -> None:
    database.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *_columns(segment))


def _update(database: Database, segment: Segment) -> None:
    database.execute(
        "UPDATE segments SET id = ?1, first_key = ?2, last_key = ?3, chunks = ?4, live = ?5, live_terms = ?6, "
        "frequency_bytes = ?7, checksum = ?8, dead = ?9 WHERE id = ?1",
        *_columns(segment),
    )


def _columns(segment: Segment) -> tuple[object, ...]:
    numbers = (
        segment.id,
        segment.first_key,
        segment.last_key,
        segment.chunks,
        segment.live,
        segment.live_terms,
        segment.frequency_bytes,
    )
    dead = pack_runs(segment.dead)
    return *numbers, digest(*numbers, dead), dead
