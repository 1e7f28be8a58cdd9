"""What the published JSON Schemas are put together from: objects that allow nothing more, lists, numbers, texts."""

from __future__ import annotations

from typing import Any, get_args

from ragqa.cli.shapes import SCHEMA_VERSION

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
PAGE: Schema = {"type": ["integer", "null"], "minimum": 1, "description": "Counted from 1; null for formats without."}


def object_of(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def map_of(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(literal: Any) -> Schema:
    return {"enum": list(get_args(literal))}


def described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def optional(schema: Schema, **properties: Schema) -> Schema:
    return {**schema, "properties": {**schema["properties"], **properties}}


VERSION: Schema = {"const": SCHEMA_VERSION}
DRAFT = "https://json-schema.org/draft/2020-12/schema"
