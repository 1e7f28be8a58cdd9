"""Values of every kind that the commands show, plain and hostile."""

from __future__ import annotations

import pytest
from hypothesis import settings

from ragqa.answering.evidence import Evidence
from ragqa.flows.ask import Asked
from ragqa.flows.chat import Turn, Understood
from ragqa.flows.ingest import Refused, Report
from ragqa.flows.look import State
from ragqa.flows.opening import Opened, View
from ragqa.flows.search import Found, IndexFacts
from ragqa.index.records import Counts, DocumentRecord, DocumentState, EmbedderRecord, IndexMeta, Pending, Target
from ragqa.index.scope import Run, Scope
from ragqa.query import Correction, Query
from ragqa.reranking import Reranking
from ragqa.retrieval import Retrieval, Trace
from ragqa.text.analyzer import analyze
from ragqa.text.exact import Exact
from ragqa.types import Answer, Chunk, Citation, Filter, Hit, Page, Passage, Quote, Scored, Sentence, Usage

# An example is slow when tables are read for the first time, or the machine is busy; that is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

HOSTILE = "a\x1b[2J\x9b31m\u202eb\x07\udcff[x](http://e.example)<script>![i](x)\ufdd0|&"
LEAVE = "Annual leave is 25 days a year. Leave is requested by e-mail. Unused leave lapses."
SOUP = "食堂每天中午開放。湯的價格是五十元。\n\n素食者另有菜單。"


def make_hit(
    rank: int,
    text: str,
    document: str,
    *,
    start: int = 0,
    page: int | None = 12,
    label: str | None = "xii",
    heading: str = "Leave",
) -> Hit:
    end = None if page is None else page + 1
    chunk = Chunk(start, start + len(text), text, (heading, "Annual leave"), page, end, label)
    found = Passage(rank, f"{rank:016x}", document, document.encode("utf-8", "replace"), "Staff Handbook", "en", chunk)
    return Hit(rank, found, 0.9876543 / rank, ("dense", "lexical"), 0.8, 12.5)


@pytest.fixture
def retrieved() -> tuple[Hit, ...]:
    return (
        make_hit(1, LEAVE, "docs/handbook.pdf", start=100),
        make_hit(2, SOUP, "文件/食堂.md", page=None, label=None),
        make_hit(3, HOSTILE, HOSTILE, label=HOSTILE, heading=HOSTILE),
    )


@pytest.fixture
def trace() -> Trace:
    ranking = (Scored(1, 0.9), Scored(2, 0.5), Scored(77, 0.1))
    reranking = Reranking("tiny", 3, ranking, ranking, 12.3)
    asked = "How much annual leave? 湯的價格"
    query = Query(asked, tuple(analyze(asked)), (Exact("25", quoted=True),), (Correction("anual", "annual"),))
    return Trace(
        query=query,
        unknown_share=0.1,
        readable=True,
        dense=ranking,
        lexical=ranking,
        unreadable=frozenset({2}),
        exact={1: frozenset(query.exact)},
        fused=ranking,
        reranking=reranking,
        duplicates={9: 1},
        timings_ms={"dense": 1.5},
    )


@pytest.fixture
def found(retrieved: tuple[Hit, ...], trace: Trace) -> Found:
    return Found("How much annual leave? 湯的價格", Retrieval(retrieved, trace), IndexFacts(7, 3, 3, 1))


@pytest.fixture
def scope() -> Scope:
    """What is left of an index of which most is filtered out."""
    chosen = Filter(("contracts/**", HOSTILE), ("zh-Hans", "zh-Hant"), ("markdown",), None, 1_735_689_600 * 10**9)
    record = DocumentRecord(b"/docs/a.md", "docs/a.md", b"/docs", "ab" * 32, 1000, 1, loader="markdown")
    return Scope(chosen, 2, (Run(5, 3, record, 0),))


