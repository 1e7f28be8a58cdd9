"""What the other commands tell people: ingest reports, the index's status, the list of documents, checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ragqa.cli.cells import cut, terminal_width, width_of, wrap
from ragqa.cli.gate import Styled, safe, style

if TYPE_CHECKING:
    from ragqa.flows.ingest import Refused, Report
    from ragqa.flows.look import State
    from ragqa.flows.reembed import Discarded, Reembedded
    from ragqa.index.integrity import Report as CheckReport
    from ragqa.index.records import Calibration, DocumentState, Pending, SparseRecord

_STALE_SHOWN = 5
_ROOTS_SHOWN = 5
_LABEL_WIDTH = 11
_INDENT = Styled("    ")


def ingest(report: Report, *, dry_run: bool = False) -> Styled:
    """One line of counts, then every file that was left out, with its reason."""
    counts = [
        (len(report.added), "to add" if dry_run else "added"),
        (len(report.changed), "to replace" if dry_run else "changed"),
        (report.unchanged, "unchanged"),
        (len(report.removed), "to remove" if dry_run else "removed"),
        (len(report.skipped), "skipped"),
        (len(report.failed), "failed"),
    ]
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "nothing to do"
    made = "" if dry_run else f"; {_many(report.chunks, 'chunk')} in {report.seconds:.1f} s"
    lines = [style(said, "bold") + made]
    if dry_run:
        lines += [style("+ ", "green") + path for path in report.added]
        lines += [style("~ ", "yellow") + path for path in report.changed]
        lines += [style("- ", "red") + path for path in report.removed]
    told = [
        *_refusals(report.skipped, style("skipped ", "dim")),
        *_refusals(report.failed, style("failed ", "red")),
        *_warnings(report),
    ]
    width = terminal_width()
    for each in told:
        first, *rest = wrap(each, width and max(1, width - len(_INDENT)))
        lines += [first, *(_INDENT + line for line in rest)]
    return _joined(lines)


def _warnings(report: Report) -> Iterator[Styled]:
    label = style("warning ", "yellow")
    for document, warning in report.warnings:
        yield label + (f"{document}: {warning}" if document else warning)
    if report.unreadable_chunks:
        yield (
            label + f"the embedding model cannot read {_many(report.unreadable_chunks, 'chunk')}, found by words alone;"
            " a multilingual model (embedding.model) would read them"
        )


def _refusals(refused: Sequence[Refused], label: Styled) -> Iterator[Styled]:
    for each in refused:
        yield label + f"{each.document}: {each.reason}"


def status(state: State) -> Styled:
    """The index at a glance."""
    stored = state.counts.documents
    documents = [f"{stored.get('stored', 0):,} stored"]
    documents += [f"{stored[kind]:,} {kind}" for kind in ("skipped", "failed") if stored.get(kind)]
    languages = sorted(state.counts.languages.items(), key=lambda pair: (-pair[1], pair[0]))
    embedder = state.meta.embedder
    if state.stale:
        shown = ", ".join(state.stale[:_STALE_SHOWN])
        more = f" and {len(state.stale) - _STALE_SHOWN} more" if len(state.stale) > _STALE_SHOWN else ""
        fresh = f"{_many(len(state.stale), 'file')} changed since: {shown}{more}"
    else:
        fresh = "every file is as it was when it was ingested"
    rows = [
        ("index", f"{state.folder} (generation {state.meta.generation}, {_bytes(state.bytes)})"),
        ("documents", ", ".join(documents)),
        ("chunks", f"{state.counts.chunks:,}"),
        ("languages", ", ".join(f"{name} {count:,}" for name, count in languages) or "none yet"),
        ("embedder", f"{embedder.name} ({embedder.dimensions} dimensions)" if embedder else "none yet"),
        *([("sparse", state.meta.sparse.name)] if state.meta.sparse else []),
        *([("refusals", _calibrated(state.meta.calibration))] if state.meta.calibration else []),
        *([("reembed", _pending(state.reembedding, state.meta.sparse))] if state.reembedding else []),
        ("folders", _outermost(state.roots) or "none yet"),
        ("freshness", fresh),
    ]
    width = terminal_width()
    lines = []
    for label, value in rows:
        head, *rest = wrap(value, width and max(1, width - _LABEL_WIDTH)) or [Styled("")]
        lines.append(style(f"{label:<{_LABEL_WIDTH}}", "bold") + head)
        lines += [Styled(" " * _LABEL_WIDTH) + line for line in rest]
    return _joined(lines)


def _calibrated(calibration: Calibration) -> str:
    there, absent = calibration.answerable, calibration.unanswerable
    return f"below an evidence of {calibration.refuse_below:.3f}, fitted on {there:,} + {absent:,} questions"


def _pending(pending: Pending, held: SparseRecord | None) -> str:
    target = pending.target
    sparse = f" and {target.sparse.name}" if target.sparse else " and no sparse model" if held else ""
    return (
        f"{pending.staged:,} of {_many(pending.contents, 'document')} made anew with {target.embedder.name}{sparse}, "
        "not yet in use; `ragqa reembed` with the same settings goes on, --discard drops them"
    )


def _outermost(roots: Sequence[bytes]) -> str:
    """The folders that were ingested, without what lies in another one of them."""
    outer = [root for root in roots if not any(root.startswith(other.rstrip(b"/") + b"/") for other in roots)]
    shown = ", ".join(root.decode("utf-8", "backslashreplace") for root in outer[:_ROOTS_SHOWN])
    return shown + (f" and {len(outer) - _ROOTS_SHOWN:,} more" if len(outer) > _ROOTS_SHOWN else "")


def documents(states: Sequence[DocumentState]) -> Styled:
    """One line a document: path, language, chunks, title; or why it is not in the index."""
    width = terminal_width()
    widest = max((width_of(safe(state.display)) for state in states), default=0)
    column = widest if width is None else min(widest, max(20, width // 2))
    lines = []
    for state in states:
        path = safe(state.display)
        padded = path + " " * max(0, column - width_of(path))
        if state.record.status == "stored":
            line = (
                padded + style(f"  {state.language:<8}{_many(state.chunks, 'chunk'):>12}", "dim") + f"  {state.title}"
            )
        else:
            line = padded + style(f"  {state.record.status}", "red" if state.record.status == "failed" else "dim")
            line = line + f"  {state.record.reason}"
        lines.append(cut(line, width) if width is not None and width_of(line) > width else _without_end(line))
    return _joined(lines)


def _without_end(line: Styled) -> Styled:
    return Styled(line.rstrip(" "))


def check(report: CheckReport) -> Styled:
    """Sound, or every finding with what helps."""
    looked = f"{_many(report.documents, 'document')}, {_many(report.chunks, 'chunk')}"
    if not report.findings:
        return _joined([style("sound", "green") + f": {looked}"])
    lines = [style("damaged", "red") + f": {_many(len(report.findings), 'finding')} in {looked}"]
    for finding in report.findings:
        where = f"{finding.document}: " if finding.document else ""
        lines.append(style(finding.kind, "yellow") + f" {where}{finding.what}")
    lines += [safe(f"  {remedy}") for remedy in dict.fromkeys(finding.remedy for finding in report.findings)]
    return _joined(lines)


def removed(shown: Sequence[str], *, dry_run: bool) -> Styled:
    """The paths that went, or would."""
    word = "would remove" if dry_run else "removed"
    return _joined([style(f"{word} {_many(len(shown), 'document')}", "bold"), *(safe(f"- {path}") for path in shown)])


def reembedded(done: Reembedded) -> Styled:
    """How a re-embedding ended."""
    made = f"{_many(done.chunks, 'chunk')} of {_many(done.documents, 'document')}"
    match done.outcome:
        case "switched":
            earlier = f" ({done.resumed:,} of them by an earlier run)" if done.resumed else ""
            said = f"embedded {made} anew{earlier}; the index is switched over"
            if done.uncalibrated:
                said += "; the threshold for refusals that was calibrated is dropped with the old scores"
        case "completed":
            said = f"embedded {made} that a repair had left without vectors"
        case "unchanged":
            said = "nothing to do: the index is made with these settings; --force makes all of it anew"
        case "discarded":
            said = f"discarded {_many(done.documents, 'document')}; the index is as it was"
    return _joined([safe(said)])


def discarded(event: Discarded) -> str:
    """What an unfinished run had made, and this one has no use for."""
    made = _many(event.documents, "document")
    return f"discarded {made} that an unfinished run had made with {event.model}, or with other settings"


def _joined(lines: Sequence[Styled]) -> Styled:
    return Styled("\n").join([*lines, Styled("")])


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _bytes(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
