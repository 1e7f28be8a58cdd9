"""A filtered search is, hit by hit, the search of an index that was only ever given the matching files."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ragqa.config import Config, load
from ragqa.documents.loader import InProcessLoader
from ragqa.flows.ask import Answering, ask
from ragqa.flows.ingest import Parts, ingest
from ragqa.flows.search import Searching
from ragqa.index.lexical import Bm25Index
from ragqa.index.scope import scope_of
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.models.extractive import ExtractiveGenerator
from ragqa.ports import GenerationRequest
from ragqa.text.language import detect
from ragqa.text.parts import split
from ragqa.types import Filter, Hit, Language
from tests.fakes import HashingEmbedder

DAY = 86_400 * 10**9
START = 1_700_000_000 * 10**9
FOLDERS = ("", "contracts/", "contracts/2024/", "notes/", "notes/old/", "合約/", "合約/附件/")
WORDS: dict[Language, str] = {
    "en": "lease tenant rent notice deposit repair garden insurance termination landlord payment term",
    "zh-Hans": "租约 房东 押金 租金 通知 维修 保险 终止 付款 期限 花园 违约",
    "zh-Hant": "租約 房東 押金 租金 通知 維修 保險 終止 付款 期限 花園 違約",
}
QUESTIONS = (
    "When may the tenant give notice of termination?",
    "deposit payment",
    "押金何時退還？",
    "租约终止的通知期限",
    "insurance 保險 repair",
    "When is the rent due and who pays for the repair of the garden?",
    'the tennant\'s "notice deposit"',
)


@dataclass(frozen=True)
class File:
    """What the oracle knows of a file."""

    path: str
    language: Language
    mtime_ns: int

    @property
    def type(self) -> str:
        return {"md": "markdown", "txt": "text", "html": "html"}[self.path.rpartition(".")[2]]


def sentences(dice: random.Random, language: Language) -> list[str]:
    """Short and much alike, so that scores tie often."""
    words = WORDS[language].split()
    if language == "en":
        return [f"The {' '.join(dice.choices(words, k=3))} of the house." for _ in range(dice.randint(1, 3))]
    return [f"{''.join(dice.choices(words, k=3))}的屋。" for _ in range(dice.randint(1, 3))]


def corpus(folder: Path, dice: random.Random) -> list[File]:
    """Forty files in nested folders; every fifth is byte for byte one that was written before, at another path."""
    files: list[File] = []
    for number in range(40):
        language: Language = dice.choice(list(WORDS))
        path = f"{dice.choice(FOLDERS)}{number:02}-{dice.choice(('a', 'b'))}.{dice.choice(('md', 'txt', 'html'))}"
        lines = sentences(dice, language)
        data = ("<p>" + "</p><p>".join(lines) if path.endswith("html") else "\n\n".join(lines) + "\n").encode()
        if number % 5 == 4:
            original = dice.choice(files)
            language, data = original.language, (folder / original.path).read_bytes()
            path = path.rpartition(".")[0] + "." + original.path.rpartition(".")[2]
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        mtime_ns = START + dice.randrange(10) * DAY
        os.utime(target, ns=(mtime_ns, mtime_ns))
        files.append(File(path, language, mtime_ns))
    return files


PATTERNS: dict[str, Callable[[str], bool]] = {
    "contracts/**": lambda path: path.startswith("contracts/"),
    "合約/": lambda path: "合約/" in path,
    "*.md": lambda path: path.endswith(".md"),
    "notes/old/": lambda path: path.startswith("notes/old/"),
    "*-a.*": lambda path: path.rpartition(".")[0].endswith("-a"),
    "documents/*.html": lambda path: path.endswith(".html") and "/" not in path,
}


def draw(dice: random.Random) -> tuple[Filter, Callable[[File], bool]]:
    """A filter, and the same in plain words."""
    patterns = dice.sample(list(PATTERNS), dice.choice((0, 1, 2)))
    languages = dice.choice(((), (), ("en",), ("zh-Hans", "zh-Hant"), ("zh-Hant",)))
    types = dice.choice(((), (), ("markdown",), ("text", "html")))
    after = dice.choice((None, None, START + 3 * DAY))
    before = dice.choice((None, None, START + 7 * DAY))

    def matches(file: File) -> bool:
        return (
            (not patterns or any(PATTERNS[pattern](file.path) for pattern in patterns))
            and (not languages or file.language in languages)
            and (not types or file.type in types)
            and (after is None or file.mtime_ns >= after)
            and (before is None or file.mtime_ns < before)
        )

    return Filter(tuple(patterns), languages, types, after, before), matches


def build(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index `place/documents`, named as a user there would."""
    monkeypatch.chdir(place)
    with Store.create(place / ".ragqa") as store:
        parts = Parts(lambda: HashingEmbedder(), InProcessLoader, load(environment={}))
        assert ingest([b"documents"], store, parts).failed == []


