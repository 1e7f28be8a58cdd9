"""A collection of passages as an index: each passage becomes a file, and the folder is ingested like any other."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.config import IngestConfig
from ragqa.documents.discovery import absolute
from ragqa.errors import StorageError, UsageError
from ragqa.flows import ingest, reembed

if TYPE_CHECKING:
    from ragqa.evaluation.collection import Collection
    from ragqa.flows.ingest import Event, Parts, Report
    from ragqa.index.store import Store

PASSAGES = "passages"
"""The folder of the files, beside the index."""
_OURS = re.compile(r"\d{6,}\.md")


@dataclass(frozen=True, slots=True)
class Filled:
    """What is stored of each passage, by its id (None: it could not be used), and what the ingest said."""

    contents: Mapping[str, int | None]
    report: Report


def fill(
    collection: Collection,
    folder: Path,
    store: Store,
    parts: Parts,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    on_reembedding: Callable[[reembed.Event], None] = lambda event: None,
) -> Filled:
    """Make `store` hold the collection and nothing else; the files stand in `folder`/passages.

    What is there from an earlier run is kept, and made anew from stored text where the settings changed since, which
    `on_reembedding` is told of. Raises UsageError where the folder or the index holds other things.
    """
    files = folder / PASSAGES
    root = absolute(os.fsencode(files))
    if any(other != root for other in store.roots()):
        raise UsageError(
            f"the index in {folder} holds other documents", remedy="name a folder of its own, which may be new"
        )
    written = collection.files()
    try:
        _write({name: content for name, (_, content) in written.items()}, files)
    except OSError as error:
        raise StorageError(f"cannot write the passages to {files}: {error.strerror}") from error
    # The user's own patterns are about the user's own files.
    parts = replace(parts, config=replace(parts.config, ingest=IngestConfig()))
    if store.content_ids():  # made anew where that was done with other settings or by another embedder
        embedder, sparse = parts.embedder(), parts.sparse()
        reembed.reembed(store, embedder, parts.config.chunk, sparse=sparse, on_event=on_reembedding)
    report = ingest.ingest([os.fsencode(files)], store, parts, on_event=on_event)
    states = store.states()
    contents = {}
    for name, (passage, _) in written.items():
        state = states.get(os.path.join(root, os.fsencode(name)))  # noqa: PTH118 - paths are bytes here
        contents[passage] = None if state is None else state.content_id
    return Filled(contents, report)


def _write(wanted: Mapping[str, bytes], folder: Path) -> None:
    """Write the files, unless they are there already, and take away those of another collection."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in folder.iterdir()}
    if foreign := sorted(name for name in there if not _OURS.fullmatch(name)):
        raise UsageError(f"{folder} holds {foreign[0]}, which is no passage", remedy="name a folder of its own")
    folder.chmod(0o700)  # the index is nobody else's to read either
    for name in there - wanted.keys():
        (folder / name).unlink()
    for name, content in wanted.items():
        if name not in there or (folder / name).read_bytes() != content:
            (folder / name).write_bytes(content)
