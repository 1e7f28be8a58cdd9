"""Finds, for each question, passages that look like an answer and are none: mined by words and meaning, then filtered.

A candidate is left out where it probably answers, too: it says what the answering passage says, it is another source's
answer to the same kind of question, or both searches put it clearly above the answering passage.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Piece, Query
from scipy import sparse

from ragqa.text.analyzer import analyze

POOLS = (
    ("nqg_squad_train", "selqa", "nq_uda", "ares_synth"),
    ("fairytaleqa_train",),
    ("medquad",),
    ("covidqa", "pubmedqa"),
    ("cmrc2018_train", "dureader_demo"),
)
"""Sources whose passages are searched together: those of one kind."""
DENSE_WEIGHT = 0.65
HARD, FAR, DEEPEST = 16, 10, 60
SAME_MEANING, SAME_WORDS = 0.93, 0.6
CLOSER, MORE_WORDS = 0.05, 1.1
"""By how much both searches must prefer a candidate to the answering passage for it to be suspected of answering."""
LEAST_COSINE = 0.15
"""A question further than this from its own passage asks for something that cannot be told ("why did he leave?")."""
BLOCK = 256


def write_groups(pieces: Sequence[Piece], queries: Sequence[Query], vectors: Any, asked: Any, target: Path) -> None:
    """One line a question; `near` are of the same article. Beside `target`, the pieces by their ids."""
    _write(
        target.with_name("pieces.jsonl"), [{"id": each.id, "title": each.title, "text": each.text} for each in pieces]
    )
    terms = [analyze(piece.indexed_text) for piece in pieces]
    kinds = _kinds(pieces, queries)
    lines: list[Mapping[str, object]] = []
    for pool in POOLS:
        for held_back in (False, True):
            # Nothing that is held back is seen in training; the held back are searched among all.
            places = [p.id for p in pieces if p.source in pool and (held_back or not p.held_back)]
            chosen = [q for q in queries if q.source in pool and q.held_back == held_back]
            if places and chosen:
                miner = _Miner(
                    [pieces[place] for place in places], [terms[place] for place in places], vectors[places], kinds
                )
                lines += [
                    line
                    for start in range(0, len(chosen), BLOCK)
                    for line in miner.groups(chosen[start : start + BLOCK], asked)
                ]
        print(f"{', '.join(pool)}: {len(lines)} groups so far", flush=True)
    _write(target, lines)


class _Miner:
    """One pool of pieces, searchable by words and by meaning."""

    def __init__(
        self, pieces: Sequence[Piece], terms: Sequence[Sequence[str]], vectors: Any, kinds: Mapping[int, set[str]]
    ) -> None:
        self.pieces, self.vectors, self.kinds = pieces, vectors, kinds
        self.words = [frozenset(each) for each in terms]
        self.numbers: dict[str, int] = {}
        counts = [Counter(self.numbers.setdefault(term, len(self.numbers)) for term in each) for each in terms]
        self.postings = _bm25(counts, len(self.numbers))
        self.of_passage: dict[int, list[int]] = defaultdict(list)
        self.of_article: dict[str, list[int]] = defaultdict(list)
        for place, piece in enumerate(pieces):
            self.of_passage[piece.passage].append(place)
            if piece.title:
                self.of_article[piece.article].append(place)

    def groups(self, queries: Sequence[Query], asked: Any) -> list[Mapping[str, object]]:
        cosines = asked[[query.id for query in queries]] @ self.vectors.T
        rows, columns = [], []
        for row, query in enumerate(queries):
            known = [self.numbers[term] for term in set(analyze(query.text)) if term in self.numbers]
            rows += [row] * len(known)
            columns += known
        bags = sparse.csr_matrix(
            (np.ones(len(rows), np.float32), (rows, columns)), shape=(len(queries), len(self.numbers))
        )
        words = (bags @ self.postings).toarray()
        found = (self._group(query, cosines[row], words[row]) for row, query in enumerate(queries))
        return [each for each in found if each is not None]

    def _group(self, query: Query, cosines: Any, words: Any) -> Mapping[str, object] | None:
        fused = DENSE_WEIGHT * _spread(cosines) + (1 - DENSE_WEIGHT) * _spread(words)
        own = [place for passage in query.passages for place in self.of_passage.get(passage, ())]
        # Of a passage that was cut, the piece that both searches prefer; which other piece answers is not known.
        best = [
            max(places, key=lambda place: fused[place])
            for passage in query.passages
            if (places := self.of_passage.get(passage))
        ]
        if not best or max(cosines[best]) < LEAST_COSINE:
            return None
        best.sort(key=lambda place: -fused[place])
        articles = {self.pieces[place].article for place in best}
        near = [place for article in articles for place in self.of_article.get(article, ())]
        first = np.sort(np.argpartition(-fused, min(DEEPEST, len(fused) - 1))[:DEEPEST])
        order = [int(place) for place in first[np.argsort(-fused[first], kind="stable")]]
        refused = set(own)
        suspects = sorted({*order, *near} - refused)
        likeness = (self.vectors[suspects] @ self.vectors[best].T).max(axis=1, initial=-1.0)
        for place, alike in zip(suspects, likeness, strict=True):
            if (
                alike > SAME_MEANING
                or max(_overlap(self.words[place], self.words[answer]) for answer in best) > SAME_WORDS
                or self._is_same_kind(query, place)
                or (cosines[place] > max(cosines[best]) + CLOSER and words[place] > MORE_WORDS * max(words[best]))
            ):
                refused.add(place)
        kept = [place for place in order if place not in refused]
        near = sorted((place for place in near if place not in refused), key=lambda place: -fused[place])
        rank = int((fused > fused[best[0]]).sum())
        return {
            "query": query.text, "source": query.source, "held_back": query.held_back, "rank": rank,
            "positive": [self.pieces[place].id for place in best],
            "near": [self.pieces[place].id for place in near[:HARD]],
            "hard": [self.pieces[place].id for place in kept[:HARD]],
            "above": [round(float(fused[place] - fused[best[0]]), 4) for place in kept[:HARD]],
            "far": [self.pieces[place].id for place in kept[-FAR:]],
        }  # fmt: skip

    def _is_same_kind(self, query: Query, place: int) -> bool:
        """Whether the piece is known to answer the same kind of question about nearly the same thing."""
        piece = self.pieces[place]
        if not piece.title or not (self.kinds.get(piece.passage, set()) & {_kind(query.text, self._title(query))}):
            return False
        return _overlap(frozenset(analyze(piece.title)), frozenset(analyze(self._title(query)))) >= 0.5

    def _title(self, query: Query) -> str:
        places = self.of_passage.get(query.passages[0])
        return self.pieces[places[0]].title if places else ""


def _kinds(pieces: Sequence[Piece], queries: Sequence[Query]) -> dict[int, set[str]]:
    """Of each passage, what is asked of it, its title left out."""
    titles = {piece.passage: piece.title for piece in pieces}
    kinds: dict[int, set[str]] = defaultdict(set)
    for query in queries:
        for passage in query.passages:
            kinds[passage].add(_kind(query.text, titles[passage]))
    return kinds


def _kind(question: str, title: str) -> str:
    return re.sub(re.escape(title), "", question, flags=re.IGNORECASE).lower().strip(" ?") if title else question


def _bm25(counts: Sequence[Counter[int]], size: int, k1: float = 1.2, b: float = 0.75) -> Any:
    """Terms by pieces: what each term adds to each piece's score."""
    lengths = np.array([sum(each.values()) for each in counts], dtype=np.float32)
    frequency = Counter(term for each in counts for term in each)
    rows, columns, values = [], [], []
    for place, each in enumerate(counts):
        norm = k1 * (1 - b + b * lengths[place] / lengths.mean())
        for term, count in each.items():
            rows.append(term)
            columns.append(place)
            values.append(np.log(1 + len(counts) / frequency[term]) * count * (k1 + 1) / (count + norm))
    return sparse.csr_matrix((np.array(values, np.float32), (rows, columns)), shape=(size, len(counts)))


def _spread(scores: Any) -> Any:
    low, high = float(scores.min()), float(scores.max())
    return (scores - low) / (high - low) if high > low else scores * 0


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, min(len(one), len(other)))


def _write(path: Path, lines: Sequence[Mapping[str, object]]) -> None:
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    unfinished.replace(path)