def prepare(question: str, hits: Any) -> GenerationRequest:
    return GenerationRequest(question, detect(question), tuple(hits[:5]), "", "", 1000, 0.0)


def shown(hit: Hit) -> tuple[object, ...]:
    """All of a hit but its key and its absolute path, which are an index's own."""
    return (
        hit.rank,
        replace(hit.passage, key=0, path=b""),
        hit.score,
        hit.found_by,
        hit.dense,
        hit.lexical,
    )


def answers(store: Store, config: Config, chosen: Filter | None) -> list[object]:
    """Everything that is found and said, to the last bit of each score."""
    scope = scope_of(store, chosen) if chosen else None
    keys = scope.keys if scope else None
    lexical = Bm25Index(store, allowed=keys)
    parts = Searching(
        store, HashingEmbedder(), ExactVectors(store, allowed=keys), lexical, None, config, scope=scope, split=split
    )
    answering = Answering(ExtractiveGenerator(lexical.idf), prepare, refuse_below=0.0)
    everything: list[object] = []
    for question in QUESTIONS:
        asked = ask(question, parts, answering)
        identity = {passage.key: passage.chunk_id for passage in store.passages(scored_keys(asked.trace))}
        everything.append(
            (
                [shown(hit) for hit in asked.answer.hits],
                asked.evidence,
                asked.trace.query,
                asked.answer.text,
                [(each.quote, each.verified, shown(each.hit)) for each in asked.answer.citations],
                [
                    [(identity[each.key], each.score) for each in ranking]
                    for ranking in (asked.trace.dense, asked.trace.lexical, asked.trace.fused)
                ],
            )
        )
    return everything


def scored_keys(trace: Any) -> list[int]:
    return sorted({each.key for each in (*trace.dense, *trace.lexical, *trace.fused)})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_filter_finds_what_an_index_of_the_matching_files_finds(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    whole = tmp_path / "whole"
    files = corpus(whole / "documents", dice)
    build(whole, monkeypatch)
    with Store.open(whole / ".ragqa") as store:
        compared = 0
        while compared < 9:
            chosen, matches = draw(dice)
            matching = [file for file in files if matches(file)]
            if not matching:
                continue
            compared += 1
            part = tmp_path / f"part{compared}"
            for file in matching:
                target = part / "documents" / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(whole / "documents" / file.path, target)
            build(part, monkeypatch)
            config = load(
                environment={},
                flags={
                    "retrieval.fusion": dice.choice(("convex", "rrf")),
                    "retrieval.candidates": dice.choice((5, 100)),
                    "retrieval.top_k": 10,
                },
            )
            with Store.open(part / ".ragqa") as alone:
                assert scope_of(store, chosen).documents == len(matching)
                expected, found = answers(alone, config, None), answers(store, config, chosen)
                for question, one, other in zip(QUESTIONS, expected, found, strict=True):
                    assert one == other, (chosen, question)
