"""What the study of retrieval varies: for each stage the defaults, and one thing at a time done otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from unittest import mock

import analyzers
from analyzers import MemoryIndex, changed
from measuring import DEFAULT, Remembering, Variant, readable_alone

from ragqa import closeness, literal, query, retrieval
from ragqa.config import Config
from ragqa.types import Chunk

CONFIG = Config()


@dataclass(frozen=True, slots=True)
class Stage:
    """One table: `key` names its place in the document. `texts`: it is told by what the first hits hold, too.

    `default` is what its rows are compared with.
    """

    key: str
    variants: Sequence[Variant]
    texts: bool = False
    default: Variant = DEFAULT

    def is_default(self, variant: Variant) -> bool:
        return replace(variant, name="") == replace(self.default, name="")


def stages(reranker: str = "") -> list[Stage]:
    """All tables, in the order of the document; the row of the defaults is in each."""
    return [
        Stage("analyzer", _analyzer()),
        Stage("bm25", _bm25()),
        Stage("fusion", _fusion()),
        Stage("gate", _over("retrieval.gate_unknown", (0.05, 0.1, 0.2, 0.5, 1.0), "{:g}", last=_WORDS_ALONE)),
        Stage("candidates", [*_over("retrieval.candidates", (30, 50, 100, 200), "{}"), *_pool()]),
        Stage("chunks", _chunks(), texts=True),
        Stage("headings", _headings(), texts=True),
        Stage("exact", _exact()),
        Stage("spelling", [named(DEFAULT, "on"), Variant("off", {"retrieval.spelling": False})]),
        Stage("coverage", _over("retrieval.coverage_weight", (0.0, 0.15, 0.3, 0.5), "{:g}")),
        Stage("duplicates", _duplicates(), texts=True),
        Stage("reranker", _reranker(reranker)),
        Stage("parts", [named(DEFAULT, "by rules"), Variant("off", {"retrieval.split": "off"})]),
        Stage(
            "neighbours",
            _neighbours(),
            texts=True,
            default=Variant("as it is, with neighbours", neighbours=CONFIG.answer.neighbours),
        ),
    ]


def controls() -> list[Variant]:
    """The defaults got by the ways that the study takes to other variants: they must give what the defaults give."""
    tokens, overlap = CONFIG.chunk.tokens, CONFIG.chunk.overlap
    return [
        Variant("control: terms in memory", lexical=MemoryIndex.over, asking=changed(lambda stack: None)),
        _chunked("control: only readable passages embedded", tokens, overlap),
    ]


def named(variant: Variant, name: str) -> Variant:
    return replace(variant, name=name)


def _over(setting: str, values: Sequence[float], form: str, *, last: Variant | None = None) -> list[Variant]:
    """A setting's values, the default in its place among them."""
    table, entry = setting.split(".")
    default = getattr(getattr(CONFIG, table), entry)
    rows = [
        named(DEFAULT, form.format(value)) if value == default else Variant(form.format(value), {setting: value})
        for value in sorted({*values, default})
    ]
    return rows if last is None else [*rows, last]


# --- words ------------------------------------------------------------------------------------------------------------


def _analyzer() -> list[Variant]:
    changes: Mapping[str, analyzers.Change] = {
        "Traditional and Simplified not folded": analyzers.without_folding,
        "Chinese: single characters alone": analyzers.single_characters,
        "Chinese: pairs alone": analyzers.pairs,
        "Chinese: common characters kept": analyzers.with_stop_characters,
        "Chinese: question phrases and particles kept, too": analyzers.without_cutting,
        "English: no stemming": analyzers.without_stemming,
        "English: stop words kept": analyzers.with_stop_words,
    }
    return [
        named(DEFAULT, "as it is"),
        *(Variant(name, lexical=MemoryIndex.over, asking=changed(change)) for name, change in changes.items()),
    ]


def _bm25() -> list[Variant]:
    own = (CONFIG.retrieval.bm25_k1, CONFIG.retrieval.bm25_b)
    grid = sorted({(0.8, 0.75), (1.2, 0.4), (1.2, 0.6), (1.2, 0.75), (1.2, 0.9), (1.6, 0.75), (2.0, 0.75), own})
    return [
        named(DEFAULT, f"k1 {k1:g}, b {b:g}")
        if (k1, b) == own
        else Variant(f"k1 {k1:g}, b {b:g}", {"retrieval.bm25_k1": k1, "retrieval.bm25_b": b})
        for k1, b in grid
    ]


