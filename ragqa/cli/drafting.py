"""Draft."""

from pathlib import Path

from ragqa.cli.command import Session


def make(session: Session, wanted: int, *, output: Path | None, seed: int, extractive: bool) -> int:
    return 0
