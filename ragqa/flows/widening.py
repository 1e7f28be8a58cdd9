"""Joins to each source the chunks beside it in its section, and finds back the chunk that a quote is from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragqa.types import Chunk

if TYPE_CHECKING:
    from ragqa.ports import Texts
    from ragqa.types import Citation, Hit, Passage


@dataclass(frozen=True, slots=True)
class Wide:
    """A hit whose passage was lengthened: still a slice of its document.

    `members` are the passages it is made of, `middle` the one that was found.
    """

    hit: Hit
    members: tuple[Passage, ...]
    middle: Passage


def reader(store: Texts) -> Callable[[Passage], str]:
    """The whole text of a passage's document; each document is read once."""
    texts: dict[bytes, str] = {}

    def text_of(passage: Passage) -> str:
        if passage.path not in texts:
            texts[passage.path] = store.text_of(passage.key)
        return texts[passage.path]

    return text_of


def widen(hits: Sequence[Hit], store: Texts, text_of: Callable[[Passage], str], *, chunks: int) -> list[Wide]:
    """Each hit with up to `chunks` neighbours on both sides, of its own section alone, in the order of the hits.

    A hit that lies in the section part of a better one is a part of that one, and no source of its own.
    """
    wide: list[Wide] = []
    taken: set[int] = set()
    for hit in hits:
        if hit.passage.key in taken:
            continue
        members = _section(hit.passage, store, chunks, taken) if chunks else (hit.passage,)
        taken.update(member.key for member in members)
        wide.append(Wide(replace(hit, passage=_joined(hit.passage, members, text_of)), members, hit.passage))
    return wide


def narrow(citation: Citation, wide: Sequence[Wide]) -> Citation:
    """The same citation of the chunk in which its quote begins; of the chunk that was found, where it has none."""
    for source in wide:
        if source.hit.passage == citation.hit.passage:
            start = citation.quote.start if citation.verified else source.middle.chunk.start
            holding = [member for member in source.members if member.chunk.start <= start < member.chunk.end]
            # Chunks may overlap: the found one comes before its neighbours.
            passage = source.middle if source.middle in holding or not holding else holding[0]
            quote = citation.quote
            if not citation.verified:  # what was not found stands for its whole passage
                quote = replace(quote, start=passage.chunk.start, end=passage.chunk.end)
            return replace(citation, hit=replace(citation.hit, passage=passage), quote=quote)
    return citation


def _section(passage: Passage, store: Texts, chunks: int, taken: set[int]) -> tuple[Passage, ...]:
    """The passage and its free neighbours of the same section, without a gap, in the order of the document."""
    around = store.neighbours(passage.key, before=chunks, after=chunks)
    place = next(number for number, each in enumerate(around) if each.key == passage.key)
    first = last = place
    while first > 0 and _belongs(around[first - 1], passage, taken):
        first -= 1
    while last + 1 < len(around) and _belongs(around[last + 1], passage, taken):
        last += 1
    # The neighbours come under their document's first path; this passage's own may be another one.
    return tuple(replace(each, document=passage.document, path=passage.path) for each in around[first : last + 1])


def _belongs(other: Passage, passage: Passage, taken: set[int]) -> bool:
    return other.chunk.heading == passage.chunk.heading and other.key not in taken


def _joined(passage: Passage, members: Sequence[Passage], text_of: Callable[[Passage], str]) -> Passage:
    if len(members) == 1:
        return passage
    first, last = members[0].chunk, members[-1].chunk
    text = text_of(passage)[first.start : last.end]
    chunk = Chunk(first.start, last.end, text, first.heading, first.page_start, last.page_end, first.page_label)
    return replace(passage, chunk=chunk)
