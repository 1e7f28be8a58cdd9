"""Asks a benchmark's questions of a real index and measures what comes back: what retrieval's tables stand on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal
from unittest import mock

from corpora import Corpus, Question, build_index

from ragqa import closeness, config, wiring
from ragqa.evaluation import answers
from ragqa.evaluation.comparison import Row, compare
from ragqa.evaluation.metrics import ALL, Ranked, ranking_values
from ragqa.flows import search
from ragqa.flows.widening import reader, widen
from ragqa.text import exact

if TYPE_CHECKING:
    from ragqa.flows.search import Searching
    from ragqa.index.records import IndexedChunk
    from ragqa.index.store import Store
    from ragqa.ports import Embedder, LexicalIndex
    from ragqa.types import Passage, Vectors

SETS = ("bench_dev", "anthropic_docs", "domainrag")
GROUPS = {
    "en": "mrr@10",
    "zh-Hans": "mrr@10",
    "zh-Hant": "mrr@10",
    "zh-Hant asked in Simplified": "mrr@10",
    "anthropic_docs": "ndcg@10",
    "domainrag": "ndcg@10",
}
"""The groups of questions that a choice is judged by, and the metric that it is judged with in each."""
HELD = "answer_containment"
"""The share of questions of which an answer stands, word for word, in one of the first five hits."""
SIZE = "characters@5"
"""How many characters these five have, in thousands."""
DEPTH = 40
"""Places of a ranking that are looked at: enough for ten passages of the benchmark, some of which are cut in pieces."""

Values = Mapping[str, Mapping[str, float]]
"""Metric values by the id of the question."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is asked; one that is asked in two scripts is in two groups, under two ids."""

    id: str
    text: str
    group: str
    question: Question


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one question brought: distinct passages of the benchmark, best first, and the texts of the first hits."""

    passages: Sequence[str]
    texts: Sequence[str] = ()


Way = Callable[[str], Outcome]
"""How a question is answered with passages."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to retrieve: settings other than the defaults, another index, or something patched while it is asked.

    `index` is the name of the index and the variables it was made with. `lexical` makes another lexical index.
    `neighbours` of a hit are joined to it, on either side, as for a model that answers; that changes no rank.
    """

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)
    index: tuple[str, tuple[tuple[str, str], ...]] = ("", ())
    making: Callable[[], AbstractContextManager[object]] = nullcontext
    asking: Callable[[], AbstractContextManager[object]] = nullcontext
    lexical: Callable[[Sequence[IndexedChunk]], LexicalIndex] | None = None
    neighbours: int = 0


DEFAULT = Variant("as it is")


def asked(corpus: Corpus) -> list[Asked]:
    """The questions that have an answer among the passages; those in Traditional characters in Simplified ones too."""
    from opencc import OpenCC

    convert = OpenCC("t2s").convert
    found = []
    for question in corpus.questions:
        if not question.relevant:
            continue
        group = question.group.partition(" -> ")[0]
        found.append(Asked(question.id, question.text, group, question))
        if group == "zh-Hant":
            found.append(
                Asked(f"{question.id}/simplified", convert(question.text), f"{group} asked in Simplified", question)
            )
    return found


class Bench:
    """One benchmark, and the indexes that were made of it; what no variant changes is worked out once."""

    def __init__(self, name: str, corpus: Corpus) -> None:
        self.name = name
        self.corpus = corpus
        self.asked = asked(corpus)
        self._read: dict[str, tuple[dict[int, Passage], dict[int, float]]] = {}
        self.embedder = Remembering(wiring.embedder(config.Config().embedding, notice=print))

    @contextmanager
    def opened(self, variant: Variant) -> Iterator[tuple[Searching, dict[str, str]]]:
        """What the variant searches with, and file name -> passage id."""
        with variant.making():
            index, names = self._index(*variant.index)
        settings = config.load(environment={}, flags=variant.settings)
        terms = mock.patch.object(closeness.Terms, "of", terms_of)
        text = mock.patch.object(exact, "searchable", searchable)
        with wiring.open_store(index) as store, terms, text, variant.asking():
            parts = wiring.searching(store, settings, notice=print)
            parts = replace(parts, embedder=self.embedder, store=self._remembering(store, variant.index[0]))
            if variant.lexical is not None:
                parts = replace(parts, lexical=variant.lexical(list(store.chunks())))
            yield parts, names

    def ask(self, variant: Variant, groups: Sequence[str]) -> Values:
        """The values of every question in these groups, through the code that a user's question goes through."""
        with self.opened(variant) as (parts, names):
            return self.values(lambda text: outcome(text, parts, names, neighbours=variant.neighbours), groups)

    def values(self, way: Way, groups: Sequence[str]) -> Values:
        chosen = [each for each in self.asked if each.group in groups]
        ranked: dict[str, Ranked] = {}
        texts: dict[str, dict[str, float]] = {}
        for each in chosen:
            found = way(each.text)
            numbers = {passage: number for number, passage in enumerate(sorted(each.question.relevant))}
            ranked[each.id] = Ranked([numbers.get(passage) for passage in found.passages], [1] * len(numbers))
            if each.question.answers:
                keys = [answers.key(answer) for answer in each.question.answers]
                held = any(answers.holds(_key(text), keys) for text in found.texts)
                texts[each.id] = {HELD: float(held), SIZE: sum(map(len, found.texts)) / 1000}
        return {name: {**own, **texts.get(name, {})} for name, own in ranking_values(ranked).items()}

    def _remembering(self, store: Store, index: str) -> Store:
        """The store, reading each passage once."""
        passages, shares = self._read.setdefault(index, ({}, {}))
        read, read_shares = store.passages, store.unknown_shares

        def remembered(keys: Sequence[int]) -> list[Passage]:
            missing = [key for key in keys if key not in passages]
            passages.update(zip(missing, read(missing), strict=True))
            return [passages[key] for key in keys]

        def remembered_shares(keys: Sequence[int]) -> dict[int, float]:
            shares.update(read_shares([key for key in keys if key not in shares]))
            return {key: shares[key] for key in keys}

        store.passages, store.unknown_shares = remembered, remembered_shares  # type: ignore[method-assign]
        return store

    def _index(self, name: str, environment: tuple[tuple[str, str], ...]) -> tuple[Path, dict[str, str]]:
        return build_index(self.corpus, name=name, environment=dict(environment))


