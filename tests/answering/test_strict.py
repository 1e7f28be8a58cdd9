"""Unsupported sentences can be left out, with what only they cite; what is left is an answer like any other."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ragqa.answering.citations import compose, sentence_places
from ragqa.answering.markers import QUOTES_LINE, lift
from ragqa.ports import Finish
from ragqa.types import Answer, Hit

DONE = Finish(complete=True, reason="stop")
LEEDS = "Annual leave at the Leeds office is 25 days a year. Unused leave lapses on 31 March."
CANTEEN = "The canteen opens at noon. Soup costs £2.50."
TAIPEI = "台北辦公室的員工每年享有特休假。請假須以書面提出。"


@pytest.fixture
def sources(make_hit: Callable[..., Hit]) -> list[Hit]:
    return [make_hit(LEEDS), make_hit(CANTEEN, rank=2), make_hit(TAIPEI, rank=3)]


def answer(output: str, sources: list[Hit], *, strict: bool = True, finish: Finish = DONE) -> Answer:
    return compose("?", output, finish, sources, page_of=lambda passage, offset: (None, None), strict=strict)


@pytest.mark.parametrize(
    ("output", "text", "dropped"),
    [
        ("Soup costs £2.50 [2]. Foxes fly [1]. The canteen opens at noon [2].", None, 1),
        ("Soup costs £2.50 [2]. Foxes fly. Leave is 40 days [1].", "Soup costs £2.50 [2].", 2),
        ("Foxes fly [1].\n\nSoup costs £2.50 [2].", "Soup costs £2.50 [2].", 1),
        (
            "Soup costs £2.50 [2]. Foxes fly [1].\n\nUnused leave lapses on 31 March [1].",
            "Soup costs £2.50 [2].\n\nUnused leave lapses on 31 March [1].",
            1,
        ),
        ("- Soup costs £2.50 [2]\n- Foxes fly [1]\n- The canteen opens at noon [2]", None, 1),
        ("[2] Soup costs £2.50.\n[1] Foxes fly.\n[2] The canteen opens at noon.", None, 1),
        ("Soup costs £2.50 [2].", "Soup costs £2.50 [2].", 0),
    ],
)
def test_unsupported_sentences_are_left_out(sources: list[Hit], output: str, text: str | None, dropped: int) -> None:
    composed = answer(output, sources)
    assert (composed.status, composed.dropped) == ("answered", dropped)
    assert composed.text == (
        text if text is not None else re.sub(r"(?:- |\[1\] |(?<= ))?Foxes fly[^.\n]*[.\n]\s?", "", output)
    )
    assert {sentence.support for sentence in composed.sentences} <= {"quoted", "supported"}
    assert {citation.marker for citation in composed.citations} == {
        int(number) for number in re.findall(r"\[(\d)\]", composed.text)
    }
    # Without --strict all of it stays, and nothing is counted as left out.
    assert (answer(output, sources, strict=False).text, answer(output, sources, strict=False).dropped) == (output, 0)


@pytest.mark.parametrize("strict", [True, False])
def test_an_answer_without_a_supported_sentence_is_a_refusal(sources: list[Hit], strict: bool) -> None:
    # Its quote stands in the source; what is said is something else.
    output = f'Leave is 40 days [1].\n{QUOTES_LINE}\n[1] "Annual leave at the Leeds office is 25 days a year"'
    refused = answer(output, sources, strict=strict)
    assert (refused.status, refused.text, refused.sentences, refused.citations) == ("not_found", "", (), ())
    assert refused.dropped == int(strict) and refused.reason


def test_what_broke_off_stays_incomplete(sources: list[Hit]) -> None:
    cut = answer("Soup costs £2.50 [2]. The fox", sources, finish=Finish(complete=False, reason="cut"))
    assert (cut.status, cut.text, cut.dropped) == ("incomplete", "Soup costs £2.50 [2].", 1)


def test_across_languages_a_quote_that_the_model_named_counts(sources: list[Hit]) -> None:
    said = "Employees have to ask for leave in writing [3]."
    assert answer(said, sources).status == "not_found"
    quoted = answer(f'{said}\n{QUOTES_LINE}\n[3] "请假须以书面提出"', sources)
    assert (quoted.status, [sentence.support for sentence in quoted.sentences]) == ("answered", ["supported"])
    # Not words that are not there, nor where a number is wrong.
    assert answer(f'{said}\n{QUOTES_LINE}\n[3] "请假须以口头提出"', sources).status == "not_found"
    assert answer(f'They ask 3 weeks ahead [3].\n{QUOTES_LINE}\n[3] "請假須以書面提出"', sources).status == "not_found"


PIECES = ["Soup costs £2.50", "Foxes fly", "Unused leave lapses on 31 March", "請假須以書面提出", "[1]", "[2]", "[3]"]
PIECES += [". ", "。", "\n", "\n\n", "- ", " ", "**", "---"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join), st.booleans())
@example(output="Soup costs £2.50\n[1]- [2]. Soup costs £2.50", strict=False)
def test_sentences_and_their_places_belong_together(make_hit: Callable[..., Hit], output: str, strict: bool) -> None:
    given_sources = [make_hit(LEEDS), make_hit(CANTEEN), make_hit(TAIPEI)]
    composed = answer(output, given_sources, strict=strict)
    places = sentence_places(composed.text)
    assert len(places) == len(composed.sentences)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(places))
    for sentence, (start, end) in zip(composed.sentences, places, strict=True):
        assert "".join(sentence.text.split()) in "".join(lift(composed.text[start:end])[0].split())
        assert set(sentence.citations) >= {int(number) for number in re.findall(r"\[(\d)\]", composed.text[start:end])}
    if strict:
        assert all(sentence.support != "unsupported" for sentence in composed.sentences)
