"""Draft."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft."""

    id: str
    question: str
    answer: str
    document: str
    page: int | None
    language: str
    evidence: str
    heading: tuple[str, ...]
    by: str
