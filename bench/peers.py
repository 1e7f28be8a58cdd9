"""ragqa beside the libraries that people build search from: one run, the same passages and, where they embed, weights.

    python -m venv PEERS
    PEERS/bin/pip install -c constraints.txt -e . -r bench/peers-requirements.txt
    RAGQA_SHARED=FOLDER PEERS/bin/python bench/peers.py [--only CORPUS] [--write]

What is not installed is left out, and its line says so. `--write` keeps the tables in bench/peers.md.

What is fair: every library ranks the same passages through its own public functions and defaults, with what its
documentation offers for Chinese in a line beside them; vectors are of the same weights; each question is asked of all
in turn, so that whatever else the machine does slows all of them. On a busy machine `taskset -c 1` in front gives every
library one processor: torch with more waits for whichever is taken away.

What is not: ragqa's defaults were chosen on these very questions, some on one half of them and some, the weight of the
fusion among them, on all, and nothing here was chosen for the others. ragqa cuts long passages into chunks and reads
all of them; of the others, txtai embeds the first 512 tokens and the rest 256, unless told otherwise. The embedder
knows English only, which ragqa notices and a library leaves to its user. And a library is no program: it reads no
files, keeps nothing up to date, cites nothing. The milliseconds are of one question in a warm process, its embedding
included.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from importlib import metadata
from pathlib import Path

from corpora import Corpus, Question, load
from systems import DEPTH, LIBRARIES, Ask, Library, Passages

import ragqa
from ragqa.evaluation.comparison import Row, compare
from ragqa.evaluation.metrics import Ranked, ranking_values

CORPORA = ("bench_dev", "anthropic_docs", "domainrag")
GROUPS = ("en -> en", "zh-Hans -> zh-Hans", "zh-Hant -> zh-Hant", "anthropic_docs", "domainrag")
METRICS = ("mrr@10", "ndcg@10", "recall@10")
WRITTEN = Path(__file__).parent / "peers.md"


Line = dict[Question, Mapping[str, float]]
"""What one system did: for each question the metrics, and the milliseconds that it took."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=CORPORA, help="one corpus instead of all three")
    options.add_argument("--write", action="store_true", help="keep the tables in bench/peers.md")
    chosen = options.parse_args()
    if chosen.only and chosen.write:
        options.error("--write keeps the table of all three corpora; leave --only out")
    # Nothing is looked up at a model hub, and nobody is told of this run.
    os.environ |= {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False", "TOKENIZERS_PARALLELISM": "false"}
    installed = [library for library in LIBRARIES if not _missing(library)]
    lines: dict[str, Line] = {}
    for name in [chosen.only] if chosen.only else CORPORA:
        _measure(load(name), installed, lines)
    text = "\n".join(_document(lines))
    print(text)
    if chosen.write:
        WRITTEN.write_text(text + "\n", encoding="utf-8")


def _missing(library: Library) -> list[str]:
    found = {distribution.name.lower().replace("_", "-") for distribution in metadata.distributions()}
    return [package for package in library.packages if package not in found]


def _measure(corpus: Corpus, libraries: Iterable[Library], lines: dict[str, Line]) -> None:
    passages = Passages(corpus)
    questions = [question for question in corpus.questions if question.relevant and question.group in GROUPS]
    with ExitStack() as until_asked:
        systems: dict[str, Ask] = {}
        for library in libraries:
            print(f"{corpus.name}: building {library.name}", file=sys.stderr)
            systems |= {f"{library.name}: {kind}": ask for kind, ask in library.build(passages, until_asked)}
        for ask in systems.values():
            ask(questions[0].text)  # what is loaded on first use does not count
        found: dict[str, dict[Question, Sequence[str]]] = {name: {} for name in systems}
        spent: dict[str, dict[Question, float]] = {name: {} for name in systems}
        for question in questions:
            for name, ask in systems.items():
                started = time.perf_counter()
                found[name][question] = ask(question.text)
                spent[name][question] = (time.perf_counter() - started) * 1000
    for name, rankings in found.items():
        values = _values(rankings)
        lines.setdefault(name, {}).update(
            {question: {**values[question.id], "ms": spent[name][question]} for question in rankings}
        )


def _values(rankings: Mapping[Question, Sequence[str]]) -> dict[str, dict[str, float]]:
    ranked: dict[str, Ranked] = {}
    for question, keys in rankings.items():
        targets = {key: number for number, key in enumerate(sorted(question.relevant))}
        ranked[question.id] = Ranked([targets.get(key) for key in keys[:DEPTH]], [1] * len(targets))
    return ranking_values(ranked)


def _document(lines: Mapping[str, Line]) -> Iterator[str]:
    yield "# ragqa beside other libraries"
    yield f"\n`python bench/peers.py`, {date.today()}, on {_machine()}."
    yield "What is fair here and what is not stands at the top of that file."
    yield f"\nVersions: {', '.join(_versions())}."
    yield "\n## All questions"
    yield "\nMRR@10 / nDCG@10 / recall@10, and the median of the milliseconds that a question took.\n"
    yield from _table(lines, {"fit", "report"})
    yield "\n## The half of the questions that is kept for reporting\n"
    yield from _table(lines, {"report"})
    yield "\n## ragqa's nDCG@10 less that of each, all questions"
    yield "\nIn brackets what holds the difference in 95 of 100 resamples of the questions.\n"
    yield from _margins(lines)


def _table(lines: Mapping[str, Line], halves: set[str]) -> Iterator[str]:
    groups = _groups(lines)
    rows = []
    for name, line in lines.items():
        asked = {question: values for question, values in line.items() if question.half in halves}
        cells = [name]
        for group in groups:
            chosen = [values for question, values in asked.items() if question.group == group]
            cells.append(" / ".join(_short(statistics.mean(row[metric] for row in chosen)) for metric in METRICS))
        rows.append([*cells, f"{statistics.median(values['ms'] for values in asked.values()):.1f}"])
    counted = [question.group for question in next(iter(lines.values())) if question.half in halves]
    heads = [f"{group} ({counted.count(group)})" for group in groups]
    yield from _markdown(["system", *heads, "ms"], [*rows, *_left_out()])


def _margins(lines: Mapping[str, Line]) -> Iterator[str]:
    (_, own), *others = lines.items()
    groups = _groups(lines)
    rows = []
    for name, line in others:
        cells = [name]
        for group in groups:
            (found,) = compare(_rows(line, group), _rows(own, group)).differences
            cells.append(f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})")
        rows.append(cells)
    yield from _markdown(["system", *groups], rows)


