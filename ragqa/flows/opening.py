"""`ragqa open`: a citation of an answer found again in the index as it is now, in its page or section."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ragqa.answering import places
from ragqa.answering.quotes import locate
from ragqa.errors import DocumentError, IndexStale, NoEvidence, StorageError, UsageError

if TYPE_CHECKING:
    from ragqa.documents.pictures import Picture
    from ragqa.index.records import DocumentState
    from ragqa.index.store import Store
    from ragqa.types import Document, Page


@dataclass(frozen=True, slots=True)
class Reference:
    """One citation as an answer wrote it down: enough to find it again in an index that may have changed."""

    marker: int
    chunk_id: str
    document: str
    quote: str
    start: int
    end: int
    verified: bool


@dataclass(frozen=True, slots=True)
class View:
    """A page, or a section of a format without pages: `text[start:end]`, with the quotes that stand in it.

    `near` is where the citation points to where no quote was verified. All offsets are those of the document's text.
    """

    state: DocumentState
    document: str
    text: str
    start: int
    end: int
    page: Page | None
    heading: tuple[str, ...]
    quotes: tuple[tuple[int, int], ...]
    near: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Opened:
    """One marker of an answer: every page or section that it quotes, in the order of the answer.

    `missing` are the quotes that the index does not hold any more, `unverified` the words of citations that were not
    verified when the answer was given.
    """

    question: str
    marker: int
    views: tuple[View, ...]
    missing: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


def references(answer: Mapping[str, Any]) -> list[Reference]:
    """The citations of an answer as `ragqa ask --json` writes it. Raises UsageError for anything else."""
    try:
        return [
            Reference(
                marker=int(each["marker"]),
                chunk_id=str(each["chunk_id"]),
                document=str(each["document"]),
                quote=str(each["quote"]),
                start=int(each["quote_start"]),
                end=int(each["quote_end"]),
                verified=bool(each["verified"]),
            )
            for each in answer["citations"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # JSON as Python reads it has Infinity
        raise UsageError(
            "this is no answer as ragqa writes it", remedy="`ragqa ask --json QUESTION > FILE` writes one"
        ) from error


def open_citation(marker: int, answer: Mapping[str, Any], store: Store) -> Opened:
    """Citation `marker` of an answer, in the documents as the index holds them now.

    Raises NoEvidence where the answer has no such citation, or the index holds nothing of it any more.
    """
    cited = references(answer)
    chosen = [each for each in cited if each.marker == marker]
    if not chosen:
        known = ", ".join(str(each) for each in sorted({each.marker for each in cited}))
        which = f"the answer has {known}" if known else "the answer has none, because there was nothing to cite"
        raise NoEvidence(f"there is no citation {marker}: {which}")
    views: dict[tuple[int, int], View] = {}
    missing: list[str] = []
    unverified: list[str] = []
    find = _Finder(store)
    for reference in chosen:
        if not reference.verified:
            unverified.append(reference.quote)
        found = find(reference)
        if found is None:
            missing.append(reference.quote)
            continue
        for view in _views(*found, reference):
            key = (view.state.content_id or 0, view.start)
            views[key] = _with_quotes(views.get(key, view), view.quotes)
    if not views:
        raise NoEvidence(
            f"citation {marker} stands in the index no more: {chosen[0].document} was changed or removed",
            remedy="ask again",
        )
    question = answer.get("question")
    return Opened(
        question if isinstance(question, str) else "", marker, tuple(views.values()), tuple(missing), tuple(unverified)
    )


# --- finding ----------------------------------------------------------------------------------------------------------


class _Finder:
    """Finds references in one snapshot; each document is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states = [state for state in store.documents() if state.content_id is not None]
        self._read: dict[int, Document] = {}

    def __call__(self, reference: Reference) -> tuple[DocumentState, Document, tuple[int, int]] | None:
        """Where the reference stands: by its chunk while that is there, else by its words in the same document."""
        passage = self._store.passage_by_id(reference.chunk_id)
        if passage is not None and passage.chunk_id == reference.chunk_id:
            state = next(state for state in self._states if state.path == passage.path)
            # Equal files are one content: the one that the answer named is shown.
            same = (each for each in self._states if each.content_id == state.content_id)
            state = next((each for each in same if each.display == reference.document), state)
            document = self._document(state)
            if not reference.verified:
                return state, document, (passage.chunk.start, passage.chunk.end)
            if span := _find(reference, document.text):
                return state, document, span
        if not reference.verified:
            return None
        for state in self._states:
            if state.display == reference.document:
                document = self._document(state)
                if span := _find(reference, document.text):
                    return state, document, span
        return None

    def _document(self, state: DocumentState) -> Document:
        assert state.content_id is not None
        if state.content_id not in self._read:
            self._read[state.content_id] = self._store.content(state.content_id)[1]
        return self._read[state.content_id]


