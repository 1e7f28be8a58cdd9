"""A generator that asks another one for claims in JSON, and writes the answer that is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ragqa.answering import claims
from ragqa.ports import Finish, GenerationRequest, Generator


class ClaimingGenerator:
    """Implements `ports.Generator`: the whole answer is one piece, because JSON is readable only at its end.

    Nothing that cannot be read is passed on. A reply that is no JSON is an ordinary answer, and passed on as it is.
    """

    def __init__(self, generator: Generator) -> None:
        self.name = generator.name
        self._generator = generator

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        finish = Finish(complete=False, reason=f"{self.name} broke off")
        pieces: list[str] = []
        for item in self._generator.generate(request):
            if isinstance(item, Finish):
                finish = item
            else:
                pieces.append(item)
        answer = claims.read("".join(pieces), request.sources)
        if answer:
            yield answer
        elif finish.complete:
            finish = replace(finish, complete=False, reason=f"{self.name} replied with JSON that is no answer")
        yield finish
