"""A generator's reply in one piece, for requests of our own whose answer is worth nothing by halves."""

from __future__ import annotations

from ragqa.errors import ServiceError
from ragqa.ports import Finish, GenerationRequest, Generator


def whole_reply(generator: Generator, request: GenerationRequest) -> str:
    """All that the generator writes. Raises ServiceError where it fails, or does not come to its end."""
    pieces: list[str] = []
    finish = Finish(complete=False, reason="it broke off")
    for piece in generator.generate(request):
        if isinstance(piece, Finish):
            finish = piece
        else:
            pieces.append(piece)
    if not finish.complete:
        raise ServiceError(f"{generator.name} gave no whole reply: {finish.reason}")
    return "".join(pieces)
