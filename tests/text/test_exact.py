"""What must be found letter for letter: what counts as such in a question, and which passages hold it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.exact import MOST, Exact, find, held_by, searchable
from ragqa.text.folding import fold


def texts(question: str, *, quoted: bool) -> list[str]:
    return [each.text for each in find(question) if each.quoted == quoted]


@pytest.mark.parametrize(
    ("question", "phrase"),
    [
        ('What does "force majeure" mean?', "force majeure"),
        ("What does “force majeure” mean?", "force majeure"),
        ("What does 'force majeure' mean?", "force majeure"),
        ("What does ‘force majeure’ mean?", "force majeure"),
        ("What does `force majeure` mean?", "force majeure"),
        ("Que veut dire « force majeure » ?", "force majeure"),
        ("＂force majeure＂是什么意思？", "force majeure"),
        ("「不可抗力」是什麼意思？", "不可抗力"),
        ("『不可抗力』是什麼意思？", "不可抗力"),
        ('Is "force majeure," as a term, defined?', "force majeure"),
        ('Where is "the tenant\'s fault" named?', "the tenant's fault"),
    ],
)
def test_what_stands_in_quotation_marks_of_any_kind_is_a_phrase(question: str, phrase: str) -> None:
    assert find(question) == (Exact(phrase, quoted=True),)


@pytest.mark.parametrize(
    "question",
    [
        "Don't tenants' rights and the landlord's duties matter?",
        'The 6" pipe',
        '""',
        '" , "',
        '"\nforce majeure"',
        "What is the notice period?",
        "通知期限是多久？",
        "the 2nd floor in the 90s",
        "42",
        "and/or he/she",
        "end.Begin again",
        "approx.-",
    ],
)
def test_ordinary_words_and_apostrophes_are_not(question: str) -> None:
    assert find(question) == ()


@pytest.mark.parametrize(
    "identifier",
    [
        "GB/T 7714",
        "GB/T 7714-2015",
        "ISO 9001:2015",
        "IEEE 802.11ax",
        "RFC 2119",
        "§ 4.2",
        "§4.2",
        "TB-4425",
        "ABC-1234/56",
        "X200",
        "COVID-19",
        "A4-paper",
        "v2.0.1",
        "H2O",
        "3.5 mm",
        "230 V",
        "10.1016/j.cell.2020.01.001",
        "2016/679",
        "192.168.0.1",
        "978-3-16-148410-0",
        "2025-01-01",
        "2025/01/01",
        "1 January 2025",
        "January 1, 2025",
        "2025年1月1日",
        "二〇二五年一月一日",
        "民法典",
        "第四十四條",
        "第44条",
        "第 44 條",
        "第二十條之一",
        "第3.2节",
        "Article 5",
        "Art. 5",
        "Section 4.2",
        "Schedule IV",
        "No. 7",
        "1,200",
        "€1,200.50",
        "12.5%",
        "5%",
        "1234",
        "C:\\dir\\file.txt",
        "/etc/hosts",
        "--dry-run",
        "foo_bar()",
        "info@example.org",
        "https://example.org/a?b=1",
    ],
)
def test_identifiers_are_found_whole_alone_and_within_a_question(identifier: str) -> None:
    bare = f"《{identifier}》" if identifier == "民法典" else identifier
    for question in (bare, f"What does {bare} say?", f"請問 {bare} 的內容是什麼？"):
        assert texts(question, quoted=False) == [identifier]


def test_full_width_forms_are_read_as_the_usual_ones() -> None:
    assert texts("編號ＧＢ／Ｔ　７７１４與１，２００元", quoted=False) == ["GB/T 7714", "1,200"]


def test_invisible_characters_do_not_split_an_identifier() -> None:
    assert texts("What is TB-\u00ad44\u200b25?", quoted=False) == ["TB-4425"]


def test_a_reference_is_looked_for_with_its_subdivision_and_without() -> None:
    assert texts("What does Art. 5(1)(a) require?", quoted=False) == ["Art. 5(1)(a)", "Art. 5"]
    assert texts("17 U.S.C. § 107 (a)", quoted=False) == ["§ 107 (a)", "§ 107"]


def test_a_hash_before_a_number_or_a_full_stop_behind_it_is_no_part_of_it() -> None:
    assert texts("Was #1234 closed on 2025-01-01.", quoted=False) == ["1234", "2025-01-01"]


def test_phrases_come_first_then_identifiers_each_once() -> None:
    question = 'Is TB-4425 a "force majeure" under § 4.2? TB-4425, "Force Majeure", "TB-4425"?'
    assert [(each.text, each.quoted) for each in find(question)] == [
        ("force majeure", True),
        ("TB-4425", True),
        ("§ 4.2", False),
    ]


def test_nothing_inside_a_phrase_is_an_identifier_of_its_own() -> None:
    assert texts('"under § 4.2 of TB-4425"', quoted=False) == []


def test_no_question_holds_more_than_a_search_can_look_for() -> None:
    assert len(find(" ".join(str(number) for number in range(1000, 2000)))) == MOST


HELD = [
    ("force majeure", "A case of Force\n  Majeure excuses."),
    ("force majeure", "a case of “ｆｏｒｃｅ　ｍａｊｅｕｒｅ”"),
    ("the tenant's fault", "by the tenant’s fault"),
    ("GB/T 7714", "引文遵循ＧＢ／Ｔ　7714—2015标准"),
    ("GB/T 7714", "GB/T\n7714"),
    ("TB-4425", "type TB‑4425, TB–4426"),
    ("TB-4425", "type tb-\n4425."),
    ("TB-4425", "TB-\u00ad4425"),
    ("1,200", "costs 1200 euros"),
    ("1200", "costs 1,200 euros"),
    ("1200", "費用為１，２００元"),
    ("§ 4.2", "see §4.2."),
    ("不可抗力", "所謂不可\n抗力，指"),
    ("第四十四條", "根据第四十四条的规定"),
    ("民法典", "《民法典》"),
    ("info@example.org", "Mail: INFO@EXAMPLE.ORG."),
    ("C:\\dir", "stored in c:\\dir\\file.txt"),
    ("3.5 mm", "a 3.5mm jack"),
    ("--dry-run", "call it with --dry-run."),
]


@pytest.mark.parametrize(("wanted", "text"), HELD)
def test_blanks_hyphens_width_case_and_script_make_no_difference(wanted: str, text: str) -> None:
    for quoted in (True, False):
        assert Exact(wanted, quoted=quoted).is_in(searchable(text))


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("force majeure", "forcemajeure"),
        ("force majeure", "majeure force"),
        ("force majeure", "reinforce majeure"),
        ("rent", "parent, rental, torrent"),
        ("caf", "café"),
        ("мир", "мирный"),
        ("4.2", "14.2, 4.21, 3.4.2, 4.2.1"),
        ("§ 4.2", "§ 4.21 and § 4.2.7"),
        ("v2.0", "v2.0.1"),
        ("TB-4425", "TB-44251, XTB-4425"),
        ("GB/T 7714", "GB 7714"),
        ("$5", "$5,000 or $50 or $5.50"),
        ("1234", "12345, 01234"),
        ("第四條", "第四十四條"),
        ("不可抗力", "不可預見"),
    ],
)
def test_a_part_of_a_longer_word_or_number_is_not_it(wanted: str, text: str) -> None:
    assert not Exact(wanted, quoted=True).is_in(searchable(text))
    assert not Exact(wanted, quoted=False).is_in(searchable(text))


@pytest.mark.parametrize(
    "same",
    [
        ("2025-01-01", "2025/01/01", "2025/1/1", "2025.01.01", "1 January 2025", "January 1, 2025", "2025年1月1日"),
        ("2025年1月1日", "二〇二五年一月一日", "二○二五年一月一日", "2025-01-01"),
        ("2025年10月", "二〇二五年十月", "October 2025"),
        ("第44条", "第四十四條", "第 44 條"),
        ("第103条之2", "第一百零三條之二"),
        ("Art. 5(1)(a)", "Article 5(1)(a)", "article 5 (1) (a)"),
        ("§ 4.2", "Section 4.2", "Sec. 4.2"),
        ("Fig. 3", "Figure 3"),
        ("No. 7", "number 7", "№ 7", "Nr. 7"),
    ],
)
def test_an_identifier_is_found_however_the_document_writes_it(same: tuple[str, ...]) -> None:
    for asked in same:
        for written in same if find(asked) else ():
            wanted = find(asked)[0]
            assert held_by([wanted], f"Under {written}, the lease ends.") == {wanted}, asked
    assert find(same[0])


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ("2025-01-01", "2025-01-11, 2025-11-01, 12025-01-01"),
        ("2025-01-01", "2025年1月11日，二〇二五年一月十一日"),
        ("第44条", "第四十條、第四十五條、第四百四十四條"),
        ("第44条", "第四十四章"),
        ("Art. 5", "Section 5, Article 51"),
    ],
)
def test_another_date_or_article_is_not_it(asked: str, other: str) -> None:
    (wanted,) = find(asked)
    assert held_by([wanted], other) == frozenset()


def test_a_quotation_is_taken_as_it_is_written() -> None:
    assert held_by([Exact("Art. 5", quoted=True)], "Article 5") == frozenset()


def test_held_by_names_those_that_are_held() -> None:
    phrase, code = Exact("force majeure", quoted=True), Exact("TB-4425", quoted=False)
    assert held_by([phrase, code], "TB-4425 fails") == {code}
    assert held_by([phrase, code], "Force majeure: TB-4425") == {phrase, code}
    assert held_by([], "anything") == frozenset()


SIGNS = st.text(st.sampled_from("ab1２年第四條之《》「」\"'“”’‘`-_./:@§# \n()$%,，。é\u00ad"), max_size=60)


@given(st.one_of(SIGNS, st.text(max_size=40)))
def test_any_question_is_read_and_what_is_found_stands_in_it(question: str) -> None:
    visible = fold(unicodedata.normalize("NFKC", question))
    for each in find(question):
        assert fold(each.text) in visible
        assert each.is_in(searchable(each.text))


WORDS = st.lists(st.text("abz019", min_size=1, max_size=5), min_size=1, max_size=4)
HAN = st.text("甲乙丙丁國国", min_size=1, max_size=6)


@given(WORDS, st.sampled_from([" ", "\n", "  ", "\u3000", " \n"]), st.sampled_from(["", "x ", "x, ", "甲"]))
def test_whole_words_are_found_whatever_stands_around_and_between_them(words: list[str], blank: str, edge: str) -> None:
    phrase = Exact(" ".join(words), quoted=True)
    assert phrase.is_in(searchable(edge + blank.join(words) + edge[::-1]))
    assert phrase.is_in(searchable(blank.join(words).upper()))
    longer = "q".join(["", *words[:1]]) + "".join(blank + word for word in words[1:])
    assert not phrase.is_in(searchable(longer))


@given(HAN, HAN, HAN)
def test_han_is_found_wherever_its_characters_stand_side_by_side(before: str, wanted: str, after: str) -> None:
    assert Exact(wanted, quoted=True).is_in(searchable(before + "\n".join(wanted) + after))


@pytest.mark.parametrize(
    "unit", ["1", "a", "A", "-", "_", ".", "a-", "a.", "A1", "AB/", "§", "第", "a@", '"', "「", "'a "]
)
def test_a_long_question_of_one_sign_is_read(unit: str) -> None:
    """A pattern that looks at every place from every other would take very long here."""
    find(unit * 20_000)
