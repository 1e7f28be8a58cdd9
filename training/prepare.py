"""Makes the groups that are trained on: each question with its passage and hard passages that do not answer it.

    python training/prepare.py PAIRS.jsonl FOLDER

Three steps, each kept in FOLDER and taken up where it stopped: pieces and questions, their vectors by the built-in
embedder, and the groups. The last step alone is made anew with `--groups`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpus import read
from groups import write_groups

from ragqa.models.builtin import BuiltinEmbedder

BLOCK = 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("pairs", type=Path)
    options.add_argument("folder", type=Path)
    options.add_argument("--groups", action="store_true", help="make the groups anew")
    chosen = options.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    embedder = BuiltinEmbedder(chosen.folder / "embedder")
    pieces, queries = read(chosen.pairs, embedder.count_tokens)
    print(f"{len(pieces)} pieces, {len(queries)} questions", flush=True)
    passages = _vectors(embedder, [piece.indexed_text for piece in pieces], chosen.folder / "pieces")
    questions = _vectors(embedder, [query.text for query in queries], chosen.folder / "questions")
    target = chosen.folder / "groups.jsonl"
    if chosen.groups or not target.exists():
        write_groups(pieces, queries, passages, questions, target)


def _vectors(embedder: BuiltinEmbedder, texts: Sequence[str], folder: Path) -> np.ndarray:
    """One row a text, block by block, each block a file of its own."""
    folder.mkdir(exist_ok=True)
    rows = []
    for start in range(0, len(texts), BLOCK):
        path = folder / f"{start:07d}.npy"
        if not path.exists():
            block = embedder.embed(texts[start : start + BLOCK], kind="passage").astype(np.float16)
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.save(file, block)
            unfinished.replace(path)
            print(f"{folder.name}: {start + len(block)} of {len(texts)}", flush=True)
        rows.append(np.load(path))
    return np.concatenate(rows).astype(np.float32)


if __name__ == "__main__":
    main()
