"""A large document is searched by its fitting stretches alone, and they are what the whole would have been cut into."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ragqa.config import load
from ragqa.documents.loader import InProcessLoader
from ragqa.documents.piped import named
from ragqa.flows import context, indexing
from ragqa.flows.context import Passed, hold
from ragqa.flows.search import retrieve
from tests.fakes import HashingEmbedder

GATE = "What is the code of the garden gate?"


def section(number: int) -> str:
    sentences = " ".join(f"Field {number} row {row} grows barley and wheat beside pond {row}." for row in range(12))
    return f"## Field {number}\n\n{sentences}\n\n"


@pytest.fixture(scope="module")
def large() -> str:
    """Half a megabyte of fields, and one sentence that is asked for."""
    fields = [
        f"# Part {part}\n\n" + "".join(section(part * 100 + number) for number in range(60)) for part in range(12)
    ]
    fields[8] += "## Doors\n\nNobody likes the old door.\n\n### The gate\n\nThe code of the garden gate is 4711.\n\n"
    return "".join(fields)


def held(text: str) -> tuple[HashingEmbedder, object]:
    embedder = HashingEmbedder()
    found, facts = hold(Passed("stdin", text.encode()), GATE, InProcessLoader(), embedder, load(environment={}))
    assert facts.chunks == len(found.store)  # type: ignore[arg-type]
    return embedder, found


def test_a_sentence_in_a_large_document_is_found_and_little_else_is_looked_into(large: str) -> None:
    assert len(large) > context.WHOLE
    embedder, found = held(large)
    hits = retrieve(GATE, found).hits  # type: ignore[arg-type]
    chunk = hits[0].passage.chunk
    assert "4711" in chunk.text and chunk.heading[0] == "Part 8"
    assert len(embedder.embedded) <= context._EMBEDDED
    assert len(found.store) < 200  # type: ignore[attr-defined]


def test_its_chunks_are_slices_under_the_headings_of_the_whole(large: str) -> None:
    _, found = held(large)
    document = InProcessLoader().load(large.encode(), "x.md")
    whole: Mapping[str, tuple[str, ...]] = {
        chunk.text: chunk.heading for chunk in indexing.cut(document, HashingEmbedder(), load(environment={}).chunk)
    }
    chunks = [passage.chunk for passage in found.store.passages(range(1, len(found.store) + 1))]  # type: ignore[attr-defined]
    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert [chunk.start for chunk in chunks] == sorted(chunk.start for chunk in chunks)
    shared = [chunk for chunk in chunks if chunk.text in whole]
    assert len(shared) > len(chunks) // 2
    assert all(chunk.heading == whole[chunk.text] for chunk in shared)


@pytest.mark.parametrize("separator", ["", "\n", " "])
def test_stretches_are_the_whole_text_whatever_it_is_made_of(separator: str) -> None:
    text = separator.join(["字" * 700, "x" * 900] * 40)
    stretches = list(context._stretches(text))
    assert "".join(text[start:end] for start, end in stretches) == text
    assert all(0 < end - start <= context._STRETCH for start, end in stretches)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7\n", "stdin.pdf"),
        (b"\n<!DOCTYPE html><p>x", "stdin.html"),
        (b"<HTML lang=en>", "stdin.html"),
        (b"PK\x03\x04", "stdin.docx"),
        (b"# Title\n\nText.\n", "stdin.md"),
        (b"Text.\r\n\r\n## Part\r\n\r\nMore.\r\n", "stdin.md"),
        (b"#!/bin/sh\n# a comment\necho hello\n", "stdin.txt"),
        (b"Name  Size\n# total 4\nx 4\n", "stdin.txt"),
        ("常見問題\n".encode(), "stdin.txt"),
        (b"# Title\n\n" + b"x\n" * (2 << 20), "stdin.txt"),
    ],
)
def test_what_is_piped_in_is_named_by_what_it_is(data: bytes, name: str) -> None:
    assert named("stdin", data) == name
    assert named("notes.md", data) == "notes.md"
    assert named("notes.log", data) == name
