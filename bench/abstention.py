"""How often ragqa refuses what it cannot answer, and what it could: measured on collections of several sizes.

    RAGQA_SHARED=FOLDER python bench/abstention.py [--fit]

Every question of bench_dev is asked of the whole set, and of random collections of 20, 100 and 400 passages, once with
the passage that answers it (and some of the same article) and once without that article. `--fit` fits the weights of
`ragqa/answering/evidence.py` on the half of the questions that is for fitting and on those of sample_docs, prints them,
and reports with them. The other half is not fitted on, but variants were compared on it: see decision 0006. The
unanswerable questions of sample_docs are the hard ones: what the documents lack is one number, one place, one name. The
threshold is the setting `answer.refuse_below`.
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
from corpora import Corpus, load, work_folder

from ragqa.answering import evidence
from ragqa.config import AnswerConfig, ChunkConfig, RerankConfig, RetrievalConfig
from ragqa.documents import chunking
from ragqa.documents.formats import unsupported
from ragqa.documents.loader import InProcessLoader
from ragqa.models.builtin import BuiltinEmbedder
from ragqa.retrieval import retrieve
from ragqa.text.analyzer import analyze
from ragqa.types import Document, Passage, Scored

SAMPLES = Path(__file__).resolve().parent.parent / "sample_docs"
SIZES = (20, 100, 400)
NEIGHBOURS = 5
LANGUAGES = ("en", "zh-Hans", "zh-Hant")
WRONGLY_REFUSED = 0.07
HELD = ("codes",)
"""Weights that are rules, not fitted: hardly any question of the set names a code that is missing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question asked of one collection, with the features of its hits."""

    size: str
    kind: str
    """`answerable`, `absent`, `near` (the article is there, the passage is not) or `cross` (another language)."""
    language: str
    fit: bool
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

    words: MemoryIndex
    meanings: Meanings


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
        """The features as `ask` would compute them over this collection."""
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
        fit = question.half == "fit"
        yield Example("all", kind, language, fit, library.measure(question.text, whole))
        if kind == "cross":
            continue
        gold = {key for source in question.relevant for key in library.of_source[source]}
        titles = {library.titles[key] for key in gold}
        article = [key for key, title in enumerate(library.titles) if title in titles and key not in gold]
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
                if near:
                    collections["near"] = [*near, *filler[: size - len(near)]]
            for name, keys in collections.items():
                measured = library.measure(question.text, library.collection(keys))
                yield Example(str(size), name, language, fit, measured)


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
        weights = fit([example for example in found if example.fit] + samples)
        print(json.dumps({name: round(weight, 2) for name, weight in weights.items()}))
    report([example for example in found if not example.fit] + samples, weights)
    print("\nsample_docs is reported on the questions that the fit saw.")


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
        yield Example("sample_docs", kind, row["language"], True, library.measure(row["question"], everything))


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
    used = [example for example in found if example.measured and example.kind != "cross"]
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
    """One table: for each size of collection and each language, what was refused."""
    threshold = AnswerConfig().refuse_below
    kinds = {"answerable": "wrongly refused", "absent": "refused, absent", "near": "refused, near", "cross": "cross"}
    print("| collection | language | " + " | ".join(kinds.values()) + " |")
    print("|---|---|" + "---|" * len(kinds))
    for size, language in itertools.product(("all", *map(str, SIZES), "sample_docs"), (*LANGUAGES, "together")):
        cells = []
        for kind in kinds:
            refused = [
                probability(example, weights) < threshold
                for example in found
                if example.size == size and example.kind == kind and language in (example.language, "together")
            ]
            cells.append(f"{sum(refused) / len(refused):.3f} of {len(refused)}" if refused else "")
        print(f"| {size} | {language} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
