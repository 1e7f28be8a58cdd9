"""Filters are exact: each random one gives, to the last bit, what an index of only the matching files gives.

    [RAGQA_SHARED=FOLDER] python bench/filters.py [--cases 200] [--questions 4] [--seed 1]

The corpus is sample_docs in nested folders, short notes that are much alike (so that scores tie), copies of a fifth of
all files at other paths and, with RAGQA_SHARED, passages of bench_dev. For each case the matching files are told apart
here, by other means than the program's, and ingested by themselves in the same order; then the JSON of `search` and
`ask`, both rankings, the fused order and every score must be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from corpora import load, shared_folder, work_folder

from ragqa import config, wiring
from ragqa.cli import ask_shapes, filters, shapes
from ragqa.flows.ask import ask
from ragqa.flows.ingest import Parts, ingest
from ragqa.flows.search import Found, Searching
from ragqa.index.lexical import Bm25Index
from ragqa.index.scope import scope_of
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.retrieval import Retrieval
from ragqa.text.parts import split

if TYPE_CHECKING:
    from ragqa.config import Config
    from ragqa.ports import Embedder, Loader
    from ragqa.types import Document, Filter, Language, Vectors

SAMPLES = Path(__file__).parents[1] / "sample_docs"
FOLDERS = ("", "contracts", "contracts/2024", "contracts/old", "notes", "合約", "合約/附件", "manuals/en")
FIRST_DAY = date(2024, 1, 1)
NOTES, PASSAGES = 80, 250
WORDS = {
    "en": "lease tenant rent notice deposit repair garden insurance termination landlord payment term",
    "zh-Hans": "租约 房东 押金 租金 通知 维修 保险 终止 付款 期限 花园 违约",
    "zh-Hant": "租約 房東 押金 租金 通知 維修 保險 終止 付款 期限 花園 違約",
}
SUFFIXES = {
    "pdf": (".pdf",),
    "md": (".md", ".markdown"),
    "txt": (".txt", ".text"),
    "html": (".html", ".htm"),
    "docx": (".docx",),
}


@dataclass(frozen=True, slots=True)
class File:
    """What is known of a file without asking the program, but for its language."""

    path: str
    language: Language
    day: date

    @property
    def suffix(self) -> str:
        return Path(self.path).suffix


Predicate = Callable[[File], bool]


class Remembered:
    """An embedder and a loader that do each piece of work once: two hundred small indexes share it."""

    def __init__(self, embedder: Embedder, loader: Loader) -> None:
        self._embedder, self._loader = embedder, loader
        self.name, self.fingerprint = embedder.name, embedder.fingerprint
        self.dimensions, self.max_tokens = embedder.dimensions, embedder.max_tokens
        self._rows: dict[tuple[str, str], Any] = {}
        self._counts: dict[str, int] = {}
        self._shares: dict[str, float] = {}
        self._documents: dict[tuple[str, bytes], Document] = {}

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if (text, kind) not in self._rows]
        self._rows.update(zip(((text, kind) for text in new), self._embedder.embed(new, kind=kind), strict=True))
        return np.stack([self._rows[text, kind] for text in texts])

    def count_tokens(self, text: str) -> int:
        if text not in self._counts:
            self._counts[text] = self._embedder.count_tokens(text)
        return self._counts[text]

    def unknown_share(self, text: str) -> float:
        if text not in self._shares:
            self._shares[text] = self._embedder.unknown_share(text)
        return self._shares[text]

    def load(self, data: bytes, name: str, *, password: str | None = None) -> Document:
        if (name, data) not in self._documents:
            self._documents[name, data] = self._loader.load(data, name, password=password)
        return self._documents[name, data]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=200)
    options.add_argument("--questions", type=int, default=4)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    dice = random.Random(chosen.seed)
    place = work_folder("filters")
    shutil.rmtree(place)
    started = time.monotonic()
    settings = config.load(environment={})
    with wiring.ingesting(settings, notice=print) as parts:
        models = Remembered(parts.embedder(), parts.loader())
        whole = place / "whole"
        questions = write_corpus(whole / "documents", dice)
        with indexed(whole, models, settings) as store:
            files = files_of(store)
            counts = store.counts()
            print(f"documents {len(files)}, contents {counts.contents}, chunks {counts.chunks}, seed {chosen.seed}")
            identical = compared = documents = 0
            for case in range(chosen.cases):
                options_given, matching = draw_matching(dice, files)
                asked = dice.sample(questions, chosen.questions)
                tuned = draw_settings(dice)
                part = place / "part"
                shutil.rmtree(part, ignore_errors=True)
                copy(matching, whole / "documents", part / "documents")
                with indexed(part, models, settings) as alone:
                    expected = [everything(alone, models, tuned, None, question) for question in asked]
                wanted = filters.parse(options_given)
                found = [everything(store, models, tuned, wanted, question) for question in asked]
                same = found == expected
                identical += same
                compared += len(asked)
                documents += len(matching)
                if not same:
                    print(f"case {case} differs: {options_given}, {tuned.retrieval.fusion}")
    print(f"mean documents in a filter: {documents / chosen.cases:.1f}, questions asked both ways: {compared}")
    print(f"cases {chosen.cases}, identical {identical} ({identical / chosen.cases:.1%})", end="")
    print(f", {time.monotonic() - started:.0f} s")


def write_corpus(folder: Path, dice: random.Random) -> list[str]:
    """Write all files with their times; the questions that can be put to them."""
    rows = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text("utf-8").splitlines()]
    questions = [row["question"] for row in rows]
    samples = [path for path in sorted(SAMPLES.iterdir()) if any(path.suffix in each for each in SUFFIXES.values())]
    written = [put(folder, f"{dice.choice(FOLDERS)}/{path.name}", path.read_bytes()) for path in samples]
    for number in range(NOTES):
        words = dice.choice(list(WORDS.values())).split()
        lines = [
            f"The {' '.join(dice.choices(words, k=3))} of the house."
            if words[0].isascii()
            else f"{''.join(dice.choices(words, k=3))}的屋。"
            for _ in range(dice.randint(1, 4))
        ]
        suffix = dice.choice((".md", ".txt", ".html", ".htm", ".text", ".markdown"))
        text = "<p>" + "</p><p>".join(lines) if suffix.startswith(".h") else "\n\n".join(lines) + "\n"
        written.append(put(folder, f"{dice.choice(FOLDERS)}/note-{number:02}{suffix}", text.encode()))
    questions += [dice.choice(words.split()) + " " + dice.choice(words.split()) for words in WORDS.values()] * 10
    questions += [
        '"notice deposit"',
        "「押金租金」",
        "the tennant's deposti",
        "When is rent due and who repairs the garden?",
        "GW-2 or TB-4425",
        "第5.2節 SWM-500",
    ] * 8
    if os.environ.get("RAGQA_SHARED"):
        shared_folder()
        corpus = load("bench_dev")
        for passage in dice.sample(sorted(corpus.passages), PASSAGES):
            title, text = corpus.passages[passage]
            name = f"{dice.choice(FOLDERS)}/passage-{len(written):03}{dice.choice(('.md', '.txt'))}"
            written.append(put(folder, name, f"# {title}\n\n{text}\n".encode()))
        questions += dice.sample([question.text for question in corpus.questions], 200)
    for number, path in enumerate(dice.sample(written, len(written) // 5)):
        put(folder, f"{dice.choice(FOLDERS)}/copy-{number:02}{path.suffix}", path.read_bytes())
    for path in sorted(folder.rglob("*.*")):
        day = FIRST_DAY + timedelta(days=dice.randrange(700))
        moment = datetime(day.year, day.month, day.day, dice.choice((0, 12, 23))).timestamp()
        os.utime(path, (moment, moment))
    return questions


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def copy(matching: Sequence[File], source: Path, target: Path) -> None:
    for file in matching:
        (target / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / file.path, target / file.path)


@contextmanager
def indexed(place: Path, models: Remembered, settings: Config) -> Iterator[Store]:
    """`place/documents` in a new index, ingested as a user there would."""
    before = Path.cwd()
    os.chdir(place)
    try:
        with Store.create(place / ".ragqa") as store:
            report = ingest([b"documents"], store, Parts(lambda: models, lambda: models, settings))
            if report.refused:
                raise SystemExit(f"not ingested: {report.refused}")
        with Store.open(place / ".ragqa") as store:
            yield store
    finally:
        os.chdir(before)


def files_of(store: Store) -> list[File]:
    return [
        File(
            state.display.removeprefix("documents/"),
            state.language,
            datetime.fromtimestamp(state.record.mtime_ns / 1e9).date(),
        )
        for state in store.documents()
    ]


def draw_matching(dice: random.Random, files: Sequence[File]) -> tuple[Mapping[str, Any], list[File]]:
    """The options of a random filter that some file passes, and the files that do."""
    while True:
        given, predicates = draw(dice)
        matching = [file for file in files if all(predicate(file) for predicate in predicates)]
        if predicates and matching:
            return given, matching


def draw(dice: random.Random) -> tuple[dict[str, Any], list[Predicate]]:
    given: dict[str, Any] = dict.fromkeys(filters.OPTIONS)
    predicates: list[Predicate] = []
    if dice.random() < 0.6:
        lines, predicate = draw_patterns(dice)
        given["within"] = lines
        predicates.append(predicate)
    if dice.random() < 0.35:
        name, languages = dice.choice(
            (("en", {"en"}), ("zh", {"zh-Hans", "zh-Hant"}), ("zh-Hans", {"zh-Hans"}), ("zh-hant", {"zh-Hant"}))
        )
        given["lang"] = [name]
        predicates.append(lambda file: file.language in languages)
    if dice.random() < 0.35:
        types = dice.sample(list(SUFFIXES), dice.choice((1, 1, 2)))
        given["type"] = types
        predicates.append(lambda file: any(file.suffix in SUFFIXES[each] for each in types))
    first = FIRST_DAY + timedelta(days=dice.randrange(500))
    last = first + timedelta(days=dice.randrange(1, 400))
    if dice.random() < 0.3:
        given["after"] = first.isoformat()
        predicates.append(lambda file: file.day >= first)
    if dice.random() < 0.3:
        given["before"] = last.isoformat()
        predicates.append(lambda file: file.day < last)
    return given, predicates


def draw_patterns(dice: random.Random) -> tuple[list[str], Predicate]:
    folder = dice.choice([each for each in FOLDERS if each])
    suffix = dice.choice((".md", ".txt", ".html", ".pdf", ".docx"))
    digit = str(dice.randrange(10))
    one: list[tuple[list[str], Predicate]] = [
        ([f"{folder}/**"], lambda file: file.path.startswith(f"{folder}/")),
        ([f"documents/{folder}/*"], lambda file: file.path.startswith(f"{folder}/")),
        ([f"*{suffix}"], lambda file: file.suffix == suffix),
        (
            [f"copy-*{digit}.*", "note-*"],
            lambda file: _is(file, "note-") or (_is(file, "copy-") and _ends(file, digit)),
        ),
        ([f"!{folder}/**"], lambda file: not file.path.startswith(f"{folder}/")),
        ([f"{folder}/**", "!copy-*"], lambda file: file.path.startswith(f"{folder}/") and not _is(file, "copy-")),
        (["copy-*"], lambda file: _is(file, "copy-")),
    ]
    return dice.choice(one)


def _is(file: File, start: str) -> bool:
    return Path(file.path).name.startswith(start)


def _ends(file: File, digit: str) -> bool:
    return Path(file.path).stem.endswith(digit)


def draw_settings(dice: random.Random) -> Config:
    return config.load(
        environment={},
        flags={
            "retrieval.top_k": dice.choice((5, 10, 30)),
            "retrieval.fusion": dice.choice(("convex", "convex", "rrf")),
            "retrieval.candidates": dice.choice((10, 100)),
            "answer.model": "extractive",
        },
    )


def everything(store: Store, models: Remembered, settings: Config, wanted: Filter | None, question: str) -> Any:
    """What `search` and `ask` show and every score behind it, without what must differ: keys, times, the index."""
    scope = scope_of(store, wanted) if wanted else None
    keys = scope.keys if scope else None
    retrieval = settings.retrieval
    lexical = Bm25Index(store, k1=retrieval.bm25_k1, b=retrieval.bm25_b, allowed=keys)
    parts = Searching(
        store, models, ExactVectors(store, allowed=keys), lexical, None, settings, scope=scope, split=split
    )
    asked = ask(question, parts, wiring.answering("extractive", settings, parts, notice=print))
    trace = asked.trace
    found = Found(question, Retrieval(asked.answer.hits, trace), asked.index, {}, scope)
    rankings = (trace.dense, trace.lexical, trace.fused)
    ranked = {each.key for ranking in rankings for each in ranking}
    listed = sorted(ranked | trace.unreadable | trace.exact.keys() | trace.duplicates.keys())
    identities = {passage.key: passage.chunk_id for passage in store.passages(listed)}
    own = ("index", "filter", "timings_ms")
    return (
        {name: value for name, value in shapes.search(found).items() if name not in own},
        {name: value for name, value in ask_shapes.ask(asked).items() if name not in own},
        [[(identities[each.key], each.score) for each in ranking] for ranking in rankings],
        [(hit.score, hit.dense, hit.lexical) for hit in asked.answer.hits],
        asked.evidence,
        {identities[key] for key in trace.unreadable},
        {identities[key]: held for key, held in trace.exact.items()},
        {identities[key]: identities[original] for key, original in trace.duplicates.items()},
        trace.query,
    )


if __name__ == "__main__":
    main()
