"""How the index grows: building, small commits, merging, both searches, cold and warm, and switching it over.

    python bench/scale.py [--sizes 10000 100000] [--batch 256] [--seed 1]

The text is synthetic: 300,000 terms with Zipf's frequencies, 200 terms a chunk, ten chunks a document; vectors are
clustered, of 384 dimensions. Questions have 8 terms. Cold is a fresh process, from its start to the hits, imports
included; warm is the median of further questions in one process. The switch is that of a re-embedding for which
everything is staged, in a fresh process: its seconds, and the most memory that the process ever held.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from ragqa.index import staging
from ragqa.index.lexical import Bm25Index
from ragqa.index.records import Batch, DocumentRecord, EmbedderRecord, StoredContent, Target
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.types import Chunk, Document

DIMENSIONS = 384
VOCABULARY = 300_000
TERMS_PER_CHUNK = 200
CHUNKS_PER_DOCUMENT = 10
QUESTIONS = 15
COLD = """
import sys
from pathlib import Path
from ragqa.index.store import Store
with Store.open(Path(sys.argv[1])) as store:
    if sys.argv[2] == "lexical":
        from ragqa.index.lexical import Bm25Index
        hits = Bm25Index(store).search(sys.argv[3].split(), 100)
    else:
        import numpy as np
        from ragqa.index.vectors import ExactVectors
        query = np.random.default_rng(int(sys.argv[3])).standard_normal(384).astype("f4")
        hits = ExactVectors(store).search(query / np.linalg.norm(query), 100)
    if sys.argv[4] == "with passages":
        store.passages([hit.key for hit in hits[:8]])
    assert len(hits) == 100
