"""`ask --context`: reads what is passed in, a file or stdin, as far as the settings allow."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from ragqa.cli.command import Session
from ragqa.documents.piped import STDIN
from ragqa.errors import StorageError, UsageError

if TYPE_CHECKING:
    from ragqa.flows.context import Passed

_PIECE = 1 << 20


def require_alone(session: Session, *, strict_fresh: bool) -> None:
    """Raises UsageError for options that are about an index, where none is read."""
    options = {"--index": session.index is not None, "--strict-fresh": strict_fresh}
    for option, is_given in {**options, "a filter": session.filter is not None}.items():
        if is_given:
            raise UsageError(f"--context and {option} cannot both be meant", remedy="--context reads no index")


def read(name: str, *, most_mb: int) -> Passed:
    """The bytes of a file, or of stdin for `-`. Raises UsageError where there are none, or too many."""
    from ragqa.flows.context import Passed

    shown = STDIN if name == "-" else name
    try:
        descriptor = 0 if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        pieces, size = [], 0
        while piece := os.read(descriptor, _PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most_mb << 20:
                raise UsageError(
                    f"{shown} has more than {most_mb} MB",
                    remedy="split it, or raise ingest.max_file_mb in the settings",
                )
        if name != "-":
            os.close(descriptor)
    except FileNotFoundError:
        raise UsageError(f"there is no file {name}") from None
    except IsADirectoryError:
        raise UsageError(
            f"{name} is a folder", remedy=f"`ragqa ingest {shlex.quote(name)}` makes an index of it"
        ) from None
    except OSError as error:
        raise StorageError(f"cannot read {shown}: {error.strerror}") from error
    data = b"".join(pieces)
    if not data.strip():
        raise UsageError(f"{shown} is empty", remedy="" if name != "-" else "does the command before the pipe write?")
    return Passed(shown, data)
