"""Makes unit vectors out of what a model sends, cut where fewer numbers are wanted, and refuses what cannot be one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ragqa.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    from ragqa.types import Vectors


def kept_dimensions(wanted: int, own: int, *, model: str) -> int:
    """How many of a model's `own` numbers are kept: `wanted`, or all where that is 0. ConfigError for more than all."""
    if wanted > own:
        raise ConfigError(
            f"the vectors of {model} have {own} dimensions, embedding.dimensions asks for {wanted}",
            remedy=f"set embedding.dimensions to {own} or less; 0 keeps them all",
        )
    return wanted or own


def cut_rows(rows: Vectors, dimensions: int) -> Vectors:
    """The first numbers of each row, at unit length again. A row without a direction (of no text) gets the first."""
    kept = np.array(rows[:, :dimensions], dtype=np.float32)
    lengths = np.linalg.norm(kept, axis=1, keepdims=True)
    kept[lengths[:, 0] == 0, 0] = 1
    lengths[lengths == 0] = 1
    unit: Vectors = kept / lengths
    return unit


def unit_rows(rows: Sequence[Sequence[float]], *, dimensions: int, service: str, cut: bool = False) -> Vectors:
    """`rows` as float32 of unit length, shape (len(rows), dimensions). With `cut`, longer ones lose their end."""
    for row in rows:
        if len(row) < dimensions or (len(row) > dimensions and not cut):
            raise ServiceError(f"{service} sent a vector of {len(row)} dimensions instead of {dimensions}")
    vectors = np.array([row[:dimensions] for row in rows], dtype=np.float64).reshape(len(rows), dimensions)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ServiceError(f"{service} sent a vector that has no direction")
    unit: Vectors = (vectors / lengths).astype(np.float32)
    return unit
