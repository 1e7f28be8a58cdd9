"""Chunks: exact slices, in order, complete, within the budget, and cut where a reader would cut."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.documents.chunking import split
from ragqa.types import Block, BlockKind, Chunk, Document, Page

_TOKEN = re.compile(r"[A-Za-z0-9]+|[^\sA-Za-z0-9]")


def words(text: str) -> int:
    """A word is a token, and so is any other character that is not white space."""
    return len(_TOKEN.findall(text))


def utf8(text: str) -> int:
    """Bytes, white space too: more tokens than characters, and more in the whole than in its parts."""
    return len(text.encode())


COUNTERS: dict[str, Callable[[str], int]] = {"words": words, "characters": len, "bytes": utf8}


def document(*blocks: tuple[BlockKind, str, int]) -> Document:
    """A document of blocks with a blank line between them."""
    text, placed = "", list[Block]()
    for kind, content, level in blocks:
        text += "\n\n" if text else ""
        placed.append(Block(len(text), len(text) + len(content), kind, level))
        text += content
    return Document(text, blocks=tuple(placed))


def heading(text: str, level: int = 1) -> tuple[BlockKind, str, int]:
    return ("heading", text, level)


def paragraph(text: str) -> tuple[BlockKind, str, int]:
    return ("paragraph", text, 0)


# --- promises over any document ---------------------------------------------------------------------------------------

PHRASES = st.sampled_from(
    [
        "The tenant may end this lease.",
        "Dr. Lee paid 3.14, then left;",
        "勞動基準法規定，雇主不得預扣勞工工資。",
        "是的！为什么？",
        "word",
        "x" * 90,
        "漢" * 70,
        "a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p",
        "😀😀",
        "é" * 40,
        "\n",
        "  ",
        "|",
        "- item one",
        "Name: Wu | Days: 20",
    ]
)
CONTENT = st.lists(PHRASES, min_size=1, max_size=25).map(" ".join).filter(str.strip)
BLOCKS = st.one_of(
    st.tuples(st.sampled_from(("paragraph", "list", "table", "code")), CONTENT, st.just(0)),
    st.tuples(
        st.just("heading"), st.sampled_from(["Leave", "第一章 總則", "A long heading " * 3, "§ 4"]), st.integers(1, 4)
    ),
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    made = document(*draw(st.lists(BLOCKS, max_size=12)))
    # Some text lies in no block, as it may in a document that comes from a loader without structure.
    kept = tuple(block for block in made.blocks if draw(st.integers(0, 4)))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(made.text) - 1)), max_size=4))) if made.text else []
    edges = [0, *cuts, len(made.text)]
    pages = tuple(Page(number + 1, edges[number], edges[number + 1], f"p{number}") for number in range(len(edges) - 1))
    return Document(made.text, blocks=kept, pages=pages if draw(st.booleans()) else ())


@settings(max_examples=250)
@given(
    documents(), st.sampled_from([16, 25, 60, 250]), st.sampled_from([0, 5, 40, 900]), st.sampled_from(list(COUNTERS))
)
def test_promises(made: Document, tokens: int, overlap: int, counter: str) -> None:
    count = COUNTERS[counter]
    chunks = split(made, tokens=tokens, overlap=overlap, count=count)

    covered = set[int]()
    for chunk in chunks:
        assert made.text[chunk.start : chunk.end] == chunk.text
        assert chunk.text.strip()
        assert count(chunk.indexed_text) <= tokens
        covered.update(range(chunk.start, chunk.end))
    starts = [chunk.start for chunk in chunks]
    ends = [chunk.end for chunk in chunks]
    assert starts == sorted(set(starts))
    assert ends == sorted(set(ends))
    if not overlap:
        assert all(before.end <= after.start for before, after in pairwise(chunks))

    for block in made.blocks:
        if block.kind == "heading":
            covered.update(range(block.start, block.end))
    assert all(position in covered for position, character in enumerate(made.text) if not character.isspace())


@given(documents(), st.sampled_from([60, 250]))
def test_every_heading_can_be_found(made: Document, tokens: int) -> None:
    chunks = split(made, tokens=tokens, overlap=0, count=words)
    for block in made.blocks:
        if block.kind == "heading":
            text = " ".join(made.text[block.start : block.end].split())
            assert any(chunk.start <= block.start < chunk.end or text in chunk.heading for chunk in chunks)


@given(documents())
def test_pages_are_those_of_the_first_and_last_character(made: Document) -> None:
    for chunk in split(made, tokens=60, overlap=0, count=words):
        holding = [page for page in made.pages if page.start < chunk.end and chunk.start < page.end]
        if not holding:
            assert chunk.page_start is chunk.page_end is chunk.page_label is None
        else:
            assert (chunk.page_start, chunk.page_end) == (holding[0].number, holding[-1].number)
            assert chunk.page_label == holding[0].label


def test_a_chunk_that_ends_with_its_page_is_on_that_page_alone() -> None:
    made = document(paragraph("First page."), heading("Next"), paragraph(BODY))
    edge = len("First page.")
    paged = Document(made.text, blocks=made.blocks, pages=(Page(1, 0, edge, "i"), Page(2, edge, len(made.text), "ii")))
    chunks = split(paged, tokens=60, overlap=0, count=words)
    assert [(chunk.page_start, chunk.page_end, chunk.page_label) for chunk in chunks] == [(1, 1, "i"), (2, 2, "ii")]


# --- where it cuts ----------------------------------------------------------------------------------------------------


def texts(chunks: list[Chunk]) -> list[str]:
    return [chunk.text for chunk in chunks]


BODY = (
    "The tenant may end this lease at any time by giving notice. The notice must be in writing. It takes effect soon."
)


def test_headings_are_the_path_and_not_the_text() -> None:
    made = document(heading("Lease"), heading("Term", 2), paragraph(BODY), heading("Rent", 2), paragraph(BODY))
    chunks = split(made, tokens=60, overlap=0, count=words)
    assert [(chunk.heading, chunk.text) for chunk in chunks] == [(("Lease", "Term"), BODY), (("Lease", "Rent"), BODY)]


def test_a_higher_heading_ends_the_path_of_lower_ones() -> None:
    made = document(heading("A"), heading("B", 3), paragraph(BODY), heading("C", 2), paragraph(BODY), heading("D"))
    assert [chunk.heading for chunk in split(made, tokens=40, overlap=0, count=words)] == [("A", "B"), ("A", "C"), ()]


def test_a_heading_that_nothing_follows_joins_what_is_before_it() -> None:
    made = document(heading("Lease"), paragraph(BODY), heading("Annex", 2))
    assert texts(split(made, tokens=60, overlap=0, count=words)) == [f"{BODY}\n\nAnnex"]


def test_tiny_neighbours_are_packed_together_with_their_headings() -> None:
    made = document(
        heading("Contacts"),
        *(block for name in ("Sales", "Support", "Press") for block in (heading(name, 2), paragraph(f"Call {name}."))),
        heading("Terms", 2),
        paragraph(BODY),
    )
    chunks = split(made, tokens=60, overlap=0, count=words)
    assert [chunk.heading for chunk in chunks] == [("Contacts",), ("Contacts", "Terms")]
    assert chunks[0].text.split("\n\n") == ["Sales", "Call Sales.", "Support", "Call Support.", "Press", "Call Press."]


def test_tiny_sections_of_different_parents_are_not_packed_together() -> None:
    made = document(
        heading("Sales"),
        *(heading("Mail", 2), paragraph("Write."), heading("Phone", 2), paragraph("Call.")),
        heading("Press"),
        *(heading("Mail", 2), paragraph("Wait."), heading("Phone", 2), paragraph("Do not call.")),
    )
    assert [chunk.heading for chunk in split(made, tokens=60, overlap=0, count=words)] == [("Sales",), ("Press",)]


def test_one_tiny_section_keeps_its_heading_in_the_path() -> None:
    made = document(
        heading("Contacts"), heading("Sales", 2), paragraph("Call us."), heading("Terms", 2), paragraph(BODY)
    )
    assert split(made, tokens=60, overlap=0, count=words)[0].heading == ("Contacts", "Sales")


def test_sentences_stay_whole_in_both_languages() -> None:
    english = "This sentence has exactly seven words here. " * 20
    chinese = "勞工工作滿一年者，每年應給予特別休假。" * 20
    for text, sentence in ((english, english[:43]), (chinese, chinese[:19])):
        for chunk in split(document(paragraph(text.strip())), tokens=50, overlap=0, count=words):
            assert set(filter(None, chunk.text.replace(sentence, "").split())) == set()


def test_a_section_a_little_over_the_budget_is_halved_evenly() -> None:
    made = document(paragraph(" ".join(["Ten words make up this one short and plain sentence."] * 12)))
    sizes = [words(chunk.text) for chunk in split(made, tokens=100, overlap=0, count=words)]
    assert sizes == [66, 66]


def test_a_long_sentence_is_cut_at_clauses_then_at_spaces() -> None:
    clauses = "甲方應於每月五日前將租金匯入乙方指定之帳戶，" * 12
    for chunk in split(document(paragraph(clauses)), tokens=64, overlap=0, count=words):
        assert chunk.text.endswith("，")
    unbroken = "word " * 300
    for chunk in split(document(paragraph(unbroken.strip())), tokens=64, overlap=0, count=words):
        assert set(chunk.text.split()) == {"word"}


def test_rows_and_lines_stay_whole() -> None:
    rows = [f"Name: Person {number} | Leave: {number} days. Paid. | Note: 。" for number in range(60)]
    for kind in ("table", "list", "code"):
        for chunk in split(document((kind, "\n".join(rows), 0)), tokens=60, overlap=0, count=words):
            assert set(chunk.text.split("\n")) <= set(rows)


def test_overlap_repeats_whole_sentences_of_running_text_only() -> None:
    sentences = [f"Sentence number {number} is here." for number in range(40)]
    chunks = split(document(paragraph(" ".join(sentences))), tokens=50, overlap=13, count=words)
    for before, after in pairwise(chunks):
        shared = before.text[after.start - before.start :]
        assert after.text.startswith(shared)
        assert shared.count("Sentence") == 2
    rows = "\n".join(f"Row: {number} | Value: {number}" for number in range(40))
    chunks = split(document(("table", rows, 0)), tokens=50, overlap=13, count=words)
    assert all(before.end <= after.start for before, after in pairwise(chunks))


def test_a_long_path_loses_its_outermost_headings() -> None:
    made = document(heading("one two three four"), heading("five six seven", 2), heading("eight", 3), paragraph(BODY))
    assert {chunk.heading for chunk in split(made, tokens=16, overlap=0, count=words)} == {("five six seven", "eight")}


def test_a_paragraph_in_large_type_is_no_heading() -> None:
    made = document(heading(BODY * 3), paragraph("Short."))
    chunks = split(made, tokens=100, overlap=0, count=words)
    assert {chunk.heading for chunk in chunks} == {()}
    assert "".join(texts(chunks)).startswith("The tenant")


@pytest.mark.parametrize(
    "text", ["word " * 400_000, "字" * 2_000_000, "a,b;" * 500_000, "x\n" * 500_000, "Yes. " * 400_000]
)
@pytest.mark.parametrize("kind", ["paragraph", "code"])
def test_two_megabytes_without_structure_take_linear_time(text: str, kind: BlockKind) -> None:
    started = time.process_time()
    chunks = split(document((kind, text.strip(), 0)), tokens=250, overlap=0, count=words)
    assert time.process_time() - started < 12.0
    assert len(chunks) > 100