# --- two rankings -----------------------------------------------------------------------------------------------------


def _fusion() -> list[Variant]:
    without = {"retrieval.coverage_weight": 0.0}
    return [
        *_over("retrieval.dense_weight", (0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 1.0), "convex, {:g} for meaning"),
        Variant("convex as it is, without coverage", without),
        Variant("reciprocal ranks (always without coverage)", {"retrieval.fusion": "rrf"}),
    ]


@contextmanager
def _nothing_readable() -> Iterator[None]:
    with mock.patch.object(Remembering, "unknown_share", lambda self, text: 1.0):
        yield


_WORDS_ALONE = Variant("nothing is read: words alone", {"retrieval.gate_unknown": 0.0}, asking=_nothing_readable)


def _pool() -> list[Variant]:
    return [
        Variant(f"as it is, {size} of them looked into", asking=_constants(retrieval, POOL=size))
        for size in (16, 24, 32, 64, 100)
        if size != retrieval.POOL
    ]


# --- passages ---------------------------------------------------------------------------------------------------------


def _chunked(name: str, tokens: int, overlap: int) -> Variant:
    made = (("RAGQA_CHUNK_TOKENS", str(tokens)), ("RAGQA_CHUNK_OVERLAP", str(overlap)))
    return Variant(name, index=(f"chunk-{tokens}-{overlap}", made), making=readable_alone)


def _chunks() -> list[Variant]:
    own = (CONFIG.chunk.tokens, CONFIG.chunk.overlap)
    grid = sorted({(tokens, overlap) for tokens in (128, 192, 250) for overlap in (0, 32)} | {own})
    return [
        named(DEFAULT, f"{tokens} tokens, overlap {overlap}")
        if (tokens, overlap) == own
        else _chunked(f"{tokens} tokens, overlap {overlap}", tokens, overlap)
        for tokens, overlap in grid
    ]


def _headings() -> list[Variant]:
    """An index without headings in what is embedded and indexed; the path is stored with each passage all the same."""

    @contextmanager
    def making() -> Iterator[None]:
        with readable_alone(), mock.patch.object(Chunk, "indexed_text", property(lambda chunk: chunk.text)):
            yield

    bare = Variant("", index=("no-headings", ()), making=making)

    def of_text(chunks: Sequence[object]) -> MemoryIndex:
        return MemoryIndex.over(chunks, text=lambda chunk: chunk.text)  # type: ignore[arg-type]

    return [
        named(DEFAULT, "in both"),
        Variant("in what is embedded alone", lexical=of_text),
        replace(bare, name="in the words alone", lexical=MemoryIndex.over),
        replace(bare, name="in neither"),
    ]


def _duplicates() -> list[Variant]:
    shown = closeness.NEAR_DUPLICATES_SHOWN
    return [
        named(DEFAULT, f"at most {shown} of near-duplicates"),
        *(
            Variant(f"at most {number} of near-duplicates", asking=_constants(closeness, NEAR_DUPLICATES_SHOWN=number))
            for number in (1, 2, 3)
            if number != shown
        ),
        Variant("all shown", {"retrieval.collapse": False}),
    ]


def _neighbours() -> list[Variant]:
    numbers = sorted({0, 1, 2, CONFIG.answer.neighbours})
    return [Variant(f"{number} on either side", neighbours=number) for number in numbers]


# --- a look into the best ---------------------------------------------------------------------------------------------


def _exact() -> list[Variant]:
    own = literal.IDENTIFIER_BONUS
    return [
        Variant("off", asking=_constants(query, find=lambda question: ())),
        *(
            named(DEFAULT, f"an identifier adds {bonus:g}")
            if bonus == own
            else Variant(f"an identifier adds {bonus:g}", asking=_constants(literal, IDENTIFIER_BONUS=bonus))
            for bonus in sorted({0.0, 0.1, 0.2, 0.4, own})
        ),
    ]


def _reranker(name: str) -> list[Variant]:
    rows = [named(DEFAULT, "none")]
    return [*rows, Variant(name, {"rerank.model": name})] if name else rows


def _constants(module: object, **values: object) -> Callable[[], AbstractContextManager[object]]:
    @contextmanager
    def during() -> Iterator[None]:
        with ExitStack() as stack:
            for name, value in values.items():
                stack.enter_context(mock.patch.object(module, name, value))
            yield

    return during
