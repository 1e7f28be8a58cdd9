"""Both wire formats as one thing: how their replies are made, how their generators are built and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ragqa.models.gemini import GeminiGenerator
from ragqa.models.openai_compatible import OpenAICompatibleGenerator
from ragqa.models.retrying import Retries
from ragqa.ports import Finish, GenerationRequest, Generator
from tests.services import server
from tests.services.server import KEY, Reply, Service

REQUEST = GenerationRequest(
    question="When does it rain?",
    language="en",
    sources=(),
    system="Answer from the sources.",
    prompt="When does it rain?\n[1] It rains on Monday.",
    max_tokens=100,
    temperature=0.0,
)
QUICK = Retries(tries=4, budget_s=5.0, first_pause_s=0.01)


@dataclass(frozen=True)
class Dialect:
    """One wire format: how its replies are made and how its generator is built."""

    make: Callable[..., Generator]
    answer: Callable[..., Reply]
    error: Callable[..., Reply]
    wait: str
    finish: str
    limit: str

    def wait_for(self, seconds: float) -> dict[str, str]:
        """The argument of `error` that asks to wait."""
        return {self.wait: f"{seconds}s" if self.wait == "retry_delay" else f"{seconds}"}


def make_gemini(service: Service, *, timeout_s: float = 20.0, retries: Retries = QUICK) -> Generator:
    return GeminiGenerator("m", environment=service.gemini_environment(), timeout_s=timeout_s, retries=retries)


def make_openai(service: Service, *, timeout_s: float = 20.0, retries: Retries = QUICK) -> Generator:
    name = f"openai:m@{service.openai_url}"
    return OpenAICompatibleGenerator(name, environment={"OPENAI_API_KEY": KEY}, timeout_s=timeout_s, retries=retries)


DIALECTS = {
    "gemini": Dialect(make_gemini, server.gemini_answer, server.gemini_error, "retry_delay", "STOP", "MAX_TOKENS"),
    "openai": Dialect(make_openai, server.openai_answer, server.openai_error, "retry_after", "stop", "length"),
}


def read(generator: Generator, request: GenerationRequest = REQUEST) -> tuple[str, Finish]:
    """The text and the Finish, which must be the last thing and the only one."""
    items = list(generator.generate(request))
    assert [isinstance(item, Finish) for item in items] == [False] * (len(items) - 1) + [True]
    finish = items[-1]
    assert isinstance(finish, Finish)
    return "".join(item for item in items if isinstance(item, str)), finish
