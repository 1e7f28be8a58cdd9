"""A BEIR folder: passages, questions, and which passage answers which (corpus.jsonl, queries.jsonl, qrels.tsv)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragqa.errors import UsageError
from ragqa.evaluation.questions import Question, answers, flag, rows, word
from ragqa.text.language import detect

HIGHEST_GAIN = 2**31 - 1
"""What trec_eval can hold."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Passage id -> (title, text), and the questions that are judged; `unjudged` others are blank, or not judged."""

    folder: Path
    passages: Mapping[str, tuple[str, str]]
    questions: Sequence[Question]
    unjudged: int

    def files(self) -> dict[str, tuple[str, bytes]]:
        """File name -> (passage id, content): each passage a Markdown file, its title the heading."""
        made = {}
        for number, (passage, (title, text)) in enumerate(self.passages.items()):
            head = f"# {' '.join(title.split())}\n\n" if title.strip() else ""
            made[f"{number:06d}.md"] = (passage, f"{head}{text}\n".encode("utf-8", "replace"))
        return made


def read(folder: Path) -> Collection:
    """Read a BEIR folder. Raises UsageError, which names the file and the line, for what is not in its form."""
    relevant = _judgements(folder)
    passages: dict[str, tuple[str, str]] = {}
    for number, row in rows(_existing(folder, "corpus.jsonl")):
        where = f"{folder / 'corpus.jsonl'}, line {number}"
        passage = _id(row, where)
        if passage in passages:
            raise UsageError(f"{where} repeats the id {passage!r}")
        text = row.get("text")
        if not isinstance(text, str):
            raise UsageError(f"{where} has no `text`")
        passages[passage] = (word(row, "title", where=where) or "", text)
    questions: dict[str, Question] = {}
    unjudged = 0
    for number, row in rows(_existing(folder, "queries.jsonl")):
        where = f"{folder / 'queries.jsonl'}, line {number}"
        query = _id(row, where)
        if query in questions:
            raise UsageError(f"{where} repeats the id {query!r}")
        text = word(row, "text", where=where)
        if text is None and "text" not in row:
            raise UsageError(f"{where} has no `text`")
        answerable = flag(row, "answerable", where=where)
        if text is None or (answerable and query not in relevant):
            unjudged += 1
            continue
        questions[query] = Question(
            id=query,
            text=text,
            language=word(row, "language", where=where) or detect(text),
            answers=answers(row, where=where) if answerable else (),
            answerable=answerable,
            relevant=relevant.get(query, {}) if answerable else {},
        )
    if not questions:
        raise UsageError(f"no question of {folder / 'queries.jsonl'} is judged in its qrels")
    return Collection(folder, passages, list(questions.values()), unjudged)


def _judgements(folder: Path) -> dict[str, dict[str, int]]:
    """Query id -> passage id -> gain above 0, from `qrels.tsv` or, as BEIR itself lays it, `qrels/test.tsv`."""
    nested = folder / "qrels" / "test.tsv"
    path = nested if nested.is_file() and not (folder / "qrels.tsv").exists() else _existing(folder, "qrels.tsv")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read {path}: {said}") from error
    relevant: dict[str, dict[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        if not line.strip() or (number == 1 and cells[-1].strip().lower() == "score"):
            continue
        try:
            query, passage, score = cells
            gain = int(score)
            if gain > HIGHEST_GAIN:
                raise ValueError
        except ValueError:
            raise UsageError(
                f"{path}, line {number} is not in the form of a judgement",
                remedy="query-id, corpus-id and a whole number, with tabs between",
            ) from None
        if gain > 0:
            relevant.setdefault(query, {})[passage] = gain
    return relevant


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise UsageError(
            f"{folder} has no {name}", remedy="a BEIR folder has corpus.jsonl, queries.jsonl and qrels.tsv"
        )
    return path


def _id(row: Mapping[str, object], where: str) -> str:
    found = row.get("_id")
    if not isinstance(found, str | int) or isinstance(found, bool) or not str(found):
        raise UsageError(f"{where} has no `_id`")
    return str(found)
