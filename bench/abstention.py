"""How often ragqa refuses what it cannot answer, and what it could: measured on collections of several sizes.

    RAGQA_SHARED=FOLDER python bench/abstention.py [--fit]

Every question of bench_dev is asked of the whole set, and of random collections of 20, 100 and 400 passages, once with
the passage that answers it (and some of the same article) and once without that article. `--fit` fits the weights of
`ragqa/answering/evidence.py` on the half of the questions that is for fitting and on those of sample_docs, prints them,
and reports with them. The other half is not fitted on, but variants were compared on it: see decision 0006.

Near misses are measured apart, since they are the hard case: the article is there, but no passage of it that answers,
or that as much as holds the words of the answer. In sample_docs, `near` are questions about what the documents lack by
one number, one place, one name, and `removed` are the answerable ones, asked without the chunks that hold the answer.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from analyzers import MemoryIndex
from corpora import Corpus, holds, load, work_folder

from ragqa.answering import evidence
from ragqa.config import ChunkConfig, RerankConfig, RetrievalConfig
from ragqa.documents import chunking
from ragqa.documents.formats import unsupported
from ragqa.documents.loader import InProcessLoader
from ragqa.models.builtin import BuiltinEmbedder
from ragqa.ports import LexicalIndex, VectorIndex
from ragqa.retrieval import retrieve
from ragqa.text.analyzer import analyze
from ragqa.text.parts import split
from ragqa.types import Document, Passage, Scored

SAMPLES = Path(__file__).resolve().parent.parent / "sample_docs"
SIZES = (20, 100, 400)
NEIGHBOURS = 5
LANGUAGES = ("en", "zh-Hans", "zh-Hant")
WRONGLY_REFUSED = 0.07
HALVES = ("fit", "report")
HELD = ("codes",)
"""Weights that are rules, not fitted: hardly any question of the set names a code that is missing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question asked of one collection, with the features of its hits."""

    size: str
    kind: str
    """`answerable`, `absent`, `near`, `removed` or `cross` (another language)."""
    language: str
    half: str
    """`fit`, `report`, or `sample` for sample_docs."""
    measured: Sequence[Mapping[str, float]]


class Meanings:
    """`ports.VectorIndex` in memory."""

    def __init__(self, keys: Sequence[int], vectors: Any) -> None:
        self.keys = np.array(keys)
        self.matrix = vectors[self.keys]

    def search(self, query: Any, k: int) -> list[Scored]:
        scores = self.matrix @ query
        return [Scored(int(self.keys[row]), float(scores[row])) for row in np.argsort(-scores, kind="stable")[:k]]

    def scores(self, query: Any, keys: Sequence[int]) -> dict[int, float]:
        return {key: float(self.matrix[np.searchsorted(self.keys, key)] @ query) for key in keys}


@dataclass(frozen=True, slots=True)
class Collection:
    """The chunks of some articles, searchable through the ports."""

    words: LexicalIndex
    meanings: VectorIndex

    def without(self, keys: Iterable[int]) -> Collection:
        """The same, but these chunks are never found. How common words are is told as if they were there."""
        gone = frozenset(keys)
        return Collection(_WordsWithout(self.words, gone), _MeaningsWithout(self.meanings, gone))


class _WordsWithout:
    """`ports.LexicalIndex` over another one, some of whose chunks are not found."""

    def __init__(self, inner: LexicalIndex, gone: frozenset[int]) -> None:
        self.inner, self.gone, self.name = inner, gone, inner.name
        self.frequencies, self.scores, self.idf = inner.frequencies, inner.scores, inner.idf

    def search(self, terms: Sequence[str], k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        found = self.inner.search(terms, k + len(self.gone), question=question, required=required)
        return [hit for hit in found if hit.key not in self.gone][:k]


class _MeaningsWithout:
    """`ports.VectorIndex` over another one, some of whose chunks are not found."""

    def __init__(self, inner: VectorIndex, gone: frozenset[int]) -> None:
        self.inner, self.gone, self.scores = inner, gone, inner.scores

    def search(self, query: Any, k: int) -> list[Scored]:
        return [hit for hit in self.inner.search(query, k + len(self.gone)) if hit.key not in self.gone][:k]


class Library:
    """All chunks of a corpus, embedded once and kept for the next run."""

    def __init__(self, kept: str, documents: Iterable[tuple[str, str, Document]], embedder: BuiltinEmbedder) -> None:
        """`documents` are (source, article, document): a benchmark's passage, or a file, and what it is part of."""
        self.embedder = embedder
        self.passages: list[Passage] = []
        self.of_source: dict[str, list[int]] = defaultdict(list)
        self.titles: list[str] = []
        size, count = ChunkConfig(), embedder.count_tokens
        for source, article, document in documents:
            # A benchmark's passages have ids, not names, and the name counts as evidence.
            name = source if PurePath(source).suffix else ""
            for chunk in chunking.split(document, tokens=size.tokens, overlap=size.overlap, count=count):
                key = len(self.passages)
                self.passages.append(
                    Passage(key, f"{key:016x}", name, source.encode(), document.title, document.language, chunk)
                )
                self.of_source[source].append(key)
                self.titles.append(article)
        texts = [passage.chunk.indexed_text for passage in self.passages]
        self.counts = [Counter(analyze(text)) for text in texts]
        self.shares = [embedder.unknown_share(text) for text in texts]
        self.vectors = self._embedded(texts, work_folder(kept) / "vectors.npz")

    def _embedded(self, texts: Sequence[str], path: Path) -> Any:
        import hashlib

        stamp = hashlib.sha256("\0".join([self.embedder.fingerprint, *texts]).encode()).hexdigest()
        if path.exists() and (kept := np.load(path))["stamp"] == stamp:
            return kept["vectors"]
        print(f"embedding {len(texts)} chunks", file=sys.stderr)
        vectors = self.embedder.embed(texts, kind="passage")
        np.savez(path, vectors=vectors, stamp=stamp)
        return vectors

    def collection(self, keys: Iterable[int]) -> Collection:
        chosen = sorted(keys)
        words = MemoryIndex(chosen, [self.counts[key] for key in chosen])
        return Collection(words, Meanings(chosen, self.vectors))

    def measure(self, question: str, collection: Collection) -> list[dict[str, float]]:
        """The features as `ask` would compute them over this collection, of the question and of each of its parts."""
        return [features for part in (question, *split(question)) for features in self._measure(part, collection)]

    def _measure(self, question: str, collection: Collection) -> list[dict[str, float]]:
        found = retrieve(
            question,
            embedder=self.embedder,
            vectors=collection.meanings,
            lexical=collection.words,
            passages=lambda keys: [self.passages[key] for key in keys],
            unknown_shares=lambda keys: {key: self.shares[key] for key in keys},
            settings=RetrievalConfig(),
            rerank=RerankConfig(model="none"),
        )
        searched, background = found.trace.query.text, found.trace.background
        return evidence.measure(searched, found.hits, idf=collection.words.idf, background=background)


