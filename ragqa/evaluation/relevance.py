"""What counts as right: for each question, the passages that hold what it asks for, and the places of a ranking.

A place is a page, or the whole document where it has no pages. A question names one target, and a collection's question
as many as it has relevant passages; a passage that is part of a target stands for that target, whatever its own place.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ragqa.evaluation.answers import holds, key
from ragqa.evaluation.questions import Question
from ragqa.types import Chunk


@dataclass(frozen=True, slots=True)
class Name:
    """One path that the index knows: as it is shown, as it is, and what is stored of it (None: nothing)."""

    display: str
    path: str
    content: int | None


@dataclass(frozen=True, slots=True)
class Gold:
    """What a question asks for, in one index.

    `targets` are sets of passage keys (empty: not in the index), each with its gain; without any, the question says
    nothing about retrieval. `contents` are the documents it may stand in, None where any will do; `page` is None where
    there is none to tell. `verbatim` says that one of the answers stands in a passage of a target.
    """

    targets: tuple[frozenset[int], ...] = ()
    gains: tuple[int, ...] = ()
    contents: frozenset[int] | None = None
    page: int | None = None
    verbatim: bool = False

    @property
    def keys(self) -> frozenset[int]:
        return frozenset().union(*self.targets)

    def is_cited_by(self, *, passage: int, content: int | None, page: int | None) -> bool:
        """Whether a citation points at the right document and, where both tell one, the right page."""
        if self.contents is None:
            return passage in self.keys
        return content in self.contents and (self.page is None or page is None or page == self.page)


@dataclass(slots=True)
class _Search:
    """A question under way: what it wants, and the passages met so far."""

    question: Question
    contents: Sequence[frozenset[int]]
    """For each target the documents it may stand in; one empty set and `anywhere` for answers alone."""
    anywhere: bool
    answers: Sequence[str]
    keys: list[set[int]]
    holding: set[int]


def named(document: str, names: Sequence[Name]) -> list[Name]:
    """The paths that a question's `document` means: exactly, else by the ending of the path."""
    wanted = _normal(document)
    exact = [name for name in names if wanted in (_normal(name.display), _normal(name.path))]
    ending = "/" + wanted.lstrip("/")
    return exact or [name for name in names if _normal(name.path).endswith(ending)]


def gather(
    questions: Sequence[Question],
    names: Sequence[Name],
    chunks: Iterable[tuple[int, int, Chunk]],
    passages: Mapping[str, int | None] | None = None,
) -> list[Gold]:
    """The gold of each question, in one walk over the index's `chunks` (key, content, chunk).

    `passages` maps the passage ids of a collection to what is stored of them. For a question that names a document:

    - with a page, every passage that touches the page (the whole document where that has no pages);
    - with answers and no page, the passages of the document that hold one of them or, where none does, because the
      answers are put in other words, all its passages;
    - with neither, all passages of the document.

    Answers without a document are looked for everywhere.
    """
    searches = [_begin(question, names, passages) for question in questions]
    by_content: dict[int, list[_Search]] = {}
    everywhere = [search for search in searches if search.anywhere]
    for search in searches:
        for content in frozenset().union(*search.contents):
            by_content.setdefault(content, []).append(search)
    for passage, content, chunk in chunks:
        if wanting := [*by_content.get(content, ()), *everywhere]:
            text = key(chunk.indexed_text) if any(search.answers for search in wanting) else ""
            for search in wanting:
                _meet(search, passage, content, chunk, text)
    return [_end(search) for search in searches]


def _begin(question: Question, names: Sequence[Name], passages: Mapping[str, int | None] | None) -> _Search:
    contents: list[frozenset[int]] = []
    anywhere = False
    if passages is not None:
        contents = [_known(passages.get(passage)) for passage in question.relevant]
    elif question.document is not None:
        contents = [frozenset().union(*(_known(name.content) for name in named(question.document, names)))]
    elif question.answers:
        contents, anywhere = [frozenset()], True
    answers = [key(answer) for answer in question.answers]
    return _Search(question, contents, anywhere, answers, [set() for _ in contents], set())


def _known(content: int | None) -> frozenset[int]:
    return frozenset() if content is None else frozenset((content,))


def _meet(search: _Search, passage: int, content: int, chunk: Chunk, text: str) -> None:
    page = search.question.page
    if page is not None and chunk.page_start is not None:
        last = chunk.page_end if chunk.page_end is not None else chunk.page_start
        if not chunk.page_start <= page <= last:
            return
    for contents, keys in zip(search.contents, search.keys, strict=True):
        if search.anywhere or content in contents:
            keys.add(passage)
    if holds(text, search.answers):
        search.holding.add(passage)


def _end(search: _Search) -> Gold:
    question = search.question
    found = [frozenset(keys) for keys in search.keys]
    gains = list(question.relevant.values()) or [1] * len(found)
    if not question.relevant and question.page is None and (search.holding or search.anywhere):
        found = [frozenset(search.holding)]
    merged: dict[frozenset[int], int] = {}
    missing = [gain for keys, gain in zip(found, gains, strict=True) if not keys]
    for keys, gain in zip(found, gains, strict=True):  # passages with the same text are stored once
        if keys:
            merged[keys] = max(gain, merged.get(keys, 0))
    return Gold(
        targets=(*merged, *(frozenset[int]() for _ in missing)),
        gains=(*merged.values(), *missing),
        contents=None if search.anywhere or not found else frozenset().union(*search.contents),
        page=question.page,
        verbatim=bool(search.holding),
    )


def places(
    ranking: Sequence[int], targets: Sequence[frozenset[int]], place_of: Callable[[Sequence[int]], Iterable[Hashable]]
) -> Iterator[int | None]:
    """The ranking as distinct places, best first: the number of a target, or None for a place that is none.

    Passages of a place that was there before count once, at its best rank; `place_of` gives the places of passages.
    """
    seen: set[Hashable] = set()
    reached: set[int] = set()
    for start in range(0, len(ranking), _TOGETHER):
        part = ranking[start : start + _TOGETHER]
        for passage, place in zip(part, place_of(part), strict=True):
            hit = [number for number, keys in enumerate(targets) if passage in keys]
            if hit:
                if new := [number for number in hit if number not in reached]:
                    reached.add(new[0])
                    yield new[0]
            elif place not in seen:
                seen.add(place)
                yield None


_TOGETHER = 64


def _normal(path: str) -> str:
    return posixpath.normpath(unicodedata.normalize("NFC", path))
