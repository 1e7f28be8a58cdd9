"""What `ragqa eval` tells people: tables of metrics that fit 80 columns, failures by stage, comparisons; Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ragqa.cli.cells import cut, one_line, terminal_width, width_of, wrap
from ragqa.cli.evaluation_shapes import Asked, Compared, changed, changed_filter
from ragqa.cli.gate import Styled, safe, style
from ragqa.cli.render import inert
from ragqa.config import settings
from ragqa.evaluation.metrics import ALL, METRICS, P50, P95
from ragqa.evaluation.stages import SAID

if TYPE_CHECKING:
    from ragqa.evaluation.drafts import Draft
    from ragqa.evaluation.metrics import Mean
    from ragqa.flows.evaluate import Evaluation, Result

_LABEL = 19
_COLUMN = 8
_COLUMNS_ABREAST = 7
_NOTHING = "–"
_INDENT = "    "

Table = list[list[str]]
"""Rows of cells; the first row is the head, the first cell of a row its label."""


def report(
    evaluation: Evaluation,
    asked: Asked,
    *,
    explain: bool = False,
    compared: Compared | None = None,
    markdown: bool = False,
) -> Styled:
    """Everything: what was measured on what, metrics, latencies, and what else was asked for."""
    blocks = [_head(evaluation, asked, markdown=markdown)]
    blocks += [table(each, markdown=markdown) for each in (*_metrics(evaluation), _latencies(evaluation))]
    if compared:
        blocks += _comparison(compared, evaluation, markdown=markdown)
    if explain:
        blocks.append(_failures(evaluation.failures, markdown=markdown))
    return Styled("\n").join(blocks)


def _head(evaluation: Evaluation, asked: Asked, *, markdown: bool) -> Styled:
    results, index = evaluation.results, evaluation.index
    absent = sum(not result.question.answerable for result in results)
    said = [_many(len(results), "question")]
    said += [f"{absent:,} of them not answerable"] if absent else []
    said += [f"half `{asked.half}`"] if asked.half else []
    said += [f"{evaluation.incomplete:,} without an answer from the model service"] if evaluation.incomplete else []
    said += [f"{evaluation.left_out:,} left out by the filter"] if evaluation.left_out else []
    scope = evaluation.scope
    searched = (
        f", of these {_many(scope.documents, 'document')}, {_many(scope.chunks, 'chunk')} searched" if scope else ""
    )
    models = ", ".join(f"{task} {name}" for task, name in evaluation.models.items())
    lines = [
        f"{', '.join(said)}: {asked.source}",
        f"{_many(index.documents, 'document')}, {_many(index.chunks, 'chunk')}{searched}; {models}",
    ]
    return paragraph(*lines, markdown=markdown)


def paragraph(*lines: str, markdown: bool) -> Styled:
    """Lines of words, each a paragraph of its own in Markdown."""
    if markdown:
        return safe("".join(f"{inert(line)}\n\n" for line in lines).removesuffix("\n"))
    width = terminal_width()
    return Styled("\n").join([*(shown for line in lines for shown in wrap(line, width)), Styled("")])


def _metrics(evaluation: Evaluation) -> Iterator[Table]:
    """The metrics that anything tells about, groups side by side, as many as fit; only `all` where that says it."""
    groups = list(evaluation.groups)
    if len(groups) == 2:
        groups = [ALL]
    kept = [metric for metric in METRICS if evaluation.groups[ALL][metric].questions]
    for start in range(0, len(groups), _COLUMNS_ABREAST):
        shown = groups[start : start + _COLUMNS_ABREAST]
        rows = [[metric, *(_value(evaluation.groups[group], metric) for group in shown)] for metric in kept]
        counts = [str(_asked(evaluation.results, group)) for group in shown]
        yield [["", *shown], ["questions", *counts], *rows]


def _asked(results: Sequence[Result], group: str) -> int:
    return sum(group in (ALL, result.question.language) for result in results)


def _value(means: Mapping[str, Mean], metric: str) -> str:
    value = means[metric].value
    return _NOTHING if value is None else f"{value:.3f}"


def _latencies(evaluation: Evaluation) -> Table:
    rows = [[stage, f"{spent[P50]:.1f}", f"{spent[P95]:.1f}"] for stage, spent in evaluation.latency.items()]
    return [["milliseconds", "p50", "p95"], *rows]


def _comparison(compared: Compared, evaluation: Evaluation, *, markdown: bool) -> Iterator[Styled]:
    """What is compared with what, then each metric: then, now, the difference, its 95 % interval, whether real."""
    found = compared.comparison
    others = [
        (found.only_after, "only asked now"),
        (found.only_before, "only asked then"),
        (found.changed, "with another text or other gold"),
    ]
    left_out = ", ".join(f"{count:,} {what}" for count, what in others if count)
    lines = [f"compared with {compared.path} on {_many(found.shared, 'shared question')}"]
    lines += [f"the questions differ; left out: {left_out}"] if left_out else []
    run = compared.run
    differing = {f"filter --{name}": both for name, both in changed_filter(run.filter, evaluation.scope).items()}
    differing |= {f"{task} model": both for task, both in changed(run.models, evaluation.models).items()}
    differing |= changed(run.settings, settings(evaluation.config))
    lines += [f"{name}: {_named(before)} then, {_named(now)} now" for name, (before, now) in differing.items()]
    width = None if markdown else terminal_width()
    shown = [line for each in lines for line in wrap(inert(each) if markdown else each, width)]
    separator = "\n\n" if markdown else "\n"
    yield Styled(separator).join([*shown, Styled("")])
    rows = [
        [
            each.metric if each.group == ALL else f"{each.metric} {each.group}",
            f"{each.before:.3f}",
            f"{each.after:.3f}",
            f"{each.mean:+.3f}",
            f"{each.low:+.3f}",
            f"{each.high:+.3f}",
            "real" if each.is_real else "",
        ]
        for each in found.differences
    ]
    yield table([["", "then", "now", "differ", "from", "to", ""], *rows], markdown=markdown)


def _named(value: object) -> str:
    """A value in words: a list by its entries, and nothing as `none`."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _failures(failures: Sequence[Result], *, markdown: bool) -> Styled:
    """The questions that were lost, by the stage that lost them."""
    if not failures:
        return safe("no question was lost\n")
    width = None if markdown else terminal_width()
    lines: list[Styled] = []
    for stage, said in SAID.items():
        chosen = [result for result in failures if result.lost == stage]
        if not chosen:
            continue
        title = f"{said}: {_many(len(chosen), 'question')}"
        lines += [safe(f"**{title}**"), Styled("")] if markdown else [style(title, "bold")]
        for result in chosen:
            asked, *told = _failure(result)
            if markdown:
                lines += [safe(f"- {inert(asked)}"), *(safe(f"  - {inert(line)}") for line in told)]
            else:
                lines += wrap(asked, width, indent="  ")
                lines += [line for each in told for line in wrap(each, width, indent=_INDENT)]
        lines += [Styled("")]
    return Styled("\n").join([*lines[:-1], Styled("")])