def examples(corpus: Corpus, library: Library) -> Iterator[Example]:
    """Every question over the whole corpus and over small collections with and without its article."""
    chance = random.Random(20261120)
    whole = library.collection(range(len(library.passages)))
    languages = [passage.language for passage in library.passages]
    for question in corpus.questions:
        if not question.text.strip():
            continue
        kind = {"absent": "absent", "cross-language": "cross"}.get(question.group.split(" ")[0], "answerable")
        language = question.group.split(" ")[1] if kind == "absent" else question.group.split(" ")[0]
        half = question.half
        yield Example("all", kind, language, half, library.measure(question.text, whole))
        if kind == "cross":
            continue
        gold = {key for source in question.relevant for key in library.of_source[source]}
        titles = {library.titles[key] for key in gold}
        article = [key for key, title in enumerate(library.titles) if title in titles and key not in gold]
        # Passages without a title are of no article; one that holds the answer's words may answer too.
        holders = {key for key in article if holds(library.passages[key].chunk.text, question.answers)}
        beside = [key for key in article if key not in holders] if "" not in titles else []
        if kind == "answerable" and beside:
            yield Example("all", "near", language, half, library.measure(question.text, whole.without(gold | holders)))
        mixed = chance.random() < 0.5
        others = [
            key
            for key, title in enumerate(library.titles)
            if title not in titles and (mixed or languages[key] == language)
        ]
        for size in SIZES:
            filler = chance.sample(others, min(size, len(others)))
            collections = {"absent": filler}
            if kind == "answerable":
                near = chance.sample(article, min(NEIGHBOURS, len(article)))
                collections["answerable"] = [*gold, *near, *filler[: size - len(gold) - len(near)]]
                if lacking := [key for key in near if key in beside]:
                    collections["near"] = [*lacking, *filler[: size - len(lacking)]]
            for name, keys in collections.items():
                measured = library.measure(question.text, library.collection(keys))
                yield Example(str(size), name, language, half, measured)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--fit", action="store_true", help="fit the weights anew and print them")
    options = arguments.parse_args()
    corpus = load("bench_dev")
    embedder = BuiltinEmbedder(work_folder("models"))
    found = list(examples(corpus, Library(corpus.name, _passages(corpus), embedder)))
    samples = list(sample_examples(Library("sample_docs", _samples(), embedder)))
    weights = dict(evidence.WEIGHTS)
    if options.fit:
        weights = fit([example for example in found if example.half == "fit"] + samples)
        print(json.dumps({name: round(weight, 2) for name, weight in weights.items()}))
    report([*found, *samples], weights)
    print()
    near_misses([*found, *samples], weights)
    print("\nsample_docs and `fit` are questions that the weights were fitted on.")


