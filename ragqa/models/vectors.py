"""Makes unit vectors out of what a model sends, and refuses what cannot be made into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ragqa.errors import ServiceError

if TYPE_CHECKING:
    from ragqa.types import Vectors


def unit_rows(rows: Sequence[Sequence[float]], *, dimensions: int, service: str) -> Vectors:
    """`rows` as float32 of unit length, shape (len(rows), dimensions)."""
    for row in rows:
        if len(row) != dimensions:
            raise ServiceError(f"{service} sent a vector of {len(row)} dimensions instead of {dimensions}")
    vectors = np.array(rows, dtype=np.float64).reshape(len(rows), dimensions)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ServiceError(f"{service} sent a vector that has no direction")
    unit: Vectors = (vectors / lengths).astype(np.float32)
    return unit
