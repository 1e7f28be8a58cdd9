"""Model services: which one answers, and how services are asked in one run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.errors import ConfigError

if TYPE_CHECKING:
    from ragqa.config import AnswerConfig
    from ragqa.models.recording import Hook
    from ragqa.ports import Generator


GEMINI_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
"""Those of `models/gemini.py`, which an extractive answer has no need to import."""

Notice = Callable[[str], None]
"""Who is told, in one line, of something that takes long or that the user should know."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How services are asked in this run. `before` sees each request, and can keep it from being sent.

    No request but that for the answer itself takes longer than `at_most_s`.
    """

    before: Hook | None = None
    at_most_s: float = math.inf


AS_SET = Sending()
"""Services are asked as the settings say."""


def generator_name(settings: AnswerConfig) -> str:
    """What `answer.model` comes to: `auto` is Gemini where its key is set, else extractive; `gemini` is its model."""
    if settings.model == "gemini":
        return f"gemini:{settings.gemini_model}"
    if settings.model != "auto":
        return settings.model
    has_key = any(os.environ.get(name, "").strip() for name in GEMINI_KEYS)
    return f"gemini:{settings.gemini_model}" if has_key else "extractive"


def service(name: str, settings: AnswerConfig, *, sending: Sending = AS_SET) -> Generator | None:
    """The model service of this name, None for `extractive`. Raises MissingKey or ConfigError as `answering` does."""
    match name.partition(":")[0]:
        case "extractive":
            return None
        case "gemini":
            from ragqa.models.gemini import GeminiGenerator

            model = name.removeprefix("gemini:")
            return GeminiGenerator(
                model,
                environment=os.environ,
                timeout_s=settings.timeout_s,
                idle_s=settings.idle_s,
                before_sending=sending.before,
            )
        case "openai":
            from ragqa.models.openai_compatible import OpenAICompatibleGenerator

            return OpenAICompatibleGenerator(
                name,
                environment=os.environ,
                timeout_s=settings.timeout_s,
                idle_s=settings.idle_s,
                before_sending=sending.before,
            )
        case _:
            raise ConfigError(
                f"`{name}` is no answer model",
                remedy="extractive, gemini:MODEL, or openai:MODEL@URL as in config.example.toml",
            )
