"""What a sparse model says of each chunk: its features, kept as they were made, and once more as postings.

A feature is a token of the model and a whole number for its weight. Among the postings it is a term whose name no
analyzer makes, so that one set of segments, merged and thinned out as ever, serves the words and the features. The
table is made with the first sparse model that an index gets; an index without one has none.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from ragqa.errors import IndexDamaged
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database

Features = Mapping[int, int]
"""Token -> weight: from 0 and from 1 on, both below 2 ** 32."""

_MARK = "\0"
"""No document holds this character, and no analyzer makes a term of it."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS features (key INTEGER PRIMARY KEY REFERENCES chunks (key) ON DELETE CASCADE, "
    "checksum BLOB NOT NULL, data BLOB NOT NULL)"
)


def term(token: int) -> str:
    """What a feature is called among the postings."""
    return f"{_MARK}{token}"


def is_feature(name: str) -> bool:
    """Whether a term of the postings is a feature."""
    return name.startswith(_MARK)


def as_terms(features: Features) -> dict[str, int]:
    """Features as postings hold them: how often each of their names occurs."""
    return {term(token): weight for token, weight in features.items()}


def prepare(database: Database) -> None:
    """Make the table where there is none, inside the caller's transaction."""
    database.execute(_TABLE)


def drop(database: Database) -> None:
    """Forget all features; their postings are the caller's to replace."""
    database.execute("DROP TABLE IF EXISTS features")


def write(database: Database, first_key: int, features: Sequence[Features]) -> None:
    """Keep the features of new chunks, whose keys go on from `first_key`."""
    database.execute_many(
        "INSERT INTO features VALUES (?, ?, ?)",
        [(key, digest(key, data), data) for key, data in enumerate(map(_encode, features), start=first_key)],
    )


def read(database: Database, keys: Sequence[int]) -> dict[int, Features | None]:
    """The features of each of `keys`; None where they are damaged or gone."""
    found: dict[int, Features | None] = dict.fromkeys(keys)
    for key, checksum, data in database.rows_in("SELECT key, checksum, data FROM features WHERE key IN (?)", keys):
        if digest(key, data) == checksum:
            found[key] = _decode(data)
    return found


def of_chunks(database: Database, keys: Sequence[int]) -> list[Features]:
    """The features of each of `keys`, in their order. Raises IndexDamaged for those that are not there."""
    found = read(database, keys)
    kept = [features for key in keys if (features := found[key]) is not None]
    if len(kept) != len(keys):
        raise IndexDamaged("the index lacks what its sparse model said of some passages", remedy=REMEDY_DAMAGED)
    return kept


def _encode(features: Features) -> bytes:
    flat = [number for token in sorted(features) for number in (token, features[token])]
    return struct.pack(f"<{len(flat)}I", *flat)


def _decode(data: bytes) -> Features:
    return dict(struct.iter_unpack("<II", data))
