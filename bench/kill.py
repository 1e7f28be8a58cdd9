"""kill -9 at random moments of an ingest: what was acknowledged is there, nothing is mixed, the next run finishes.

    python bench/kill.py [--runs 200] [--seed 1]

Each run ingests the same documents, of which half were stored in an older version before, and is killed at a random
moment after its first acknowledgement (a `stored` event on stdout). Then `ragqa check` must find nothing, every
acknowledged document must be there in its new version, every other one whole in its old or new version or not at all,
and a second ingest must end with exactly what an uninterrupted one gives.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from corpora import work_folder

DOCUMENTS = 30
SECTIONS = 16
"""Of about sixty tokens, so that they are chunks of their own: many chunks, several commits, little to embed."""
AFTER = 0.4
"""The share of a whole run's time within which the kill comes: the first acknowledgement is past its middle."""
Dump = dict[str, tuple[str, ...]]
"""File name -> the texts of its chunks."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    folder = work_folder("kill")
    shutil.rmtree(folder)
    files = folder / "files"
    files.mkdir(parents=True)
    write(files, version=1, numbers=range(0, DOCUMENTS, 2))
    ingested(files, folder / "old")
    old = _dump(folder / "old")
    write(files, version=2, numbers=range(DOCUMENTS))
    started = time.perf_counter()
    ingested(files, copied(folder / "old", folder / "whole"))
    whole_s = time.perf_counter() - started
    new = _dump(folder / "whole")
    chance = random.Random(chosen.seed)
    counts = dict.fromkeys(("killed", "finished first", "lost", "mixed", "check failed", "resume differs"), 0)
    for turn in range(1, chosen.runs + 1):
        index = copied(folder / "old", folder / "index")
        acknowledged, was_killed = _killedingested(files, index, chance.uniform(0, whole_s * AFTER))
        counts["killed" if was_killed else "finished first"] += 1
        counts["check failed"] += ragqa("check", "--index", str(index), "--json").returncode != 0
        _judge(_dump(index), old, new, acknowledged, counts)
        ingested(files, index)
        counts["resume differs"] += _dump(index) != new
        if turn % 20 == 0:
            print(f"{turn} runs: {counts}", file=sys.stderr, flush=True)
    print(f"seed {chosen.seed}, {chosen.runs} runs, an uninterrupted one takes {whole_s:.1f} s")
    for name, count in counts.items():
        print(f"{name:<16} {count:>6}")
    sys.exit(any(counts[name] for name in ("lost", "mixed", "check failed", "resume differs")))


def _judge(found: Dump, old: Dump, new: Dump, acknowledged: set[str], counts: dict[str, int]) -> None:
    for name, chunks in new.items():
        if name in acknowledged:
            counts["lost"] += found.get(name) != chunks
        else:
            counts["mixed"] += found.get(name) not in (chunks, old.get(name))


def _killedingested(files: Path, index: Path, after_s: float) -> tuple[set[str], bool]:
    """Ingest, kill `after_s` seconds after the first acknowledgement; which documents were acknowledged."""
    command = [sys.executable, "-m", "ragqa", "ingest", str(files), "--index", str(index), "--format", "jsonl"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout
    acknowledged: set[str] = set()
    timer: threading.Timer | None = None
    for line in child.stdout:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:  # cut in the middle by the kill
            break
        if event["event"] == "stored":
            acknowledged.add(Path(event["document"]).name)
            if timer is None:
                timer = threading.Timer(after_s, child.send_signal, [signal.SIGKILL])
                timer.start()
    was_killed = child.wait() == -signal.SIGKILL
    if timer:
        timer.cancel()
    return acknowledged, was_killed


def write(files: Path, *, version: int, numbers: range) -> None:
    for number in numbers:
        chance = random.Random(f"{version} {number}")
        words = [f"w{chance.randrange(5000)}" for _ in range(60)]
        sections = (
            f"## Part {part}\n\n" + " ".join(chance.choices(words, k=18)) + f" version {version}."
            for part in range(SECTIONS)
        )
        (files / f"{number:03d}.md").write_text(f"# Document {number}\n\n" + "\n\n".join(sections) + "\n")


def _dump(index: Path) -> Dump:
    """Everything that can be found, by file."""
    from ragqa.index.store import Store

    texts: dict[str, list[str]] = {}
    with Store.open(index) as store:
        for passage in store.passages([chunk.key for chunk in store.chunks()]):
            texts.setdefault(Path(passage.document).name, []).append(passage.chunk.text)
    return {name: tuple(chunks) for name, chunks in texts.items()}


def copied(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def ingested(files: Path, index: Path) -> Mapping[str, object]:
    done = ragqa("ingest", str(files), "--index", str(index), "--json")
    if done.returncode:
        sys.exit(f"ingest failed: {done.stderr}")
    report: Mapping[str, object] = json.loads(done.stdout)
    return report


def ragqa(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ragqa", *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
