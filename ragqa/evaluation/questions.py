"""Questions whose answers are known, read from a JSONL file; a mistake in one is named with its file and line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ragqa.errors import UsageError
from ragqa.text.language import detect

Half = Literal["fit", "report"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `id` is unique in its file; `language` is the line of the report that it belongs to.

    `answers` are alternatives: one of them suffices. `document` and `page` say where the answer stands; `relevant` does
    so for a collection of passages, by passage id, with gains above 0. A `page` has its document. A question that is
    not `answerable` has none of these.
    """

    id: str
    text: str
    language: str
    answers: tuple[str, ...] = ()
    document: str | None = None
    page: int | None = None
    answerable: bool = True
    relevant: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.answerable and (self.answers or self.document is not None or self.relevant):
            raise ValueError(f"{self.id} is not answerable, and says how it is answered")
        if self.page is not None and self.document is None:
            raise ValueError(f"{self.id} has a page without its document")

    @property
    def half(self) -> Half:
        """Decided by the id alone, so that whoever chooses on one half and reports on the other divides it alike."""
        return "fit" if _digest(self.id)[0] < 128 else "report"

    @property
    def fingerprint(self) -> str:
        """Changes whenever what is asked does, or what counts as right."""
        told = [self.text, self.answers, self.document, self.page, self.answerable, sorted(self.relevant.items())]
        return _digest(json.dumps(told, ensure_ascii=False)).hex()[:16]


def read(path: Path) -> list[Question]:
    """The questions of a JSONL file. Raises UsageError, which names the file and the line, for what is none."""
    questions: list[Question] = []
    lines: dict[str, int] = {}
    for number, row in rows(path):
        question = _question(row, where=f"{path}, line {number}")
        if question.id in lines:
            named = word(row, "id", where=path.name) is not None
            said = f"repeats the id {question.id!r}" if named else "asks the same"
            raise UsageError(
                f"{path}, line {number} {said} as line {lines[question.id]}", remedy="give each question an id"
            )
        lines[question.id] = number
        questions.append(question)
    if not questions:
        raise UsageError(f"{path} holds no questions", remedy='each line is {"question": ..., "answers": [...], ...}')
    return questions


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with their line numbers; blank lines are passed over."""
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise UsageError(f"{path}, line {number} is not UTF-8") from error
        except json.JSONDecodeError as error:
            raise _not_json(path, number, error.msg) from error
        except RecursionError as error:
            raise _not_json(path, number, "it is nested too deeply") from error
        except ValueError as error:  # what int() says of thousands of digits
            raise _not_json(path, number, "a number in it is too long") from error
        if not isinstance(row, dict):
            raise UsageError(f"{path}, line {number} is no JSON object", remedy='{"question": ..., "answers": [...]}')
        yield number, row


def _not_json(path: Path, number: int, said: str) -> UsageError:
    return UsageError(f"{path}, line {number} is not JSON: {said}", remedy="one object a line")


def chosen(questions: Sequence[Question], *, half: Half | None = None, limit: int | None = None) -> list[Question]:
    """The questions of one half, and of these at most `limit`: those whose ids hash lowest, in the order given.

    So a sample is spread over the file, stays the same from run to run, and a larger one holds the smaller.
    """
    kept = [question for question in questions if half in (None, question.half)]
    if limit is not None and limit < len(kept):
        sample = set(sorted((question.id for question in kept), key=_digest)[:limit])
        kept = [question for question in kept if question.id in sample]
    return kept


def _question(row: Mapping[str, Any], *, where: str) -> Question:
    text = word(row, "question", where=where)
    if text is None:
        close = [name for name in row if name.lower() in ("query", "text", "q", "question")]
        raise UsageError(f"{where} has no `question`", remedy=f"is it `{close[0]}`?" if close else "")
    identity = word(row, "id", where=where) or _digest(text).hex()[:12]
    language = word(row, "language", where=where) or detect(text)
    told, document, page = answers(row, where=where), word(row, "document", where=where), _page(row, where=where)
    if not flag(row, "answerable", where=where):
        return Question(identity, text, language, answerable=False)
    return Question(identity, text, language, told, document, page)


def word(row: Mapping[str, Any], name: str, *, where: str) -> str | None:
    """The text of an entry, None where it is missing, null or blank."""
    value = row.get(name)
    if value is None:
        return None
    if name == "id" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise UsageError(f"{where}: `{name}` must be text, not {_shown(value)}")
    return _text(value) or None


def answers(row: Mapping[str, Any], *, where: str) -> tuple[str, ...]:
    """The entry `answers`, each of them not blank; one text is taken for a list of one."""
    value = row.get("answers") or []
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise UsageError(f"{where}: `answers` must be a list of texts, not {_shown(value)}")
    return tuple(_text(each) for each in given if each.strip())


def flag(row: Mapping[str, Any], name: str, *, where: str) -> bool:
    """The entry `name`, true where it is missing or null."""
    value = row.get(name)
    if value is None:
        return True
    if not isinstance(value, bool):
        raise UsageError(f"{where}: `{name}` must be true or false, not {_shown(value)}")
    return value


def _page(row: Mapping[str, Any], *, where: str) -> int | None:
    value = row.get("page")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{where}: `page` must be a number from 1 on, not {_shown(value)}")
    if word(row, "document", where=where) is None:
        raise UsageError(f"{where}: a `page` needs its `document`")
    return value


def _text(value: str) -> str:
    """Without blanks around it, and without the lone surrogates that JSON can spell and UTF-8 cannot."""
    return value.strip().encode("utf-8", "backslashreplace").decode()


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
