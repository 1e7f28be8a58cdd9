"""One digest over a row's values: SQLite does not notice that a stored bit has changed, this does."""

from __future__ import annotations

import hashlib
import struct

Value = None | int | float | str | bytes


def digest(*values: Value) -> bytes:
    """SHA-256 over the values, their types and their borders; equal only for equal rows."""
    # Joined and hashed in one go: a question verifies thousands of rows, and each call into the hash costs as much
    # as hashing a short value does.
    pieces: list[bytes] = []
    for value in values:
        if value is None:
            pieces.append(b"n")
        elif isinstance(value, str):
            data = value.encode("utf-8")
            pieces += (b"s%d:" % len(data), data)
        elif isinstance(value, int):
            pieces.append(b"i%d;" % value)
        elif isinstance(value, float):
            pieces.append(b"f" + struct.pack("<d", value))
        else:
            pieces += (b"b%d:" % len(value), value)
    return hashlib.sha256(b"".join(pieces)).digest()
