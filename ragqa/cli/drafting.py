"""`eval --make`: draft questions from the index, one JSON object a line, for a person to review."""

from __future__ import annotations

from pathlib import Path

from ragqa.cli.command import Format, Session
from ragqa.errors import NoEvidence, UsageError


def make(session: Session, wanted: int, *, output: Path | None, seed: int) -> int:
    """Write drafts to `output`, a new file, or to stdout; exit code 3 where nothing could be drafted.

    What was drafted before a model service failed is written all the same; the exit code is 5.
    """
    from ragqa import wiring
    from ragqa.cli import evaluation_render, evaluation_runs, evaluation_shapes
    from ragqa.cli.evaluate import counting
    from ragqa.cli.gate import encode_json
    from ragqa.flows import drafting as flow
    from ragqa.index.scope import scope_of

    if output is not None:
        if output.exists():
            raise UsageError(f"{output} exists already", remedy="drafts are never written over a file; name a new one")
        evaluation_runs.require_writable(output)
    name = wiring.generator_name(session.config.answer)
    with wiring.open_store(session.index) as store, counting(session, "drafts") as (on_done, note):
        scope = scope_of(store, session.filter) if session.filter else None
        generator = wiring.service(name, session.config.answer)
        if generator:
            note(f"{name} is asked about up to {wanted * flow.TRIES:,} passages (`--extractive` asks no model)")
        drafted = flow.draft(store, wanted, generator=generator, seed=seed, scope=scope, on_done=on_done)
    made = drafted.drafts
    if output is not None and made:
        lines = [encode_json(evaluation_shapes.draft(each)) + "\n" for each in made]
        evaluation_runs.write(output, "".join(lines))
        where = f" in {output}"
    else:
        if session.format in (Format.JSON, Format.MD):
            session.data(evaluation_shapes.drafts(made), lambda: evaluation_render.drafts(made))
        else:
            for each in made:
                session.out.json(evaluation_shapes.draft(each))
        where = ""
    if not made:
        session.note("no question could be drafted: no passage states something in a form that is understood")
        return NoEvidence.exit_code
    fewer = f" of {wanted:,} wanted" if len(made) < wanted else ""
    session.note(
        f"{len(made):,}{fewer} drafts{where}; {drafted.dropped:,} proposals did not pass the checks\n"
        "review them by hand: code cannot tell whether a question makes sense"
    )
    if drafted.stopped:
        session.err.line(f"ragqa: stopped before the rest: {drafted.stopped.line}")
        return drafted.stopped.exit_code
    return 0
