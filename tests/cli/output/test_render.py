"""What people see: answers with where they stand, hits with what matched; nothing from outside acts."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from ragqa.cli import chat_render, pages, render, reports
from ragqa.cli.cells import width_of
from ragqa.cli.gate import Output, Styled
from ragqa.flows.ask import Asked
from ragqa.flows.chat import Turn
from ragqa.flows.ingest import Report
from ragqa.flows.look import State
from ragqa.flows.opening import Opened
from ragqa.flows.reembed import Discarded, Reembedded
from ragqa.flows.search import Found
from ragqa.index import integrity
from ragqa.index.records import Calibration, DocumentState, Pending, SparseRecord
from ragqa.index.scope import Scope
from ragqa.types import Answer, Hit


@pytest.fixture(params=[None, 1, 2, 7, 40, 200])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    for module in (render, reports, pages, chat_render):
        monkeypatch.setattr(module, "terminal_width", lambda: request.param)
    chosen: int | None = request.param
    return chosen


@pytest.fixture
def everything(
    answer: Answer,
    asked: Asked,
    found: Found,
    report: Report,
    state: State,
    pending: Pending,
    states: list[DocumentState],
    width: int | None,
    opened: Opened,
    turn: Turn,
) -> list[Styled]:
    damaged = integrity.Report((integrity.Finding("text", "its checksum differs", "a\x1b.pdf", 1),), 3, 3, 9)
    return [
        render.answer(answer),
        render.answer(answer, streamed=True),
        render.answer_markdown(answer),
        render.closest(asked),
        render.hits(found),
        render.hits(found, markdown=True),
        render.explanation(found.retrieval.trace, found.retrieval.hits),
        render.passages([hit.passage for hit in found.retrieval.hits]),
        render.ingest(report),
        render.ingest(report, dry_run=True),
        render.status(state),
        render.documents(states),
        render.check(damaged),
        render.removed(["a\x1b.pdf"], dry_run=False),
        render.status(replace(state, reembedding=pending)),
        pages.opened(opened, lines=0, colour=True),
        pages.opened(opened, lines=None, colour=False),
        pages.opened_markdown(opened, lines=0),
        render.sources(asked),
        render.sources(asked, markdown=True),
        chat_render.sources(turn),
        chat_render.why(turn),
        chat_render.transcript([turn, turn]),
    ]


def written(text: Styled, *, colour: bool) -> str:
    stream = io.StringIO()
    Output(stream, colour=colour).write(text)
    return stream.getvalue()


def test_nothing_from_outside_controls_the_terminal(everything: list[Styled]) -> None:
    for text in everything:
        assert isinstance(text, Styled)
        plain, coloured = written(text, colour=False), written(text, colour=True)
        assert "\x1b" not in plain and "\x9b" not in plain and "\u202e" not in plain
        assert set(re.findall(r"\x1b\[(\d+)m", coloured)) <= {"0", "1", "2", "31", "32", "33", "36"}
        assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
        assert plain.endswith("\n") or not plain


def test_an_answer_says_where_each_quote_stands(answer: Answer) -> None:
    lines = render.answer(replace(answer, citations=answer.citations[:3])).plain.split("\n")
    assert lines[0] == "Staff get 25 days of leave [1]."
    assert (
        lines[2].startswith("湯的價格是五十元 [2]。 Foxes fly [3][1].") and "[?]" in lines[lines.index("Sources") - 2]
    )
    sources = lines[lines.index("Sources") :]
    assert sources == [
        "Sources",
        "[1] docs/handbook.pdf · p. 12 (printed xii) › Leave › Annual leave",
        "    “Annual leave is 25 days a year.”",
        "[1] docs/handbook.pdf · p. 13 › Leave › Annual leave",
        "    “Unused leave lapses.”",
        # The quote of [2] stands in the answer word for word already.
        "[2] 文件/食堂.md › Leave › Annual leave",
        "",
        "[?] not confirmed by the sources",
        "",
    ]


def test_what_was_not_verified_is_marked(answer: Answer) -> None:
    assert "    not verified: “" in render.answer(answer).plain
    nothing_claimed = replace(answer.citations[3], quote=replace(answer.citations[3].quote, text=""))
    assert "    not verified\n" in render.answer(replace(answer, citations=(nothing_claimed,))).plain
    assert "**not verified**" in render.answer_markdown(answer)


def test_after_a_streamed_answer_only_its_sources_are_written(answer: Answer) -> None:
    rest = render.answer(answer, streamed=True).plain
    assert rest.startswith("\n\nSources\n")
    whole = render.answer(answer).plain
    assert whole.replace(" [?]", "", 1).startswith(answer_text(answer) + rest[: rest.index("[?]")])
    # Where the text could not be marked, what should be is repeated.
    assert rest.endswith("\n\n[?] not confirmed by its source: Foxes fly.\n")
    uncited = replace(answer.sentences[2], citations=())
    alone = render.answer(replace(answer, sentences=(uncited,)), streamed=True).plain
    assert alone.endswith("[?] without a source: Foxes fly.\n")


def test_an_unsupported_sentence_is_marked_where_it_stands(answer: Answer) -> None:
    first, second, third = answer.sentences
    wrong = replace(answer, sentences=(replace(first, support="unsupported"), second, replace(third, support="quoted")))
    for shown in (render.answer(wrong).plain, render.answer_markdown(wrong).plain):
        assert re.match(r"Staff get 25 days of leave \[\^?1\]\. \[\?\]\n\n湯的價格是五十元 \[\^?2\]。 Foxes fly", shown)
        assert shown.count("[?]") == 2 and "\n[?] not confirmed by the sources\n" in shown
    right = replace(answer, sentences=(first, second, replace(third, support="supported")))
    assert "[?]" not in render.answer(right).plain + render.answer_markdown(right).plain
    assert "\x1b[33m [?]" in written(render.answer(wrong), colour=True)


def answer_text(answer: Answer) -> str:
    return str(render.safe(answer.text))


def test_an_unfinished_answer_shows_no_sources(answer: Answer) -> None:
    for status in ("incomplete", "not_found"):
        unfinished = replace(answer, status=status, text="Staff get")  # type: ignore[arg-type]
        assert render.answer(unfinished) == "Staff get\n"
        assert render.answer(unfinished, streamed=True) == "\n"
        assert render.answer_markdown(unfinished) == "Staff get\n"
        assert render.answer(replace(unfinished, text="")) == ""


def test_markdown_of_an_answer_is_inert(answer: Answer) -> None:
    markdown = render.answer_markdown(answer)
    assert "Staff get 25 days of leave [^1]." in markdown
    assert "\n[^1]: docs/handbook.pdf · p. 12 (printed xii)" in markdown
    for live in ("<script", "](", "![", "http://", "\n[x]:"):
        assert live not in markdown.replace("\\![", "")
    assert set(re.findall(r"^\[\^(\d)\]: ", markdown, re.MULTILINE)) == {"1", "2", "3"}


def test_hits_show_place_score_id_and_the_words_in_bold(found: Found) -> None:
    plain = render.hits(found).plain.split("\n")
    assert plain[0] == "1 docs/handbook.pdf · pp. 12–13 (printed xii) › Leave › Annual leave  0.99  00000000"
    assert plain[1] == "  Annual leave is 25 days a year. Leave is requested by e-mail. Unused leave lapses."
    coloured = written(render.hits(found), colour=True)
    bold = re.findall(r"\x1b\[1m([^\x1b]*)\x1b\[0m", coloured)
    assert {"Annual", "leave", "Leave", "價格"} <= set(bold)
    assert "requested" not in bold


def test_a_snippet_is_the_part_that_matches(found: Found, retrieved: tuple[Hit, ...]) -> None:
    filler = "Nothing of interest stands here at all. " * 30
    chunk = replace(retrieved[0].passage.chunk, text=filler + "The annual leave is long. " + filler)
    hit = replace(retrieved[0], passage=replace(retrieved[0].passage, chunk=chunk))
    one = replace(found, retrieval=replace(found.retrieval, hits=(hit,)))
    snippet = render.hits(one).plain.split("\n")[1]
    assert "annual leave" in snippet
    assert snippet.startswith("  … ") and snippet.endswith(" …")
    assert len(snippet) < 700


def test_dots_of_a_table_of_contents_are_not_shown(found: Found, retrieved: tuple[Hit, ...]) -> None:
    chunk = replace(retrieved[0].passage.chunk, text="3 Leave . . . . . . . . . . . 12")
    hit = replace(retrieved[0], passage=replace(retrieved[0].passage, chunk=chunk))
    shown = render.hits(replace(found, retrieval=replace(found.retrieval, hits=(hit,)))).plain
    assert shown.split("\n")[1] == "  3 Leave … 12"


def test_lines_fit_the_terminal(everything: list[Styled], width: int | None) -> None:
    if width is None or width < 40:
        return
    for text in (everything[1], everything[4], everything[11]):
        assert max(width_of(line) for line in text.plain.split("\n")) <= width


def test_an_explanation_begins_with_what_a_filter_left(found: Found, scope: Scope) -> None:
    explained = render.explanation(found.retrieval.trace, scope=scope).plain
    assert explained.split("\n")[0] == "searched, as the filter says: documents 2, passages 3"
    assert "filter" not in render.explanation(found.retrieval.trace).plain


def test_reports_count_and_name(report: Report, state: State, states: list[DocumentState]) -> None:
    assert reports.ingest(report).plain.split("\n")[0] == (
        "2 added, 1 changed, 1,234 unchanged, 1 removed, 1 skipped, 1 failed; 154 chunks in 3.2 s"
    )
    assert "failed scan.pdf: its pages are pictures" in reports.ingest(report).plain
    assert reports.ingest(Report()).plain == "nothing to do; 0 chunks in 0.0 s\n"
    calibrated = replace(state, meta=replace(state.meta, calibration=Calibration(0.61804, 42, 21)))
    assert "refusals   below an evidence of 0.618, fitted on 42 + 21 questions\n" in reports.status(calibrated).plain
    dropped = reports.reembedded(Reembedded("switched", 2, 3, uncalibrated=True)).plain
    assert "threshold for refusals that was calibrated is dropped" in dropped
    status = reports.status(state).plain
    assert "documents  29 stored, 1 failed\n" in status and "languages  zh-Hant 17, en 12\n" in status
    assert "every file is as it was" in reports.status(replace(state, stale=())).plain
    nested = replace(state, roots=(b"/home/me/notes/a.md", b"/home/me/notes", b"/home/me/notes2"))
    assert "folders    /home/me/notes, /home/me/notes2\n" in reports.status(nested).plain
    many = replace(state, roots=tuple(b"/home/%d" % number for number in range(9)))
    assert "/home/4 and 4 more\n" in reports.status(many).plain
    listed = reports.documents(states).plain.split("\n")
    assert re.match(r"docs/handbook\.pdf +en +42 chunks  Staff Handbook$", listed[0])
    assert re.match(r"scan\.pdf +failed  its pages are pictures$", listed[2])
    assert reports.check(integrity.Report((), 3, 3, 9)).plain == "sound: 3 documents, 9 chunks\n"


def test_a_reembedding_says_how_far_it_is_and_how_it_ended(state: State, pending: Pending) -> None:
    status = reports.status(replace(state, reembedding=pending)).plain
    assert "reembed    12 of 29 documents made anew with BAAI/bge-m3, not yet in use; " in status
    assert "reembed" not in reports.status(state).plain
    sparse = SparseRecord("naver/splade-v3", "s" * 8)
    to_sparse = replace(pending, target=replace(pending.target, sparse=sparse))
    status = reports.status(replace(state, reembedding=to_sparse)).plain
    assert "made anew with BAAI/bge-m3 and naver/splade-v3, not yet in use; " in status
    without = replace(state, meta=replace(state.meta, sparse=sparse), reembedding=pending)
    assert "made anew with BAAI/bge-m3 and no sparse model, not yet in use; " in reports.status(without).plain
    switched = reports.reembedded(Reembedded("switched", 29, 1203, resumed=12)).plain
    assert (
        switched
        == "embedded 1,203 chunks of 29 documents anew (12 of them by an earlier run); the index is switched over\n"
    )
    assert "nothing to do" in reports.reembedded(Reembedded("unchanged")).plain
    assert "1 document that a repair" in reports.reembedded(Reembedded("completed", 1, 3)).plain
    assert reports.reembedded(Reembedded("discarded", 2)).plain == "discarded 2 documents; the index is as it was\n"
    assert "2 documents" in reports.discarded(Discarded("old", 2)) and "old" in reports.discarded(Discarded("old", 2))


def test_nothing_heavy_is_imported_to_show_things() -> None:
    program = (
        "import sys; import ragqa.cli.render, ragqa.cli.schemas, ragqa.cli.gate\n"
        "print([name for name in ('rich', 'numpy', 'jsonschema', 'faiss', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_page_marks_what_is_quoted_so_that_the_page_itself_cannot(opened: Opened) -> None:
    text = pages.opened(replace(opened, views=opened.views[:1]), lines=None, colour=False).plain
    assert text == (
        "[2] docs/handbook.pdf · p. 12 (printed xii) › Leave\n\nLeave\n\n"
        ">>>>Annual leave is 25 days a year.<<<< Leave is requested by e-mail. >>>>Unused leave lapses.<<<<\n\n"
        "食堂每天中午開放。湯的價格是五十元。\n\n素食者另有菜單。\n\n>>>not a quote<<<\n"
    )
    cut = pages.opened(replace(opened, views=opened.views[:1]), lines=0, colour=False).plain
    assert "\n\n… 5 characters left out; --whole shows them …\n>>>>Annual leave" in cut
    assert cut.endswith("… 47 characters left out; --whole shows them …\n")


def test_a_quoted_page_as_markdown_is_inert(opened: Opened) -> None:
    markdown = pages.opened_markdown(opened, lines=None).plain
    assert "> **Annual leave is 25 days a year.** Leave is requested" in markdown
    for live in ("<script", "](", "http://"):
        assert live not in markdown.replace("\\![", "")


def test_why_tells_what_was_understood_how_good_the_evidence_was_and_what_stands_behind_each_sentence(turn) -> None:
    turn = replace(turn, asked=replace(turn.asked, refuse_below=0.95))
    lines = chat_render.why(turn).plain.split("\n")
    assert lines[1].startswith("understood, by rules, as: How much sick leave?")
    assert lines[2:5] == [
        "evidence: 0.91 of 1, too little to answer (refused below 0.95)",
        "answered by: extractive",
        "sentences: 1 supported, 1 quoted, 1 unsupported",
    ]
    assert lines[5:8] == [
        "    supported [1] Staff get 25 days of leave.",
        "    quoted [2] 湯的價格是五十元。",
        "    unsupported [3][1] Foxes fly.",
    ]


def test_a_transcript_keeps_the_footnotes_of_its_turns_apart_and_says_why_there_is_no_answer(turn) -> None:
    refused = Answer("?", "not_found", "", reason="nothing close")
    text = chat_render.transcript([turn, replace(turn, asked=replace(turn.asked, answer=refused))]).plain
    assert "Staff get 25 days of leave [^1-1]." in text and "\n[^1-1]: docs/handbook.pdf" in text
    assert "## 2. And sick leave?" in text and "*Not in the documents: nothing close*" in text
    for live in ("<script", "](", "http://"):
        assert live not in text.replace("\\![", "")