"""

SWITCH = """
import resource, sys, time
from pathlib import Path
from ragqa.index import staging
from ragqa.index.store import Store
with Store.open(Path(sys.argv[1]), write=True) as store:
    start = time.perf_counter()
    staging.switch(store)
    print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--batch", type=int, default=256, help="chunks in a commit")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    columns = ("chunks", "build s", "compact s", "MB", "10-chunk commits/s", "compact after s", "re-read states ms")
    columns += (
        "lexical cold ms",
        "warm ms",
        "rare warm ms",
        "vectors cold ms",
        "warm ms",
        "stage s",
        "switch s",
        "switch MB",
    )
    print(" | ".join(columns))
    for size in chosen.sizes:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(Path(folder) / ".ragqa", size, chosen.batch, chosen.seed)
            print(
                " | ".join(
                    f"{figure:>{len(name)}.{1 if figure < 1000 else 0}f}"
                    for name, figure in zip(columns, figures, strict=True)
                )
            )
            shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, size: int, batch: int, seed: int) -> list[float]:
    """One row of the table."""
    corpus = Corpus(seed)
    with Store.create(folder) as store:
        store.set_embedder(EmbedderRecord("synthetic", "1", DIMENSIONS))
        spent = 0.0
        pending: list[StoredContent] = []
        for content in corpus.contents(size // CHUNKS_PER_DOCUMENT):
            pending.append(content)
            if len(pending) * CHUNKS_PER_DOCUMENT >= batch:
                spent += commit(store, pending)
                pending = []
        spent += commit(store, pending)
        compact_s = seconds(store.compact)
        megabytes = store.bytes_on_disk() / 1e6
        small = [[content] for content in corpus.contents(100)]
        per_second = len(small) / sum(commit(store, documents) for documents in small)
        again_s = seconds(store.compact)
        states_s = seconds(store.states)
        lexical = Bm25Index(store)
        common = [corpus.question(frequent=True) for _ in range(QUESTIONS)]
        rare = [corpus.question(frequent=False) for _ in range(QUESTIONS)]
        vectors = ExactVectors(store)
        queries = [corpus.vectors(1)[0] for _ in range(QUESTIONS)]
        warm = [
            statistics.median([seconds(lambda: lexical.search(terms, 100)) for terms in questions][3:])  # noqa: B023
            for questions in (common, rare)
        ]
        warm_vectors = statistics.median([seconds(lambda: vectors.search(query, 100)) for query in queries][3:])  # noqa: B023
    cold = [cold_ms(folder, kind, what) for kind, what in (("lexical", " ".join(common[0])), ("vectors", "7"))]
    warm_ms = [second * 1e3 for second in (*warm, warm_vectors)]
    head = [size, spent, compact_s, megabytes, per_second, again_s, states_s * 1e3]
    return [*head, cold[0], warm_ms[0], warm_ms[1], cold[1], warm_ms[2], *switched(folder, size, batch, seed)]


def switched(folder: Path, size: int, batch: int, seed: int) -> list[float]:
    """Seconds to stage what was built, once more, and to switch over to it; megabytes of the process that switches."""
    corpus = Corpus(seed)
    with Store.open(folder, write=True) as store:
        staging.begin(store, Target(EmbedderRecord("synthetic", "2", DIMENSIONS), "", ""))
        contents = chain(corpus.contents(size // CHUNKS_PER_DOCUMENT), corpus.contents(100))
        stage_s = 0.0
        while together := list(islice(contents, batch // CHUNKS_PER_DOCUMENT)):
            stage_s += seconds(lambda: staging.put(store, together))
    done = subprocess.run([sys.executable, "-c", SWITCH, str(folder)], check=True, capture_output=True, text=True)
    return [stage_s, *map(float, done.stdout.split())]


def cold_ms(folder: Path, kind: str, what: str) -> float:
    """The median of five fresh processes."""
    command = [sys.executable, "-c", COLD, str(folder), kind, what, ""]
    return 1e3 * statistics.median(seconds(lambda: subprocess.run(command, check=True)) for _ in range(5))


def commit(store: Store, contents: list[StoredContent]) -> float:
    records = [
        DocumentRecord(content.sha256.encode(), content.sha256, b"/", content.sha256, 1, 1, loader="synthetic")
        for content in contents
    ]
    return seconds(lambda: store.commit(Batch(added=contents, documents=records)))


def seconds(action: object) -> float:
    assert callable(action)
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


class Corpus:
    """Documents that chance makes, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._centres = self._chance.standard_normal((200, DIMENSIONS))
        weights = 1 / np.arange(1, VOCABULARY + 1)
        self._cumulated = np.cumsum(weights / weights.sum())
        self._terms = np.array([f"t{number}" for number in range(VOCABULARY)])

    def contents(self, count: int) -> Iterator[StoredContent]:
        for _ in range(count):
            terms = self.terms(CHUNKS_PER_DOCUMENT * TERMS_PER_CHUNK)
            parts = [list(part) for part in np.split(np.array(terms), CHUNKS_PER_DOCUMENT)]
            texts = [" ".join(part) for part in parts]
            text = "\n".join(texts)
            starts = np.cumsum([0, *(len(part) + 1 for part in texts)]).tolist()
            yield StoredContent(
                sha256=hashlib.sha256(text.encode()).hexdigest(),
                document=Document(text, loader="synthetic", language="en"),
                chunks=[Chunk(start, start + len(part), part) for start, part in zip(starts, texts, strict=False)],
                vectors=self.vectors(CHUNKS_PER_DOCUMENT),
                terms=[[str(term) for term in part] for part in parts],
                unknown_shares=[0.0] * CHUNKS_PER_DOCUMENT,
            )

    def terms(self, count: int) -> list[str]:
        numbers = np.searchsorted(self._cumulated, self._chance.random(count))
        return [str(term) for term in self._terms[np.minimum(numbers, VOCABULARY - 1)]]

    def vectors(self, count: int) -> np.ndarray:
        rows = self._centres[self._chance.integers(len(self._centres), size=count)]
        rows = rows + self._chance.standard_normal((count, DIMENSIONS))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def question(self, *, frequent: bool) -> list[str]:
        """Eight terms as they come in a text, or without the hundred most frequent ones."""
        if frequent:
            return self.terms(8)
        return [f"t{number}" for number in self._chance.integers(100, 20_000, size=8)]


if __name__ == "__main__":
    main()
