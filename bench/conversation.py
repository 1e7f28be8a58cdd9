"""How well follow-up questions are understood: found and answered as asked, by the rules, and as if they stood alone.

    python bench/conversation.py

Each of the pairs in `tests/data/follow_ups.jsonl` is asked of an index of `sample_docs` behind the questions before it,
through the flow behind `ragqa chat --extractive`. A passage counts that is from the right document and page and holds
the answer; "answered" means that the extractive answer holds it. "named in full" is each follow-up as a person would
write it who knows that nobody remembers: what the rules would come to at best. A switch is a question about something
else, a short switch one of a few words; both have to be left alone. "later" are pairs that were written when the rules
were done, and are in no other row.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from corpora import work_folder

if TYPE_CHECKING:
    from ragqa.flows.chat import Turn
    from ragqa.flows.search import Searching

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("en", "zh-Hant", "zh-Hans", "elliptic", "pronoun", "switch", "short switch", "all", "later")

Pair = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one pair came to; `rank` is that of the first hit that holds the answer, None where none of eight does."""

    groups: frozenset[str]
    rank: int | None
    answered: bool


def main() -> None:
    from ragqa import config, wiring

    pairs = [json.loads(line) for line in (ROOT / "tests/data/follow_ups.jsonl").read_text("utf-8").splitlines()]
    settings = config.load(environment={})
    with wiring.open_store(_index()) as store:
        parts = wiring.searching(store, settings, notice=print)
        rows = {
            "as asked": [_measured(pair, _talk(parts, [pair["question"]])) for pair in pairs],
            "rules": [_measured(pair, _talk(parts, [*pair["before"], pair["question"]])) for pair in pairs],
            "named in full": [_measured(pair, _talk(parts, [pair["alone"]])) for pair in pairs],
        }
    print(f"{'':<14} {'n':>3}" + "".join(f" | {name:^24}" for name in rows))
    print(f"{'':<18}" + " |    hit@1  hit@5 answered" * len(rows))
    for group in GROUPS:
        chosen = {name: [one for one in measured if group in one.groups] for name, measured in rows.items()}
        print(f"{group:<14} {len(chosen['rules']):>3}" + "".join(f" | {_shares(each)}" for each in chosen.values()))


def _shares(measured: Sequence[Measured]) -> str:
    shares = (
        sum(one.rank == 1 for one in measured),
        sum(one.rank is not None and one.rank <= 5 for one in measured),
        sum(one.answered for one in measured),
    )
    return "  " + "".join(f"{share / len(measured):>7.3f}" for share in shares) + " "


def _index() -> Path:
    from ragqa.cli.main import run

    index = work_folder("sample_docs") / ".ragqa"
    code = run(["ingest", str(ROOT / "sample_docs"), "--index", str(index), "--quiet", "--format", "md"])
    if code:
        sys.exit(f"ingest ended with {code}")
    return index


def _talk(parts: Searching, questions: Sequence[str]) -> Turn:
    """The last turn of a conversation."""
    from ragqa import wiring
    from ragqa.flows.chat import take_turn

    answering = wiring.answering("extractive", parts.config, parts, notice=print)
    conversing = wiring.conversing("extractive", parts.config, notice=print)
    turns: list[Turn] = []
    for question in questions:
        turns.append(take_turn(question, turns, parts, answering, conversing))
    return turns[-1]


def _measured(pair: Pair, turn: Turn) -> Measured:
    from ragqa.evaluation import answers

    keys = [answers.key(answer) for answer in pair["answers"]]
    rank = None
    for hit in turn.asked.answer.hits:
        chunk, page = hit.passage.chunk, pair["page"]
        on_page = page is None or (chunk.page_start or 0) <= page <= (chunk.page_end or 0)
        right = PurePath(hit.passage.document).name == pair["document"] and on_page
        if right and answers.holds(answers.key(chunk.text), keys):
            rank = hit.rank
            break
    groups = frozenset(("later",) if pair.get("later") else (pair["language"], pair["kind"], "all"))
    return Measured(groups, rank, answers.contains(turn.asked.answer.text, pair["answers"]))


if __name__ == "__main__":
    main()
