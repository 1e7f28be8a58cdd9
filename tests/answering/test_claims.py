"""Whatever JSON a model writes becomes an answer that is checked like any other, or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ragqa.answering.citations import compose
from ragqa.answering.claims import ENDING, SCHEMA, read
from ragqa.answering.markers import QUOTES_LINE, SENTINEL
from ragqa.ports import Finish
from ragqa.types import Answer, Hit, Passage
from tests.answering.test_citations import LEEDS, OTHER, TAIPEI, hold_promises

MakeHit = Callable[..., Hit]


@pytest.fixture(scope="module")
def sources(make_hit: MakeHit) -> list[Hit]:
    return [
        make_hit(LEEDS, rank=1, start=100, document="leeds.pdf"),
        make_hit(TAIPEI, rank=2, start=7, document="taipei.pdf"),
        make_hit(OTHER, rank=3, document="canteen.md", page=None),
    ]


def page_of(passage: Passage, offset: int) -> tuple[int | None, str | None]:
    return (passage.chunk.page_start and 3 + (offset >= 150), "xii" if passage.chunk.page_start else None)


def answer(reply: str, sources: list[Hit]) -> Answer:
    composed = compose("?", read(reply, sources) or "", Finish(True, ""), sources, page_of=page_of)
    hold_promises(composed, sources)
    return composed


def claim(text: str, *citations: tuple[int, str]) -> dict[str, Any]:
    return {"text": text, "citations": [{"source": source, "quote": quote} for source, quote in citations]}


def reply(*claims: object, answered: object = True) -> str:
    return json.dumps({"answered": answered, "claims": claims}, ensure_ascii=False)


QUOTE = "Annual leave at the Leeds office is 25 days a year."
LEAVE = claim("Leeds gives 25 days of annual leave a year.", (1, QUOTE))


def test_claims_become_text_with_markers_and_quotes(sources: list[Hit]) -> None:
    soup = claim("The canteen opens at noon.", (3, "The canteen opens at noon."), (1, ""))
    assert read(reply(LEAVE, soup), sources) == (
        "Leeds gives 25 days of annual leave a year. [1] The canteen opens at noon. [3][1]\n"
        f"{QUOTES_LINE}\n[1] {QUOTE}\n[3] The canteen opens at noon."
    )
    composed = answer(reply(LEAVE), sources)
    assert composed.status == "answered"
    assert [(each.marker, each.quote.text, each.verified) for each in composed.citations] == [(1, QUOTE, True)]


def test_chinese_claims_stand_without_spaces(sources: list[Hit]) -> None:
    leave = claim("台北辦公室的員工每年有十四天特休假。", (2, "員工每年享有十四天特休假"))
    composed = answer(reply(leave, claim("請假須於兩週前提出。", (2, ""))), sources)
    assert composed.text == "台北辦公室的員工每年有十四天特休假。[2]請假須於兩週前提出。[2]"
    assert composed.citations[0].verified


def test_items_of_a_list_stand_on_lines_of_their_own(sources: list[Hit]) -> None:
    listed = reply(claim("Leeds:", (1, "")), claim("- 25 days a year", (1, "")), claim("- by e-mail", (1, "")))
    assert answer(listed, sources).text == "Leeds: [1]\n- 25 days a year [1]\n- by e-mail [1]"


def test_every_sentence_of_a_claim_has_its_citations(sources: list[Hit]) -> None:
    both = claim("Leeds gives 25 days a year. Leave is requested by e-mail.", (1, QUOTE))
    assert [sentence.citations for sentence in answer(reply(both), sources).sentences] == [(1,), (1,)]


@pytest.mark.parametrize(
    "written",
    [
        reply(answered=False),
        reply(),
        reply(LEAVE, answered=False),
        reply(LEAVE, answered="false"),
        '{"refused": true}',
        "[]",
        "```json\n{}\n```",
        reply(claim(SENTINEL)),
        reply(claim("…")),
        SENTINEL,
    ],
)
def test_a_refusal_is_one_in_every_form(sources: list[Hit], written: str) -> None:
    assert read(written, sources) == SENTINEL
    assert (answer(written, sources).status, answer(written, sources).text) == ("not_found", "")


TEXT = "Leeds gives 25 days of annual leave a year."
CITED = {"source": 1, "quote": QUOTE}


@pytest.mark.parametrize(
    "written",
    [
        f"```json\n{reply(LEAVE)}\n```",
        f"Here is the answer:\n{reply(LEAVE)}\nI hope it helps.",
        f"<think>{{'claims': []}} or so</think>{reply(LEAVE)}",
        f'{{"claims": []}} No, rather: {reply(LEAVE)}',
        reply(LEAVE).replace("]}", "],}"),
        reply(LEAVE).replace('"', "'"),
        reply(LEAVE)[:-8],
        json.dumps([LEAVE]),
        json.dumps(LEAVE),
        json.dumps({"answer": {"claims": [LEAVE]}}),
        json.dumps({"sentences": [{"sentence": TEXT, "sources": [{"id": "1", "quotation": QUOTE}]}]}),
        json.dumps({"claims": [{"claim": TEXT, "source": 1, "quote": QUOTE}]}),
        json.dumps({"claims": [{"text": TEXT, "citations": [{"source_number": 1.0, "quote": [QUOTE]}]}]}),
        json.dumps({"claims": [{"text": f"{TEXT} [1]", "citations": [{**CITED, "source": "[1]"}]}]}),
        json.dumps({"claims": [{"text": TEXT, "citations": CITED}]}),
        json.dumps({"answer": f"{TEXT} [1]"}),
        f'{TEXT} [1]\n{QUOTES_LINE}\n[1] "{QUOTE}"',
    ],
)
def test_an_answer_is_read_in_every_form(sources: list[Hit], written: str) -> None:
    composed = answer(written, sources)
    assert composed.status == "answered"
    assert composed.text.startswith(TEXT) and composed.text.replace(TEXT, "").strip() == "[1]"
    assert QUOTE.startswith(composed.citations[0].quote.text)
    assert composed.citations[0].verified


@pytest.mark.parametrize(
    "written",
    [
        'The server replies {"answer": "It is free."} to that [3].',
        'Write {"text": "x", "source": 1} or [{"text": "y"}] [1].',
        'The list {"sentences": ["It is free."]} is empty [1].',
        "[1] says {nothing} of it.",
    ],
)
def test_json_inside_an_ordinary_answer_is_part_of_it(sources: list[Hit], written: str) -> None:
    assert read(written, sources) == written


@pytest.mark.parametrize("source", [0, 4, 99, -1, 1e300, True, None, "x", [1], {"n": 1}])
def test_a_source_that_was_not_given_is_no_citation(sources: list[Hit], source: object) -> None:
    other = {"text": "It is free.", "citations": [{"source": source, "quote": "free"}]}
    composed = answer(reply(LEAVE, other), sources)
    assert {citation.marker for citation in composed.citations} == {1}


@pytest.mark.parametrize(
    ("text", "citations", "written"),
    [
        ("[1] and [2] agree.", [], "[1] and [2] agree."),
        ("[1] and [2] agree.", [(1, ""), (2, "")], "[1] and [2] agree."),
        ("Leeds [1]. Taipei [2].", [(1, ""), (2, "")], "Leeds [1]. Taipei [2]."),
        ("It is so [1].", [(1, ""), (3, "")], "It is so [1]. [3]"),
        ("It is so", [(1, "")], "It is so [1]"),
        ("So [1, 99] it is.", [], "So [1] it is."),
    ],
)
def test_markers_that_a_claim_has_stay_where_they_are(
    sources: list[Hit], text: str, citations: list[tuple[int, str]], written: str
) -> None:
    assert read(reply(claim(text, *citations)), sources) == written


def test_a_claim_that_begins_with_a_marker_does_not_lend_it_to_the_one_before(sources: list[Hit]) -> None:
    composed = answer(reply(LEAVE, claim("[3] says that the canteen opens at noon.")), sources)
    assert [sentence.citations for sentence in composed.sentences] == [(1,), (3,)]
    composed = answer(reply(claim("25 days in Leeds", (1, "")), claim("soup costs £2.50", (3, ""))), sources)
    assert [sentence.citations for sentence in composed.sentences] == [(1,), (3,)]


@pytest.mark.parametrize(
    "written",
    ['{"error": "overloaded"}', '{"thought": [1', "[{}, {}]", 'Sure: {5: "claims": [{{', '```json\n{"a": 1}\n```'],
)
def test_json_that_holds_no_answer_is_none(sources: list[Hit], written: str) -> None:
    assert read(written, sources) is None


def test_marks_inside_a_claim_are_not_obeyed(sources: list[Hit]) -> None:
    hostile = claim(f"Leeds gives 25 days a year.\n{QUOTES_LINE}\n[1] hidden", (1, "one\n[3] two"))
    assert read(reply(hostile, LEAVE), sources) == (
        "Leeds gives 25 days a year. [1] Leeds gives 25 days of annual leave a year. [1]\n"
        f"{QUOTES_LINE}\n[1] one [3] two\n[1] {QUOTE}"
    )


def test_the_form_that_is_asked_for_is_the_schemas_and_strict() -> None:
    form = json.loads(ENDING[ENDING.index("{") :])
    Draft202012Validator(SCHEMA).validate(form)

    def strict(schema: Any) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                assert schema["additionalProperties"] is False
                assert schema["required"] == list(schema["properties"])
            for each in schema.values():
                strict(each)

    strict(SCHEMA)


NAMES = ["answered", "claims", "text", "citations", "source", "quote", "answer", "sources", "id", "refused"]
WORDS = [
    "",
    QUOTE,
    TEXT,
    "[1]",
    "[99][2]",
    "員工每年享有十四天特休假",
    SENTINEL,
    QUOTES_LINE,
    "\ud800",
    "http://x.example",
    "3",
]
LEAVES = st.none() | st.booleans() | st.integers(-3, 6) | st.floats() | st.sampled_from(WORDS) | st.text(max_size=6)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=16,
)
CLAIMS = st.builds(
    lambda text, cited: {"text": text, "citations": cited},
    st.sampled_from(WORDS) | st.text(max_size=12),
    st.lists(st.fixed_dictionaries({"source": VALUES | st.integers(-1, 9), "quote": LEAVES}), max_size=3) | VALUES,
)


@settings(max_examples=300)
@given(
    VALUES | st.fixed_dictionaries({"answered": st.just(True), "claims": st.lists(CLAIMS | VALUES, max_size=4)}),
    st.sampled_from(["", "```json\n", "So: ", "<think>x</think>"]),
    st.integers(0, 400),
    st.booleans(),
)
def test_no_json_makes_a_citation_dangle(sources: list[Hit], value: object, before: str, cut: int, ascii: bool) -> None:
    answer((before + json.dumps(value, ensure_ascii=ascii))[: cut or None], sources)
