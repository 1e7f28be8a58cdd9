"""The JSON Schemas of `ask` in pipelines: of a dry run, and of the lines of a batch."""

from __future__ import annotations

from ragqa.cli.schema_parts import DRAFT, TEXT, VERSION, Schema, described, map_of, object_of, one_of, or_null
from ragqa.cli.schemas import SCHEMAS as _SCHEMAS
from ragqa.flows.preview import Purpose

_ID: Schema = described({"type": ["string", "integer"]}, "As given with the question, else the number of its line.")
_REQUEST = object_of(
    method=TEXT,
    url=TEXT,
    headers=described(map_of(TEXT), "The key of the service is written as [key]."),
    body=described({"type": "object"}, "The body, read as JSON."),
    body_text=described(TEXT, "The body, letter for letter."),
)


def _line(shape: Schema) -> Schema:
    """What a line of a batch has before the shape of one question."""
    return {
        "type": "object",
        "properties": {"id": _ID, **shape["properties"]},
        "required": ["id", *shape["required"]],
        "additionalProperties": False,
    }


_SHAPES: dict[str, Schema] = {
    "ask-dry-run": object_of(
        schema_version=VERSION,
        question=TEXT,
        purpose=described(one_of(Purpose), "What the first request is for; `none` where nothing would be sent."),
        reason=described(TEXT, "Why nothing would be sent."),
        request=or_null(_REQUEST),
    ),
    "ask-batch": {"oneOf": [_line(_SCHEMAS["ask"]), _line(_SCHEMAS["error"])]},
}
_TITLES = {"ask-dry-run": "`ragqa ask --dry-run --json`", "ask-batch": "A line of `ragqa ask --batch`"}

SCHEMAS: dict[str, Schema] = {
    name: {"$schema": DRAFT, "title": _TITLES[name], **shape} for name, shape in _SHAPES.items()
}
"""By the name that `ragqa schema` takes."""
