"""Killed at any moment, a re-embedding has cost the old index nothing, and goes on from the last batch it told of."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ragqa.config import ChunkConfig, load
from ragqa.flows.ingest import Report
from ragqa.index import integrity, staging
from ragqa.index.store import Store
from ragqa.index.vectorblocks import vectors_of
from ragqa.text import analyzer

KILLS = 6
ROOT = Path(__file__).parents[2]
CHILD = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ragqa.config import ChunkConfig
from ragqa.flows import reembed as flow
from ragqa.index import commits, vectorfile
from ragqa.index.store import Store
from tests.fakes import HashingEmbedder
flow.BATCH_CHUNKS, commits.SEGMENT_CHUNKS, vectorfile.MINIMUM_ROWS, vectorfile.MINIMUM_TAIL = 16, 40, 20, 10

class Telling(HashingEmbedder):
    def embed(self, texts, *, kind):
        print(json.dumps(["embedded", texts]), flush=True)
        return super().embed(texts, kind=kind)

def tell(event):
    print(json.dumps([type(event).__name__.lower()]), flush=True)

with Store.open(Path(sys.argv[1]), write=True) as store:
    flow.reembed(store, Telling("other"), ChunkConfig(tokens=30, overlap=0), on_event=tell)
"""


def dump(folder: Path) -> dict[str, object]:
    """Everything that can be found, keys included; the index is sound."""
    with Store.open(folder) as store:
        assert integrity.check(store, analyzer.analyze).findings == ()
        keys = [chunk.key for chunk in store.chunks()]
        meta = store.meta()
        assert meta.embedder
        vectors = vectors_of(store.database, meta.embedder.dimensions, keys)
        return {
            "made with": meta.made_with,
            "passages": store.passages(keys),
            "shares": store.unknown_shares(keys),
            "vectors": {key: vector.tobytes() for key, vector in vectors.items()},
        }


def run(folder: Path, after_s: float | None) -> tuple[bool, set[str], set[str]]:
    """Re-embed in a process that is killed `after_s` seconds after it has started; whether it was, which texts it had
    told to be safe, and which ones it embedded in all."""
    command = [sys.executable, "-c", CHILD, str(folder), str(ROOT)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    timer: threading.Timer | None = None
    waiting: list[str] = []
    safe: set[str] = set()
    embedded: set[str] = set()
    for line in child.stdout:
        if not line.endswith("\n"):
            break
        kind, *texts = json.loads(line)
        if kind == "started" and after_s is not None:
            timer = threading.Timer(after_s, child.send_signal, [signal.SIGKILL])
            timer.start()
        elif kind == "embedded" and texts:
            waiting += texts[0]
            embedded.update(texts[0])
        elif kind == "staged":
            safe.update(waiting)
            waiting = []
    killed = child.wait() == -signal.SIGKILL
    child.stdout.close()
    if timer:
        timer.cancel()
    assert killed or child.returncode == 0
    return killed, safe, embedded


def test_kill_9_costs_at_most_a_batch(
    run_ingest: Callable[..., Report], store: Store, folder: Path, tmp_path: Path
) -> None:
    """One index is killed again and again until it gets through; then again from the beginning."""
    chance = random.Random(9)
    for number in range(24):
        words = [f"word{number}n{place}" for place in range(120)]
        paragraphs = [" ".join(words[start : start + 15]) + f" shared {number}." for start in range(0, 120, 15)]
        (folder / f"{number}.txt").write_text("\n\n".join(paragraphs))
    settings = load(environment={"RAGQA_CHUNK_TOKENS": "60", "RAGQA_CHUNK_OVERLAP": "0"})
    assert settings.chunk == ChunkConfig(60, 0)
    run_ingest(config=settings)
    store.close()
    pristine = tmp_path / ".ragqa"
    old = dump(pristine)
    whole = shutil.copytree(pristine, tmp_path / "whole")
    begun = time.monotonic()
    killed, safe, embedded = run(whole, None)
    whole_s = (time.monotonic() - begun) / 2  # the other half is what the interpreter takes to start
    assert not killed and safe == embedded
    new, everything = dump(whole), embedded
    kills = through = 0
    while kills < KILLS:
        index = shutil.copytree(pristine, tmp_path / f"index{through}")
        told: set[str] = set()
        made: set[str] = set()
        while True:
            killed, safe, embedded = run(index, chance.uniform(0, whole_s))
            assert not told & embedded, "what was told to be safe is made again"
            told |= safe
            made |= embedded
            found = dump(index)
            with Store.open(index) as store:
                under_way = staging.pending(store.database)
            if found == new:
                assert under_way is None
                break
            assert killed and found == old and under_way is not None
            assert bool(told) <= (under_way.staged > 0)
            kills += 1
        assert made == everything
        through += 1