def _passages(corpus: Corpus) -> Iterator[tuple[str, str, Document]]:
    for source, (title, text) in corpus.passages.items():
        data = (f"# {title}\n\n" if title else "").encode() + text.encode()
        yield source, title, InProcessLoader().load(data, "passage.md")


def _samples() -> Iterator[tuple[str, str, Document]]:
    for path in sorted(SAMPLES.iterdir()):
        if unsupported(path.name) is None:
            yield path.name, path.name, InProcessLoader().load(path.read_bytes(), path.name)


def sample_examples(library: Library) -> Iterator[Example]:
    """The questions of sample_docs, whose unanswerable ones are near: the place is there, the answer is not."""
    everything = library.collection(range(len(library.passages)))
    for line in (SAMPLES / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        kind = "answerable" if row["answerable"] else "near"
        yield Example("sample_docs", kind, row["language"], "sample", library.measure(row["question"], everything))
        gone = [
            key
            for key in library.of_source[row.get("document") or ""]
            if row["answerable"] and holds(library.passages[key].chunk.text, row["answers"])
        ]
        if gone:
            measured = library.measure(row["question"], everything.without(gone))
            yield Example("sample_docs", "removed", row["language"], "sample", measured)


def probability(example: Example, weights: Mapping[str, float]) -> float:
    if not example.measured:
        return 0.0
    best = max(evidence.logit(measured, weights) for measured in example.measured)
    return 1 / (1 + math.exp(-best))


def fit(found: Sequence[Example], *, rounds: int = 8, penalty: float = 0.3) -> dict[str, float]:
    """Logistic regression of "answerable" on the features of each example's best hit, which the weights choose.

    Both classes weigh the same, and so do the sizes within a class. The constant is then set so that WRONGLY_REFUSED of
    the answerable questions fall below one half.
    """
    used = [example for example in found if example.measured and example.kind not in ("cross", "removed")]
    names = ["constant", *used[0].measured[0]]
    table = [np.array([[1.0, *measured.values()] for measured in example.measured]) for example in used]
    truth = np.array([float(example.kind == "answerable") for example in used])
    groups = Counter((example.kind == "answerable", example.size) for example in used)
    importance = np.array([1.0 / groups[example.kind == "answerable", example.size] for example in used])
    importance *= len(used) / importance.sum()
    vector = np.array([evidence.WEIGHTS.get(name, 0.0) for name in names])
    free = np.array([name not in HELD for name in names])
    for _ in range(rounds):
        rows = np.stack([hits[np.argmax(hits @ vector)] for hits in table])
        vector[free] = _newton(rows[:, free], rows[:, ~free] @ vector[~free], truth, importance, penalty)
    logits = np.array([np.max(hits @ vector) for hits in table])
    vector[0] -= np.quantile(logits[truth == 1], WRONGLY_REFUSED)
    return dict(zip(names, vector.tolist(), strict=True))


def _newton(rows: Any, offset: Any, truth: Any, importance: Any, penalty: float) -> Any:
    vector = np.zeros(rows.shape[1])
    ridge = np.diag([0.0, *[penalty] * (rows.shape[1] - 1)])
    for _ in range(40):
        probabilities = 1 / (1 + np.exp(-(rows @ vector + offset)))
        gradient = rows.T @ (importance * (truth - probabilities)) - ridge @ vector
        curvature = (rows * (importance * probabilities * (1 - probabilities))[:, None]).T @ rows + ridge
        step = np.linalg.solve(curvature, gradient)
        vector += step
        if np.abs(step).max() < 1e-6:
            break
    return vector


def report(found: Sequence[Example], weights: Mapping[str, float]) -> None:
    """One table: for each size of collection, language and half of the questions, what was refused."""
    kinds = {"answerable": "wrongly refused", "absent": "refused, absent", "cross": "cross"}
    columns = [f"{name}: {half}" for name in kinds.values() for half in HALVES]
    print(f"| collection | language | {' | '.join(columns)} |")
    print("|---|---|" + "---|" * len(columns))
    for size, language in itertools.product(("all", *map(str, SIZES)), (*LANGUAGES, "together")):
        cells = [_refused(found, weights, size, language, half, kind) for kind in kinds for half in HALVES]
        print(f"| {size} | {language} | " + " | ".join(cells) + " |")


def near_misses(found: Sequence[Example], weights: Mapping[str, float]) -> None:
    """One table: near misses refused, and beside them the answerable questions of the same collection."""
    print("| collection | language | half | near misses refused | wrongly refused |")
    print("|---|---|---|---|---|")
    for size, language in itertools.product(("all", *map(str, SIZES)), (*LANGUAGES, "together")):
        for half in HALVES:
            if cell := _refused(found, weights, size, language, half, "near"):
                print(f"| {size} | {language} | {half} | {cell} | {_refused(found, weights, size, language, half)} |")
    for kind, language in itertools.product(("near", "removed"), (*LANGUAGES, "together")):
        cells = (_refused(found, weights, "sample_docs", language, "sample", each) for each in (kind, "answerable"))
        print(f"| sample_docs, {kind} | {language} | fit | {' | '.join(cells)} |")


def _refused(
    found: Sequence[Example],
    weights: Mapping[str, float],
    size: str,
    language: str,
    half: str,
    kind: str = "answerable",
) -> str:
    """The share of these examples that is refused, and of how many; nothing where there are none."""
    refused = [
        probability(example, weights) < evidence.REFUSE_BELOW
        for example in found
        if (example.size, example.half, example.kind) == (size, half, kind)
        and language in (example.language, "together")
    ]
    return f"{sum(refused) / len(refused):.3f} of {len(refused)}" if refused else ""


if __name__ == "__main__":
    main()
