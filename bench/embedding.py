"""The built-in embedder against sentence-transformers with the same weights: speed in paired turns, and what it costs.

    RAGQA_SHARED=FOLDER python bench/embedding.py [--texts 200] [--rounds 5] [--quality]

Speed: the same passages, each side in turn, so that both meet the same noise. `--quality` embeds all of bench_dev and
prints the retrieval that eight bits keep (dense alone, English questions), which takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from corpora import Corpus, load

from ragqa.models.builtin import BuiltinEmbedder, model_folder
from ragqa.models.cache import cache_dir

if TYPE_CHECKING:
    from ragqa.types import Vectors

Encode = Callable[[Sequence[str]], "Vectors"]

COLD = """
from pathlib import Path
from ragqa.models.builtin import BuiltinEmbedder
BuiltinEmbedder(Path({!r})).embed(['rain'], kind='query')
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--texts", type=int, default=200)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quality", action="store_true")
    chosen = options.parse_args()
    corpus = load("bench_dev")
    english = [f"{title}\n{text}" for title, text in corpus.passages.values() if text.isascii()]
    texts = english[:: max(1, len(english) // chosen.texts)][: chosen.texts]
    cache = cache_dir(os.environ)
    small, exact = BuiltinEmbedder(cache), BuiltinEmbedder(cache, precision="float32")
    sides: dict[str, Encode] = {
        "sentence-transformers, float32": _sentence_transformer(),
        "built-in, float32": lambda part: exact.embed(part, kind="passage"),
        "built-in, eight bits (the one in use)": lambda part: small.embed(part, kind="passage"),
    }
    tokens = statistics.mean(small.count_tokens(text) for text in texts)
    print(f"{len(texts)} passages, {tokens:.0f} tokens on average, {chosen.rounds} rounds, {os.cpu_count()} processors")
    print()
    _speed(sides, texts, chosen.rounds)
    _cold(cache)
    if chosen.quality:
        _quality({name: encode for name, encode in sides.items() if name.startswith("built-in")}, corpus)


def _speed(sides: Mapping[str, Encode], texts: Sequence[str], rounds: int) -> None:
    """The first round, which loads the models, does not count."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    vectors: dict[str, Vectors] = {}
    for turn in range(rounds + 1):
        for name, encode in sides.items():
            started = time.perf_counter()
            vectors[name] = encode(texts)
            if turn:
                rates[name].append(len(texts) / (time.perf_counter() - started))
    first = next(iter(sides))
    print(f"{'passages a second':<40} {'median':>8} {'ratio':>7} {'cosine mean':>12} {'min':>7}")
    for name, found in rates.items():
        ratio = statistics.median(mine / other for mine, other in zip(found, rates[first], strict=True))
        cosines = (vectors[name] * vectors[first]).sum(axis=1)
        print(
            f"{name:<40} {statistics.median(found):>8.1f} {ratio:>7.2f} {cosines.mean():>12.4f} {cosines.min():>7.4f}"
        )


def _cold(cache: Path) -> None:
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", COLD.format(str(cache))], check=True)
        seconds.append(time.perf_counter() - started)
    print(f"\n{'process start to query vector, s':<40} {statistics.median(seconds[1:]):>8.3f}")


def _quality(sides: Mapping[str, Encode], corpus: Corpus) -> None:
    import numpy as np

    questions = [question for question in corpus.questions if question.group == "en -> en" and question.relevant]
    passages = list(corpus.passages)
    print(f"\n{f'dense alone, {len(questions)} English questions':<40} {'MRR@10':>8}")
    for name, encode in sides.items():
        rows = encode([f"{title}\n{text}" for title, text in corpus.passages.values()])
        best = np.argsort(-(encode([question.text for question in questions]) @ rows.T), axis=1)[:, :10]
        reciprocal = [
            next((1 / rank for rank, place in enumerate(row, 1) if passages[place] in question.relevant), 0.0)
            for row, question in zip(best, questions, strict=True)
        ]
        print(f"{name:<40} {statistics.mean(reciprocal):>8.4f}")


def _sentence_transformer() -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_folder()), device="cpu", local_files_only=True)
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


if __name__ == "__main__":
    main()
