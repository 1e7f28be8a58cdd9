"""What every Generator promises: pieces of text, then exactly one Finish, which is the last and says the truth."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ragqa.models.extractive import ExtractiveGenerator
from ragqa.models.gemini import GeminiGenerator
from ragqa.models.openai_compatible import OpenAICompatibleGenerator
from ragqa.ports import Finish, GenerationRequest, Generator
from ragqa.types import Chunk, Hit, Passage
from tests.fakes import ScriptedGenerator
from tests.services.server import Service, gemini_answer, openai_answer

TEXT = "It rains on Monday. Snow falls in winter."
PASSAGE = Passage(1, "a" * 16, "log.md", b"log.md", "Log", "en", Chunk(0, len(TEXT), TEXT))
REQUEST = GenerationRequest(
    question="When does it rain?",
    language="en",
    sources=(Hit(1, PASSAGE, 1.0, ("lexical",)),),
    system="Answer from the sources.",
    prompt="When does it rain?",
    max_tokens=100,
    temperature=0.0,
)


@pytest.fixture(params=["gemini", "openai", "extractive", "fake"])
def make(request: pytest.FixtureRequest, service: Service) -> Callable[[], Generator]:
    match request.param:
        case "gemini":
            service.script(*[gemini_answer("It rains ", "on Monday [1].")] * 2)
            return lambda: GeminiGenerator("m", environment=service.gemini_environment(), timeout_s=20)
        case "openai":
            service.script(*[openai_answer("It rains ", "on Monday [1].")] * 2)
            name = f"openai:m@{service.openai_url}"
            return lambda: OpenAICompatibleGenerator(name, environment={}, timeout_s=20)
        case "extractive":
            return lambda: ExtractiveGenerator(lambda terms: dict.fromkeys(terms, 1.0))
        case _:
            return lambda: ScriptedGenerator("It rains ", "on Monday [1].", finish=Finish(True, "STOP"))


def test_text_then_one_finish(make: Callable[[], Generator]) -> None:
    items = list(make().generate(REQUEST))
    *pieces, finish = items
    assert all(isinstance(piece, str) for piece in pieces)
    assert isinstance(finish, Finish)
    assert finish.complete
    assert "".join(str(piece) for piece in pieces).startswith("It rains on Monday")


def test_a_generator_may_be_asked_again(make: Callable[[], Generator]) -> None:
    generator = make()
    assert list(generator.generate(REQUEST)) == list(generator.generate(REQUEST))
    assert generator.name


def test_an_answer_may_be_left_before_its_end(make: Callable[[], Generator]) -> None:
    pieces = iter(make().generate(REQUEST))
    assert isinstance(next(pieces), str)
    del pieces
