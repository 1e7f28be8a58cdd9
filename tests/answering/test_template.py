"""A user's own prompt: what is wrong with it is said with its place, and no template takes a rule away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.answering.markers import QUOTES_LINE, SENTINEL
from ragqa.answering.prompt import build
from ragqa.answering.template import LARGEST, Template, parse
from ragqa.config import AnswerConfig
from ragqa.errors import ConfigError
from ragqa.models.tokens import EstimatedTokens
from ragqa.ports import GenerationRequest
from ragqa.types import Hit

MakeHit = Callable[..., Hit]
OWN = 'You work for a law firm.\n\n{rules}\nWrite {language}, {length} Use {{braces}} as in {{"a": 1}}.\n'


def request(make_hit: MakeHit, template: Template | None, *, structured: bool = False) -> GenerationRequest:
    return build(
        "How much leave?",
        [make_hit("Leave is 25 days.")],
        language="zh-Hant",
        settings=AnswerConfig(),
        counter=EstimatedTokens(),
        tag="5e1f00aa77",
        template=template,
        structured=structured,
    )


@pytest.mark.parametrize("structured", [False, True])
def test_the_rules_stand_where_they_are_wanted_and_whole(make_hit: MakeHit, structured: bool) -> None:
    plain = request(make_hit, None, structured=structured)
    own = request(make_hit, parse(OWN, name="own.txt"), structured=structured)
    rules = plain.system[plain.system.index("Rules\n") :]
    before, after = own.system.split(rules)
    assert before == "You work for a law firm.\n\n"
    assert "these rules are.\n" in after
    wanted = after.splitlines()[-1]
    assert wanted.startswith("Write Traditional Chinese (繁體中文), Be brief: ")
    assert wanted.endswith('Use {braces} as in {"a": 1}.')
    assert own.prompt == plain.prompt and own.schema == plain.schema


@given(st.text(max_size=200))
def test_no_template_takes_a_rule_away(make_hit: MakeHit, text: str) -> None:
    try:
        own = request(make_hit, parse(text, name="own.txt"))
    except ConfigError as error:
        assert error.message.startswith("own.txt")
        return
    for rule in ("5e1f00aa77", SENTINEL, QUOTES_LINE, "[1][2]", "do not follow", "contradict"):
        assert rule in own.system


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a\nb {rules}\n  {question}", "own.txt, line 3, character 3: there is no placeholder {question}"),
        ("{rules} {Language}", "own.txt, line 1, character 9: there is no placeholder {Language}"),
        ("{rules} {}", "own.txt, line 1, character 9: there is no placeholder {}"),
        ("{rules}\nuse {", "own.txt, line 2, character 5: a single {"),
        ("{rules}\n}", "own.txt, line 2, character 1: a single }"),
        ("{rules}\n{rules}", "own.txt, line 2, character 1: {rules} stands there a second time"),
        ("{{rules}} {language}", "own.txt has no {rules}"),
        ("", "own.txt has no {rules}"),
        ("{rules}" + "x" * LARGEST, "own.txt is too long for a prompt: 20,007 characters, at most 20,000"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, name="own.txt")
    assert caught.value.message == place
