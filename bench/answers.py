"""How good extractive answers are: the gold answer inside, refusals, and citations found verbatim at their page.

    RAGQA_SHARED=FOLDER python bench/answers.py

Everything goes through a real index and the flow behind `ragqa ask --extractive`. Both halves of bench_dev are shown:
weights were fitted on `fit`, and are judged on `report`. Containment: one of the gold answers stands in the printed
answer, both folded (width, case). `sample_docs` asks whether the first citation is the right document and page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from corpora import Question, build_index, holds, load, work_folder

if TYPE_CHECKING:
    from ragqa.flows.ask import Asked

HALVES = ("fit", "report")
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    corpus = load("bench_dev")
    index, _ = build_index(corpus)
    asked = _ask(index, [question.text for question in corpus.questions])
    pairs = list(zip(corpus.questions, asked, strict=True))
    _contained(pairs)
    _refused(pairs)
    print(f"\n{'citations':<26} {'n':>5} {'verbatim at their page':>24} {'sentences quoted':>18}")
    _cited("bench_dev", asked, index)
    _sample_docs()


def _ask(index: Path, questions: Sequence[str]) -> list[Asked]:
    from ragqa import config, wiring
    from ragqa.flows.ask import ask

    settings = config.load(environment={})
    with wiring.open_store(index) as store:
        searching = wiring.searching(store, settings, notice=print)
        answering = wiring.answering("extractive", settings, searching, notice=print)
        return [ask(question, searching, answering) for question in questions]


def _contained(pairs: Sequence[tuple[Question, Asked]]) -> None:
    """Every question of the group counts, refused ones as misses; `if answered` leaves those out."""
    print(f"{'gold answer inside':<26} {'n':>5} {'inside':>8} {'answered':>9} {'if answered':>12} {'sentences':>10}")
    for group in ("en -> en", "zh-Hans -> zh-Hans", "zh-Hant -> zh-Hant", "cross-language"):
        for half in (*HALVES, "both"):
            chosen = [
                (question, asked)
                for question, asked in pairs
                if question.group == group and half in (question.half, "both")
            ]
            answered = [(question, asked) for question, asked in chosen if asked.answer.status == "answered"]
            inside = sum(holds(asked.answer.text, question.answers) for question, asked in answered)
            written = sum(len(asked.answer.sentences) for _, asked in answered)
            share, sentences = (count / len(answered) if answered else 0.0 for count in (inside, written))
            print(
                f"{group + ', ' + half:<26} {len(chosen):>5} {inside / len(chosen):>8.3f} {len(answered):>9} "
                f"{share:>12.3f} {sentences:>10.2f}"
            )


def _refused(pairs: Sequence[tuple[Question, Asked]]) -> None:
    print(f"\n{'refusal':<26} {'absent':>7} {'refused':>8} {'answerable':>11} {'wrongly refused':>16}")
    rows = {language: (f"absent {language}", f"{language} -> {language}") for language in ("en", "zh-Hans", "zh-Hant")}
    for name, groups in [*rows.items(), ("all", tuple(group for row in rows.values() for group in row))]:
        for half in HALVES:
            chosen = [(question, asked) for question, asked in pairs if question.half == half]
            absent = [asked for question, asked in chosen if question.group in groups and not question.answerable]
            there = [asked for question, asked in chosen if question.group in groups and question.answerable]
            print(
                f"{name + ', ' + half:<26} {len(absent):>7} {_refusals(absent):>8.3f} {len(there):>11} "
                f"{_refusals(there):>16.3f}"
            )


def _refusals(asked: Sequence[Asked]) -> float:
    return sum(one.answer.status == "not_found" for one in asked) / len(asked) if asked else 0.0


def _cited(name: str, asked: Sequence[Asked], index: Path) -> None:
    """Each quote is looked up again in the stored document, by its offsets, and on the page that it names."""
    from ragqa.index.store import Store

    found = total = 0
    with Store.open(index) as store:
        contents = {state.path: state.content_id for state in store.documents()}
        for citation in (citation for one in asked for citation in one.answer.citations):
            content_id = contents[citation.hit.passage.path]
            assert content_id is not None
            document, quote = store.content(content_id)[1], citation.quote
            pages = [page for page in document.pages if page.number == quote.page]
            on_page = not document.pages or any(page.start <= quote.start < page.end for page in pages)
            total += 1
            found += citation.verified and on_page and document.text[quote.start : quote.end] == quote.text
    support = [sentence.support for one in asked for sentence in one.answer.sentences]
    quoted = support.count("quoted") / len(support) if support else 0.0
    print(f"{name:<26} {total:>5} {found / total if total else 0.0:>24.3f} {quoted:>18.3f}")


def _sample_docs() -> None:
    """The project's own questions, over an index of the project's own documents."""
    from ragqa.cli.main import run

    index = work_folder("sample_docs") / ".ragqa"
    code = run(["ingest", str(ROOT / "sample_docs"), "--index", str(index), "--quiet", "--format", "md"])
    if code:
        sys.exit(f"ingest ended with {code}")
    rows = [json.loads(line) for line in (ROOT / "sample_docs" / "questions.jsonl").read_text("utf-8").splitlines()]
    asked = _ask(index, [row["question"] for row in rows])
    _cited("sample_docs", asked, index)
    print(f"\n{'sample_docs':<26} {'n':>5} {'first cited':>12} {'inside':>8} {'refused':>8}")
    for language in ("en", "zh-Hans", "zh-Hant", None):
        chosen = [(row, one) for row, one in zip(rows, asked, strict=True) if language in (None, row["language"])]
        there = [(row, one) for row, one in chosen if row["answerable"]]
        first = sum(_cites_first(one, row["document"], row["page"]) for row, one in there)
        inside = sum(holds(one.answer.text, row["answers"]) for row, one in there)
        print(f"{language or 'all':<26} {len(there):>5} {first / len(there):>12.3f} {inside / len(there):>8.3f}")
        absent = [one for row, one in chosen if not row["answerable"]]
        print(f"{'  not in the documents':<26} {len(absent):>5} {'':>12} {'':>8} {_refusals(absent):>8.3f}")


def _cites_first(asked: Asked, document: str, page: int | None) -> bool:
    if not asked.answer.citations:
        return False
    first = asked.answer.citations[0]
    return PurePath(first.hit.passage.document).name == document and first.quote.page == page


if __name__ == "__main__":
    main()