def _rows(line: Line, group: str) -> list[Row]:
    return [
        Row(question.id, question.text, group, {"ndcg@10": values["ndcg@10"]})
        for question, values in line.items()
        if question.group == group
    ]


def _groups(lines: Mapping[str, Line]) -> list[str]:
    asked = {question.group for line in lines.values() for question in line}
    return [group for group in GROUPS if group in asked]


def _left_out() -> Iterator[list[str]]:
    for library in LIBRARIES:
        if missing := _missing(library):
            yield [f"{library.name}: not installed ({', '.join(missing)})"]


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    filled = [[*row, *[""] * (len(heads) - len(row))] for row in rows]
    widths = [max(len(row[column]) for row in [heads, *filled]) for column in range(len(heads))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in [heads, rule, *filled]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield f"| {' | '.join(cells)} |"


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _versions() -> Iterator[str]:
    yield f"ragqa {ragqa.__version__}"
    packages = {package for library in LIBRARIES if not _missing(library) for package in library.packages}
    yield from (f"{package} {metadata.version(package)}" for package in sorted(packages))


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy = os.getloadavg()[1]
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} processors"
    shared = f"; other work ran beside it (load {busy:.0f}), so that the times are rough" if busy > 1.5 else ""
    return f"{cores}, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}{shared}"


if __name__ == "__main__":
    main()