def outcome(text: str, parts: Searching, names: Mapping[str, str], *, neighbours: int = 0) -> Outcome:
    """What a user's question brings, as passages of the benchmark: the hits, then what was too far down."""
    found = search.retrieve(text, parts)
    hits, trace = found.hits, found.trace
    reranked = trace.reranking.order if trace.reranking else ()
    below = [scored.key for scored in (*reranked, *trace.fused) if scored.key not in trace.duplicates]
    rest = [key for key in dict.fromkeys(below) if key not in {hit.passage.key for hit in hits}]
    passages = [*(hit.passage for hit in hits), *parts.passages(rest[: DEPTH - len(hits)])]
    wide = widen(hits, parts.store, reader(parts.store), chunks=neighbours)
    return Outcome(
        [*dict.fromkeys(names[PurePath(passage.document).name] for passage in passages)],
        [each.hit.passage.chunk.text for each in wide[:5]],
    )


def mean(values: Values, chosen: Sequence[Asked], metric: str, half: str = "") -> float | None:
    """The mean over some questions, or one half of them; None where none has a value."""
    told = [
        values[each.id][metric]
        for each in chosen
        if each.id in values and metric in values[each.id] and half in ("", each.question.half)
    ]
    return sum(told) / len(told) if told else None


def differences(before: Values, after: Values, chosen: Sequence[Asked], metric: str) -> tuple[float, float, float]:
    """The mean difference over some questions, and the interval that holds it in 95 of 100 resamples."""
    rows = [[Row(each.id, "", ALL, {metric: values[each.id][metric]}) for each in chosen] for values in (before, after)]
    found = compare(*rows).differences[0]
    return found.mean, found.low, found.high


@functools.lru_cache(maxsize=65536)
def _key(text: str) -> str:
    return answers.key(text)


@contextmanager
def readable_alone() -> Iterator[None]:
    """Passages that the built-in embedder cannot read are not embedded: an index whose dense half nobody asks for them.

    Retrieval takes them out again, so that the study of chunks comes to the same with a fraction of the work.
    """
    from ragqa.models.builtin import BuiltinEmbedder

    embed, gate = BuiltinEmbedder.embed, config.Config().retrieval.gate_unknown

    def sparingly(self: BuiltinEmbedder, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        import numpy as np

        missing = [text for text in texts if text not in _ROWS and self.unknown_share(text) <= gate]
        _ROWS.update(zip(missing, embed(self, missing, kind=kind), strict=True))
        nowhere = np.eye(1, self.dimensions, dtype=np.float32)[0]
        return np.stack([_ROWS.get(text, nowhere) for text in texts])

    with mock.patch.object(BuiltinEmbedder, "embed", sparingly):
        yield


_ROWS: dict[str, Vectors] = {}
"""Vectors of passages: most are the same in several of the indexes."""


terms_of = functools.lru_cache(maxsize=200_000)(closeness.Terms.of)
searchable = functools.lru_cache(maxsize=200_000)(exact.searchable)
"""A passage's terms and its folded text, worked out once for all questions: that changes the time and nothing else."""


class Remembering:
    """An embedder that reads each text once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name, self.fingerprint = embedder.name, embedder.fingerprint
        self.dimensions, self.max_tokens = embedder.dimensions, embedder.max_tokens
        self._rows: dict[str, Vectors] = {}
        self.count_tokens = functools.lru_cache(maxsize=65536)(embedder.count_tokens)
        self._unknown_share = functools.lru_cache(maxsize=65536)(embedder.unknown_share)

    def unknown_share(self, text: str) -> float:
        return self._unknown_share(text)

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        import numpy as np

        for text in texts:
            if kind + text not in self._rows:
                self._rows[kind + text] = self._embedder.embed([text], kind=kind)[0]
        return np.stack([self._rows[kind + text] for text in texts])
