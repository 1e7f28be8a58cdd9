"""The extractive generator: verbatim sentences, markers that name their source, one Finish at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from ragqa.answering.citations import compose
from ragqa.models.extractive import ExtractiveGenerator
from ragqa.ports import Finish, GenerationRequest, Generator
from ragqa.types import Chunk, Hit, Passage


def even(terms: Sequence[str]) -> Mapping[str, float]:
    return dict.fromkeys(terms, 1.0)


def request(question: str, *texts: str) -> GenerationRequest:
    sources = tuple(
        Hit(rank, Passage(rank, f"{rank:016x}", "a", b"a", "", "en", Chunk(0, len(text), text)), 1 / rank, ("lexical",))
        for rank, text in enumerate(texts, start=1)
    )
    return GenerationRequest(question, "en", sources, "", "", 100, 0.0)


def test_each_sentence_carries_the_marker_of_its_source() -> None:
    generator: Generator = ExtractiveGenerator(even, sentences=2)
    pieces = list(
        generator.generate(
            request(
                "What is the notice period?",
                "Rooms are small.\n\nThe notice period for all rooms of the house is\nthree months.",
                "The notice period was two months.",
            )
        )
    )
    assert pieces == [
        "The notice period for all rooms of the house is three months. [1]",
        "\n\nThe notice period was two months. [2]",
        Finish(complete=True, reason="extractive"),
    ]


def test_without_sources_there_is_only_the_end() -> None:
    assert list(ExtractiveGenerator(even).generate(request("What?"))) == [Finish(complete=True, reason="extractive")]


@given(st.text(max_size=30), st.lists(st.text(max_size=200).filter(str.strip), max_size=4))
def test_every_paragraph_is_found_again_in_the_source_it_names(question: str, texts: list[str]) -> None:
    *pieces, finish = ExtractiveGenerator(even).generate(request(question, *texts))
    assert isinstance(finish, Finish)
    assert finish.complete
    for piece in pieces:
        assert isinstance(piece, str)
        match = re.fullmatch(r"(?:\n\n)?(.+) \[(\d)\]", piece)
        assert match is not None
        assert match[1] in " ".join(texts[int(match[2]) - 1].split())


def test_the_mark_of_a_footnote_behind_a_sentence_is_left_out_and_the_sentence_cited() -> None:
    asked = request("預估數字是否具約束力？", "乙方提供未來兩季的銷售預估，預估數字[2]不具約束力。[1]")
    *pieces, finish = ExtractiveGenerator(even).generate(asked)
    assert isinstance(finish, Finish)
    assert pieces == ["乙方提供未來兩季的銷售預估，預估數字(2)不具約束力。 [1]"]
    answer = compose(
        asked.question, str(pieces[0]), finish, asked.sources, page_of=lambda passage, offset: (None, None)
    )
    assert [sentence.support for sentence in answer.sentences] == ["quoted"]


def test_every_sentence_of_the_answer_has_its_own_citation() -> None:
    text = "Leave is given for:\n\n- moving house, two days\n- a wedding, three days\n\nLeave is asked for in writing."
    asked = request("How many days of leave are given for a wedding?", text)
    *pieces, finish = ExtractiveGenerator(even).generate(asked)
    assert isinstance(finish, Finish)
    output = "".join(map(str, pieces))
    answer = compose(asked.question, output, finish, asked.sources, page_of=lambda passage, offset: (None, None))
    assert answer.sentences
    assert {sentence.support for sentence in answer.sentences} == {"quoted"}