def _find(reference: Reference, text: str) -> tuple[int, int] | None:
    """The quote's words letter for letter, where they stood or as near as they stand; else as `locate` finds them."""
    quote, start = reference.quote, max(0, reference.start)
    if not quote:
        return None
    before, behind = text.rfind(quote, 0, start), text.find(quote, start)
    if exact := [place for place in (before, behind) if place >= 0]:
        nearest = min(exact, key=lambda place: abs(place - start))
        return nearest, nearest + len(quote)
    return locate(quote, text)


def _views(state: DocumentState, document: Document, span: tuple[int, int], reference: Reference) -> Iterable[View]:
    """The pages that a span touches, or its section."""
    start, end = span
    pages = places.pages_of(document, start, end)
    stretches: list[tuple[Page | None, int, int]] = [(page, page.start, page.end) for page in pages]
    stretches = stretches or [(None, *places.section_of(document, start, end))]
    for page, first, last in stretches:
        own = (max(start, first), min(end, last))
        yield View(
            state,
            state.display,
            document.text,
            first,
            last,
            page,
            places.headings_above(document, own[0]),
            (own,) if reference.verified else (),
            own,
        )


def _with_quotes(view: View, quotes: tuple[tuple[int, int], ...]) -> View:
    return replace(view, quotes=tuple(sorted({*view.quotes, *quotes})))


# --- the page as a picture --------------------------------------------------------------------------------------------

Draw = Callable[[bytes, int, Sequence[str]], "Picture"]
"""The page with this number of a PDF, the words boxed. Raises DocumentError."""


def picture(view: View, draw: Draw) -> Picture:
    """The page of a view, its quotes boxed, from the file that was ingested.

    Raises UsageError for a document without pages, IndexStale where the file has changed or is gone, StorageError
    where it cannot be read, and what DocumentError says as a StorageError.
    """
    if view.page is None or view.state.record.loader != "pdf":
        raise UsageError(f"{view.document} is no PDF", remedy="--image shows pages of PDF files alone")
    data = _bytes_of(view)
    try:
        return draw(data, view.page.number, [view.text[start:end] for start, end in view.quotes])
    except DocumentError as error:
        raise StorageError(f"no picture of {view.document}: {error.message}", remedy=error.remedy) from error


def _bytes_of(view: View) -> bytes:
    try:
        data = Path(os.fsdecode(view.state.path)).read_bytes()
    except FileNotFoundError as error:
        raise IndexStale(f"{view.document} is not there any more", remedy="the text is in the index still") from error
    except OSError as error:
        raise StorageError(f"cannot read {view.document}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != view.state.record.sha256:
        raise IndexStale(
            f"{view.document} changed since it was ingested", remedy="`ragqa ingest` reads what changed, then ask again"
        )
    return data


def picture_name(view: View, marker: int) -> str:
    """What a picture is called where nobody says: `handbook-p12-citation2.png`, in characters that harm nobody."""
    stem = re.sub(r"[^\w.-]+", "-", PurePath(view.document).stem).strip("-.")[:60] or "page"
    return f"{stem}-p{view.page.number if view.page else 0}-citation{marker}.png"
