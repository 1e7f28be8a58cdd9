"""A citation is a quote that stands in its passage, or it is marked; numbers that were not given never come through."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.answering.citations import compose, stream_filter
from ragqa.answering.markers import QUOTES_LINE, SENTINEL
from ragqa.answering.support import check
from ragqa.ports import Finish
from ragqa.types import Answer, Hit, Passage, Usage

MakeHit = Callable[..., Hit]
DONE = Finish(complete=True, reason="stop", usage=Usage(10, 5))
LEEDS = (
    "Annual leave at the Leeds office is 25 days a year. Leave is requested by e-mail, two weeks ahead.\n"
    "Unused leave lapses on 31 March."
)
TAIPEI = "台北辦公室的員工每年享有十四天特休假。請假須於兩週前以書面向王經理提出。"
OTHER = "The canteen opens at noon. Soup costs £2.50."


@pytest.fixture
def sources(make_hit: MakeHit) -> list[Hit]:
    return [
        make_hit(LEEDS, rank=1, start=100, document="leeds.pdf", heading=("Leave", "Annual leave")),
        make_hit(TAIPEI, rank=2, start=7, document="taipei.pdf"),
        make_hit(OTHER, rank=3, document="canteen.md", page=None),
    ]


def page_of(passage: Passage, offset: int) -> tuple[int | None, str | None]:
    return (passage.chunk.page_start and 3 + (offset >= 150), "xii" if passage.chunk.page_start else None)


def answer(output: str, sources: list[Hit], finish: Finish = DONE) -> Answer:
    composed = compose("How much leave?", output, finish, sources, page_of=page_of)
    hold_promises(composed, sources)
    return composed


def hold_promises(composed: Answer, sources: list[Hit]) -> None:
    """What must hold of every answer, whatever a model wrote."""
    markers = {citation.marker for citation in composed.citations}
    assert {int(number) for number in re.findall(r"\[(\d+)\]", composed.text)} <= markers
    assert {number for sentence in composed.sentences for number in sentence.citations} == markers
    for citation in composed.citations:
        chunk = citation.hit.passage.chunk
        assert citation.hit is sources[citation.marker - 1]
        assert chunk.start <= citation.quote.start < citation.quote.end <= chunk.end
        if citation.verified:
            assert (
                chunk.text[citation.quote.start - chunk.start : citation.quote.end - chunk.start] == citation.quote.text
            )
            assert (citation.quote.page, citation.quote.page_label) == page_of(
                citation.hit.passage, citation.quote.start
            )
    if composed.status == "not_found":
        assert not composed.citations and not composed.text and composed.reason
    if composed.status == "answered":
        assert any(citation.verified for citation in composed.citations)
    for sentence in composed.sentences:
        assert "[" not in re.sub(r"\[\D", "", sentence.text) or not re.search(r"\[\d+\]", sentence.text)


def quotes(composed: Answer) -> list[tuple[int, str, bool]]:
    return [(citation.marker, citation.quote.text, citation.verified) for citation in composed.citations]


def test_a_models_quote_is_found_where_it_stands(sources: list[Hit]) -> None:
    composed = answer(
        f"Staff in Leeds get 25 days of leave a year [1].\n\n{QUOTES_LINE}\n"
        "[1] “Annual leave at the LEEDS office is 25 days”",
        sources,
    )
    assert composed.status == "answered"
    assert composed.text == "Staff in Leeds get 25 days of leave a year [1]."
    assert quotes(composed) == [(1, "Annual leave at the Leeds office is 25 days", True)]
    assert (composed.citations[0].quote.start, composed.citations[0].quote.page) == (100, 3)
    assert [(s.text, s.citations, s.support) for s in composed.sentences] == [
        ("Staff in Leeds get 25 days of leave a year.", (1,), "supported")
    ]
    assert composed.usage == Usage(10, 5)


def test_a_quote_on_the_passages_second_page_is_cited_there(sources: list[Hit]) -> None:
    composed = answer(f'Unused leave lapses on 31 March [1].\n{QUOTES_LINE}\n[1] "lapses on 31 March"', sources)
    assert composed.citations[0].quote.page == 4


def test_a_quote_that_is_not_there_is_replaced_by_the_sentence_that_bears_the_answer_out(sources: list[Hit]) -> None:
    composed = answer(f'Leave lapses on 31 March if unused [1].\n{QUOTES_LINE}\n[1] "leave is lost in spring"', sources)
    assert quotes(composed) == [(1, "Unused leave lapses on 31 March.", True)]
    assert composed.sentences[0].support == "supported"


def test_a_quote_that_nothing_bears_out_is_marked_and_the_answer_is_not_found(sources: list[Hit]) -> None:
    output = f'Staff get 40 days [1].\n{QUOTES_LINE}\n[1] "staff get 40 days"'
    assert answer(output, sources).status == "not_found"
    cut = answer(output, sources, Finish(complete=False, reason="cut off"))
    assert (cut.status, cut.reason, quotes(cut)) == ("incomplete", "cut off", [(1, "staff get 40 days", False)])
    assert (cut.citations[0].quote.start, cut.citations[0].quote.end) == (100, 100 + len(LEEDS))
    both = answer(f'Staff get 40 days [3]. Annual leave is 25 days a year [1].\n{QUOTES_LINE}\n[3] "40 days"', sources)
    assert both.status == "answered"
    assert [(marker, verified) for marker, _, verified in quotes(both)] == [(3, False), (1, True)]
    assert [sentence.support for sentence in both.sentences] == ["unsupported", "supported"]


def test_verbatim_sentences_need_no_quotes_section(sources: list[Hit]) -> None:
    composed = answer(
        "Leave is requested by e-mail, two weeks ahead. [1]\n\n請假須於兩週前以書面向王經理提出。 [2]\n\n"
        "Unused leave lapses on 31 March. [1]",
        sources,
    )
    assert quotes(composed) == [
        (1, "Leave is requested by e-mail, two weeks ahead.\nUnused leave lapses on 31 March.", True),
        (2, "請假須於兩週前以書面向王經理提出。", True),
    ]
    assert {sentence.support for sentence in composed.sentences} == {"quoted"}


def test_two_quotes_of_one_source_are_two_citations_of_one_marker(sources: list[Hit]) -> None:
    composed = answer(
        "Annual leave at the Leeds office is 25 days a year. [1] Unused leave lapses on 31 March [1].", sources
    )
    assert [(citation.marker, citation.quote.page) for citation in composed.citations] == [(1, 3), (1, 4)]


def test_the_same_sentence_twice_is_one_citation(sources: list[Hit]) -> None:
    composed = answer("Soup costs £2.50 [3]. Soup costs £2.50 [3][3].", sources)
    assert quotes(composed) == [(3, "Soup costs £2.50.", True)]
    assert [sentence.citations for sentence in composed.sentences] == [(3,), (3,)]


def test_a_quote_of_one_word_is_shown_with_its_sentence_and_an_empty_one_is_none(sources: list[Hit]) -> None:
    composed = answer(f'Soup is £2.50 [3].\n{QUOTES_LINE}\n[3] "£2.50"', sources)
    assert quotes(composed) == [(3, "Soup costs £2.50.", True)]
    composed = answer(f'Soup is £2.50 [3].\n{QUOTES_LINE}\n[3] "the"\n[3] ""\n[9] "Soup"\nnonsense', sources)
    assert quotes(composed) == [(3, "Soup costs £2.50.", True)]


@pytest.mark.parametrize(
    ("output", "cited"),
    [
        ("One [1]. Two [2].", [(1,), (2,)]),
        ("One. [1] Two. [2]", [(1,), (2,)]),
        ("One.[1][2] Two.", [(1, 2), ()]),
        ("第一句。[1]第二句。【2】", [(1,), (2,)]),
        ("第一句[1]。第二句[2]。", [(1,), (2,)]),
        ("[1] One. [2] Two.", [(1, 2), ()]),
        ("[1] One.\n[2] Two.", [(1,), (2,)]),
        ("- One [1]\n- Two [2]\n", [(1,), (2,)]),
        ("One [1] or [2] two [7].", [(1, 2)]),
        ("[1]", []),
        ("[1] !!! [2]", []),
    ],
)
def test_a_citation_belongs_to_the_sentence_it_stands_in_or_behind(
    sources: list[Hit], output: str, cited: list[tuple[int, ...]]
) -> None:
    composed = compose("?", output, Finish(complete=False, reason="x"), sources, page_of=page_of)
    assert [sentence.citations for sentence in composed.sentences] == cited
    assert not any(re.search(r"[\[\]]|^- ", sentence.text) for sentence in composed.sentences)


def test_an_answer_without_markers_is_given_those_that_code_can_find(sources: list[Hit]) -> None:
    composed = answer("Unused leave lapses on 31 March. 員工每年有14天特休假。Everyone is happy.", sources)
    assert [sentence.citations for sentence in composed.sentences] == [(1,), (2,), ()]
    assert composed.status == "answered"
    assert answer("Everyone is happy here.", sources).status == "not_found"


def test_refusals_and_empty_outputs_are_not_found(sources: list[Hit]) -> None:
    assert answer(SENTINEL, sources).status == "not_found"
    assert answer(f'{SENTINEL}\n{QUOTES_LINE}\n[1] "25 days"', sources).status == "not_found"
    assert answer("", sources).status == "not_found"
    assert answer("anything [1]", []).status == "not_found"


def test_an_output_that_broke_off_is_incomplete_whatever_it_says(sources: list[Hit]) -> None:
    for output in ("", SENTINEL, "Soup costs £2.50 [3", "Soup costs £2.50 [3]."):
        assert answer(output, sources, Finish(complete=False, reason="MAX_TOKENS")).status == "incomplete"


def test_a_heading_may_name_what_the_text_speaks_of(sources: list[Hit]) -> None:
    composed = answer("Annual leave not used lapses on 31 March [1].", sources)
    assert composed.sentences[0].support == check("Annual leave not used lapses on 31 March", [LEEDS]) == "supported"


WORDS = [
    "Annual leave",
    " is 25 days",
    "Unused leave lapses on 31 March",
    "特休假十四天",
    "每年享有十四天特休假",
    "Soup",
    "12",
]
SIGNS = [
    ". ",
    "。",
    " ",
    "\n",
    "[1]",
    "[2]",
    "[3]",
    "[0]",
    "[99]",
    "[1-9]",
    "【2】",
    "[1][1]",
    "[",
    "]",
    "[[2]]",
    "\x1b[2J",
]
CLAIMS = [f"\n{QUOTES_LINE}\n", '[1] "25 days"\n', '[3] "soup costs"\n', '[2] "十五天"\n', SENTINEL]
OUTPUT = st.lists(st.sampled_from([*WORDS, *SIGNS, *CLAIMS]), max_size=20).map("".join)


@settings(max_examples=150, deadline=None)
@given(OUTPUT, st.booleans(), st.data())
def test_whatever_a_model_writes_the_promises_hold_and_the_stream_shows_the_same(
    make_hit: MakeHit, output: str, complete: bool, data: st.DataObject
) -> None:
    given_sources = [make_hit(LEEDS, start=100), make_hit(TAIPEI), make_hit(OTHER, page=None)]
    composed = answer(output, given_sources, Finish(complete=complete, reason="why"))
    shown = stream_filter(given_sources)
    cut = data.draw(st.integers(0, len(output)))
    streamed = shown.feed(output[:cut]) + shown.feed(output[cut:]) + shown.finish()
    assert composed.status == "not_found" or streamed == composed.text
