"""Chunks a second of a whole `ingest` with the built-in model, against fp32 sentence-transformers embedding alone.

    RAGQA_SHARED=FOLDER python bench/throughput.py [--files 300] [--rounds 3]

The same chunks on both sides, in turn. `ingest` reads, hashes, parses, cuts, embeds, analyzes and commits; the other
side is handed the finished chunk texts and only calls `SentenceTransformer.encode`, with the same weights and cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from pathlib import Path

from corpora import Corpus, load, work_folder, write_files


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=300)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    folder = work_folder("throughput")
    shutil.rmtree(folder)
    corpus = load("bench_dev")
    readable = [(key, value) for key, value in corpus.passages.items() if value[1].isascii()][: chosen.files]
    write_files(Corpus("throughput", dict(readable), ()), folder / "files")
    encode = _sentence_transformers()
    texts: list[str] = []
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(chosen.rounds + 1):
        index = folder / f"index-{turn}"
        seconds = _ingest(folder / "files", index)
        texts = texts or _chunk_texts(index)
        started = time.perf_counter()
        encode(texts)
        if turn:  # the first round loads both models
            ours.append(len(texts) / seconds)
            theirs.append(len(texts) / (time.perf_counter() - started))
    print(f"{'chunks a second, ' + str(len(texts)) + ' chunks':<46} {'median':>8}")
    print(f"{'ingest, built-in model':<46} {statistics.median(ours):>8.1f}")
    print(f"{'SentenceTransformer.encode, fp32':<46} {statistics.median(theirs):>8.1f}")
    print(f"{'ratio':<46} {statistics.median(ours) / statistics.median(theirs):>8.2f}   asked: >= 2")


def _ingest(files: Path, index: Path) -> float:
    from ragqa import config, wiring
    from ragqa.flows.ingest import ingest

    started = time.perf_counter()
    settings = config.load(environment={})
    with wiring.create_store(index, wait_s=0) as store, wiring.ingesting(settings, notice=print) as parts:
        ingest([os.fsencode(files)], store, parts)
    return time.perf_counter() - started


def _chunk_texts(index: Path) -> list[str]:
    from ragqa.index.store import Store

    with Store.open(index) as store:
        return [chunk.chunk.indexed_text for chunk in store.chunks()]


def _sentence_transformers():  # type: ignore[no-untyped-def]
    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer

    from ragqa.models.builtin import model_folder

    model = SentenceTransformer(str(model_folder()), device="cpu")
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False, normalize_embeddings=True)


if __name__ == "__main__":
    main()
