"""How close a question's words stand in a passage, and which passages say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.closeness import NEAR_DUPLICATES_SHOWN, Terms, are_alike, distinct
from ragqa.text.analyzer import analyze
from ragqa.types import Chunk


def terms_of(text: str, *heading: str) -> Terms:
    return Terms.of(Chunk(0, len(text), text, heading=heading))


def words(text: str) -> frozenset[str]:
    return frozenset(analyze(text))


WEIGHTS = {"deposit": 2.0, "tenant": 1.0, "return": 1.0}


@pytest.mark.parametrize(
    ("text", "heading", "expected"),
    [
        ("The tenant gets the deposit returned.", (), 1.0),
        ("The tenant pays. The deposit is returned later.", (), 0.75),
        ("The tenant pays. The deposit is held.", (), 0.5),
        ("It is returned to the tenant.", ("Deposit",), 1.0),
        ("It is kept.", ("Deposit",), 0.5),
        ("It is kept.", (), 0.0),
        ("…", (), 0.0),
    ],
)
def test_coverage_is_the_best_share_that_one_sentence_holds_with_the_headings(
    text: str, heading: tuple[str, ...], expected: float
) -> None:
    assert terms_of(text, *heading).coverage(WEIGHTS) == pytest.approx(expected)


def test_chinese_sentences_are_told_apart_too() -> None:
    wanted = dict.fromkeys(analyze("押金退還"), 1.0)
    together, apart = terms_of("押金應於十日內退還。"), terms_of("押金另計。租金不予退還。")
    assert together.coverage(wanted) > apart.coverage(wanted)


TERM = st.sampled_from("abcdefgh")
TERMS = st.builds(
    Terms, st.frozensets(TERM, max_size=3), st.lists(st.frozensets(TERM, max_size=5), max_size=4).map(tuple)
)
QUESTION = st.dictionaries(TERM, st.floats(0, 10), max_size=6)


@given(TERMS, QUESTION)
def test_coverage_is_a_share(terms: Terms, question: dict[str, float]) -> None:
    assert 0 <= terms.coverage(question) <= 1


@given(TERMS, QUESTION, TERM)
def test_more_in_a_heading_or_a_sentence_never_lowers_it(terms: Terms, question: dict[str, float], term: str) -> None:
    before = terms.coverage(question)
    assert Terms(terms.heading | {term}, terms.sentences).coverage(question) >= before
    assert Terms(terms.heading, tuple(own | {term} for own in terms.sentences)).coverage(question) >= before
    assert Terms(terms.heading, (*terms.sentences, frozenset({term}))).coverage(question) >= before


def test_a_question_without_weight_is_covered_by_nothing() -> None:
    assert terms_of("tenant").coverage({}) == 0.0
    assert terms_of("tenant").coverage({"tenant": 0.0}) == 0.0


BASE = "Tenants return keys, remotes, cards, manuals and clean rooms, walls, floors, windows before leaving the flat."


def test_passages_that_differ_in_a_word_say_the_same() -> None:
    longer = BASE + " Landlords inspect kitchens, bathrooms, balconies, heating, plumbing, lamps, switches, doors."
    assert are_alike(words(longer), words(longer.replace("plumbing", "piping")))
    assert not are_alike(words(longer), words(BASE))


def test_passages_that_differ_in_a_number_do_not() -> None:
    assert are_alike(words(BASE + " 2024"), words(BASE + " 2024"))
    assert not are_alike(words(BASE + " 2024"), words(BASE + " 2025"))
    assert not are_alike(words(BASE), words(BASE + " 2025"))


def test_passages_without_terms_are_not_alike() -> None:
    assert not are_alike(frozenset(), frozenset())
    assert distinct([frozenset(), frozenset()]) == [None, None]


LETTERS = "abcdefghijklmnopqrstu"
PASSAGE = st.frozensets(st.sampled_from(LETTERS), max_size=2).map(lambda gone: frozenset(LETTERS) - gone)
PASSAGES = st.lists(st.one_of(PASSAGE, st.frozensets(st.sampled_from("abc12"))), max_size=12)


@given(PASSAGE, PASSAGE, st.frozensets(st.sampled_from("v1")))
def test_likeness_works_both_ways_and_agrees_with_jaccard(
    one: frozenset[str], other: frozenset[str], more: frozenset[str]
) -> None:
    other = other | more
    jaccard = len(one & other) / len(one | other)
    assert are_alike(one, other) == are_alike(other, one) == (jaccard >= 0.9 and "1" not in more)


@given(PASSAGES)
def test_what_is_left_out_is_alike_to_one_that_stands_before_it(passages: list[frozenset[str]]) -> None:
    found = distinct(passages)
    assert len(found) == len(passages)
    for place, original in enumerate(found):
        if original is not None:
            assert original < place
            assert found[original] is None
            assert are_alike(passages[original], passages[place])


@given(PASSAGES)
def test_the_same_terms_are_never_shown_twice(passages: list[frozenset[str]]) -> None:
    shown = [terms for terms, original in zip(passages, distinct(passages), strict=True) if original is None and terms]
    assert len(set(shown)) == len(shown)


@given(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=12))
def test_of_passages_that_are_all_alike_two_are_shown(missing: list[str]) -> None:
    found = distinct([frozenset(LETTERS) - {letter} for letter in missing])
    assert found.count(None) == min(NEAR_DUPLICATES_SHOWN, len(set(missing)))


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["", "", ""], [None, 0, 0]),
        (["", "v", ""], [None, None, 0]),
        (["", "v", "w", "x", ""], [None, None, 0, 0, 0]),
        (["", "1", "2", "1"], [None, None, None, 1]),
    ],
)
def test_copies_are_shown_once_versions_twice_and_other_numbers_always(
    versions: list[str], expected: list[int | None]
) -> None:
    assert distinct([frozenset(LETTERS) | set(version) for version in versions]) == expected
