"""A generator that is given up when the time for the whole question is over, however patient it is itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ragqa.errors import ServiceError
from ragqa.models.retrying import ServiceFailure
from ragqa.models.streaming import within
from ragqa.ports import Finish, GenerationRequest, Generator


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment on `clock` when `seconds` are over."""

    seconds: float
    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float | None) -> Deadline | None:
        """So many seconds from now; None is no deadline."""
        return None if seconds is None else cls(seconds, time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        return self.at - self.clock()


class HurriedGenerator:
    """Implements `ports.Generator` with another one, and breaks off at the deadline as a service does that fails.

    A deadline that is over already asks nobody.
    """

    def __init__(self, generator: Generator, deadline: Deadline) -> None:
        self.name = generator.name
        self._generator = generator
        self._deadline = deadline

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        late = f"{self.name} did not finish within {self._deadline.seconds:g} seconds"
        left = self._deadline.left_s
        if left <= 0:
            raise ServiceError(f"{late}: they were over before it was asked")
        has_spoken = False
        try:
            for item in within(left, lambda: self._generator.generate(request), service=self.name):
                has_spoken = True
                yield item
        except ServiceFailure:
            if not has_spoken:
                raise ServiceError(late) from None
            yield Finish(complete=False, reason=late)
