"""JSON is read as models write it; what json reads itself is read the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.answering.lenient_json import values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), JSON, min_size=1, max_size=3)
PIECES = st.sampled_from(
    [*"{}[],:\"'“”\\ \n", '{"', '": ', "\\u12", "\\ud83d", "true", "12.5e3", "//", "/*", "年假", "x"]
)


@given(OBJECTS, st.sampled_from(["", "Here it is: ", "```json\n"]), st.sampled_from(["", "\n```\nThat is all."]))
def test_good_json_is_read_as_json_reads_it(value: object, before: str, after: str) -> None:
    assert list(values(f"{before}{json.dumps(value, ensure_ascii=False)}{after}")) == [value]


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_read_to_its_end(text: str) -> None:
    list(values(text))


@given(OBJECTS, st.integers(0, 200))
def test_a_text_cut_anywhere_gives_no_more_than_it_holds(value: dict[str, object], length: int) -> None:
    text = json.dumps(value, ensure_ascii=False)[:length]
    for found in values(text):
        assert isinstance(found, dict) and set(found) <= set(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ("{'a': 'it's late'}", {"a": "it's late"}),
        ("{“a”: “b”}", {"a": "b"}),
        ('{a: "b"}', {"a": "b"}),
        ('{"a": "b" "c": "d"}', {"a": 'b" "c": "d'}),
        ('{"a": "b"\n"c": "d",}', {"a": "b", "c": "d"}),
        ('{"a": "he said "yes" to it",}', {"a": 'he said "yes" to it'}),
        ('{"a": "one\ntwo",}', {"a": "one\ntwo"}),
        ('{"a": True, "b": None}', {"a": True, "b": None}),
        (r'{"a": "50\% \u5e74\ud83d\ude00 \" x",}', {"a": '50% 年😀 " x'}),
        ('{"a": 1, // why\n "b": 2}', {"a": 1, "b": 2}),
        ('{"a": {"b": "cut he', {"a": {"b": "cut he"}}),
        ('{"a": [1, 2', {"a": [1, 2]}),
        ('{"a": tr', {"a": None}),
        ('{"a": [1, -', {"a": [1, None]}),
        ('{"a": "b", "c', {"a": "b"}),
        ('{"a": [{"b": 1}}', {"a": [{"b": 1}]}),
        ('{"a": 0012345678901234567890}', {"a": 1234567890123}),
    ],
)
def test_what_is_wrong_with_it_is_overlooked(text: str, value: object) -> None:
    assert list(values(text)) == [value]


def test_every_object_outside_another_is_found() -> None:
    assert list(values('{note} [1] then {"a": {"b": 1}} and {"c": 2}')) == [[1], {"a": {"b": 1}}, {"c": 2}]


def test_nothing_makes_it_slow_or_deep() -> None:
    for text in ("[" * 100_000, '{"a":' * 100_000, "{" * 300_000, '{"' * 100_000, '{"a": "' + '" ' * 200_000):
        list(values(text))
