"""One digest over a row's values: SQLite does not notice that a stored bit has changed, this does."""

from __future__ import annotations

import hashlib
import struct

Value = None | int | float | str | bytes


def digest(*values: Value) -> bytes:
    """SHA-256 over the values, their types and their borders; equal only for equal rows."""
    hashed = hashlib.sha256()
    for value in values:
        if value is None:
            hashed.update(b"n")
        elif isinstance(value, int):
            hashed.update(b"i%d;" % value)
        elif isinstance(value, float):
            hashed.update(b"f" + struct.pack("<d", value))
        else:
            data, kind = (value.encode("utf-8"), b"s") if isinstance(value, str) else (value, b"b")
            hashed.update(b"%b%d:" % (kind, len(data)))
            hashed.update(data)
    return hashed.digest()
