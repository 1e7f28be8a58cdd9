"""A citation is found again in the index as it is now, and what is gone is said to be gone."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from ragqa.documents.pictures import Picture
from ragqa.errors import DocumentError, IndexStale, NoEvidence, StorageError, UsageError
from ragqa.flows.ingest import Report
from ragqa.flows.opening import open_citation, picture, picture_name, references
from ragqa.index.store import Store

Ingest = Callable[..., Report]

HANDBOOK = """# Handbook

## Leave

Every employee in Leeds has 27 days of annual leave. Leave is requested from the office manager.

## Travel

Trains are booked in second class.
"""
QUOTE = "Every employee in Leeds has 27 days of annual leave."


def cited(store: Store, quote: str, *, marker: int = 1, verified: bool = True) -> dict[str, Any]:
    """A citation of the chunk that holds the quote, as an answer writes it down."""
    for chunk in store.chunks():
        (passage,) = store.passages([chunk.key])
        place = passage.chunk.text.find(quote) if verified else 0
        if place >= 0:
            start = passage.chunk.start + place
            return {
                "marker": marker,
                "chunk_id": passage.chunk_id,
                "document": passage.document,
                "quote": quote,
                "quote_start": start,
                "quote_end": start + len(quote),
                "verified": verified,
            }
    raise AssertionError(quote)


def answer(*citations: dict[str, Any]) -> dict[str, Any]:
    return {"question": "How much leave?", "citations": list(citations)}


@pytest.fixture
def handbook(folder: Path, run_ingest: Ingest) -> Path:
    file = folder / "handbook.md"
    file.write_text(HANDBOOK, encoding="utf-8")
    run_ingest()
    return file


def two_pages() -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, invariant=True)
    for line in (
        "The first page ends in the middle of a sentence that",
        "goes on overleaf. Nothing else is said here.",
    ):
        canvas.drawString(72, 700, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def test_a_quote_is_shown_in_its_section(handbook: Path, store: Store) -> None:
    opened = open_citation(1, answer(cited(store, QUOTE)), store)
    (view,) = opened.views
    assert view.text[view.start : view.end].strip().startswith("Leave")
    assert "Travel" not in view.text[view.start : view.end]
    assert [view.text[slice(*quote)] for quote in view.quotes] == [QUOTE]
    assert (view.heading, view.page) == (("Handbook", "Leave"), None)
    assert (opened.question, opened.missing, opened.unverified) == ("How much leave?", (), ())


def test_several_quotes_of_one_marker_are_all_shown_those_of_others_are_not(handbook: Path, store: Store) -> None:
    given = answer(
        cited(store, QUOTE),
        cited(store, "Trains are booked in second class.", marker=2),
        cited(store, "Leave is requested from the office manager."),
    )
    (view,) = open_citation(1, given, store).views
    assert [view.text[slice(*quote)] for quote in view.quotes] == [
        QUOTE,
        "Leave is requested from the office manager.",
    ]


def test_a_quote_over_two_pages_is_shown_on_both(folder: Path, store: Store, run_ingest: Ingest) -> None:
    (folder / "a.pdf").write_bytes(two_pages())
    run_ingest()
    opened = open_citation(1, answer(cited(store, "a sentence that\ngoes on overleaf.")), store)
    assert [view.page and view.page.number for view in opened.views] == [1, 2]
    assert [view.text[slice(*view.quotes[0])].strip() for view in opened.views] == [
        "a sentence that",
        "goes on overleaf.",
    ]


def test_a_document_that_changed_is_found_by_its_words(handbook: Path, store: Store, run_ingest: Ingest) -> None:
    given = answer(cited(store, QUOTE), cited(store, "Leave is requested from the office manager."))
    changed = HANDBOOK.replace("# Handbook", "# Handbook\n\nA new beginning.\n\n" + "More words. " * 40)
    handbook.write_text(changed.replace("from the office manager", "in the portal"), encoding="utf-8")
    run_ingest()
    opened = open_citation(1, given, store)
    assert [view.text[slice(*view.quotes[0])] for view in opened.views] == [QUOTE]
    assert opened.missing == ("Leave is requested from the office manager.",)


def test_of_equal_words_the_nearest_are_meant(folder: Path, store: Store, run_ingest: Ingest) -> None:
    file = folder / "notes.txt"
    file.write_text("It rained.\n\n" + "Dry days followed. " * 20 + "\n\nIt rained.\n", encoding="utf-8")
    run_ingest()
    first = cited(store, "It rained.")
    length = len(file.read_text())
    given = answer({**first, "chunk_id": "0" * 16, "quote_start": length - 12, "quote_end": length - 2})
    (view,) = open_citation(1, given, store).views
    assert view.quotes[0][0] > length // 2


def test_what_is_gone_is_said_to_be_gone(handbook: Path, store: Store, run_ingest: Ingest) -> None:
    given = answer(cited(store, QUOTE))
    handbook.unlink()
    run_ingest()
    with pytest.raises(NoEvidence, match=r"handbook\.md was changed or removed"):
        open_citation(1, given, store)


def test_a_citation_that_is_not_there_names_those_that_are(handbook: Path, store: Store) -> None:
    given = answer(cited(store, QUOTE, marker=3), cited(store, QUOTE, marker=5))
    with pytest.raises(NoEvidence, match="the answer has 3, 5"):
        open_citation(4, given, store)
    with pytest.raises(NoEvidence, match="nothing to cite"):
        open_citation(1, answer(), store)


def test_an_unverified_citation_shows_its_passage_and_says_so(handbook: Path, store: Store) -> None:
    opened = open_citation(1, answer(cited(store, "Words that nobody wrote.", verified=False)), store)
    (view,) = opened.views
    assert view.quotes == ()
    assert view.start <= view.near[0] < view.near[1]
    assert opened.unverified == ("Words that nobody wrote.",)


def test_of_equal_files_the_one_that_was_cited_is_named(folder: Path, store: Store, run_ingest: Ingest) -> None:
    for name in ("a.md", "b.md"):
        (folder / name).write_text(HANDBOOK, encoding="utf-8")
    run_ingest()
    first = cited(store, QUOTE)
    other = first["document"].replace("a.md", "b.md")
    assert open_citation(1, answer({**first, "document": other}), store).views[0].document == other


@pytest.mark.parametrize(
    "damaged", [{}, {"citations": None}, {"citations": [1]}, {"citations": [{"marker": "x"}]}, {"citations": "text"}]
)
def test_what_is_no_answer_is_refused(damaged: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no answer"):
        references(damaged)


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_picture_is_of_the_file_that_was_ingested(folder: Path, store: Store, run_ingest: Ingest) -> None:
    file = folder / "a.pdf"
    file.write_bytes(two_pages())
    run_ingest()
    (view,) = open_citation(1, answer(cited(store, "Nothing else is said here.")), store).views
    asked: list[object] = []

    def draw(data: bytes, page: int, quotes: list[str]) -> Picture:
        asked.append((data, page, quotes))
        return Picture(b"png", 1, 1)

    assert picture(view, draw).png == b"png"  # type: ignore[arg-type]
    assert asked == [(file.read_bytes(), 2, ["Nothing else is said here."])]
    assert picture_name(view, 1) == "a-p2-citation1.png"
    file.write_bytes(two_pages() + b"\n")
    with pytest.raises(IndexStale, match="changed since"):
        picture(view, draw)  # type: ignore[arg-type]
    file.unlink()
    with pytest.raises(IndexStale, match="not there any more"):
        picture(view, draw)  # type: ignore[arg-type]
    assert len(asked) == 1


def test_what_has_no_picture_says_why(handbook: Path, store: Store, folder: Path, run_ingest: Ingest) -> None:
    def refuse(data: bytes, page: int, quotes: object) -> Picture:
        raise DocumentError("it needs more memory than 9 MB", code="memory", remedy="raise it")

    (view,) = open_citation(1, answer(cited(store, QUOTE)), store).views
    with pytest.raises(UsageError, match="no PDF"):
        picture(view, refuse)
    (folder / "a.pdf").write_bytes(two_pages())
    run_ingest()
    (view,) = open_citation(1, answer(cited(store, "Nothing else is said here.")), store).views
    with pytest.raises(StorageError, match="more memory") as caught:
        picture(view, refuse)
    assert caught.value.remedy == "raise it"


def test_the_name_of_a_picture_harms_nobody(folder: Path, store: Store, run_ingest: Ingest) -> None:
    (folder / "a.pdf").write_bytes(two_pages())
    run_ingest()
    (view,) = open_citation(1, answer(cited(store, "Nothing else is said here.")), store).views
    for hostile in ("x/-rf\x1b[2J .pdf", "..pdf", "-.pdf", "湯\u202e.pdf", "a" * 400):
        name = picture_name(replace(view, document=hostile), 1)
        assert name[0] not in ".-" and len(name) < 90
        assert not set(name) & set("/\x1b\u202e ")
