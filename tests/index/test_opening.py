"""Opening an index: who may, who must wait, what is refused, and what is written to the disk for whom to read."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ragqa.errors import IndexDamaged, IndexLocked, IndexMismatch, IndexMissing, StorageError
from ragqa.index import layout, locking, vectorfile
from ragqa.index.lexical import Bm25Index
from ragqa.index.records import Batch
from ragqa.index.store import Store

CAN_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
)
needs_mounts = pytest.mark.skipif(not CAN_MOUNT, reason="user namespaces are switched off here")


def in_namespace(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount, as a root that is none outside."""
    command = ["unshare", "-rm", "sh", "-euc", script, "sh", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


READ = """
import sys
from pathlib import Path
from ragqa.errors import RagqaError
from ragqa.index.lexical import Bm25Index
from ragqa.index.store import Store
try:
    with Store.open(Path(sys.argv[1]), write=sys.argv[2] == "write") as store:
        print([p.chunk.text for p in store.passages([h.key for h in Bm25Index(store).search(["rent"], 5)])])
except RagqaError as error:
    print(type(error).__name__, error.message)
"""


# modes


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_nobody_else_can_read_the_index(
    open_umask: None, folder: Path, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not the write-ahead log, and also not while it is written."""
    monkeypatch.setattr(vectorfile, "MINIMUM_ROWS", 1)
    with Store.create(folder) as store, Store.open(folder):
        store.set_embedder(made.EMBEDDER)
        made.put(store, b"/a", "rent is due")
        store.compact()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) == 5
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


# writers


def test_a_second_writer_is_refused_with_the_first_one_named(store: Store, folder: Path) -> None:
    start = time.monotonic()
    for opening in (lambda: Store.open(folder, write=True), lambda: Store.create(folder)):
        with pytest.raises(IndexLocked, match=f"process {os.getpid()}"):
            opening()
    assert time.monotonic() - start < 20


def test_a_second_writer_may_wait(store: Store, folder: Path) -> None:
    threading.Timer(0.2, store._lock.release if store._lock else store.close).start()
    store._lock = None
    Store.open(folder, write=True, wait_s=10).close()


def test_a_killed_writer_leaves_no_lock(folder: Path) -> None:
    Store.create(folder).close()
    program = """
import sys, time
from pathlib import Path
from ragqa.index.store import Store
store = Store.open(Path(sys.argv[1]), write=True)
print("open", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout
    with child.stdout:
        child.stdout.readline()
        with pytest.raises(IndexLocked, match=f"process {child.pid}"):
            Store.open(folder, write=True)
        child.send_signal(signal.SIGKILL)
        child.wait()
    Store.open(folder, write=True).close()


# readers


def test_a_reader_sees_one_snapshot(store: Store, folder: Path, made: SimpleNamespace) -> None:
    made.put(store, b"/a", "rent is old")
    with Store.open(folder) as reader:
        made.put(store, b"/a", "rent is new")
        store.compact()
        for _ in range(2):
            assert [p.chunk.text for p in reader.passages([1])] == ["rent is old"]
            assert [hit.key for hit in Bm25Index(reader).search(["rent"], 5)] == [1]
    with Store.open(folder) as reader:
        assert [hit.key for hit in Bm25Index(reader).search(["rent"], 5)] == [2]


def test_a_reader_writes_nothing(store: Store, folder: Path, made: SimpleNamespace) -> None:
    made.put(store, b"/a", "rent is due")
    store.close()
    with Store.open(folder) as reader, pytest.raises(StorageError):
        reader.commit(Batch(removed=[b"/a"]))
    with Store.open(folder) as reader:
        assert reader.counts().chunks == 1


def test_readers_are_never_refused_while_documents_change(store: Store, folder: Path, made: SimpleNamespace) -> None:
    """Every answer is of one generation: both of its passages come from the same version of the document."""
    made.put(store, b"/a", "rent version 0\nrent again 0")
    failures: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            with Store.open(folder) as reader:
                keys = [hit.key for hit in Bm25Index(reader).search(["rent"], 5)]
                versions = {passage.chunk.text[-1] for passage in reader.passages(keys)}
                if len(keys) != 2 or len(versions) != 1:
                    failures.append(f"{keys} {versions}")

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(60):
        made.put(store, b"/a", f"rent version {number % 10}\nrent again {number % 10}")
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []


@needs_mounts
def test_a_read_only_mount_can_be_asked_and_not_written(store: Store, folder: Path, made: SimpleNamespace) -> None:
    made.put(store, b"/a", "rent is due")
    store.close()
    before = sorted(path.name for path in folder.iterdir())
    script = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; "$2" -c "$3" "$1" read; "$2" -c "$3" "$1" write'
    done = in_namespace(script, folder, sys.executable, READ)
    read, written = done.stdout.splitlines()
    assert read == "['rent is due']"
    assert written.startswith("StorageError") and "Read-only" in written
    assert sorted(path.name for path in folder.iterdir()) == before


@needs_mounts
def test_a_read_only_mount_with_an_unfinished_log_is_not_read_as_if_it_had_none(
    store: Store, folder: Path, made: SimpleNamespace, tmp_path: Path
) -> None:
    made.put(store, b"/a", "rent is due")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm"))
    assert (copy / "index.db-wal").stat().st_size > 0
    script = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; "$2" -c "$3" "$1" read'
    done = in_namespace(script, copy, sys.executable, READ)
    assert done.stdout.startswith("StorageError") and "not closed cleanly" in done.stdout


# what is on the disk is not what it was


def test_a_newer_schema_is_refused_and_left_alone(folder: Path) -> None:
    Store.create(folder).close()
    connection = sqlite3.connect(folder / layout.DATABASE)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = (folder / layout.DATABASE).read_bytes()
    for write in (False, True):
        with pytest.raises(IndexMismatch, match="99"):
            Store.open(folder, write=write)
    with pytest.raises(IndexMismatch):
        Store.create(folder)
    assert (folder / layout.DATABASE).read_bytes() == before


@pytest.mark.parametrize("left", [b"", None], ids=["an empty file", "tables never made"])
def test_a_killed_creation_is_no_index_and_can_be_repeated(folder: Path, left: bytes | None) -> None:
    folder.mkdir()
    path = folder / layout.DATABASE
    if left is None:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    else:
        path.write_bytes(left)
    for write in (False, True):
        with pytest.raises(IndexMissing):
            Store.open(folder, write=write)
    with Store.create(folder) as store:
        assert store.generation == 0


def test_a_file_that_is_no_database_is_damaged(folder: Path) -> None:
    folder.mkdir()
    (folder / layout.DATABASE).write_bytes(b"not a database " * 400)
    for write in (False, True):
        with pytest.raises(IndexDamaged, match=r"index\.db"):
            Store.open(folder, write=write)


@pytest.mark.parametrize("spoil", ["lost", "cut", "flipped"])
def test_a_lost_log_is_noticed(store: Store, folder: Path, made: SimpleNamespace, tmp_path: Path, spoil: str) -> None:
    """SQLite would quietly go back to an older state."""
    made.put(store, b"/a", "rent is due")
    store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.put(store, b"/b", "deposit is due")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm"))
    log = copy / "index.db-wal"
    whole = log.read_bytes()
    match spoil:
        case "lost":
            log.unlink()
        case "cut":
            log.write_bytes(whole[: len(whole) - 100])
        case "flipped":
            log.write_bytes(whole[:-3000] + bytes([whole[-3000] ^ 4]) + whole[-2999:])
    with pytest.raises(IndexDamaged, match="commits to") as raised:
        Store.open(copy)
    assert "ragqa ingest" in raised.value.remedy
    with Store.open(copy, lenient=True) as reader:
        assert reader.lost_commits > 0
    with Store.open(copy, write=True) as writer:
        assert writer.lost_commits > 0
        made.put(writer, b"/b", "deposit is due")
        writer.compact()
    with Store.open(copy) as reader:
        assert (reader.lost_commits, reader.counts().chunks) == (0, 2)


def test_the_lock_file_may_be_missing_or_nonsense(store: Store, folder: Path, made: SimpleNamespace) -> None:
    made.put(store, b"/a", "rent is due")
    store.close()
    (folder / layout.LOCK).write_bytes(b"\xff\x00 nonsense")
    Store.open(folder).close()
    (folder / layout.LOCK).unlink()
    Store.open(folder).close()
    with Store.open(folder, write=True) as writer:
        made.put(writer, b"/b", "more")
    assert locking.recorded_generation(folder) == writer.generation


def test_an_index_made_again_does_not_miss_the_commits_of_the_old_one(
    store: Store, folder: Path, made: SimpleNamespace
) -> None:
    made.put(store, b"/a", "rent is due")
    store.close()
    (folder / layout.DATABASE).unlink()
    Store.create(folder).close()
    with Store.open(folder) as reader:
        assert reader.generation == 0


def test_strays_of_a_killed_writer_are_removed(store: Store, folder: Path) -> None:
    for name in ("vectors-3.faiss", "vectors-4.faiss.part"):
        (folder / name).write_bytes(b"half")
    (folder / "vectors-note.txt").write_bytes(b"mine")
    store.compact()
    assert sorted(path.name for path in folder.glob("vectors*")) == ["vectors-note.txt"]
