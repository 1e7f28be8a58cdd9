"""Killed or out of space at any moment: what was acknowledged is there, nothing is half there, the next run goes on."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from ragqa.index import vectorfile
from ragqa.index.integrity import check
from ragqa.index.store import Store

WRITER = """
import importlib.util, sys
from pathlib import Path
from ragqa.errors import RagqaError
from ragqa.index import vectorfile
from ragqa.index.records import Batch
from ragqa.index.store import Store
found = importlib.util.spec_from_file_location("made", sys.argv[2])
made = importlib.util.module_from_spec(found)
found.loader.exec_module(made)
vectorfile.MINIMUM_ROWS, vectorfile.MINIMUM_TAIL = 20, 10
version = int(sys.argv[3])
try:
    with Store.create(Path(sys.argv[1])) as store:
        store.set_embedder(made.EMBEDDER)
        for number in range(200):
            path = b"/docs/%d" % (number % 40)
            text = "\\n".join(f"number{number % 40} version{version + number} line{line}" for line in range(6))
            made.put(store, path, "\\n".join([text] * int(sys.argv[4])))
            print(number % 40, version + number, flush=True)
            if number % 9 == 8:
                store.commit(Batch(removed=[b"/docs/%d" % ((number + 20) % 40)]))
                print((number + 20) % 40, -1, flush=True)
            if number % 15 == 14:
                store.compact()
except RagqaError as error:
    print(type(error).__name__, error.message, flush=True)
"""
MADE = Path(__file__).with_name("conftest.py")
KILLS = 20


def versions(store: Store) -> dict[int, set[str]]:
    """Document number -> the versions of which a chunk is stored, each with how many."""
    found: dict[int, set[str]] = {}
    for passage in store.passages([chunk.key for chunk in store.chunks()]):
        _, version, _ = passage.chunk.text.split()
        found.setdefault(int(passage.document.rpartition("/")[2]), set()).add(version.removeprefix("version"))
    return found


def test_kill_9_loses_and_mixes_nothing(folder: Path, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer acknowledges each commit on a pipe; it is killed at a random moment after the first one."""
    chance = random.Random(20)
    last: dict[int, int] = {}
    attempted: dict[int, int] = {}
    for run in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(folder), str(MADE), str(run * 1000), "1"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout
        timer: threading.Timer | None = None
        acknowledged: list[tuple[int, int]] = []
        for line in child.stdout:
            if not line.endswith("\n"):
                break
            number, version = map(int, line.split())
            acknowledged.append((number, version))
            if timer is None:
                timer = threading.Timer(chance.uniform(0, 0.3), child.send_signal, [signal.SIGKILL])
                timer.start()
        assert child.wait() == -signal.SIGKILL
        child.stdout.close()
        last.update(acknowledged)
        # The one commit that was under way may be there or not.
        done = len([version for _, version in acknowledged if version >= 0])
        attempted = {done % 40: run * 1000 + done, (done + 19) % 40: -1}
        with Store.open(folder) as store:
            assert check(store, made.analyze).findings == ()
            found = versions(store)
            for number, version in last.items():
                may_be = {version, attempted.get(number, version)}
                stored = found.get(number, {"-1"})
                assert len(stored) == 1, f"document {number} is mixed: {stored}"
                assert int(next(iter(stored))) in may_be, f"document {number}: {stored}, acknowledged {version}"
            last = {number: int(next(iter(found.get(number, {"-1"})))) for number in last}
    with Store.open(folder, write=True) as store:
        monkeypatch.setattr(vectorfile, "MINIMUM_ROWS", 20)
        store.compact()
        assert check(store, made.analyze).findings == ()


CAN_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
)


@pytest.mark.skipif(not CAN_MOUNT, reason="user namespaces are switched off here")
@pytest.mark.parametrize("kilobytes", [40, 200, 400, 900, 1700, 2500])
def test_a_full_disk_is_said_so_and_costs_nothing(
    folder: Path, made: SimpleNamespace, tmp_path: Path, kilobytes: int
) -> None:
    """On a disk of this size the writer ends with an error; what it acknowledged is there, whole, and can be asked."""
    (disk := tmp_path / "disk").mkdir()
    script = (
        'mount -t tmpfs -o size="$1"k tmpfs "$2"; "$3" -c "$4" "$2/.ragqa" "$5" 0 20 > "$6/out"; '
        'cp -r "$2/.ragqa" "$6/saved" || mkdir "$6/saved"'
    )
    command = ["unshare", "-rm", "sh", "-euc", script, "sh", str(kilobytes), str(disk), sys.executable, WRITER]
    done = subprocess.run([*command, str(MADE), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *acknowledged, error = (tmp_path / "out").read_text().splitlines()
    assert error.startswith("StorageError"), error
    if not (tmp_path / "saved" / "index.db").exists() or not acknowledged:
        return
    with Store.open(tmp_path / "saved") as store:
        assert check(store, made.analyze).findings == ()
        last = dict(line.split() for line in acknowledged)
        found = versions(store)
        under_way = len([line for line in acknowledged if not line.endswith("-1")]) % 40
        for number, version in last.items():
            if int(number) != under_way and version != "-1":
                assert found[int(number)] == {version}
    with Store.open(tmp_path / "saved", write=True) as store:
        made.put(store, b"/docs/99", "number99 version1 line1")


def test_a_write_that_the_system_refuses_leaves_the_index_as_it_was(folder: Path, made: SimpleNamespace) -> None:
    """A limit on file size stands in for a full disk where nothing can be mounted."""
    with Store.create(folder) as store:
        store.set_embedder(made.EMBEDDER)
        made.put(store, b"/docs/1", "number1 version1 line1")
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n" + WRITER
    command = [sys.executable, "-c", program, str(folder), str(MADE), "0", "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith("StorageError"), done.stdout
    with Store.open(folder) as store:
        assert check(store, made.analyze).findings == ()
        assert json.dumps(sorted(versions(store)))
