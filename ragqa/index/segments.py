"""A segment: the postings of a run of chunks, as rows of about 32 KB, each with its own checksum.

    index   0      the first term of every `terms` block
    terms   0, 1…  256 terms each, sorted by their UTF-8 bytes, with the number of postings of each
    posts   0, 1…  8,192 postings each: which chunk (its number in the segment), then how often
    lengths 0      the number of terms of each chunk
    keys    0      the key of each chunk, left out where keys have no gap

A question reads one `terms` block and a `posts` block or more for each of its terms. Blocks are rows and not slices of
one large blob, because SQLite walks a blob's pages from its start to reach a slice: 90 ms in a blob of 400 MB.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ragqa.errors import IndexDamaged
from ragqa.index.database import REMEDY_DAMAGED, Database

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragqa.types import Keys

    Integers = NDArray[np.int64]

TERMS_PER_BLOCK = 256
POSTINGS_PER_BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Postings:
    """Where one term occurs: numbers of chunks in the segment, ascending, and how often in each."""

    chunks: Integers
    frequencies: Integers


@dataclass(frozen=True, slots=True)
class TermBlock:
    """Some terms in order. The postings of `terms[i]` are those from `starts[i]` to `starts[i + 1]`."""

    terms: Sequence[bytes]
    starts: Integers


def encode_term(term: str) -> bytes:
    """Terms are compared as bytes; what no analyzer makes (a lone surrogate in a question) must still not fail."""
    return term.encode("utf-8", "surrogatepass")


class SegmentReader:
    """One stored segment. What is read is verified; what is read once is kept where it is small."""

    def __init__(self, database: Database, segment: int, first_key: int, chunks: int, frequency_bytes: int) -> None:
        self._database = database
        self.id = segment
        self.first_key = first_key
        self.chunks = chunks
        self._chunk_type = _number_type(chunks)
        self._frequency_type = np.dtype(f"<u{frequency_bytes}")
        self._index: list[bytes] | None = None
        self._blocks: dict[int, TermBlock] = {}
        self._keys: Keys | None = None
        self._lengths: Integers | None = None

    @property
    def keys(self) -> Keys:
        """The key of each chunk, ascending."""
        if self._keys is None:
            if (data := self._read("keys", 0, missing=b"")) is not None and data:
                self._keys = np.frombuffer(data, "<i8").astype(np.int64)
            else:
                self._keys = np.arange(self.first_key, self.first_key + self.chunks, dtype=np.int64)
            self._expect(len(self._keys) == self.chunks)
        return self._keys

    @property
    def lengths(self) -> Integers:
        """The number of terms of each chunk."""
        if self._lengths is None:
            self._lengths = np.frombuffer(self._read("lengths", 0), "<u4").astype(np.int64)
            self._expect(len(self._lengths) == self.chunks)
        return self._lengths

    def numbers(self, keys: Keys) -> Integers:
        """The numbers, in this segment, of those of `keys` (ascending) that it holds, live or dead."""
        places = np.searchsorted(self.keys, keys)
        places[places == self.chunks] = 0
        found: Integers = places[self.keys[places] == keys]
        return found

    def frequency(self, term: bytes) -> int:
        """How many chunks of the segment, live or dead, hold the term."""
        start, end = self._range(term)
        return end - start

    def postings(self, term: bytes) -> Postings:
        return self.read_postings(*self._range(term))

    def read_postings(self, start: int, end: int) -> Postings:
        """The postings from number `start` to `end`, counted through the whole segment."""
        chunks: list[NDArray[np.unsignedinteger]] = []
        frequencies: list[NDArray[np.unsignedinteger]] = []
        while start < end:
            number, first = divmod(start, POSTINGS_PER_BLOCK)
            last = min(end - start + first, POSTINGS_PER_BLOCK)
            data = self._read("posts", number)
            size, rest = divmod(len(data), self._chunk_type.itemsize + self._frequency_type.itemsize)
            self._expect(rest == 0 and last <= size)
            chunks.append(np.frombuffer(data, self._chunk_type, size)[first:last])
            offset = size * self._chunk_type.itemsize
            frequencies.append(np.frombuffer(data, self._frequency_type, size, offset)[first:last])
            start += last - first
        if not chunks:
            return Postings(np.zeros(0, np.int64), np.zeros(0, np.int64))
        return Postings(np.concatenate(chunks).astype(np.int64), np.concatenate(frequencies).astype(np.int64))

    def term_blocks(self) -> Iterator[TermBlock]:
        """All terms, in order."""
        for number in range(len(self._first_terms())):
            yield self._decode_terms(number)

    def _range(self, term: bytes) -> tuple[int, int]:
        number = bisect_right(self._first_terms(), term) - 1
        if number < 0:
            return 0, 0
        if number not in self._blocks:
            self._blocks[number] = self._decode_terms(number)
        block = self._blocks[number]
        place = bisect_left(block.terms, term)
        if place == len(block.terms) or block.terms[place] != term:
            return 0, 0
        return int(block.starts[place]), int(block.starts[place + 1])

    def _first_terms(self) -> list[bytes]:
        if self._index is None:
            self._index, rest = _split_terms(self._read("index", 0))
            self._expect(not rest)
        return self._index

    def _decode_terms(self, number: int) -> TermBlock:
        terms, rest = _split_terms(self._read("terms", number))
        starts = np.frombuffer(rest, "<i8")
        self._expect(len(starts) == len(terms) + 1)
        return TermBlock(terms, starts)

    def _read(self, kind: str, number: int, *, missing: bytes | None = None) -> bytes:
        row = self._database.row(
            "SELECT checksum, data FROM segment_blocks WHERE segment = ? AND kind = ? AND number = ?",
            self.id,
            kind,
            number,
        )
        if row is None and missing is not None:
            return missing
        self._expect(row is not None and isinstance(row[1], bytes))
        data: bytes = row[1] if row else b""
        self._expect(row is not None and row[0] == _checksum(self.id, kind, number, data))
        return data

    def _expect(self, sound: bool) -> None:
        if not sound:
            raise IndexDamaged("the keyword index is damaged", remedy=REMEDY_DAMAGED)


class SegmentWriter:
    """Writes the blocks of one segment, fed with terms in order; memory is bounded by what one `add` is given."""

    def __init__(self, database: Database, segment: int, keys: Keys, lengths: Integers, frequency_bytes: int) -> None:
        self._database = database
        self._segment = segment
        self._chunk_type = _number_type(len(keys))
        self._frequency_type = np.dtype(f"<u{frequency_bytes}")
        self._chunks = np.zeros(0, np.int64)
        self._frequencies = np.zeros(0, np.int64)
        self._terms: list[bytes] = []
        self._counts: list[int] = []
        self._first_terms: list[bytes] = []
        self._postings = 0
        self._posting_blocks = 0
        if int(keys[-1]) - int(keys[0]) + 1 != len(keys):
            self._write("keys", 0, keys.astype("<i8").tobytes())
        self._write("lengths", 0, lengths.astype("<u4").tobytes())

    def add(self, terms: Sequence[bytes], counts: Sequence[int], postings: Postings) -> None:
        """Terms greater than all before; `postings` are theirs, `counts[i]` of them for `terms[i]`."""
        self._terms.extend(terms)
        self._counts.extend(counts)
        self._chunks = np.concatenate([self._chunks, postings.chunks])
        self._frequencies = np.concatenate([self._frequencies, postings.frequencies])
        self._flush(partial=False)

    def finish(self) -> None:
        self._flush(partial=True)
        self._write("index", 0, _join_terms(self._first_terms))

    def _flush(self, *, partial: bool) -> None:
        done = 0
        while len(self._terms) - done >= (1 if partial else TERMS_PER_BLOCK):
            terms = self._terms[done : done + TERMS_PER_BLOCK]
            starts = self._postings + np.cumsum([0, *self._counts[done : done + TERMS_PER_BLOCK]])
            self._write("terms", len(self._first_terms), _join_terms(terms) + starts.astype("<i8").tobytes())
            self._first_terms.append(terms[0])
            self._postings = int(starts[-1])
            done += len(terms)
        self._terms, self._counts = self._terms[done:], self._counts[done:]
        done = 0
        while len(self._chunks) - done >= (1 if partial else POSTINGS_PER_BLOCK):
            part = slice(done, done + POSTINGS_PER_BLOCK)
            chunks, frequencies = self._chunks[part], self._frequencies[part]
            data = chunks.astype(self._chunk_type).tobytes() + frequencies.astype(self._frequency_type).tobytes()
            self._write("posts", self._posting_blocks, data)
            self._posting_blocks += 1
            done += len(chunks)
        self._chunks, self._frequencies = self._chunks[done:], self._frequencies[done:]

    def _write(self, kind: str, number: int, data: bytes) -> None:
        self._database.execute(
            "INSERT INTO segment_blocks VALUES (?, ?, ?, ?, ?)",
            self._segment,
            kind,
            number,
            _checksum(self._segment, kind, number, data),
            data,
        )


def write_segment(
    database: Database,
    segment: int,
    keys: Keys,
    terms: Iterable[Sequence[str]],
    more: Iterable[Mapping[str, int]],
) -> int:
    """Store the postings of new chunks, whose terms are given in order; the bytes that a frequency takes.

    `more` are further terms of each chunk, with how often they occur, that do not count for its length.
    """
    vocabulary: dict[str, int] = {}
    term_of: list[int] = []
    frequency_of: list[int] = []
    distinct: list[int] = []
    lengths: list[int] = []
    for chunk_terms, uncounted in zip(terms, more, strict=False):
        counted = {**Counter(chunk_terms), **uncounted}
        term_of.extend(vocabulary.setdefault(term, len(vocabulary)) for term in counted)
        frequency_of.extend(counted.values())
        distinct.append(len(counted))
        lengths.append(len(chunk_terms))
    names = sorted((encode_term(term), number) for term, number in vocabulary.items())
    rank = np.zeros(len(names), np.int64)
    rank[[number for _, number in names]] = np.arange(len(names))
    ranks = rank[np.array(term_of, np.int64)]
    order = np.argsort(ranks, kind="stable")
    frequencies = np.array(frequency_of, np.int64)[order]
    chunks = np.repeat(np.arange(len(keys)), distinct)[order]
    frequency_bytes = _number_type(int(frequencies.max(initial=0)) + 1).itemsize
    writer = SegmentWriter(database, segment, keys, np.array(lengths, np.int64), frequency_bytes)
    counts = np.bincount(ranks, minlength=len(names)).tolist()
    writer.add([name for name, _ in names], counts, Postings(chunks, frequencies))
    writer.finish()
    return frequency_bytes


def _number_type(count: int) -> np.dtype[np.unsignedinteger]:
    """The narrowest type for numbers below `count`."""
    return np.dtype("<u1" if count <= 1 << 8 else "<u2" if count <= 1 << 16 else "<u4")


def _checksum(segment: int, kind: str, number: int, data: bytes) -> int:
    """Over what a block is as well as what is in it, so that one is never read for another."""
    return zlib.crc32(data, zlib.crc32(f"{segment} {kind} {number}".encode()))


def _join_terms(terms: Sequence[bytes]) -> bytes:
    ends = np.cumsum([len(term) for term in terms], dtype="<u4")
    return len(terms).to_bytes(4, "little") + ends.astype("<u4").tobytes() + b"".join(terms)


def _split_terms(data: bytes) -> tuple[list[bytes], bytes]:
    """The terms at the start of `data`, and what follows them."""
    count = int.from_bytes(data[:4], "little")
    ends = [4 + 4 * count, *(np.frombuffer(data, "<u4", count, 4).astype(np.int64) + 4 + 4 * count).tolist()]
    return [data[start:end] for start, end in pairwise(ends)], data[ends[-1] :]