@pytest.fixture
def answer(retrieved: tuple[Hit, ...]) -> Answer:
    first, second, third = retrieved
    return Answer(
        "How much annual leave?",
        "answered",
        f"Staff get 25 days of leave [1].\n\n湯的價格是五十元 [2]。 Foxes fly [3][1].{HOSTILE}",
        (
            Sentence("Staff get 25 days of leave.", (1,), "supported"),
            Sentence("湯的價格是五十元。", (2,), "quoted"),
            Sentence("Foxes fly.", (3, 1), "unsupported"),
        ),
        (
            Citation(1, first, Quote("Annual leave is 25 days a year.", 100, 131, 12, "xii"), True),
            Citation(1, first, Quote("Unused leave lapses.", 162, 182, 13, "13"), True),
            Citation(2, second, Quote("湯的價格是五十元", 9, 17), True),
            Citation(3, third, Quote(HOSTILE, 0, len(HOSTILE), 12, HOSTILE), False),
        ),
        retrieved,
        usage=Usage(100, 20),
        models={"answer": "extractive"},
        dropped=2,
    )


@pytest.fixture
def asked(answer: Answer, trace: Trace) -> Asked:
    return Asked(answer, trace, Evidence(0.91234567, 0, {}), 0.5, IndexFacts(7, 3, 3, 1), {"generation": 12.3456})


@pytest.fixture
def turn(asked: Asked) -> Turn:
    """A follow-up that was rewritten; hostile as its answer is."""
    return Turn(f"And sick leave? {HOSTILE}", Understood(f"How much sick leave? {HOSTILE}", "rules"), asked)


@pytest.fixture
def opened(states: list[DocumentState]) -> Opened:
    """A citation with quotes on a plain page and in a hostile section; it holds marks like ours."""
    page = f"Leave\n\n{LEAVE}\n\n{SOUP}\n\n>>>not a quote<<<\n"
    first = page.index("Unused")
    hostile = f"{HOSTILE}\n\n{HOSTILE} {HOSTILE}\n"
    return Opened(
        "How much annual leave?",
        2,
        (
            View(
                states[0],
                "docs/handbook.pdf",
                page,
                0,
                len(page),
                Page(12, 0, len(page), "xii"),
                ("Leave",),
                ((7, 38), (first, first + 20)),
                (7, 38),
            ),
            View(states[3], HOSTILE, hostile, 0, len(hostile), None, (HOSTILE,), ((3, len(HOSTILE)),), (0, 3)),
        ),
        missing=(HOSTILE,),
        unverified=("", HOSTILE),
    )


@pytest.fixture
def report() -> Report:
    return Report(
        added=["a.pdf", HOSTILE],
        changed=["b.md"],
        unchanged=1234,
        removed=["c.txt"],
        refused=[
            Refused("scan.pdf", "no_text", "its pages are pictures", failed=True),
            Refused(HOSTILE, "binary", HOSTILE, failed=False),
        ],
        warnings=[("d.txt", "its encoding is a guess: big5"), ("", HOSTILE)],
        chunks=154,
        unreadable_chunks=3,
        seconds=3.21987,
    )


@pytest.fixture
def states() -> list[DocumentState]:
    def state(display: str, **values: object) -> DocumentState:
        record = DocumentRecord(display.encode("utf-8", "replace"), display, b"/docs", "ab" * 32, 1000, 1, **values)  # type: ignore[arg-type]
        stored = record.status == "stored"
        return DocumentState(record, 7, 1 if stored else None, "Staff Handbook", "en", 42 if stored else 0)

    return [
        state("docs/handbook.pdf", loader="pdf"),
        state("文件/食堂.md", loader="markdown"),
        state("scan.pdf", status="failed", code="no_text", reason="its pages are pictures"),
        state(HOSTILE, status="skipped", code="binary", reason=HOSTILE),
    ]


@pytest.fixture
def state() -> State:
    meta = IndexMeta(7, 0, EmbedderRecord("builtin", "f" * 8, 384), "terms-1", "250/0")
    counts = Counts({"stored": 29, "failed": 1}, 29, 1203, {"en": 12, "zh-Hant": 17})
    return State("/home/me/.ragqa", meta, counts, (b"/docs", b"/caf\xe9"), ("a.pdf", HOSTILE), 1_234_567)


@pytest.fixture
def pending() -> Pending:
    return Pending(Target(EmbedderRecord("BAAI/bge-m3", "e" * 8, 1024), "terms-1", "256+0"), staged=12, contents=29)
