"""The JSON of `ask` in pipelines: what a dry run would send, and the lines of a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ragqa.cli import ask_shapes, shapes
from ragqa.cli.shapes import Shape

if TYPE_CHECKING:
    from ragqa.flows.batch import Result
    from ragqa.flows.preview import Preview
    from ragqa.models.recording import Outgoing


def preview(preview: Preview) -> Shape:
    """`ragqa ask --dry-run`."""
    return {
        "schema_version": shapes.SCHEMA_VERSION,
        "question": preview.question,
        "purpose": preview.purpose,
        "reason": preview.reason,
        "request": preview.request and _request(preview.request),
    }


def _request(request: Outgoing) -> Shape:
    text = request.body.decode("utf-8")
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "body": json.loads(text),
        "body_text": text,
    }


def batch_line(result: Result, *, explain: bool = False) -> Mapping[str, object]:
    """One line of `ragqa ask --batch`: the whole of `ask`, or an error, behind the question's id."""
    if result.asked is not None:
        return {"id": result.id, **ask_shapes.ask(result.asked, explain=explain)}
    assert result.error is not None
    return {"id": result.id, **shapes.error(result.error)}
