"""Draws what a step is trained on: groups of one passage that answers and several that do not, as token ids."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ragqa.models.builtin import model_folder

LEFT_OUT_TITLES = 0.15
"""Of the groups, so often are passages read without their titles."""
SHARES = {"medquad": 0.45, "fairytaleqa_train": 0.75}
"""Of a source's groups that an epoch takes: those that are many and much alike take part of the time."""
DEEPEST = 30
"""A question whose passage is found further down leans on what it was asked about, or is not answered there."""
SHORT_WORDS = 60
"""Of a group's passages, on average, for the first epoch."""
LONG = 0.1
"""Of the longer groups, so many are in the first epoch."""


@dataclass(frozen=True, slots=True)
class Group:
    """A question with its candidates, the one that answers first."""

    source: str
    question: str
    passages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Ids of "[CLS] question [SEP] passage [SEP]"; the passage begins at `side`; `group` and `place` say whose."""

    ids: Sequence[int]
    side: int
    group: int
    place: int


class Examples:
    """The groups of one folder that `prepare.py` made, in an order that the seed decides."""

    def __init__(self, folder: Path, *, seed: int, negatives: int) -> None:
        self.seed = seed
        self.negatives = negatives
        self.pieces = {row["id"]: row for row in _rows(folder / "pieces.jsonl")}
        groups = [row for row in _rows(folder / "groups.jsonl") if row["rank"] < DEEPEST]
        self.training = [row for row in groups if not row["held_back"] and len(row["hard"]) >= negatives]
        self.held_back = [row for row in groups if row["held_back"] and len(row["hard"]) >= negatives]

    def epoch(self, number: int) -> list[Group]:
        """Every group once, but for the sources that are thinned, each with other negatives than before.

        The first epoch is of short passages but for a tenth: what a question and a passage have to do with each other
        is learnt there at a third of the cost.
        """
        chance = random.Random(f"{self.seed}/{number}")
        chosen = [row for row in self.training if chance.random() < SHARES.get(row["source"], 1.0)]
        if number == 0:
            chosen = [row for row in chosen if self._words(row) <= SHORT_WORDS or chance.random() < LONG]
        chance.shuffle(chosen)
        return [self._drawn(row, chance) for row in chosen]

    def development(self, size: int, candidates: int) -> list[tuple[Group, int]]:
        """Some of the held back, always the same: the answering piece, the hardest others, and its fused rank."""
        chance = random.Random(self.seed)
        rows = chance.sample(self.held_back, min(size, len(self.held_back)))
        found = []
        for row in rows:
            hard = row["hard"][: candidates - 1]
            rank = sum(above > 0 for above in row["above"][: candidates - 1])
            found.append((self._group(row, [row["positive"][0], *hard], titles=True), rank))
        return found

    def _words(self, row: dict[str, Any]) -> float:
        ids = [row["positive"][0], *row["hard"][:8]]
        return sum(len(self.pieces[piece]["text"].split()) for piece in ids) / len(ids)

    def _drawn(self, row: dict[str, Any], chance: random.Random) -> Group:
        """The hardest more often; up to two of the same article; one from far below."""
        positive = chance.choice(row["positive"][:3])
        near = chance.sample(row["near"][:8], min(2, len(row["near"][:8])))
        far = [chance.choice(row["far"])]
        wanted = self.negatives - len({*near, *far})
        hard = [piece for piece in row["hard"] if piece not in near and piece not in far]
        first = hard[: 2 * wanted]
        drawn = [*near, *chance.sample(first, min(wanted, len(first))), *far]
        return self._group(row, [positive, *dict.fromkeys(drawn)], titles=chance.random() >= LEFT_OUT_TITLES)

    def _group(self, row: dict[str, Any], ids: Sequence[int], *, titles: bool) -> Group:
        return Group(row["source"], row["query"], tuple(self._text(piece, titles=titles) for piece in ids))

    def _text(self, id: int, *, titles: bool) -> str:
        piece = self.pieces[id]
        return f"{piece['title']}\n{piece['text']}" if titles and piece["title"] else piece["text"]


class Reader:
    """Makes pairs of texts as the exported model will."""

    def __init__(self, longest: int) -> None:
        self.longest = longest

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.longest, strategy="longest_first")
        return tokenizer

    def pairs(self, group: Group, number: int) -> Iterator[Pair]:
        for place, passage in enumerate(group.passages):
            found = self._tokenizer.encode(group.question, passage)
            yield Pair(found.ids, found.type_ids.index(1) if 1 in found.type_ids else len(found.ids), number, place)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