def _failure(result: Result) -> Iterator[str]:
    """The question, where its answer stands, how far it came, and what was said instead."""
    question, ranks = result.question, result.ranks
    yield f"{question.id}  {one_line(question.text)}"
    place = question.document or ", ".join(question.relevant)
    page = f" p. {question.page}" if question.page else ""
    wanted = " / ".join(one_line(answer) for answer in question.answers)
    if place or wanted:
        yield f"wanted {place}{page}{': ' if place and wanted else ''}{wanted}"
    counted = {"meaning": ranks.dense, "words": ranks.lexical, "fused": ranks.fused, "hit": ranks.hits}
    if any(counted.values()):
        yield "rank by " + ", ".join(f"{name} {rank or _NOTHING}" for name, rank in counted.items())
    if result.why:
        yield result.why
    if result.lost in ("not_chosen", "cited_elsewhere", "not_refused") and result.answer:
        yield f"answered {one_line(result.answer.text)}"


def drafts(made: Sequence[Draft]) -> Styled:
    """Drafts as Markdown, to be read and judged."""
    lines = []
    for number, draft in enumerate(made, start=1):
        place = f"{draft.document} p. {draft.page}" if draft.page else draft.document
        lines.append(f"{number}. **{inert(draft.question)}** {inert(draft.answer)} ({inert(place)})\n")
        lines.append(f"{' ' * len(f'{number}. ')}> {inert(one_line(draft.evidence))}\n")
    return safe("\n".join(lines))


# --- tables -----------------------------------------------------------------------------------------------------------


def table(rows: Table, *, markdown: bool) -> Styled:
    """Rows of cells for people, or as Markdown."""
    return _markdown(rows) if markdown else _columns(rows)


def _columns(table: Table) -> Styled:
    """Labels to the left, numbers to the right, whatever their letters' width; long names are cut."""
    label = max(_LABEL, *(min(30, width_of(safe(row[0]))) for row in table))
    lines = []
    for number, (head, *cells) in enumerate(table):
        line = _padded(head, label) + Styled("").join([_right(cell, _COLUMN) for cell in cells])
        shown = Styled(str(line).rstrip())
        lines.append(style(shown, "bold") if number == 0 else shown)
    return Styled("\n").join([*lines, Styled("")])


def _padded(text: str, width: int) -> Styled:
    shown = cut(text, width)
    return shown + " " * (width - width_of(shown))


def _right(text: str, width: int) -> Styled:
    shown = cut(text, width - 1)
    return Styled(" " * (width - width_of(shown))) + shown


def _markdown(table: Table) -> Styled:
    head, *rows = ([inert(cell).replace("|", r"\|") for cell in row] for row in table)
    rule = ["---", *(["---:"] * (len(head) - 1))]
    return safe("".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows)))


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
