"""kill -9 at random moments of a re-embedding: the old index answers, nothing is made twice, the next run finishes.

    python bench/reembed_kill.py [--runs 100] [--seed 1]

Every run cuts and embeds the same index in finer chunks. Every other one is killed while it makes them, at a random
moment after its first event; the rest at a random moment after it has announced the switch. Then `ragqa check` must
find nothing, and everything that can be found must be as before (or, if the switch was through, as after it); the
next run must go on with all that was acknowledged, and end with exactly what an uninterrupted one gives.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from corpora import work_folder
from kill import DOCUMENTS, copied, ingested, ragqa, write

FINER = {"RAGQA_CHUNK_TOKENS": "40", "RAGQA_CHUNK_OVERLAP": "0"}
WRONG = ("index changed", "check failed", "made again", "resume differs")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    folder = work_folder("reembed-kill")
    shutil.rmtree(folder)
    files = folder / "files"
    files.mkdir(parents=True)
    write(files, version=1, numbers=range(DOCUMENTS))
    ingested(files, folder / "old")
    old = _everything(folder / "old")
    os.environ.update(FINER)
    whole = copied(folder / "old", folder / "whole")
    making_s, switching_s, _ = _reembed(whole, None, "")
    new = _everything(whole)
    chance = random.Random(chosen.seed)
    counts = dict.fromkeys(("killed making", "killed switching", "finished first", *WRONG), 0)
    for turn in range(1, chosen.runs + 1):
        index = copied(folder / "old", folder / "index")
        event, longest_s = ("started", making_s) if turn % 2 else ("switching", switching_s)
        *_, acknowledged = _reembed(index, chance.uniform(0, longest_s), event)
        status = json.loads(ragqa("status", "--index", str(index), "--json").stdout)["reembedding"]
        counts[f"killed {'making' if turn % 2 else 'switching'}" if status else "finished first"] += 1
        counts["check failed"] += ragqa("check", "--index", str(index)).returncode != 0
        counts["index changed"] += _everything(index) != (old if status else new)
        counts["made again"] += status is not None and status["staged"] < acknowledged
        counts["resume differs"] += ragqa("reembed", "--index", str(index)).returncode != 0 or _everything(index) != new
        if turn % 20 == 0:
            print(f"{turn} runs: {counts}", file=sys.stderr, flush=True)
    print(
        f"seed {chosen.seed}, {chosen.runs} runs, {making_s:.1f} s to make, {switching_s:.2f} s to switch and compact"
    )
    for name, count in counts.items():
        print(f"{name:<16} {count:>6}")
    sys.exit(any(counts[name] for name in WRONG))


def _reembed(index: Path, after_s: float | None, event: str) -> tuple[float, float, int]:
    """Re-embed, and kill `after_s` seconds after the first `event`; the seconds from the start to the switch, those
    from then to the end, and how many documents were acknowledged."""
    command = [sys.executable, "-m", "ragqa", "reembed", "--index", str(index), "--format", "jsonl"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout
    times: dict[str, float] = {}
    acknowledged = 0
    timer: threading.Timer | None = None
    for line in child.stdout:
        try:
            told: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:  # cut in the middle by the kill
            break
        times.setdefault(told["event"], time.perf_counter())
        if told["event"] == "staged":
            acknowledged = told["documents"]
        if after_s is not None and timer is None and told["event"] == event:
            timer = threading.Timer(after_s, child.send_signal, [signal.SIGKILL])
            timer.start()
    child.wait()
    ended = time.perf_counter()
    if timer:
        timer.cancel()
    switched = times.get("switching", ended)
    return switched - times.get("started", ended), ended - switched, acknowledged


def _everything(index: Path) -> list[object]:
    """All that can be found, keys included, and what it was made with."""
    from ragqa.index.store import Store
    from ragqa.index.vectorblocks import vectors_of

    with Store.open(index) as store:
        keys = [chunk.key for chunk in store.chunks()]
        meta = store.meta()
        assert meta.embedder
        vectors = vectors_of(store.database, meta.embedder.dimensions, keys)
        return [meta.made_with, store.passages(keys), [vectors[key].tobytes() for key in keys]]


if __name__ == "__main__":
    main()
