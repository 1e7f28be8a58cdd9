"""The development benchmarks as folders of real files, ingested into a real index: what every script here stands on.

A BEIR folder holds `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`. Each passage becomes one Markdown file, its title
the heading, so that retrieval is measured through the same path that a user's documents take.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Question:
    """One benchmark question; `relevant` holds passage ids, empty where nothing answers it."""

    id: str
    text: str
    answers: tuple[str, ...]
    answerable: bool
    relevant: frozenset[str]
    group: str
    """The line of the table it belongs to, e.g. `en -> en`."""

    @property
    def half(self) -> str:
        """`fit` or `report`: decided by the id alone, so that every script divides the set alike."""
        import hashlib

        return "fit" if hashlib.sha256(self.id.encode()).digest()[0] < 128 else "report"


@dataclass(frozen=True, slots=True)
class Corpus:
    """A benchmark: passage id -> (title, text), and its questions."""

    name: str
    passages: Mapping[str, tuple[str, str]]
    questions: Sequence[Question]


def shared_folder() -> Path:
    """The folder named by RAGQA_SHARED; the script ends with a clear line where it is missing."""
    folder = Path(os.environ.get("RAGQA_SHARED") or os.devnull)
    if not (folder / "bench").is_dir():
        sys.exit("RAGQA_SHARED must name the folder that holds bench/ (the development benchmarks)")
    return folder


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the answers stands in the text, whatever the width and case of letters and the blanks."""
    return any(_folded(answer) in _folded(text) for answer in answers)


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def load(name: str) -> Corpus:
    """Read one benchmark by its folder name."""
    folder = shared_folder() / "bench" / name
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
        query, passage, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, set()).add(passage)
    passages = {row["_id"]: (row.get("title", ""), row["text"]) for row in _rows(folder / "corpus.jsonl")}
    questions = [
        Question(
            id=row["_id"],
            text=row["text"],
            answers=tuple(row.get("answers", ())),
            answerable=row.get("answerable", True),
            relevant=frozenset(relevant.get(row["_id"], ())),
            group=_group(name, row.get("metadata", {})),
        )
        for row in _rows(folder / "queries.jsonl")
    ]
    return Corpus(name, passages, questions)


def write_files(corpus: Corpus, folder: Path) -> dict[str, str]:
    """Write each passage as a file, unless it is there already; returns file name -> passage id."""
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, str] = {}
    for number, (passage, (title, text)) in enumerate(corpus.passages.items()):
        name = f"{number:06d}.md"
        content = (f"# {title}\n\n" if title else "") + text + "\n"
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != content:
            (folder / name).write_text(content, encoding="utf-8")
        names[name] = passage
    return names


def work_folder(name: str) -> Path:
    """Where a script keeps what it builds, from run to run: `$RAGQA_BENCH_DIR`, else the system's temporary folder."""
    folder = Path(os.environ.get("RAGQA_BENCH_DIR", Path(tempfile.gettempdir()) / "ragqa-bench")) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _group(name: str, metadata: Mapping[str, str]) -> str:
    match metadata.get("kind"):
        case "same":
            return f"{metadata['qlang']} -> {metadata['dlang']}"
        case "cross":
            return "cross-language"
        case "absent":
            return f"absent {metadata['qlang']}"
        case _:
            return name


def build_index(
    corpus: Corpus, *, name: str = "", environment: Mapping[str, str] | None = None
) -> tuple[Path, dict[str, str]]:
    """Ingest the corpus through the command a user would call; returns the index folder and file name -> passage id.

    The index is kept from run to run: ingesting it again costs a `stat` a file. One that is made with other settings,
    given as variables of the `environment`, has a `name` of its own.
    """
    from contextlib import redirect_stdout
    from unittest import mock

    from ragqa.cli.main import run

    folder = work_folder(corpus.name)
    names = write_files(corpus, folder / "files")
    index = folder / (f".ragqa-{name}" if name else ".ragqa")
    with mock.patch.dict(os.environ, environment or {}), redirect_stdout(sys.stderr):
        code = run(
            ["ingest", str(folder / "files"), "--index", str(index), "--quiet", "--format", "md", "--wait", "600"]
        )
    if code:
        sys.exit(f"ingest ended with {code}")
    return index, names
