"""What a command costs before it does anything: cold `search` against an import, `--help`, and an unchanged ingest.

    python bench/cold_start.py [--chunks 10000] [--runs 11]

The two sides of a ratio take turns, so that both meet the same noise; CPU time is that of the child processes.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from corpora import work_folder

SEARCH = "rainfall sensor calibration"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--chunks", type=int, default=10_000)
    options.add_argument("--runs", type=int, default=11)
    chosen = options.parse_args()
    index, files = _index(chosen.chunks)

    ragqa = [sys.executable, "-m", "ragqa"]
    search = [*ragqa, "search", SEARCH, "--index", str(index), "--json"]
    imported = [sys.executable, "-c", "import sentence_transformers"]
    walls = _paired([search, imported], chosen.runs, _wall)
    cold, other = statistics.median(walls[0]), statistics.median(walls[1])
    print(f"{'what':<58} {'median':>9} {'asked':>8}")
    print(f"{f'cold search, {chosen.chunks:,} chunks, s':<58} {cold:>9.3f}")
    print(f"{'python -c import sentence_transformers, s':<58} {other:>9.3f}")
    print(f"{'ratio':<58} {cold / other:>9.3f} {'<= .15':>8}")
    for words in (["--help"], ["ask", "--help"]):
        spent = statistics.median(_paired([[*ragqa, *words]], chosen.runs, _cpu)[0])
        print(f"{'ragqa ' + ' '.join(words) + ', CPU s':<58} {spent:>9.3f} {'<= .12':>8}")
    again = [*ragqa, "ingest", str(files), "--index", str(index), "--json"]
    spent = statistics.median(_paired([again], 3, _cpu)[0])
    print(f"{f'ingest of {chosen.chunks:,} unchanged chunks, CPU s':<58} {spent:>9.3f} {'<= 2':>8}")


def _paired(
    commands: Sequence[Sequence[str]], runs: int, measure: Callable[[Sequence[str]], float]
) -> list[list[float]]:
    """Run the commands in turn; the first round, which fills the page cache, does not count."""
    taken: list[list[float]] = [[] for _ in commands]
    for turn in range(runs + 1):
        for number, command in enumerate(commands):
            seconds = measure(command)
            if turn:
                taken[number].append(seconds)
    return taken


def _wall(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _cpu(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _index(chunks: int) -> tuple[Path, Path]:
    """An index of about `chunks` chunks, one a file, made of seeded random sentences; kept from run to run."""
    folder = work_folder(f"cold-{chunks}")
    files = folder / "files"
    if not files.exists():
        files.mkdir()
        words = _words()
        for number in range(chunks):
            chance = random.Random(number)
            sentences = (" ".join(chance.choices(words, k=12)).capitalize() + "." for _ in range(6))
            (files / f"{number:06d}.md").write_text(f"# {chance.choice(words)}\n\n" + " ".join(sentences) + "\n")
    subprocess.run(
        [sys.executable, "-m", "ragqa", "ingest", str(files), "--index", str(folder / ".ragqa"), "--quiet", "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ,
    )
    return folder / ".ragqa", files


def _words() -> list[str]:
    chance = random.Random(0)
    syllables = ["ra", "in", "fall", "sen", "sor", "ca", "li", "bra", "tion", "ta", "ble", "mo", "ter", "wind", "ves"]
    made = {"".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(4000)}
    return sorted({*made, *SEARCH.split()})


if __name__ == "__main__":
    main()
