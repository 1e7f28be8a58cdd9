"""Sources for the answering room: hits made of plain text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from ragqa.types import Chunk, Hit, Passage

# An example is slow when tables are read for the first time, or the machine is busy; that is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

MakeHit = Callable[..., Hit]


@pytest.fixture(scope="session")
def make_hit() -> MakeHit:
    """`make_hit(text, rank=1, start=0, document="a.pdf", ...)`: a hit whose passage stands at `start` on page 3."""

    def make(
        text: str,
        *,
        rank: int = 1,
        start: int = 0,
        document: str = "a.pdf",
        title: str = "",
        heading: tuple[str, ...] = (),
        page: int | None = 3,
        label: str | None = None,
    ) -> Hit:
        chunk = Chunk(start, start + len(text), text, heading, page, page, label)
        return Hit(
            rank,
            Passage(rank, f"c{rank:015}", document, document.encode("utf-8", "replace"), title, "en", chunk),
            1.0,
            ("lexical",),
        )

    return make
