"""What a question is searched as: which words are put right against the words of an index, and which never are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.query import Correction, Query, understand
from ragqa.text.analyzer import analyze
from ragqa.text.exact import Exact
from ragqa.types import Scored


class Words:
    """A lexical index over given texts: a passage scores the number of the question's distinct terms it holds."""

    name = "words"

    def __init__(self, *texts: str) -> None:
        self.passages = [set(analyze(text)) for text in texts]

    def search(self, terms: Sequence[str], k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        found = [
            Scored(key, float(len(own & set(terms))))
            for key, own in enumerate(self.passages)
            if (own & set(terms) or required) and own >= set(required)
        ]
        return sorted(found, key=lambda hit: (-hit.score, hit.key))[:k]

    def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        return {term: sum(term in own for own in self.passages) for term in terms}

    def scores(self, terms: Sequence[str], keys: Sequence[int], *, question: str = "") -> dict[int, float]:
        return {key: float(len(self.passages[key] & set(terms))) for key in keys}

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        return dict.fromkeys(terms, 1.0)


def read(question: str, *texts: str, known: Iterable[str] = (), correct: bool = True) -> Query:
    return understand(question, Words(*texts), is_word=set(known).__contains__, correct=correct)


LEASE = "The tenant may terminate the lease when the landlord receives notice of termination."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("tennant", "tenant"),
        ("tenamt", "tenant"),
        ("tneant", "tenant"),
        ("tenan", "tenant"),
        ("Landlrod", "landlord"),
        ("ＴＥＮＮＡＮＴ", "tenant"),
    ],
)
def test_one_slip_of_any_kind_is_put_right(written: str, meant: str) -> None:
    query = read(f"What may the {written} do?", LEASE)
    assert query.text == f"What may the {meant} do?"
    assert query.corrections == (Correction(written, meant),)
    assert query.terms == tuple(analyze(query.text))


def test_several_words_are_put_right_each_in_its_place() -> None:
    query = read("May a tennant of the lanldord give notise?", LEASE)
    assert query.text == "May a tenant of the landlord give notice?"
    assert [each.meant for each in query.corrections] == ["tenant", "landlord", "notice"]


def test_a_latin_word_beside_chinese_is_put_right() -> None:
    assert read("租客tennant的權利", LEASE).text == "租客tenant的權利"


@pytest.mark.parametrize(
    "question",
    [
        "What may the tenant do?",  # a passage holds it
        "What may Zanzibar do?",  # nothing is near it
        'Who wrote "tennant"?',
        "Who wrote “the tennant”?",
        "Where is tennant_id or tennant-44?",
        "See https://tennant.example.org/tennant",
        "cat, teh",  # too short to guess
    ],
)
def test_known_words_quotations_codes_and_short_words_are_left_alone(question: str) -> None:
    query = read(question, LEASE)
    assert query.text == question
    assert query.corrections == ()


def test_a_word_that_the_model_knows_is_no_slip() -> None:
    assert read("Where is Tennant?", LEASE, known=["tennant"]).text == "Where is Tennant?"


def test_nothing_is_put_right_where_it_is_turned_off() -> None:
    query = read("What may the tennant do?", LEASE, correct=False)
    assert query == Query("What may the tennant do?", tuple(analyze("What may the tennant do?")))


def test_a_text_in_another_language_is_not_misspelt() -> None:
    german = "Welche Leasen darf ein Tennant ohne lange Fristen beenden sofern Landlorde nichts dagegen haben"
    assert read(german, LEASE).corrections == ()
    assert read("Welche Leasen darf ein Tennant beenden", LEASE).corrections != ()


def test_of_several_words_the_one_that_fits_beside_the_rest_is_meant() -> None:
    texts = ("A cable carries current.", "The table has four legs.", "A table is set.")
    assert read("Does the gable carry current?", *texts).text == "Does the cable carry current?"
    assert read("Has the gable legs?", *texts).text == "Has the table legs?"


def test_of_words_that_fit_alike_the_commoner_is_meant() -> None:
    assert read("gable", "cable one", "table one", "table two").text == "table"
    assert read("gable", "cable one", "cable two", "table one").text == "cable"


def test_a_misspelt_function_word_becomes_no_rare_word() -> None:
    assert read("Wehn may the tenant quit?", LEASE, "Wen, Wein, Wean, Weh").text == "when may the tenant quit?"


def test_a_function_word_is_meant_only_where_no_other_word_fits() -> None:
    assert read("when are the fews due", "the fees are due").text == "when are the fees due"
    assert read("when are the fews due", "the garden is due").text == "when are the few due"


def test_a_word_is_spared_only_where_it_stands_in_quotation_marks() -> None:
    query = read('a "tennant" is no tennant', LEASE)
    assert query.text == 'a "tennant" is no tenant'


def test_a_form_that_is_a_word_is_preferred_to_one_that_only_shares_its_stem() -> None:
    assert read("terminatian", LEASE, known=["termination"]).text == "termination"


def test_an_index_without_passages_corrects_nothing() -> None:
    assert read("tennant").text == "tennant"


def test_exact_words_are_those_of_the_question_as_asked() -> None:
    query = read('Is TB-4425 a "force majeure" for the tennant?', LEASE)
    assert query.exact == (Exact("force majeure", quoted=True), Exact("TB-4425", quoted=False))


@given(st.text(st.sampled_from("tenal xyz\"'-租1."), max_size=40))
def test_a_question_changes_only_where_a_correction_says_so(question: str) -> None:
    query = read(question, "tenant lease", "tale of lax ales")
    again = question
    for each in query.corrections:
        assert each.written != each.meant
        again = again.replace(each.written, each.meant, 1)
    assert sorted(analyze(query.text)) == sorted(query.terms)
    assert bool(query.corrections) == (query.text != question)
    assert len(query.text) - len(question) == sum(len(each.meant) - len(each.written) for each in query.corrections)
